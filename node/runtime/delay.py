"""A connection on which bytes arrive later, for measurements.

    socket ──▶ held for delay_s ──▶ receive_some        send_all ──▶ held for delay_s ──▶ socket

Delay alone: what is held has no bound in bytes, so bandwidth stays what it is. What was held long enough and the
other end does not take is waited for, as on any connection, and nothing more is taken meanwhile. A link between replicas
carries messages in one direction, and is delayed where they are sent; a client's connection at the
replica, in both. So every message is held exactly once on its way.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from math import inf
from typing import Final

import trio

from node.direct import send_now
from node.runtime.alarm import Later

_CHUNK_BYTES: Final = 64 * 1024
_END: Final = b""


def delayed(
    stream: trio.abc.Stream, delay_s: float, later: Later
) -> AbstractAsyncContextManager[trio.abc.Stream]:
    """`stream`, slower in both directions; leaving the block closes it, and what is held is lost."""
    slow = _SlowStream(stream, delay_s, later)
    return _pumped(slow, slow.receive_all, slow.send_rest)


def sent_late(
    stream: trio.abc.Stream, delay_s: float, later: Later
) -> AbstractAsyncContextManager[trio.abc.Stream]:
    """`stream`, on which only what is sent is held; otherwise as `delayed`."""
    slow = _SlowSending(stream, delay_s, later)
    return _pumped(slow, slow.send_rest)


@asynccontextmanager
async def _pumped(
    slow: trio.abc.Stream, *pumps: Callable[[], Awaitable[None]]
) -> AsyncIterator[trio.abc.Stream]:
    async with slow, trio.open_nursery() as running:
        for pump in pumps:
            running.start_soon(pump)
        yield slow
        running.cancel_scope.cancel()


class _SlowSending(trio.abc.Stream):
    """Owns `stream`; `send_rest` runs as long as it is used."""

    def __init__(self, stream: trio.abc.Stream, delay_s: float, later: Later) -> None:
        self._stream = stream
        self._delay_s = delay_s
        self._later = later
        self._rest = bytearray()
        """Was held long enough, and could not be sent at once."""
        self._has_rest = trio.Event()
        self._has_moved = trio.Event()
        self._is_sending = False
        self._is_broken = False

    async def send_rest(self) -> None:
        """Send what has to wait for the other end, until the connection breaks."""
        while not self._is_broken:
            await self._has_rest.wait()
            self._has_rest = trio.Event()
            data, self._rest = self._rest, bytearray()
            self._is_sending = True
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._is_broken = True
            self._is_sending = False
            self._has_moved.set()

    def send_now(self, data: bytes) -> int:
        """Have it sent later, all of it or nothing; how many bytes (`node/direct.py`)."""
        if self._is_broken or self._is_stuck:
            return 0
        self._later.call(self._due(), partial(self._send, data))
        return len(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Have it sent later, when the other end takes what was sent before."""
        await trio.lowlevel.checkpoint()
        while self._is_stuck and not self._is_broken:
            self._has_moved = trio.Event()
            await self._has_moved.wait()
        if self._is_broken:
            raise trio.BrokenResourceError("the connection broke")
        self.send_now(bytes(data))

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has arrived."""
        return bytes(await self._stream.receive_some(max_bytes))

    async def wait_send_all_might_not_block(self) -> None:
        """It never does."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Close the connection, now."""
        self._is_broken = True
        self._has_moved.set()
        await self._stream.aclose()

    @property
    def _is_stuck(self) -> bool:
        """Whether the other end does not take what it should have by now."""
        return self._is_sending or bool(self._rest)

    def _send(self, data: bytes) -> None:
        if self._is_broken:
            return
        sent = 0 if self._is_stuck else send_now(self._stream, data)
        if sent < len(data):
            self._rest += data[sent:]
            self._has_rest.set()

    def _due(self) -> float:
        return trio.current_time() + self._delay_s


class _SlowStream(_SlowSending):
    """What arrives is held, too; `receive_all` runs beside `send_rest`."""

    def __init__(self, stream: trio.abc.Stream, delay_s: float, later: Later) -> None:
        super().__init__(stream, delay_s, later)
        self._to_receive, self._received = trio.open_memory_channel[bytes](inf)
        self._unread = b""
        self._has_ended = False

    async def receive_all(self) -> None:
        """Take in bytes as they come."""
        data = b"to begin with"
        while data != _END:
            try:
                data = bytes(await self._stream.receive_some(_CHUNK_BYTES))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._is_broken, data = True, _END
            self._later.call(self._due(), partial(self._to_receive.send_nowait, data))

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has arrived and was held long enough."""
        await trio.lowlevel.checkpoint()
        if not self._unread and not self._has_ended:
            self._unread = await self._received.receive()
            self._has_ended = self._unread == _END
        if self._has_ended and self._is_broken:
            raise trio.BrokenResourceError("the connection broke")
        data, self._unread = self._unread[:max_bytes], self._unread[len(self._unread[:max_bytes]) :]
        return data
