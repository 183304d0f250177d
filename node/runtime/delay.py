"""A connection on which bytes arrive later, in both directions, for measurements.

    socket ──▶ held for delay_s ──▶ receive_some        send_all ──▶ held for delay_s ──▶ socket

Delay alone: what is held has no bound in bytes, so bandwidth stays what it is. A connection is
delayed at its accepting end only, so every message is held exactly once on its way.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from typing import Final

import trio

_CHUNK_BYTES: Final = 64 * 1024
_END: Final = b""

_Due = tuple[float, bytes]
"""When on Trio's clock, and what."""


@asynccontextmanager
async def delayed(stream: trio.abc.Stream, delay_s: float) -> AsyncIterator[trio.abc.Stream]:
    """`stream`, slower; leaving the block closes it, and what is still held is lost."""
    slow = _SlowStream(stream, delay_s)
    async with slow, trio.open_nursery() as pumps:
        pumps.start_soon(slow.receive_all)
        pumps.start_soon(slow.send_due)
        yield slow
        pumps.cancel_scope.cancel()


class _SlowStream(trio.abc.Stream):
    """Owns `stream`; its two pumps run as long as it is used."""

    def __init__(self, stream: trio.abc.Stream, delay_s: float) -> None:
        self._stream = stream
        self._delay_s = delay_s
        self._to_receive, self._received = trio.open_memory_channel[_Due](inf)
        self._to_send, self._sending = trio.open_memory_channel[_Due](inf)
        self._broken = False
        self._rest = b""
        self._has_ended = False

    async def receive_all(self) -> None:
        """Take in bytes as they come."""
        data = b"to begin with"
        while data != _END:
            try:
                data = bytes(await self._stream.receive_some(_CHUNK_BYTES))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._broken, data = True, _END
            self._to_receive.send_nowait((self._due(), data))

    async def send_due(self) -> None:
        """Send what was held long enough, until the connection breaks."""
        try:
            async for due, data in self._sending:
                await trio.sleep_until(due)
                await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._broken = True

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has arrived and was held long enough."""
        await trio.lowlevel.checkpoint()
        if not self._rest and not self._has_ended:
            due, self._rest = await self._received.receive()
            await trio.sleep_until(due)
            self._has_ended = self._rest == _END
        if self._has_ended and self._broken:
            raise trio.BrokenResourceError("the connection broke")
        data, self._rest = self._rest[:max_bytes], self._rest[len(self._rest[:max_bytes]) :]
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Have it sent later."""
        await trio.lowlevel.checkpoint()
        if self._broken:
            raise trio.BrokenResourceError("the connection broke")
        self._to_send.send_nowait((self._due(), bytes(data)))

    async def wait_send_all_might_not_block(self) -> None:
        """It never does."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Close the connection, now."""
        await self._stream.aclose()

    def _due(self) -> float:
        return trio.current_time() + self._delay_s
