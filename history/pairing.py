"""Events to operations: each response finds its invocation, and a malformed history is refused.

An event with `session` and `seq` belongs to that pair; any other to the one open operation of its
process. What may be concluded:

    ok               OK; a cas has the output True
    fail             FAILED, except a cas with `error` "mismatch", which observed: OK, output False
    info, or nothing UNKNOWN; the process, and the session, are never used again

Ranks are handed out in file order, one to each call and each return. Where several events bear one
time, the calls among them come first, so that operations which merely touch are concurrent. A call
is therefore ranked when it is read, and a return when the time moves on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from sys import intern
from typing import Final, NamedTuple

from msgspec import UNSET

from history.errors import HistoryError
from history.event import Event, Fail, Info, Invocation, Ok, Stamp, Value, stamp_of
from history.operation import MISMATCH, Operation, Outcome

READS: Final = frozenset({"get", "read"})
"""Operations without an argument: some recorders repeat the result in the invocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """What pairing makes of a sequence of events."""

    operations: list[Operation]
    annotations: list[Event]
    has_times: bool
    """False when some event of an operation bears no time; its position then stands in for it."""


def pair(
    events: Iterable[tuple[int, Event]], *, source: str | None = None, ranked_by_time: bool = True
) -> Paired:
    """Pair all events, given with their line numbers, in one pass and without keeping them.

    `ranked_by_time=False` is for formats in which the order of the file is the order of the
    history and times are for people: they may then go back, or be absent here and there.

    Raises:
        HistoryError: the events are not a history; names the line.
    """
    pairing = Pairing(source=source, ranked_by_time=ranked_by_time)
    feed = pairing.feed
    for line, event in events:
        feed(event, line)
    return pairing.finish()


class _Call(NamedTuple):
    """An invocation, and what is known of it when it is read."""

    slot: int
    """Position among the operations."""
    event: Invocation
    rank: int
    time: int
    line: int


