"""A delayed connection: everything arrives, in order, and exactly so much later."""

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from node.runtime.delay import delayed


async def test_bytes_are_held_in_both_directions(autojump_clock: MockClock) -> None:
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


async def test_messages_travel_beside_each_other(autojump_clock: MockClock) -> None:
    near, far = memory_stream_pair()
    async with delayed(near, 1) as slow:
        began = trio.current_time()
        for _ in range(3):
            await slow.send_all(b"x")
        received = b""
        while len(received) < 3:
            received += await far.receive_some()
        assert trio.current_time() - began == pytest.approx(1)


async def test_the_end_comes_late_too_and_stays(autojump_clock: MockClock) -> None:
    near, far = memory_stream_pair()
    async with delayed(near, 1) as slow:
        began = trio.current_time()
        await far.aclose()
        assert await slow.receive_some() == b""
        assert await slow.receive_some() == b""
        assert trio.current_time() - began == pytest.approx(1)


async def test_a_broken_connection_is_noticed(autojump_clock: MockClock) -> None:
    near, far = memory_stream_pair()
    async with delayed(near, 1) as slow:
        await far.aclose()
        await slow.send_all(b"x")
        await trio.sleep(2)
        with pytest.raises(trio.BrokenResourceError):
            await slow.send_all(b"y")


async def test_leaving_closes_the_connection(autojump_clock: MockClock) -> None:
    near, far = memory_stream_pair()
    async with delayed(near, 1):
        pass
    assert await far.receive_some() == b""
