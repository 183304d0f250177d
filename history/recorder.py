"""Writes down what happens while it happens, so that a killed run keeps its history.

An invocation is with the operating system before the caller may send its request, a response before
the caller may use it: the file never knows less than the system under test. Times strictly
increase, one nanosecond more where the clock stood still or went back, so that the order of the file
is the order of the history. One thread uses a recorder; nothing here awaits.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

from msgspec import UNSET, UnsetType

from history.event import Event, Fail, Info, Invocation, Ok, Response, Stamp, Value
from history.file import Writer, header_line

ResponseT = TypeVar("ResponseT", bound=Response)


class Recorder:
    """Appends events to a new file at a path, to an open binary file, or (`None`) to memory only.

    `clock` returns nanoseconds, real or virtual. Leaving the `with` block closes the file; an
    operation that is still in flight then stays without a response, which means unknown.
    """

    def __init__(
        self,
        target: str | Path | BinaryIO | None,
        clock: Callable[[], int],
        *,
        header: Mapping[str, Any] | None = None,
        keep_events: bool = False,
    ) -> None:
        assert target is not None or keep_events, "neither a file nor memory to record to"
        match target:
            case None:
                self._writer = None
            case str() | Path():
                self._writer = Writer.create(target)
            case _:
                self._writer = Writer(target)
        self._clock = clock
        self._time = -1
        self._index = 0
        self._events: list[Event] | None = [] if keep_events else None
        self._open: dict[int, Invocation] = {}
        self._retired: set[int | str] = set()
        if self._writer is not None:
            self._writer.append(header_line(header))

    @property
    def in_flight(self) -> int:
        """Count of invocations that have no response yet."""
        return len(self._open)

    @property
    def events(self) -> list[Event]:
        """Everything recorded so far; only with `keep_events`."""
        assert self._events is not None, "events are kept only with keep_events"
        return self._events

    def invoke(
        self,
        process: int,
        f: str,
        value: Value | UnsetType = UNSET,
        *,
        key: Value | UnsetType = UNSET,
        session: int | str | None = None,
        seq: int | None = None,
        node: str | None = None,
    ) -> Invocation:
        """Record that a client asks; send the request only after this has returned."""
        assert process not in self._retired, f"process {process} was retired by an info"
        invocation = Invocation(
            index=self._index,
            time=self._next_time(),
            process=process,
            f=f,
            value=value,
            key=key,
            session=session,
            seq=seq,
            node=node,
        )
        self._append(invocation)
        assert invocation.index is not None
        self._open[invocation.index] = invocation
        return invocation

    def ok(
        self,
        invocation: Invocation,
        value: Value | UnsetType = UNSET,
        *,
        node: str | None = None,
        stamp: Stamp | None = None,
    ) -> Ok:
        """Record that it happened; `value` is the result (read, written, or the pair of a cas)."""
        return self._respond(Ok, invocation, value, node=node, stamp=stamp)

    def fail(
        self,
        invocation: Invocation,
        error: Value = None,
        *,
        node: str | None = None,
        stamp: Stamp | None = None,
    ) -> Fail:
        """Record that it certainly did not happen, or the `MISMATCH` of a cas."""
        return self._respond(Fail, invocation, error=error, node=node, stamp=stamp)

    def info(self, invocation: Invocation, error: Value = None, *, node: str | None = None) -> Info:
        """Record that nobody knows; the process invokes nothing more."""
        response = self._respond(Info, invocation, error=error, node=node)
        assert invocation.process is not None
        self._retired.add(invocation.process)
        return response

    def annotate(self, name: str, f: str, value: Value | UnsetType = UNSET) -> Info:
        """Record something that no client did, for the reports: a fault, a mark."""
        event = Info(index=self._index, time=self._next_time(), process=name, f=f, value=value)
        self._append(event)
        return event

    def close(self) -> None:
        """Close the file, if there is one; may be called twice."""
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _respond(
        self,
        kind: type[ResponseT],
        invocation: Invocation,
        value: Value | UnsetType = UNSET,
        *,
        error: Value = None,
        node: str | None,
        stamp: Stamp | None = None,
    ) -> ResponseT:
        assert invocation.index is not None
        assert self._open.get(invocation.index) is invocation, "not in flight in this recorder"
        response = kind(
            index=self._index,
            time=self._next_time(),
            process=invocation.process,
            f=invocation.f,
            value=value,
            key=invocation.key,
            session=invocation.session,
            seq=invocation.seq,
            node=invocation.node if node is None else node,
            error=error,
            stamp=stamp,
        )
        self._append(response)
        del self._open[invocation.index]
        return response

    def _next_time(self) -> int:
        return max(self._clock(), self._time + 1)

    def _append(self, event: Event) -> None:
        """Write `event`; a value that is not JSON raises before anything is consumed."""
        if self._writer is not None:
            self._writer.append(event)
        if self._events is not None:
            self._events.append(event)
        assert event.time is not None
        self._time = event.time
        self._index += 1
