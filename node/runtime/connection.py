"""One connection as messages in and messages out, with bounds and an end.

Used by the client port, the links between replicas and the master. Whatever comes from the other
side can only end this connection: bytes that are no message raise `WireError` from the iteration,
and an output queue that its reader does not empty closes the connection instead of growing.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import trio

from node.direct import receive_some, send_now
from node.errors import DoesNotRead, ForeignBytes, WireError
from node.readers import Readers
from node.runtime.limits import FREE_BYTES, Connections
from node.runtime.nursery import bare_errors
from node.wire.codec import Codec
from node.wire.framing import FrameDecoder, frame
from node.wire.messages import FRAME_BYTES_MAX, HELLO_BYTES_MAX, Goodbye

CHUNK_BYTES: Final = 64 * 1024

SEND_BYTES: Final = 256 * 1024
"""What is handed to the system at once, so that it shows whether a slow reader reads at all."""


class Connection:
    """Messages over one stream. Use inside `async with connection.open()`."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        codec: Codec[Any],
        *,
        connections: Connections,
        output_bytes_max: int,
    ) -> None:
        self._stream = stream
        self._codec = codec
        self._connections = connections
        self._output_bytes_max = output_bytes_max
        self._decoder = FrameDecoder(HELLO_BYTES_MAX)
        self._is_receiving = False
        self._is_input_held = False
        self._output: list[bytes] = []
        self._is_sending = False
        # The writer is, or has to finish what a flush has begun: nothing may get in between.
        self._is_closing = False
        self._posted = trio.Event()
        self._ending = trio.CancelScope()
        # Around the writer: cancelled when the other side does not read, which the writer, in the
        # middle of sending, would never notice by itself.
        self._ends_because: WireError | None = None
        self.is_greeted = False
        """The other side has said who it is."""
        self.frames = 0
        """That arrived and were read."""
        self.frame_bytes = 0
        """Of the frame that was read last."""
        self.sent_bytes = 0
        """That the system has taken."""
        self.unsent_bytes = 0
        """That wait for the other side to read."""

    @property
    def half_frame_bytes(self) -> int:
        """Of a frame that is still arriving while somebody waits for it; else 0."""
        return self._decoder.incomplete_bytes if self._is_receiving else 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run the writer; leaving closes the stream. Raises bare errors, never a group of one."""
        async with self._stream:
            with (
                self._emptied(),
                bare_errors(WireError, trio.BrokenResourceError, trio.ClosedResourceError),
            ):
                async with trio.open_nursery() as connection_nursery:
                    connection_nursery.start_soon(self._write)
                    try:
                        with self._admitted():
                            yield
                    except WireError as error:
                        await self._say_goodbye(str(error))
                        raise
                    connection_nursery.cancel_scope.cancel()

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        try:
            with self._connections.admitted(self):
                yield
        finally:
            self._is_closing = True  # nobody counts any more what would be queued

    @contextmanager
    def _emptied(self) -> Iterator[None]:
        """Leave the block with nothing held.

        The traceback of the error that ended this connection refers to it, and it to the error, until
        garbage is collected: half a large frame must not be kept so long.
        """
        try:
            yield
        finally:
            self._output.clear()
            self._decoder.clear()

    def close_because(self, error: WireError) -> None:
        """Close at once, without waiting for anything; `open` then raises `error`."""
        if not self._is_closing:
            self._is_closing = True
            self._ends_because = error
            self._output.clear()
            self._ending.cancel()

    def post(self, message: object) -> None:
        """Queue one message and have it sent soon; never waits."""
        self.queue(message)
        self._posted.set()

    def queue(self, message: object) -> None:
        """Queue one message, which leaves with the next `flush` or `post`; never waits."""
        if self._is_closing:
            return
        data = frame(self._codec.encode(message), FRAME_BYTES_MAX)
        self._output.append(data)
        self.unsent_bytes += len(data)
        if self.unsent_bytes > FREE_BYTES:
            self._bound_output()

    def flush(self) -> None:
        """Send what is queued: at once as far as possible, the rest soon; never waits."""
        if not self._output or self._is_closing:
            return
        if not self._is_sending and self.unsent_bytes <= SEND_BYTES:
            data = b"".join(self._output)
            sent = send_now(self._stream, data)
            self._has_sent(sent)
            rest = data[sent:]
            self._output = [rest] if rest else []
            self._is_sending = bool(sent and rest)  # then the writer has to finish a frame
        if self._output:
            self._posted.set()

    def _bound_output(self) -> None:
        if self.unsent_bytes > self._output_bytes_max:
            self.close_because(
                DoesNotRead(
                    f"the other side does not read its answers: {self.unsent_bytes} bytes wait"
                )
            )
        else:
            self._connections.output.update(self, self.unsent_bytes)

    def __aiter__(self) -> "Connection":
        """Messages until the other side closes; raises WireError for anything else."""
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 - whatever the codec knows
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def receive(self) -> Any | None:  # noqa: ANN401 - whatever the codec knows
        """The next message; None when the other side has closed."""
        while (payload := self._decoder.next_frame()) is None:
            if not await self.receive_more():
                return None
        return self._read(payload)

    def received(self) -> Iterator[Any]:
        """The messages that are here already; raises WireError at the first that is none."""
        while (payload := self._decoder.next_frame()) is not None:
            yield self._read(payload)

    async def receive_more(self) -> bool:
        """Wait until more is here, though perhaps no whole message; False at the end."""
        data = await self._receive_some()
        if not data:
            self._check_end()
            return False
        self._take(data)
        return True

    async def read(self, readers: Readers, handle: Callable[[], bool]) -> bool:
        """Call `handle` whenever more is here, until it has to wait for something: True.

        False at the end. Raises what `handle` raises, too.
        """

        def take(data: bytes) -> bool:
            self._take(data)
            return handle()

        self._is_receiving = True
        is_open = await readers.read(self._stream, take)
        self._is_receiving = False
        if not is_open:
            self._check_end()
        return is_open

    def _take(self, data: bytes) -> None:
        self._decoder.receive_data(data)
        if self._decoder.incomplete_bytes > FREE_BYTES:
            self._bound_input()

    def _check_end(self) -> None:
        if self._decoder.incomplete_bytes:
            raise WireError("the connection ended inside a frame")

    async def receive_preface(self, length: int) -> bytes:
        """The first `length` bytes of all, which are no frame."""
        data = b""
        while len(data) < length:
            more = await self._receive_some()
            if not more and not data:
                raise trio.BrokenResourceError("closed before it said anything")
            if not more:
                raise ForeignBytes(f"the connection ended after {len(data)} bytes")
            data += more
        self._decoder.receive_data(data[length:])
        return data[:length]

    def greeted(self) -> None:
        """The hello was right: larger frames may follow."""
        self._decoder.allow(FRAME_BYTES_MAX)
        self.is_greeted = True

    def _read(self, payload: bytes) -> Any:  # noqa: ANN401 - whatever the codec knows
        self.frames += 1
        self.frame_bytes = len(payload)
        if self._is_input_held:
            self._bound_input()
        return self._codec.decode(payload)

    def _bound_input(self) -> None:
        held = self._decoder.incomplete_bytes
        self._is_input_held = held > FREE_BYTES
        self._connections.input.update(self, held)

    async def _receive_some(self) -> bytes:
        self._is_receiving = True
        data = await receive_some(self._stream, CHUNK_BYTES)
        self._is_receiving = False
        return data

    async def _write(self) -> None:
        with self._ending:
            while True:
                await self._posted.wait()
                self._posted = trio.Event()
                # While it closes a goodbye is on its way, and is the last word.
                while self._output and not self._is_closing:
                    await self._send(self._take_output())
        assert self._ends_because is not None
        if not self._is_sending:  # in the middle of a frame nobody would understand it
            await self._say_goodbye(str(self._ends_because))
        raise self._ends_because

    def _take_output(self) -> bytes:
        """What is to be sent next: whole frames, few enough to be counted until they have left."""
        size = count = 0
        for data in self._output:
            size += len(data)
            if count and size > SEND_BYTES:
                break
            count += 1
        data = b"".join(self._output[:count])
        del self._output[:count]
        return data

    async def _send(self, data: bytes) -> None:
        self._is_sending = True
        if len(data) <= SEND_BYTES:
            await self._stream.send_all(data)
            self._has_sent(len(data))
        else:
            with memoryview(data) as view:
                for start in range(0, len(data), SEND_BYTES):
                    piece = view[start : start + SEND_BYTES]
                    await self._stream.send_all(piece)
                    self._has_sent(len(piece))
        self._is_sending = False

    def _has_sent(self, length: int) -> None:
        self.sent_bytes += length
        if self.unsent_bytes > FREE_BYTES:
            self._connections.output.update(self, self.unsent_bytes - length)
        self.unsent_bytes -= length

    async def _say_goodbye(self, reason: str) -> None:
        """Tell the other side why, if it still listens; not worth waiting long for."""
        data = b"".join(self._output) + frame(self._codec.encode(Goodbye(reason)), FRAME_BYTES_MAX)
        with trio.move_on_after(1, shield=True):
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                return
