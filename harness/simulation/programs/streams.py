"""Connections as programs see them: streams and listeners that look like Trio's own.

A stream is one end of a connection. What is between the two ends is in `network.py`; here is what a
kernel keeps for a process: what has arrived, whether there is room to send, and how it ended.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

import trio

from harness.simulation.programs.hosts import Ending, Life

if TYPE_CHECKING:
    from harness.simulation.programs.network import Link, Network

WINDOW: Final = 64 * 1024
"""Bytes that may be on their way, or arrived and not read; then whoever sends has to wait."""

END: Final = b""
"""On the wire: nothing more will come."""

BACKLOG: Final = 64
"""Connections that wait to be accepted; more are turned away."""


class SimulatedSocket:
    """The few methods of a socket that programs call on a stream or a listener."""

    def __init__(self, own: tuple[str, int], peer: tuple[str, int] | None = None) -> None:
        self._own = own
        self._peer = peer

    def getsockname(self) -> tuple[str, int]:
        """The address of this end; hosts are called by their names."""
        return self._own

    def getpeername(self) -> tuple[str, int]:
        """The address of the other end."""
        if self._peer is None:
            raise OSError("not connected")
        return self._peer

    def setsockopt(self, *_: object) -> None:
        """Changes nothing."""


class SimulatedStream(trio.abc.HalfCloseableStream):
    """One end of a connection, of the life that opened or accepted it."""

    def __init__(
        self, network: "Network", life: Life, number: int, link: "Link", socket: SimulatedSocket
    ) -> None:
        self.socket = socket
        self.number: Final = number
        """Of the connection."""
        self.life: Final = life
        self.link: Final = link
        """The way from here to the other end."""
        self.peer: SimulatedStream
        """The other end."""
        self.outstanding = 0
        """Bytes sent from here that the other side has not read."""
        self.last_arrival = 0
        """When what was sent last arrives: nothing overtakes it."""
        self.stalled: list[tuple[bytes, int]] = []
        """What would have arrived at the other end, but waits for the way to be free."""
        self._network = network
        self._buffer = bytearray()
        self._has_ended = False
        self._broken: str | None = None
        self._is_closed = False
        self._has_sent_end = False
        self._readable = trio.Event()
        self._writable = trio.Event()
        self._is_sending = False
        self._is_receiving = False
        life.at_end[self] = self._on_end_of_life

    # What programs do.

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, as far as there is room; then wait for it."""
        with self._busy_sending():
            await trio.lowlevel.checkpoint()
            self._check_send()
            rest = memoryview(bytes(data))
            while rest:
                await self._wait_room()
                piece = bytes(rest[: WINDOW - self.outstanding])
                rest = rest[len(piece) :]
                self.outstanding += len(piece)
                self._network.send(self, piece)

    def send_now(self, data: bytes) -> int:
        """As much as there is room for; nothing when it is broken or closed."""
        if self._is_sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        try:
            self._check_send()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return 0
        piece = bytes(data[: WINDOW - self.outstanding])
        if piece:
            self.outstanding += len(piece)
            self._network.send(self, piece)
        return len(piece)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room."""
        with self._busy_sending():
            await trio.lowlevel.checkpoint()
            await self._wait_room()

    async def send_eof(self) -> None:
        """Say that nothing more will come."""
        with self._busy_sending():
            await trio.lowlevel.checkpoint()
            if not self._has_sent_end:
                self._check_send()
                self._has_sent_end = True
                self._network.send(self, END)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has arrived, at least a byte; nothing at the end."""
        if self._is_receiving:
            raise trio.BusyResourceError("another task is receiving on this stream")
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes must be >= 1")
        self._is_receiving = True
        try:
            await trio.lowlevel.checkpoint()
            while True:
                self._check_open()
                if self._buffer:
                    return self._take(max_bytes)
                if self._has_ended:
                    return b""
                if self._broken is not None:
                    self._raise_broken()
                self._readable = trio.Event()
                await self._readable.wait()
        finally:
            self._is_receiving = False

    async def aclose(self) -> None:
        """Close; what was sent still arrives, unless something that arrived was not read."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """As `aclose`, at once."""
        if self._is_closed or self.life.is_over:
            return
        self._is_closed = True
        self.life.at_end.pop(self, None)
        if self._broken is None:
            if self._buffer:
                # Linux answers unread bytes with a reset, and so takes back what was sent last.
                self._network.send_reset(self.peer)
            elif not self._has_sent_end:
                self._network.send(self, END)
        self._wake()

    # What the network does.

    @property
    def is_deaf(self) -> bool:
        """Whether nobody is there to take what arrives."""
        return self._is_closed or self.life.is_over or self._broken is not None

    def on_arrival(self, data: bytes) -> None:
        """Bytes, or the end, from the other side."""
        if data:
            self._buffer += data
        else:
            self._has_ended = True
        self._readable.set()

    def break_off(self, why: str) -> None:
        """The connection is lost, as far as this end knows."""
        if self._broken is None and not self._is_closed:
            self._broken = why
            self._wake()

    def make_room(self, count: int) -> None:
        """The other side has read `count` bytes."""
        self.outstanding -= count
        self._writable.set()

    # Inside.

    def _take(self, max_bytes: int | None) -> bytes:
        data = bytes(self._buffer if max_bytes is None else self._buffer[:max_bytes])
        del self._buffer[: len(data)]
        self.peer.make_room(len(data))
        return data

    async def _wait_room(self) -> None:
        self._check_send()
        while self.outstanding >= WINDOW:
            self._writable = trio.Event()
            await self._writable.wait()
            self._check_send()

    def _check_open(self) -> None:
        self.life.check()
        if self._is_closed:
            raise trio.ClosedResourceError("this stream was closed")

    def _check_send(self) -> None:
        self._check_open()
        if self._has_sent_end:
            raise trio.ClosedResourceError("the end was sent already")
        if self._broken is not None:
            self._raise_broken()

    def _raise_broken(self) -> NoReturn:
        raise trio.BrokenResourceError(self._broken) from ConnectionResetError(self._broken)

    def _wake(self) -> None:
        self._readable.set()
        self._writable.set()

    def _on_end_of_life(self, ending: Ending) -> None:
        """The kernel closes for a process that has ended; without power, nobody does."""
        if ending is not Ending.CRASHED and self._broken is None:
            if self._buffer:
                self._network.send_reset(self.peer)
            elif not self._has_sent_end:
                self._network.send(self, END)
        self._wake()

    @contextmanager
    def _busy_sending(self) -> Iterator[None]:
        if self._is_sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._is_sending = True
        try:
            yield
        finally:
            self._is_sending = False


class SimulatedListener(trio.abc.Listener[SimulatedStream]):
    """Takes connections to one port of one host."""

    def __init__(self, network: "Network", life: Life, port: int) -> None:
        self.socket = SimulatedSocket((life.name, port))
        self.life: Final = life
        self._network = network
        self._port = port
        self._sender, self._arrived = trio.open_memory_channel[SimulatedStream](BACKLOG)
        life.at_end[self] = self._on_end_of_life

    def offer(self, stream: SimulatedStream) -> bool:
        """A connection for whoever accepts next; False when too many wait."""
        try:
            self._sender.send_nowait(stream)
        except trio.WouldBlock:
            return False
        return True

    @property
    def is_full(self) -> bool:
        """Whether no more may wait."""
        return self._sender.statistics().current_buffer_used >= BACKLOG

    async def accept(self) -> SimulatedStream:
        """The next connection."""
        self.life.check()
        stream = await self._arrived.receive()
        self.life.check()
        return stream

    async def aclose(self) -> None:
        """Listen no more; whoever waits is turned away."""
        if not self.life.is_over:
            self.life.at_end.pop(self, None)
            self._on_end_of_life(Ending.RETURNED)
        await trio.lowlevel.checkpoint()

    def _on_end_of_life(self, ending: Ending) -> None:
        del ending  # the streams that wait are ended like all others of this life
        self._network.forget(self, self._port)
        if not self.life.is_over:
            while True:
                try:
                    self._arrived.receive_nowait().close()
                except (trio.WouldBlock, trio.ClosedResourceError):
                    break
        self._sender.close()
        self._arrived.close()
