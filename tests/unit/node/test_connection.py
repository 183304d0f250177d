"""A connection's bounds: who is silent, who does not read, who speaks another language."""

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair, wait_all_tasks_blocked

from node.errors import (
    ClusterMismatch,
    DoesNotRead,
    ForeignBytes,
    FrameTooLarge,
    MalformedFrame,
    TooSlow,
    UnknownTag,
    VersionMismatch,
    WireError,
    WrongPort,
)
from node.runtime.connection import Connection
from node.runtime.counters import Counters
from node.runtime.handshake import HELLO_TIMEOUT_S, expect_hello
from node.runtime.limits import Connections
from node.runtime.logs import logger
from node.settings import Limits
from node.types import ClientId, RequestNumber
from node.wire.framing import frame
from node.wire.messages import (
    CLIENT_CODEC,
    ClientHello,
    Executed,
    Goodbye,
    StatusRequest,
)
from node.wire.preface import PROTOCOL_VERSION, Speaker, preface
from tests.support.streams import Talker

HELLO = ClientHello("test")


LIMITS = Limits()
GREETING = preface(Speaker.CLIENT)


def connection_over(
    stream: trio.abc.Stream, *, greeted: bool = False, connections: Connections | None = None
) -> Connection:
    if connections is None:
        connections = Connections(LIMITS, LIMITS.connections_max)
    connection = Connection(
        stream,
        CLIENT_CODEC,
        connections=connections,
        output_bytes_max=LIMITS.output_bytes_max,
    )
    if greeted:
        connection.greeted()
    return connection


async def expect_client(connection: Connection) -> ClientHello:
    return await expect_hello(connection, {Speaker.CLIENT: ClientHello}, "test")


async def test_messages_go_in_and_out() -> None:
    near, far = memory_stream_pair()
    talker = Talker(near)
    connection = connection_over(far)
    async with connection.open():
        await talker.say(HELLO)
        assert await expect_client(connection) == HELLO
        await talker.say(StatusRequest())
        await near.send_eof()
        assert [message async for message in connection] == [StatusRequest()]
        connection.post(Goodbye("one"))
        connection.post(Goodbye("two"))
        assert [await talker.hear(), await talker.hear()] == [Goodbye("one"), Goodbye("two")]
    assert await talker.hear() is None


async def test_an_empty_cluster_name_means_any() -> None:
    near, far = memory_stream_pair()
    connection = connection_over(far)
    async with connection.open():
        await Talker(near).say(ClientHello(""))
        await expect_client(connection)


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (GREETING + b"\xff\xff\xff\xff", FrameTooLarge, "announces 4294967295 bytes"),
        (GREETING + b"\x00\x00\x04\x01", FrameTooLarge, "1025 bytes; the limit is 1024"),
        (GREETING + frame(b"\xc1", 9), MalformedFrame, "not the MessagePack we speak"),
        (GREETING + frame(b"\x92\xcd\x27\x0f\x01", 9), UnknownTag, "tag 9999"),
        (
            GREETING + frame(CLIENT_CODEC.encode(StatusRequest()), 9),
            WireError,
            "expected ClientHello first",
        ),
        (b"GET / HTTP/1.1\r\n", ForeignBytes, "begins with b'GET / HT'"),
        (
            b"\x89gng\x00\x07\x01\x00",
            VersionMismatch,
            f"protocol version 7; this side speaks {PROTOCOL_VERSION}",
        ),
        (preface(Speaker.PEER), WrongPort, "for a client, and a peer speaks"),
        (GREETING[:6] + b"\x63\x00", WrongPort, "for a client, and role 99 speaks"),
        (
            GREETING + frame(CLIENT_CODEC.encode(ClientHello("x")), 99),
            ClusterMismatch,
            "cluster 'x'; this is 'test'",
        ),
    ],
    ids=[
        "too large",
        "too large for a hello",
        "garbage",
        "unknown tag",
        "no hello",
        "foreign",
        "version",
        "peer",
        "nobody",
        "cluster",
    ],
)
async def test_the_other_side_is_told_why_it_is_left(
    data: bytes, error: type[WireError], reason: str
) -> None:
    near, far = memory_stream_pair()
    talker = Talker(near)
    connection = connection_over(far)
    await near.send_all(data)
    with pytest.raises(error, match=reason):
        async with connection.open():
            await expect_client(connection)
    goodbye = await talker.hear()
    assert isinstance(goodbye, Goodbye)
    assert reason in goodbye.reason
    assert await talker.hear() is None


async def test_answers_that_were_queued_leave_before_the_goodbye() -> None:
    near, far = memory_stream_pair()
    talker = Talker(near)

    async def post_and_fail() -> None:
        async with (connection := connection_over(far)).open():
            connection.post(Goodbye("queued"))
            raise WireError("enough")

    with pytest.raises(WireError, match="enough"):
        await post_and_fail()
    assert await talker.hear() == Goodbye("queued")
    assert await talker.hear() == Goodbye("enough")


