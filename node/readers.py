"""Reading for many connections in one task.

    connection's task ── read(stream, take) ── parked ──────────────────────▶ enough, or the end
                                 │                            ▲
    one task              epoll ── for each that is ready: take(what arrived)

In Trio's own way each chunk costs its connection a call of epoll_ctl and a turn of the scheduler:
more than the work on a small request. Here a connection is registered once, for as long as its data
can be taken without waiting; whatever has to be waited for is up to the connection's own task. Where
there is no epoll, and for streams that are no sockets, such as those of the simulator, that task
reads by itself.
"""

import os
import select
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import outcome
import trio

from node.direct import receive_some

HAS_EPOLL: Final = hasattr(select, "epoll")

CHUNK_BYTES: Final = 64 * 1024

ROUNDS_MAX: Final = 4
"""Rounds of reading before everybody else's turn. Whoever is busy finds more to read when a round is
over, and each wait less is one turn of Trio's loop less, with its two calls of the system."""

Take = Callable[[bytes], bool]
"""Takes what has arrived, at least a byte, without waiting; False is enough for now."""


PAUSE_S: Final = 0.00005
"""Within which somebody has to come, when company is waited for; with what the system adds, a tenth of
a millisecond. This thread sleeps meanwhile: that is less than an fsync on the same thread."""

COMPANY_WAIT_S: Final = 0.002
"""And after which none is waited for, though more come all the time."""

After = Callable[[bool], bool]
"""Ends a round. Told whether it may wait for more; whether it does. Called again soon if so."""


def _nothing() -> None:
    pass


def _no_wait(_may_wait: bool) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Reader:
    task: trio.lowlevel.Task
    take: Take


class Readers:
    """Who waits for data, and what is done with it. Reads within `open()`, once."""

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        self._readers: dict[int, _Reader] = {}
        """By file descriptor."""

    @asynccontextmanager
    async def open(
        self, before: Callable[[], None] = _nothing, after: After = _no_wait
    ) -> AsyncIterator[None]:
        """Within the block somebody reads; everybody must have left when it ends.

        What arrived together is taken between `before` and `after`.
        """
        if not HAS_EPOLL:
            yield
            return
        with select.epoll() as self._epoll:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._run, self._epoll, before, after)
                yield
                nursery.cancel_scope.cancel()
        assert not self._readers
        self._epoll = None

    async def _run(self, epoll: select.epoll, before: Callable[[], None], after: After) -> None:
        while True:
            await trio.lowlevel.wait_readable(epoll.fileno())
            no_wait_at = trio.current_time() + COMPANY_WAIT_S
            rounds = 0
            ready = epoll.poll(0)
            while ready:
                rounds += 1
                before()
                for descriptor, _ in ready:
                    # Whoever came before may have ended this one.
                    reader = self._readers.get(descriptor)
                    if reader is not None:
                        self._read(descriptor, reader)
                if after(trio.current_time() < no_wait_at):
                    ready = _pause(epoll)
                    if not ready:
                        before()
                        after(False)
                elif rounds < ROUNDS_MAX:
                    ready = epoll.poll(0)
                else:
                    break

    async def read(self, stream: trio.abc.Stream, take: Take) -> bool:
        """Hand over what arrives on `stream`, chunk by chunk, until `take` has enough: True.

        False when the other side has closed. Raises BrokenResourceError, and what `take` raises.
        Nobody else may close `stream` meanwhile: a cancellation ends this.
        """
        if self._epoll is None or not isinstance(stream, trio.SocketStream):
            while data := await receive_some(stream, CHUNK_BYTES):
                if not take(data):
                    return True
            return False
        descriptor = stream.socket.fileno()
        if descriptor < 0:
            raise trio.ClosedResourceError("this stream was closed")
        self._epoll.register(descriptor, select.EPOLLIN)
        self._readers[descriptor] = _Reader(trio.lowlevel.current_task(), take)

        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self._leave(descriptor)
            return trio.lowlevel.Abort.SUCCEEDED

        goes_on: bool = await trio.lowlevel.wait_task_rescheduled(abort)
        return goes_on

    def _read(self, descriptor: int, reader: _Reader) -> None:
        try:
            data = os.read(descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return  # somebody cried wolf
        except OSError as error:
            broken = trio.BrokenResourceError(f"socket connection broken: {error}")
            broken.__cause__ = error
            self._wake(descriptor, reader, outcome.Error(broken))
            return
        if not data:
            self._wake(descriptor, reader, outcome.Value(False))
            return
        try:
            if not reader.take(data):
                self._wake(descriptor, reader, outcome.Value(True))
        except BaseException as error:  # which is for the task that reads
            self._wake(descriptor, reader, outcome.Error(error))

    def _wake(
        self, descriptor: int, reader: _Reader, result: outcome.Value[bool] | outcome.Error
    ) -> None:
        self._leave(descriptor)
        trio.lowlevel.reschedule(reader.task, result)

    def _leave(self, descriptor: int) -> None:
        assert self._epoll is not None
        del self._readers[descriptor]
        self._epoll.unregister(descriptor)


def _pause(epoll: select.epoll) -> list[tuple[int, int]]:
    """Who is ready, perhaps after a pause."""
    ready = epoll.poll(0)
    if not ready:
        time.sleep(PAUSE_S)
        ready = epoll.poll(0)
    return ready
