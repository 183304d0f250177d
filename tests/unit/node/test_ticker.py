"""Ticks come evenly, and a pause of the process is not made up for."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from node.core.interface import Tick
from node.runtime.inbox import Inbox
from node.runtime.ticker import tick
from tests.support.inboxes import take_all


async def test_one_tick_an_interval(autojump_clock: MockClock) -> None:
    inbox: Inbox[Tick] = Inbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick, inbox, 0.1)
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
        nursery.start_soon(tick, inbox, 0.1)
        await wait_all_tasks_blocked()
        mock_clock.jump(pause_s)
        await wait_all_tasks_blocked()
        assert len(await take_all(inbox)) <= 2
        nursery.cancel_scope.cancel()