async def test_answers_that_come_while_a_goodbye_waits_for_room_do_not_get_in_between(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []

    def send_now(_stream: object, data: bytes) -> int:
        sent.append(data)
        return 0

    monkeypatch.setattr("node.runtime.connection.send_now", send_now)
    near, far = lockstep_stream_pair()
    connection = connection_over(far)

    async def fail() -> None:
        with pytest.raises(WireError, match="enough"):
            async with connection.open():
                raise WireError("enough")

    async with near, trio.open_nursery() as nursery:
        nursery.start_soon(fail)
        await wait_all_tasks_blocked(0.1)
        connection.post(Goodbye("too late"))
        connection.queue(Goodbye("too late"))
        connection.flush()
    assert sent == []


async def test_an_end_within_a_frame_is_not_a_clean_end() -> None:
    near, far = memory_stream_pair()
    connection = connection_over(far, greeted=True)
    await near.send_all(b"\x00\x00\x00\x09half")
    await near.send_eof()
    with pytest.raises(WireError, match="ended inside a frame"):
        async with connection.open():
            await connection.receive()


async def test_who_does_not_say_who_it_is_is_left_after_a_while(
    autojump_clock: MockClock,
) -> None:
    _near, far = memory_stream_pair()
    connection = connection_over(far)
    with pytest.raises(TooSlow, match=r"no hello within 5\.0 s"):
        async with connection.open():
            await expect_client(connection)
    assert trio.current_time() == HELLO_TIMEOUT_S


async def test_a_hello_that_drips_in_does_not_extend_the_patience(
    autojump_clock: MockClock,
) -> None:
    near, far = memory_stream_pair()
    connection = connection_over(far)
    data = GREETING + frame(CLIENT_CODEC.encode(HELLO), 99)

    async def drip() -> None:
        for position in range(len(data)):
            await trio.sleep(HELLO_TIMEOUT_S / 3)
            await near.send_all(data[position : position + 1])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip)
        with pytest.raises(TooSlow):
            async with connection.open():
                await expect_client(connection)
        assert trio.current_time() == HELLO_TIMEOUT_S
        nursery.cancel_scope.cancel()


async def test_who_does_not_read_is_left_though_the_writer_is_stuck(
    autojump_clock: MockClock,
) -> None:
    """Nothing is read at the other end, so the first answer already blocks the writer for good."""
    _near, far = lockstep_stream_pair()
    connection = connection_over(far)
    answer = Executed(ClientId(1), RequestNumber(1), bytes(1024 * 1024))

    async def post_too_much() -> None:
        async with connection.open():
            for _ in range(LIMITS.output_bytes_max // len(answer.body) + 2):
                connection.post(answer)
                await trio.sleep(1)
            await trio.sleep_forever()

    with trio.fail_after(1000), pytest.raises(DoesNotRead, match="does not read its answers"):
        await post_too_much()


async def test_a_goodbye_that_nobody_reads_does_not_hold_the_connection_open(
    autojump_clock: MockClock,
) -> None:
    _near, far = lockstep_stream_pair()
    with pytest.raises(WireError, match="enough"):
        async with connection_over(far).open():
            raise WireError("enough")
    assert trio.current_time() <= 1


async def test_the_ends_of_connections_are_counted_by_reason() -> None:
    counters = Counters()

    def end(kind: str, error: Exception | None = None) -> None:
        with counters.connection(kind, logger("test")):
            if error is not None:
                raise error

    end("client")
    end("client", UnknownTag("tag 9"))
    end("peer", trio.BrokenResourceError())
    with pytest.raises(ZeroDivisionError):
        end("peer", ZeroDivisionError())  # not the connection's fault: a defect
    assert counters.ended == {
        "client: closed": 1,
        "client: UnknownTag": 1,
        "peer: broken": 1,
        "peer: closed": 1,
    }


async def test_a_frame_that_drips_in_ends_its_connection(autojump_clock: MockClock) -> None:
    """Slow-loris: a byte a second, after a hello that was in time."""
    near, far = memory_stream_pair()
    limits = Limits(frame_timeout_s=5)
    connections = Connections(limits, 10)
    connection = connection_over(far, greeted=True, connections=connections)

    async def drip() -> None:
        for byte in frame(bytes(1000), 1000):
            await near.send_all(bytes([byte]))
            await trio.sleep(1)

    async def serve() -> None:
        async with connection.open():
            await connection.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(connections.watch)
        nursery.start_soon(drip)
        with pytest.raises(TooSlow, match="a frame has not arrived within 5 s"):
            await serve()
        assert 5 <= trio.current_time() < 9
        nursery.cancel_scope.cancel()
    heard = Talker(near)
    assert isinstance(await heard.hear(), Goodbye)


async def test_who_reads_nothing_for_a_while_is_left_however_little_waits(
    autojump_clock: MockClock,
) -> None:
    _near, far = lockstep_stream_pair()
    connections = Connections(Limits(read_timeout_s=5), 10)
    connection = connection_over(far, greeted=True, connections=connections)

    async def serve() -> None:
        async with connection.open():
            connection.post(Goodbye("one answer"))
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(connections.watch)
        with pytest.raises(DoesNotRead, match="has read nothing for 5 s"):
            await serve()
        assert 5 <= trio.current_time() < 9
        nursery.cancel_scope.cancel()


async def test_who_closes_without_a_word_is_no_intruder() -> None:
    """Somebody looked whether the port is open; that is not worth a warning."""
    near, far = memory_stream_pair()
    await near.send_eof()
    connection = connection_over(far)
    with pytest.raises(trio.BrokenResourceError):
        async with connection.open():
            await expect_client(connection)


async def test_what_is_being_sent_counts_as_unread(autojump_clock: MockClock) -> None:
    """The writer has taken it, the other side has not."""
    _near, far = lockstep_stream_pair()
    connection = connection_over(far, greeted=True)
    answer = Executed(ClientId(1), RequestNumber(1), bytes(LIMITS.output_bytes_max * 3 // 8))

    async def post_thrice() -> None:
        async with connection.open():
            for count in (1, 2):
                connection.post(answer)
                await trio.sleep(1)
                assert connection.unsent_bytes > count * len(answer.body)
            connection.post(answer)
            await trio.sleep_forever()

    with pytest.raises(DoesNotRead):
        await post_thrice()
