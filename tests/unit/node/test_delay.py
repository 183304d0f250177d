"""A delayed connection: everything arrives, in order, and exactly so much later."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from node.direct import send_now
from node.runtime.alarm import HAS_TIMERFD, Later, TrioAlarm
from node.runtime.delay import delayed as delayed_by, sent_late

Delayed = Callable[[trio.abc.Stream, float], AbstractAsyncContextManager[trio.abc.Stream]]


@pytest.fixture
async def later() -> AsyncIterator[Later]:
    """By Trio's clock: exact alarms ring by the real one alone."""
    it = Later()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, lambda: nullcontext(TrioAlarm()))
        yield it
        nursery.cancel_scope.cancel()


@pytest.fixture
def delayed(later: Later) -> Delayed:
    return partial(delayed_by, later=later)


async def test_bytes_are_held_in_both_directions(
    autojump_clock: MockClock, delayed: Delayed
) -> None:
    near, far = memory_stream_pair()
    async with delayed(near, 0.25) as slow:
        began = trio.current_time()
        await far.send_all(b"ab")
        assert await slow.receive_some(1) == b"a"
        assert trio.current_time() - began == pytest.approx(0.25)
        assert await slow.receive_some(1) == b"b"
        await slow.send_all(b"c")
        assert trio.current_time() - began == pytest.approx(0.25), "sending does not wait"
        assert await far.receive_some() == b"c"
        assert trio.current_time() - began == pytest.approx(0.5)


async def test_messages_travel_beside_each_other(
    autojump_clock: MockClock, delayed: Delayed
) -> None:
    near, far = memory_stream_pair()
    async with delayed(near, 1) as slow:
        began = trio.current_time()
        for _ in range(3):
            await slow.send_all(b"x")
        received = b""
        while len(received) < 3:
            received += await far.receive_some()
        assert trio.current_time() - began == pytest.approx(1)


async def test_the_end_comes_late_too_and_stays(
    autojump_clock: MockClock, delayed: Delayed
) -> None:
    near, far = memory_stream_pair()
    async with delayed(near, 1) as slow:
        began = trio.current_time()
        await far.aclose()
        assert await slow.receive_some() == b""
        assert await slow.receive_some() == b""
        assert trio.current_time() - began == pytest.approx(1)


async def test_a_broken_connection_is_noticed(autojump_clock: MockClock, delayed: Delayed) -> None:
    near, far = memory_stream_pair()
    async with delayed(near, 1) as slow:
        await far.aclose()
        await slow.send_all(b"x")
        await trio.sleep(2)
        with pytest.raises(trio.BrokenResourceError):
            await slow.send_all(b"y")


async def test_leaving_closes_the_connection(autojump_clock: MockClock, delayed: Delayed) -> None:
    near, far = memory_stream_pair()
    async with delayed(near, 1):
        pass
    assert await far.receive_some() == b""


async def test_only_what_is_sent_is_late_on_a_link(autojump_clock: MockClock, later: Later) -> None:
    near, far = memory_stream_pair()
    async with sent_late(near, 1, later) as slow:
        began = trio.current_time()
        await far.send_all(b"a")
        assert await slow.receive_some(1) == b"a"
        assert trio.current_time() == began
        await slow.send_all(b"b")
        assert await far.receive_some() == b"b"
        assert trio.current_time() - began == pytest.approx(1)


async def test_what_the_other_end_does_not_take_waits_in_order() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listeners[0].socket.getsockname()
    later, sent = Later(), [bytes([number]) * 1_000_000 for number in range(20)]
    async with trio.open_nursery() as nursery, listeners[0]:
        nursery.start_soon(later.run)
        near = await trio.open_tcp_stream(*address)
        far = await listeners[0].accept()
        async with far, sent_late(near, 0.002, later) as slow:
            for data in sent:
                await slow.send_all(data)
            await trio.sleep(0.05)
            received = b""
            while len(received) < 20_000_000:
                received += await far.receive_some()
        assert received == b"".join(sent)
        nursery.cancel_scope.cancel()


async def test_what_is_due_earlier_is_done_earlier_whenever_it_was_asked_for(
    autojump_clock: MockClock, later: Later
) -> None:
    done: list[tuple[str, float]] = []
    began = trio.current_time()

    def note(name: str) -> None:
        done.append((name, trio.current_time() - began))

    for name, due in (("c", 3.0), ("a", 1.0), ("b", 2.0), ("also a", 1.0)):
        later.call(began + due, partial(note, name))
    await trio.sleep(1.5)
    later.call(began + 1.75, partial(note, "in between"))
    await trio.sleep(5)
    assert done == [("a", 1.0), ("also a", 1.0), ("in between", 1.75), ("b", 2.0), ("c", 3.0)]


@pytest.mark.skipif(not HAS_TIMERFD, reason="needs timerfd, which this system does not have")
async def test_exact_alarms_do_not_ring_early_and_can_be_set_anew() -> None:
    later, done = Later(), trio.Event()
    rung: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(later.run)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        for wait in (0.0301, 0.0102, 0.0205):
            later.call(began + wait, lambda: rung.append(trio.current_time() - began))
        later.call(began + 0.0302, done.set)
        await done.wait()
        nursery.cancel_scope.cancel()
    assert len(rung) == 3
    assert all(at >= due for at, due in zip(rung, (0.0102, 0.0205, 0.0301), strict=True))


async def test_who_does_not_read_holds_the_sender_up_and_its_end_lets_it_go() -> None:
    """What piles up then is the sender's to bound, as on any connection."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    later = Later()
    async with trio.open_nursery() as nursery, listeners[0]:
        nursery.start_soon(later.run)
        near = await trio.open_tcp_stream(*listeners[0].socket.getsockname())
        far = await listeners[0].accept()
        async with sent_late(near, 0.001, later) as slow:
            taken = 0
            with trio.move_on_after(0.3):
                while True:
                    await slow.send_all(bytes(1_000_000))
                    taken += 1
                    await trio.sleep(0.002)
            assert 0 < taken < 50, "as much as the kernel holds, and not more and more"
            assert send_now(slow, b"x") == 0
            await far.aclose()
            with pytest.raises(trio.BrokenResourceError):
                await slow.send_all(b"x")
        nursery.cancel_scope.cancel()


async def test_what_is_asked_for_when_nobody_calls_any_more_is_not_done() -> None:
    """Whoever runs it may end before those who use it."""
    later, done = Later(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(later.run)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    later.call(trio.current_time(), done.set)
    await trio.testing.wait_all_tasks_blocked()
    assert not done.is_set()
