"""The outbox to one peer: bounded in bytes, and when it is full the oldest goes.

Consensus survives loss, and the newest message says more than the oldest: so the driver never waits
for a peer, whatever state that peer is in.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import trio

OUTBOX_BYTES_MAX: Final = 16 * 1024 * 1024
"""Two frames of the largest size; at usual sizes, seconds of traffic."""


class PeerOutbox:
    """Frames on their way to one peer."""

    def __init__(self, bytes_max: int = OUTBOX_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._rest = b""
        """Of what was sent in part: it has to be finished, and goes first."""
        self._send_now: Callable[[bytes], int] | None = None
        self._arrived = trio.Event()
        self.dropped_count = 0
        """Frames dropped because the peer did not keep up or was away."""

    def put(self, frame: bytes) -> None:
        """Queue one frame, which leaves with the next `flush`; never waits."""
        self._frames.append(frame)
        self._bytes += len(frame)
        while self._bytes > self._bytes_max and len(self._frames) > 1:
            self._bytes -= len(self._frames.popleft())
            self.dropped_count += 1

    def flush(self) -> None:
        """Send what is queued: at once as far as possible, the rest by the link; never waits."""
        if not self._frames:
            return
        if self._send_now is not None and not self._rest:
            data = self._take()
            self._rest = data[self._send_now(data) :]
        if self._frames or self._rest:
            self._arrived.set()

    @contextmanager
    def direct(self, send_now: Callable[[bytes], int]) -> Iterator[None]:
        """Within the block a `flush` may send by itself: there is a connection."""
        self._send_now = send_now
        try:
            yield
        finally:
            self._send_now = None

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Within the block, inside `direct`, the link is sending, and nobody else may."""
        send_now, self._send_now = self._send_now, None
        try:
            yield
        finally:
            self._send_now = send_now

    def clear(self) -> None:
        """Drop everything: after a reconnect, what was queued is stale."""
        self.dropped_count += len(self._frames)
        self._frames.clear()
        self._bytes = 0
        self._rest = b""

    async def take_all(self) -> bytes:
        """Wait for frames and take all of them as one piece; for the one link."""
        while not (self._frames or self._rest):
            self._arrived = trio.Event()
            await self._arrived.wait()
        rest, self._rest = self._rest, b""
        return rest + self._take()

    def _take(self) -> bytes:
        data = b"".join(self._frames)
        self._frames.clear()
        self._bytes = 0
        return data