class Pairing:
    """The same, event by event. Call `feed` in file order, then `finish` once."""

    def __init__(self, *, source: str | None = None, ranked_by_time: bool = True) -> None:
        self._source = source
        self._ranked_by_time = ranked_by_time
        self._operations: list[Operation | None] = []
        """`None` while it is open."""
        self._annotations: list[Event] = []
        self._open_by_process: dict[int, _Call] = {}
        self._open_by_seq: dict[tuple[int | str, int], _Call] = {}
        self._used_seqs: dict[int | str, set[int]] = {}
        self._retired_processes: dict[int, int] = {}
        """After an info; with its line."""
        self._retired_sessions: dict[int | str, int] = {}
        """After an info or a fail that is not a mismatch; with its line."""
        self._returned: list[tuple[_Call, Event, int]] = []
        """Calls that returned at `_time`, with the response; their ranks come when time moves on."""
        self._rank = 0
        self._position = 0
        self._time: int | None = None
        self._is_indexed: bool | None = None
        self._is_timed: bool | None = None

    def feed(self, event: Event, line: int) -> None:
        """Take the next event of the file."""
        process = event.process
        if process is None:
            raise self._error("the event has no process, expected a number or a name", line)
        if self._ranked_by_time:
            if event.index != self._position or not self._is_indexed:
                self._check_index(event.index, line)
            if event.time is None or event.time != self._time:
                self._move_time(event, line)
        elif self._returned:
            self._rank_returned()
        position = self._position
        self._position = position + 1
        if isinstance(process, str):
            self._annotations.append(event)
            return
        time = event.time
        if time is None:
            self._is_timed = False
            time = position
        if isinstance(event, Invocation):
            self._call(event, process, time, line)
        else:
            self._return(event, process, time, line)

    def finish(self) -> Paired:
        """Say what became of every operation; those without a response are unknown."""
        self._rank_returned()
        for waiting in (self._open_by_process, self._open_by_seq):
            for call in waiting.values():
                self._operations[call.slot] = _operation(call, Outcome.UNKNOWN)
        operations = [operation for operation in self._operations if operation is not None]
        assert len(operations) == len(self._operations)
        return Paired(
            operations=operations,
            annotations=self._annotations,
            has_times=self._is_timed is not False,
        )

    def _check_index(self, index: int | None, line: int) -> None:
        if self._is_indexed is None:
            self._is_indexed = index is not None
        if not self._is_indexed and index is not None:
            raise self._error(f"index {index} where earlier events bear no index", line)
        if self._is_indexed and index != self._position:
            found = "no index" if index is None else f"index {index}"
            raise self._error(f"{found}, expected index {self._position}", line)

    def _move_time(self, event: Event, line: int) -> None:
        """Check the time of `event` against the one before, and rank what returned until then."""
        time = event.time
        if isinstance(event.process, int):
            if self._is_timed is None:
                self._is_timed = time is not None
            if self._is_timed and time is None:
                raise self._error("no time, expected one as earlier events bear one", line)
            if not self._is_timed and time is not None:
                raise self._error(f"time {time} where earlier events bear no time", line)
        if time is not None:
            if self._time is not None and time < self._time:
                raise self._error(f"time goes back from {self._time} to {time}", line)
            self._time = time
        self._rank_returned()

    def _rank_returned(self) -> None:
        for call, event, time in self._returned:
            self._operations[call.slot] = self._completed(call, event, time, self._rank)
            self._rank += 1
        self._returned.clear()

    def _call(self, event: Invocation, process: int, time: int, line: int) -> None:
        if event.f is None:
            raise self._error("the invocation has no f, expected the operation's name", line)
        if process in self._retired_processes:
            raise self._error(
                f"process {process} is used again after its info in line "
                f"{self._retired_processes[process]}",
                line,
            )
        session = event.session
        if session is not None and session in self._retired_sessions:
            raise self._error(
                f"session {session} is used again after line {self._retired_sessions[session]} "
                "ended it",
                line,
            )
        if isinstance(event.key, list | dict):
            raise self._error("key is not a string, a number or a boolean", line)
        call = _Call(len(self._operations), event, self._rank, time, line)
        if session is not None and event.seq is not None:
            seqs = self._used_seqs.setdefault(session, set())
            if event.seq in seqs:
                raise self._error(f"seq {event.seq} of session {session} is used twice", line)
            seqs.add(event.seq)
            self._open_by_seq[session, event.seq] = call
        elif process in self._open_by_process:
            first = self._open_by_process[process].line
            raise self._error(
                f"process {process} invokes again while its invocation in line {first} is open",
                line,
            )
        else:
            self._open_by_process[process] = call
        self._operations.append(None)
        self._rank += 1

    def _return(self, event: Event, process: int, time: int, line: int) -> None:
        if event.session is not None and event.seq is not None:
            call = self._open_by_seq.pop((event.session, event.seq), None)
            whose = f"seq {event.seq} of session {event.session}"
        else:
            call = self._open_by_process.pop(process, None)
            whose = f"process {process}"
        if call is None:
            raise self._error(f"a response, but no invocation of {whose} is open", line)
        asked = call.event
        if event.f is not None and event.f != asked.f:
            raise self._error(_differ("f", asked.f, event.f, call.line), line)
        if event.key is not UNSET and event.key != asked.key:
            raise self._error(_differ("key", asked.key, event.key, call.line), line)
        if process != asked.process:
            raise self._error(_differ("process", asked.process, process, call.line), line)
        if isinstance(event, Info):
            self._retired_processes[process] = line
            self._operations[call.slot] = _operation(
                call, Outcome.UNKNOWN, return_time=time, error=event.error
            )
        else:
            if asked.f == "cas" and isinstance(event, Ok) and event.value is False:
                raise self._error(
                    'an ok cas with value false; a cas that found another value is a fail with error "mismatch"',
                    line,
                )
            self._returned.append((call, event, time))
        if (
            asked.session is not None
            and not isinstance(event, Ok)
            and not _is_mismatch(call, event)
        ):
            self._retired_sessions[asked.session] = line

    def _completed(self, call: _Call, event: Event, time: int, rank: int) -> Operation:
        if isinstance(event, Ok):
            output = None if event.value is UNSET else event.value
            if call.event.f == "cas":
                output = True
            return _operation(
                call,
                Outcome.OK,
                return_=rank,
                return_time=time,
                output=output,
                error=event.error,
                stamp=stamp_of(event.stamp),
            )
        assert isinstance(event, Fail)
        outcome, output, stamp = Outcome.FAILED, None, None
        if _is_mismatch(call, event):
            outcome, output, stamp = Outcome.OK, False, stamp_of(event.stamp)
        return _operation(
            call,
            outcome,
            return_=rank,
            return_time=time,
            output=output,
            error=event.error,
            stamp=stamp,
        )

    def _error(self, message: str, line: int) -> HistoryError:
        return HistoryError(message, line, self._source)


def _operation(
    call: _Call,
    outcome: Outcome,
    *,
    return_: int | None = None,
    return_time: int | None = None,
    output: Value = None,
    error: Value = None,
    stamp: Stamp | None = None,
) -> Operation:
    event = call.event
    assert event.process is not None
    assert event.f is not None
    key = None if event.key is UNSET else event.key
    return Operation(
        index=call.slot,
        process=event.process,
        f=intern(event.f),  # a file spells these few words again in every line
        key=intern(key) if type(key) is str else key,
        value=None if event.value is UNSET or event.f in READS else event.value,
        output=output,
        outcome=outcome,
        call=call.rank,
        return_=return_,
        call_time=call.time,
        return_time=return_time,
        session=event.session,
        seq=event.seq,
        node=None if event.node is None else intern(event.node),
        error=error,
        stamp=stamp,
        line=call.line,
    )


def _is_mismatch(call: _Call, event: Event) -> bool:
    return call.event.f == "cas" and isinstance(event, Fail) and event.error == MISMATCH


def _differ(field: str, asked: object, answered: object, line: int) -> str:
    asked = "none" if asked is UNSET else repr(asked)
    return f"{field} is {answered!r}, but the invocation in line {line} has {asked}"
