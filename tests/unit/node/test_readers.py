"""Reading for many in one task: each gets its own bytes, its own end and its own errors."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from node.readers import CHUNK_BYTES, HAS_EPOLL, Readers, Take


@pytest.fixture(params=["epoll", "each by itself"])
def has_epoll(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways; the second is that of other systems."""
    if request.param != "epoll":
        monkeypatch.setattr("node.readers.HAS_EPOLL", False)
    elif not HAS_EPOLL:
        pytest.skip("this system has no epoll")
    return bool(request.param == "epoll")


def once(taken: list[bytes]) -> Take:
    """Takes one chunk."""

    def take(data: bytes) -> bool:
        taken.append(data)
        return False

    return take


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    near, far = trio.socket.socketpair()
    async with trio.SocketStream(near) as one, trio.SocketStream(far) as other:
        yield one, other


async def test_each_takes_what_arrives_for_it_until_it_has_enough_or_the_end(
    has_epoll: bool,
) -> None:
    readers = Readers()
    taken: list[tuple[int, bytes]] = []
    ends: dict[int, bool] = {}

    async def read(number: int, stream: trio.SocketStream) -> None:
        def take(data: bytes) -> bool:
            taken.append((number, data))
            return data != b"enough"

        ends[number] = await readers.read(stream, take)

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(readers.open())
        streams = [await stack.enter_async_context(connected()) for _ in range(3)]
        nursery = await stack.enter_async_context(trio.open_nursery())
        for number, (near, _) in enumerate(streams):
            nursery.start_soon(read, number, near)
        for data in (b"a", b"b", b"enough"):
            for number in (0, 2):
                await streams[number][1].send_all(data)
                await wait_all_tasks_blocked(0.01)
        assert ends == {0: True, 2: True}
        await streams[1][1].send_all(b"last")
        await streams[1][1].aclose()
    assert taken == [
        *((number, data) for data in (b"a", b"b", b"enough") for number in (0, 2)),
        (1, b"last"),
    ]
    assert ends[1] is False


async def test_what_arrives_together_is_taken_between_before_and_after() -> None:
    if not HAS_EPOLL:
        pytest.skip("this system has no epoll")
    readers = Readers()
    diary: list[bytes] = []

    def after(_may_wait: bool) -> bool:
        diary.append(b"after")
        return False

    async with connected() as (one, other), connected() as (two, another):
        for stream, data in ((other, b"x"), (another, b"y")):
            await stream.send_all(data)
        async with (
            readers.open(lambda: diary.append(b"before"), after),
            trio.open_nursery() as nursery,
        ):
            # Registered before the one task can look.
            for stream in (one, two):
                nursery.start_soon(readers.read, stream, once(diary))
    assert diary[0] == b"before"
    assert sorted(diary[1:-1]) == [b"x", b"y"]
    assert diary[-1] == b"after"


async def read_three(is_welcome: Callable[[int], bool]) -> list[str]:
    """One byte comes, another one when that is read, a third when nobody waits: what is called when."""
    diary: list[str] = []
    readers = Readers()
    async with connected() as (near, far):

        def take(data: bytes) -> bool:
            diary.append(data.decode())
            if data == b"1":
                os.write(far.socket.fileno(), b"2")
            return len(diary) < 100 and data != b"3"

        def after(may_wait: bool) -> bool:
            diary.append("may wait" if may_wait else "may not wait")
            return may_wait and is_welcome(len(diary))

        async with readers.open(after=after), trio.open_nursery() as nursery:
            nursery.start_soon(readers.read, near, take)
            await wait_all_tasks_blocked()
            await far.send_all(b"1")
            await wait_all_tasks_blocked(0.05)
            await far.send_all(b"3")
    return diary


async def test_company_that_is_waited_for_is_read_in_rounds_until_nobody_comes() -> None:
    if not HAS_EPOLL:
        pytest.skip("this system has no epoll")
    diary = await read_three(lambda _: True)
    assert diary[:5] == ["1", "may wait", "2", "may wait", "may not wait"]
    diary = await read_three(lambda length: length < 4)
    assert diary[:4] == ["1", "may wait", "2", "may wait"]
    assert "may not wait" not in diary[:5]


async def test_company_that_keeps_coming_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not HAS_EPOLL:
        pytest.skip("this system has no epoll")
    monkeypatch.setattr("node.readers.COMPANY_WAIT_S", -1.0)
    assert (await read_three(lambda _: True))[:4] == ["1", "may not wait", "2", "may not wait"]


async def test_an_error_in_taking_is_the_errors_of_whoever_reads_there(has_epoll: bool) -> None:
    readers = Readers()
    heard: list[bytes] = []

    def fail(_: bytes) -> bool:
        raise LookupError("not this")

    def take(data: bytes) -> bool:
        heard.append(data)
        return len(heard) < 2

    async with readers.open(), connected() as (one, other), connected() as (two, another):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(readers.read, two, take)
            await another.send_all(b"1")
            await other.send_all(b"bad")
            with pytest.raises(LookupError):
                await readers.read(one, fail)
            await wait_all_tasks_blocked(0.01)
            await another.send_all(b"2")
        await other.send_all(b"more")
        assert await readers.read(one, lambda _: False), "and may read again"
    assert heard == [b"1", b"2"]


async def test_a_cancellation_ends_the_reading_and_loses_nothing(has_epoll: bool) -> None:
    readers = Readers()
    taken: list[bytes] = []
    async with readers.open(), connected() as (near, far):
        with trio.move_on_after(0.01):
            await readers.read(near, once(taken))
        await far.send_all(b"later")
        await wait_all_tasks_blocked(0.01)
        assert taken == []
        await readers.read(near, once(taken))
    assert taken == [b"later"]


async def test_one_that_is_ended_by_another_is_not_read_any_more() -> None:
    """Both are ready, and whoever comes first cancels the other."""
    if not HAS_EPOLL:
        pytest.skip("this system has no epoll")
    readers = Readers()
    taken: list[int] = []
    async with connected() as (one, other), connected() as (two, another):
        scopes = [trio.CancelScope(), trio.CancelScope()]

        async def read(number: int, stream: trio.SocketStream) -> None:
            def take(_: bytes) -> bool:
                taken.append(number)
                scopes[1 - number].cancel()
                return False

            with scopes[number]:
                await readers.read(stream, take)

        await other.send_all(b"x")
        await another.send_all(b"x")
        async with readers.open(), trio.open_nursery() as nursery:
            nursery.start_soon(read, 0, one)
            nursery.start_soon(read, 1, two)
    assert len(taken) == 1


async def test_a_broken_connection_and_a_closed_stream(has_epoll: bool) -> None:
    readers = Readers()
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    async with readers.open(), listener:
        near = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        far = await listener.accept()
        await near.send_all(b"never read")
        await wait_all_tasks_blocked(0.01)
        await trio.aclose_forcefully(far)  # with bytes unread: a reset
        with pytest.raises(trio.BrokenResourceError):
            await readers.read(near, lambda _: True)
        await near.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await readers.read(near, lambda _: True)


async def test_a_chunk_at_a_time_so_that_nobody_waits_for_one_who_sends_without_end() -> None:
    readers = Readers()
    sizes: list[int] = []

    def take(data: bytes) -> bool:
        sizes.append(len(data))
        return sum(sizes) < 3 * CHUNK_BYTES

    async with readers.open(), connected() as (near, far), trio.open_nursery() as nursery:
        nursery.start_soon(far.send_all, bytes(3 * CHUNK_BYTES))
        await readers.read(near, take)
    assert max(sizes) <= CHUNK_BYTES
