"""One connection as messages in and messages out, with bounds and an end.

Used by the client port, the links between replicas and the master. Whatever comes from the other
side can only end this connection: bytes that are no message raise `WireError` from the iteration,
and an output queue that its reader does not empty closes the connection instead of growing.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from logging import Logger
from typing import Any, Final, Protocol, TypeVar

import trio

from node.direct import receive_some, send_now
from node.errors import VersionMismatch, WireError
from node.runtime.nursery import bare_errors
from node.wire.codec import Codec
from node.wire.framing import FrameDecoder, frame
from node.wire.messages import PROTOCOL_VERSION, Goodbye

CHUNK_BYTES: Final = 64 * 1024
HELLO_TIMEOUT_S: Final = 5.0
"""A connection that has not said who it is by then is closed: half-open ones cost memory."""

OUTPUT_BYTES_MAX: Final = 16 * 1024 * 1024
"""Answers that may wait for a slow reader before its connection is closed."""


class Connection:
    """Messages over one stream. Use inside `async with connection.open()`."""

    def __init__(self, stream: trio.abc.Stream, codec: Codec[Any], *, frame_bytes_max: int) -> None:
        self._stream = stream
        self._codec = codec
        self._frame_bytes_max = frame_bytes_max
        self._decoder = FrameDecoder(frame_bytes_max)
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._posted = trio.Event()
        self._is_writing = False
        self._patience = trio.CancelScope()
        # Around the writer: cancelled when the other side does not read, which the writer, in the
        # middle of sending, would never notice by itself.

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run the writer; leaving closes the stream. Raises bare errors, never a group of one."""
        async with self._stream:
            with bare_errors(WireError, trio.BrokenResourceError, trio.ClosedResourceError):
                async with trio.open_nursery() as connection_nursery:
                    connection_nursery.start_soon(self._write)
                    try:
                        yield
                    except WireError as error:
                        await self._say_goodbye(str(error))
                        raise
                    connection_nursery.cancel_scope.cancel()

    def post(self, message: object) -> None:
        """Queue one message and have it sent soon; never waits."""
        self.queue(message)
        self._posted.set()

    def queue(self, message: object) -> None:
        """Queue one message, which leaves with the next `flush` or `post`; never waits."""
        data = frame(self._codec.encode(message), self._frame_bytes_max)
        if self._output_bytes + len(data) > OUTPUT_BYTES_MAX:
            self._patience.cancel()
        else:
            self._output.append(data)
            self._output_bytes += len(data)

    def flush(self) -> None:
        """Send what is queued: at once as far as possible, the rest soon; never waits."""
        if not self._output:
            return
        if not self._is_writing:
            data = b"".join(self._output)
            rest = data[send_now(self._stream, data) :]
            self._output, self._output_bytes = [rest] if rest else [], len(rest)
        if self._output:
            self._posted.set()

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
        return self._codec.decode(payload)

    def received(self) -> Iterator[Any]:
        """The messages that are here already; raises WireError at the first that is none."""
        while (payload := self._decoder.next_frame()) is not None:
            yield self._codec.decode(payload)

    async def receive_more(self) -> bool:
        """Wait until more is here, though perhaps no whole message; False at the end."""
        data = await receive_some(self._stream, CHUNK_BYTES)
        if not data:
            if self._decoder.incomplete_bytes:
                raise WireError("the connection ended inside a frame")
            return False
        self._decoder.receive_data(data)
        return True

    async def _write(self) -> None:
        with self._patience:
            while True:
                await self._posted.wait()
                self._posted = trio.Event()
                if self._is_writing:
                    continue  # a goodbye is on its way, and is the last word
                data, self._output, self._output_bytes = b"".join(self._output), [], 0
                self._is_writing = True
                await self._stream.send_all(data)
                self._is_writing = False
        raise WireError("the other side does not read its answers")

    async def _say_goodbye(self, reason: str) -> None:
        """Tell the other side why, if it still listens; not worth waiting long for."""
        data = b"".join(self._output) + frame(
            self._codec.encode(Goodbye(reason)), self._frame_bytes_max
        )
        self._is_writing = True  # what is posted from now on must not get in between
        with trio.move_on_after(1, shield=True):
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                return


class Hello(Protocol):
    """What every first message carries."""

    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def cluster(self) -> str: ...  # noqa: D102


HelloT = TypeVar("HelloT", bound=Hello)


async def expect_hello(connection: Connection, kind: type[HelloT], cluster: str) -> HelloT:
    """The first message, which must be a `kind` of our version and cluster; raises WireError."""
    message = None
    with trio.move_on_after(HELLO_TIMEOUT_S):
        message = await connection.receive()
    if not isinstance(message, kind):
        raise WireError(f"expected {kind.__name__} first, found {type(message).__name__}")
    if message.version != PROTOCOL_VERSION:
        raise VersionMismatch(
            f"protocol version {message.version}; this side speaks {PROTOCOL_VERSION}"
        )
    if message.cluster not in (cluster, ""):
        raise VersionMismatch(f"cluster {message.cluster!r}; this is {cluster!r}")
    return message


class Counters:
    """How many connections ended, and why; for status, reports and tests."""

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()

    @contextmanager
    def connection(self, kind: str, log: Logger) -> Iterator[None]:
        """Take the end of one connection for what it is: an event, not an error of ours."""
        why = "closed"
        try:
            yield
        except WireError as error:
            why = type(error).__name__
            log.warning("closed a %s connection: %s", kind, error)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            why = "broken"
        finally:
            self.ended[f"{kind}: {why}"] += 1
