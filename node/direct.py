"""Sending and receiving in one step, where nothing has to be waited for.

    send_now ──▶ what the kernel takes at once       the rest: send_all, by a task that may wait
    receive_some ◀── one wait, one read

Trio's own methods do more: a checkpoint after a send that did not wait, and a read before the wait,
which in a conversation of questions and answers finds nothing. Together that is half of what a
round trip costs a process. A stream that is no socket may have a method `send_now`, as those of the
simulator have; one that has none is sent to in the ordinary way alone.
"""

import os
from typing import Protocol, runtime_checkable

import trio


@runtime_checkable
class _SendsNow(Protocol):
    def send_now(self, data: bytes) -> int: ...


def send_now(stream: trio.abc.Stream, data: bytes) -> int:
    """How many bytes of `data` could be sent without waiting.

    Not while anybody is in `send_all`. 0 also when the connection is broken or closed: the next
    `send_all` says how.
    """
    if isinstance(stream, trio.SocketStream):
        try:
            return os.write(stream.socket.fileno(), data)
        except OSError:
            return 0
    return stream.send_now(data) if isinstance(stream, _SendsNow) else 0


async def receive_some(stream: trio.abc.Stream, max_bytes: int) -> bytes:
    """As the stream's own: what has arrived, at least a byte; nothing at the end."""
    if not isinstance(stream, trio.SocketStream):
        return bytes(await stream.receive_some(max_bytes))
    while True:
        if stream.socket.fileno() < 0:
            raise trio.ClosedResourceError("this stream was closed")
        await trio.lowlevel.wait_readable(stream.socket)
        try:
            return os.read(stream.socket.fileno(), max_bytes)
        except BlockingIOError:
            continue  # somebody cried wolf
        except OSError as error:
            raise trio.BrokenResourceError(f"socket connection broken: {error}") from error
