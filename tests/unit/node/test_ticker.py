"""Ticks come evenly, and a pause of the process is not made up for."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from node.core.interface import Tick
from node.runtime.inbox import Inbox
from node.runtime.ticker import Ticker
from tests.support.inboxes import take_all


async def test_one_tick_an_interval(autojump_clock: MockClock) -> None:
    inbox: Inbox[Tick] = Inbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Ticker(0.1).run, inbox)
        await trio.sleep(1.05)
        ticks = await take_all(inbox)
        assert [type(each) for each in ticks] == [Tick] * 10
        clocks = [each.clock for each in ticks]
        assert clocks == sorted(set(clocks)), "each tells what the clock shows"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("pause_s", [5.0, 100.0])
async def test_ticks_missed_while_the_process_stood_still_do_not_arrive_in_a_burst(
    mock_clock: MockClock, pause_s: float
) -> None:
    """Followers would take their own pause for the leader's silence."""
    inbox: Inbox[Tick] = Inbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Ticker(0.1).run, inbox)
        await wait_all_tasks_blocked()
        mock_clock.jump(pause_s)
        await wait_all_tasks_blocked()
        assert len(await take_all(inbox)) <= 2
        nursery.cancel_scope.cancel()


async def test_a_tick_that_somebody_takes_is_not_posted_and_the_next_one_comes_an_interval_later(
    autojump_clock: MockClock,
) -> None:
    inbox: Inbox[Tick] = Inbox()
    ticker = Ticker(0.1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ticker.run, inbox)
        taken = []
        for _ in range(10):
            await trio.sleep(0.07)
            # The alarm goes off in between, unless the tick was taken before.
            taken.append(ticker.due() is not None)
        assert len(await take_all(inbox)) + sum(taken) == 7
        await trio.sleep(0.05)
        assert ticker.due() is None
        nursery.cancel_scope.cancel()


async def test_whoever_is_always_there_takes_all_ticks(autojump_clock: MockClock) -> None:
    inbox: Inbox[Tick] = Inbox()
    ticker = Ticker(0.1)
    assert ticker.due() is None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ticker.run, inbox)
        await wait_all_tasks_blocked()
        ticks = []
        # Asked at the very moment, when the alarm has not rung yet.
        for _ in range(100):
            await trio.sleep(0.01)
            ticks.append(ticker.due())
        posted = inbox.take_all()
        clocks = [tick.clock for tick in (*ticks, *posted) if tick is not None]
        assert len(clocks) == len(set(clocks)) == 10
        nursery.cancel_scope.cancel()
    assert ticker.due() is None
