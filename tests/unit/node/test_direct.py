"""Sending without waiting: what the kernel takes, no more, and never an error."""

import pytest
import trio

from node.direct import receive_some, send_now
from node.runtime.connection import Connection
from node.runtime.outbox import PeerOutbox
from node.wire.messages import CLIENT_CODEC, FRAME_BYTES_MAX, Goodbye


async def socket_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Two ends of a connection of this machine."""
    left, right = trio.socket.socketpair()
    return trio.SocketStream(left), trio.SocketStream(right)


async def receive_all(stream: trio.abc.Stream, count: int) -> bytes:
    data = b""
    with trio.fail_after(5):
        while len(data) < count:
            data += await receive_some(stream, 1 << 16)
    return data


async def test_bytes_leave_at_once_up_to_what_the_kernel_holds() -> None:
    near, far = await socket_pair()
    async with near, far:
        assert send_now(near, b"abc") == 3
        assert await receive_some(far, 10) == b"abc"
        sent = send_now(near, bytes(10_000_000))
        assert 0 < sent < 10_000_000
        assert send_now(near, b"x") == 0
        assert await receive_all(far, sent) == bytes(sent)


async def test_the_end_and_broken_connections_are_as_everywhere() -> None:
    near, far = await socket_pair()
    async with far:
        await near.aclose()
        assert send_now(near, b"x") == 0
        assert await receive_some(far, 10) == b""
        send_now(far, b"x")
        assert send_now(far, b"x") == 0
    with pytest.raises(trio.ClosedResourceError):
        await receive_some(far, 10)


async def test_whoever_waits_is_woken_when_the_stream_is_closed() -> None:
    near, far = await socket_pair()
    async with near, trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await receive_some(far, 10)

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        await far.aclose()


async def test_a_connection_finishes_by_its_writer_what_did_not_leave_at_once() -> None:
    near, far = await socket_pair()
    async with far:
        connection = Connection(near, CLIENT_CODEC, frame_bytes_max=FRAME_BYTES_MAX)
        messages = [Goodbye(str(number) * 100_000) for number in range(10)]
        expected = b"".join(CLIENT_CODEC.encode(message) for message in messages)
        async with connection.open():
            for message in messages:
                connection.queue(message)
                connection.flush()
            received = await receive_all(far, len(expected) + 4 * len(messages))
    other = Connection(near, CLIENT_CODEC, frame_bytes_max=FRAME_BYTES_MAX)
    other._decoder.receive_data(received)
    assert list(other.received()) == messages


def test_a_frame_that_left_in_part_is_finished_first_whatever_is_dropped() -> None:
    outbox = PeerOutbox(bytes_max=10)
    sent: list[bytes] = []

    def two_bytes(data: bytes) -> int:
        sent.append(data[:2])
        return 2

    with outbox.direct(two_bytes):
        outbox.put(b"first")
        outbox.flush()
        assert sent == [b"fi"]
        outbox.put(b"12345678")
        outbox.flush()
        outbox.put(b"abcdefgh")
        outbox.flush()
        assert sent == [b"fi"], "the link has to finish it"
    assert outbox.dropped_count == 1
    assert trio.run(outbox.take_all) == b"rstabcdefgh"


def test_nobody_else_sends_while_the_link_does() -> None:
    outbox = PeerOutbox()
    sent: list[bytes] = []

    def all_of_it(data: bytes) -> int:
        sent.append(data)
        return len(data)

    with outbox.direct(all_of_it):
        with outbox.busy():
            outbox.put(b"one")
            outbox.flush()
        assert sent == []
        outbox.put(b"two")
        outbox.flush()
        assert sent == [b"onetwo"]
    outbox.put(b"three")
    outbox.flush()
    assert sent == [b"onetwo"]


def test_what_was_begun_on_a_connection_that_broke_is_not_finished_on_the_next() -> None:
    outbox = PeerOutbox()
    with outbox.direct(lambda _: 2):
        outbox.put(b"first")
        outbox.flush()
    outbox.clear()
    outbox.put(b"next")
    assert trio.run(outbox.take_all) == b"next"
