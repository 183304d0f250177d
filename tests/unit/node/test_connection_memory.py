"""What a connection holds: counted as long as it is held, and let go with what it was for."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
import trio.testing
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair, wait_all_tasks_blocked

from node.errors import TooSlow, WireError
from node.runtime.connection import SEND_BYTES, Connection
from node.runtime.limits import FREE_BYTES, Connections
from node.settings import MIB, Limits
from node.types import OPEN_SESSION, ClientId, RequestNumber
from node.wire.framing import frame
from node.wire.messages import (
    CLIENT_CODEC,
    FRAME_BYTES_MAX,
    Executed,
    Request,
    StatusRequest,
)

LARGE = Request(ClientId(1), RequestNumber(1), OPEN_SESSION, bytes(10 * FREE_BYTES))


def framed(message: object) -> bytes:
    return frame(CLIENT_CODEC.encode(message), FRAME_BYTES_MAX)


def connection_over(stream: trio.abc.Stream, connections: Connections) -> Connection:
    connection = Connection(
        stream, CLIENT_CODEC, connections=connections, output_bytes_max=16 * MIB
    )
    connection.greeted()
    return connection


async def test_a_large_frame_is_on_the_account_until_it_is_read() -> None:
    """An honest client that sends large commands, one after the other, owes nothing in between."""
    near, far = memory_stream_pair()
    connections = Connections(Limits(), 3)
    connection = connection_over(far, connections)
    data = framed(LARGE)
    async with connection.open():
        for _ in range(3):
            await near.send_all(data[:-1])
            while connections.input.total < len(data) - 1:
                assert await connection.receive_more()
                assert list(connection.received()) == []
            await near.send_all(data[-1:] + framed(StatusRequest()))
            assert await connection.receive_more()
            assert list(connection.received()) == [LARGE, StatusRequest()]
            assert connections.input.total == 0
        await near.send_eof()
        assert not await connection.receive_more()


async def test_an_answer_that_comes_during_a_goodbye_is_on_no_account(
    autojump_clock: MockClock,
) -> None:
    """Nobody would take it off again when the connection is gone."""
    _near, far = lockstep_stream_pair()
    connections = Connections(Limits(), 3)
    connection = connection_over(far, connections)

    async def fail() -> None:
        with pytest.raises(WireError, match="enough"):
            async with connection.open():
                raise WireError("enough")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail)
        await wait_all_tasks_blocked(0.1)
        connection.queue(LARGE)
        assert (connection.unsent_bytes, connections.output.total) == (0, 0)
    assert connections.output.total == 0


async def test_what_ended_holds_nothing() -> None:
    """Who still refers to it, as a traceback does until garbage is collected, keeps no large frame."""
    near, far = memory_stream_pair()
    connections = Connections(Limits(), 3)
    connection = connection_over(far, connections)

    async def serve() -> None:
        with pytest.raises(TooSlow):
            async with connection.open():
                await connection.receive()

    await near.send_all(framed(LARGE)[:-1])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await wait_all_tasks_blocked()
        assert connection.half_frame_bytes == len(framed(LARGE)) - 1
        connection.close_because(TooSlow("enough"))
    assert connection.half_frame_bytes == 0


@contextmanager
def traced() -> Iterator[None]:
    """Count memory for the length of a block."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


class HalfTaken(trio.abc.SendStream):
    """Takes a part of what is sent, and then nothing more."""

    def __init__(self, room: int) -> None:
        self.room = room

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if len(data) > self.room:
            await trio.sleep_forever()
        self.room -= len(data)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.sleep_forever()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_what_has_left_is_not_held_any_more(autojump_clock: MockClock) -> None:
    """A reader that stops in the middle: what he has taken must not wait with the rest."""
    _sender, receiver = trio.testing.memory_stream_one_way_pair()
    stream = trio.StapledStream(HalfTaken(4 * SEND_BYTES), receiver)
    connection = connection_over(stream, Connections(Limits(), 3))
    answer = Executed(ClientId(1), RequestNumber(1), bytes(SEND_BYTES // 2 - 100))

    seen: list[int] = []

    async def answer_often() -> None:
        """Note the bytes in memory: before, when all is queued, and when no more is taken."""
        async with connection.open():
            seen.append(tracemalloc.get_traced_memory()[0])
            for _ in range(16):
                connection.queue(answer)
            seen.append(tracemalloc.get_traced_memory()[0])
            connection.flush()
            await trio.sleep(1)
            seen.append(tracemalloc.get_traced_memory()[0])
            connection.close_because(TooSlow("enough"))
            await trio.sleep_forever()

    with pytest.raises(TooSlow), traced():
        await answer_often()
    before, queued, left = seen
    assert queued - before >= 16 * len(answer.body)
    assert connection.sent_bytes > 3 * SEND_BYTES
    assert left - before <= connection.unsent_bytes + SEND_BYTES
