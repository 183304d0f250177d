"""Mistakes that people make when they record a history, found before the verdict misleads them.

Warnings are sentences. They never change a verdict: a history may be odd and right. What makes a
history unreadable (a completion without invocation, a return before its call) the readers refuse.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, Protocol

from checker.model import Model
from checker.values import show, token
from history import History, Operation, Outcome

OPERATIONS_MAX: Final = 50_000
"""Operations that are looked at: a recorder's mistake shows early, and nobody waits for advice."""

_EXAMPLES_MAX: Final = 2
"""Examples of one mistake; a count tells of the others."""

_INSTANT_SHARE: Final = 0.1
"""Of the completed operations, to call operations without a duration a mistake."""
_INSTANT_MIN: Final = 10

_WALL_CLOCKS: Final = (
    ("ns", 10**18, 4 * 10**18),
    ("µs", 10**15, 4 * 10**15),
    ("ms", 10**12, 4 * 10**12),
)
"""Between 2001 and 2096. No machine has been up for that long, so no monotonic clock reads that."""

_WRITES: Final = frozenset({"write", "put", "enqueue", "push", "insert"})
_SET_CHANGES: Final = frozenset({"add", "remove"})
_PUTS: Final = frozenset({"write", "put", "enqueue", "push", "insert", "add", "append"})
_GETS: Final = frozenset({"read", "get", "dequeue", "pop", "poll", "peek"})
_ONE_VALUE: Final = frozenset({"register", "cas-register", "kv"})
_MANY_VALUES: Final = frozenset({"fifo-queue", "stack", "priority-queue"})
_ANSWERED: Final = _ONE_VALUE | _MANY_VALUES | {"set", "append-list"}
"""Models of which we know that the answer to a write is none. (A counter may answer its sum.)"""


class Recorded(Protocol):
    """A history, as `history.load` returns it."""

    @property
    def operations(self) -> Sequence[Operation]:
        """All of them, in file order."""

    @property
    def has_times(self) -> bool:
        """False when times are positions in the file."""


def lint(history: Recorded, model: Model) -> list[str]:
    """Warnings about a history that is to be judged by `model`; one sentence each.

    Only the first `OPERATIONS_MAX` operations of the file are looked at, and what they alone cannot
    show is not said. Of columns, no others become objects.
    """
    operations, horizon = _beginning(history)
    found = [] if horizon is not None else [*_outcomes(operations)]
    found += [*_keys(operations), *_answers(operations, model), *_overlaps(operations)]
    if history.has_times:
        found += _times(operations)
    return [*found, *_values(operations, model, horizon)]


def _beginning(history: Recorded) -> tuple[list[Operation], int | None]:
    """What is looked at, and the first call of what is not, if there is such."""
    everything = history.operations
    columns = history.columns if isinstance(history, History) else None
    if len(everything) <= OPERATIONS_MAX:
        return list(everything), None
    if columns is None:
        rest = everything[OPERATIONS_MAX:]
        return list(everything[:OPERATIONS_MAX]), min(operation.call for operation in rest)
    calls, _ = columns.ranks
    return list(columns.operations(0, OPERATIONS_MAX)), min(calls[OPERATIONS_MAX:])


def _outcomes(operations: list[Operation]) -> Iterator[str]:
    if not operations:
        yield "the history has no operations, and so proves nothing"
    elif all(operation.outcome is Outcome.FAILED for operation in operations):
        yield "all operations failed, so there is nothing to judge"
    elif all(operation.outcome is not Outcome.OK for operation in operations):
        yield "no operation completed, so nothing that the system answered is judged"


def _keys(operations: list[Operation]) -> Iterator[str]:
    without = [operation for operation in operations if operation.key is None]
    if without and len(without) < len(operations):
        yield (
            f"{_count(len(without), 'operation')} of {len(operations)} {_have(len(without))} no key "
            f"(first {_place(without[0])}): they are judged as one more object, apart from all keys"
        )


def _answers(operations: list[Operation], model: Model) -> Iterator[str]:
    """Writes that were answered with another value than was written; no model looks at it.

    A recorder may leave the answer out, repeat the value, or answer true or false. (Of a cas
    nothing is left of the answer but whether it succeeded.)
    """
    found = [o for o in operations if o.outcome is Outcome.OK and _is_of_another(o, model)]
    for operation in found[:_EXAMPLES_MAX]:
        yield (
            f"{operation.f} {show(operation.value)} was answered with {show(operation.output)} "
            f"({_place(operation)}){_more(len(found))}: it counts as {operation.f} "
            f"{show(operation.value)}, and its answer should be that value or none; is it the answer "
            f"to another operation?"
        )


def _is_of_another(operation: Operation, model: Model) -> bool:
    answer, value = operation.output, operation.value
    if answer is None or isinstance(answer, bool) or token(answer) == token(value):
        return False
    if model.name not in _ANSWERED:
        return False
    if operation.f == "append":  # some answer with what it has become
        return not isinstance(answer, list) and not str(answer).endswith(str(value))
    return operation.f in (_SET_CHANGES if model.name == "set" else _WRITES)


def _overlaps(operations: list[Operation]) -> Iterator[str]:
    """Operations of one process at once, without the sessions that would allow it."""
    last: dict[int | str, Operation] = {}
    found: list[tuple[Operation, Operation]] = []
    for operation in sorted(operations, key=lambda o: o.call):
        if operation.session is not None and operation.seq is not None:
            continue
        before = last.get(operation.process)
        if before is not None and before.return_ is not None and before.return_ > operation.call:
            found.append((before, operation))
        last[operation.process] = operation
    if found:
        examples = ", ".join(f"{_place(a)} and {_place(b)}" for a, b in found[:_EXAMPLES_MAX])
        yield (
            f"process {found[0][0].process} has two operations at once ({examples}"
            f"{_more(len(found))}): a process is sequential, so either two clients share a number "
            f"or the times are wrong"
        )


def _times(operations: list[Operation]) -> Iterator[str]:
    backwards = [o for o in operations if o.return_time is not None and o.return_time < o.call_time]
    if backwards:
        yield (
            f"{_count(len(backwards), 'operation')} returned before the call (first "
            f"{_place(backwards[0])}): call and return must be read off the same monotonic clock"
        )
    completed = [operation for operation in operations if operation.outcome is Outcome.OK]
    instant = [operation for operation in completed if operation.return_time == operation.call_time]
    if len(instant) >= max(_INSTANT_MIN, _INSTANT_SHARE * len(completed)):
        yield (
            f"{len(instant)} of {len(completed)} completed operations took no time at all (first "
            f"{_place(instant[0])}): the clock is too coarse, and operations that touch count as "
            f"concurrent, which hides violations"
        )
    yield from _clock(operations)


def _clock(operations: list[Operation]) -> Iterator[str]:
    points = [(o.call, o.call_time, o) for o in operations]
    points += [
        (o.return_, o.return_time, o)
        for o in operations
        if o.return_ is not None and o.return_time is not None
    ]
    points.sort(key=lambda point: point[0])
    for (_, before, _), (_, after, operation) in pairwise(points):
        if after < before:
            yield (
                f"time goes back from {before} to {after} ({_place(operation)}), while the order "
                f"of the file is what counts: was it sorted, or read off several clocks?"
            )
            break
    first = points[0][1] if points else 0
    for unit, low, high in _WALL_CLOCKS:
        if low <= first < high:
            yield (
                f"times look like a wall clock ({unit} since 1970), which may be set back or differ "
                f"between machines: record time.monotonic_ns() of one machine"
            )


def _values(operations: list[Operation], model: Model, horizon: int | None) -> Iterator[str]:
    """Values that came from nowhere, or from operations that are said to have failed.

    What returned after the `horizon` may have seen operations that are not among these.
    """
    if model.name not in _ONE_VALUE | _MANY_VALUES or any(o.f == "append" for o in operations):
        return
    written: set[Hashable] = set()
    failed: dict[Hashable, Operation] = {}
    for operation in operations:
        for value in _put(operation):
            name = (token(operation.key), token(value))
            if operation.outcome is Outcome.FAILED:
                failed.setdefault(name, operation)
            else:
                written.add(name)
    revived: dict[Hashable, tuple[Operation, Operation]] = {}
    unwritten: dict[Hashable, Operation] = {}
    for operation in operations:
        value = _got(operation)
        name = (token(operation.key), token(value))
        if value is None or name in written or _is_initial(value, model):
            continue
        if horizon is not None and (operation.return_ is None or operation.return_ > horizon):
            continue
        if name in failed:
            revived.setdefault(name, (failed[name], operation))
        else:
            unwritten.setdefault(name, operation)
    for put, got in list(revived.values())[:_EXAMPLES_MAX]:
        yield (
            f"{put.f} {show(put.value)} was recorded as failed ({_place(put)}) but read later "
            f"({_place(got)}){_more(len(revived))}: a timeout is unknown (info), not failed"
        )
    for got in list(unwritten.values())[:_EXAMPLES_MAX]:
        yield (
            f"{got.f} returned {show(got.output)} ({_place(got)}), which nobody "
            f"{'wrote' if horizon is None else 'had written'}"
            f"{_more(len(unwritten))}{_hint(got.output, written, model)}"
        )


def _put(operation: Operation) -> list[Any]:
    """The values that an operation would make readable."""
    if operation.f == "cas":
        pair = operation.value
        is_pair = (
            isinstance(pair, list | tuple) and len(pair) == 2 and operation.output is not False
        )
        return [pair[1]] if is_pair else []
    return [operation.value] if operation.f in _PUTS else []


def _got(operation: Operation) -> Any:  # noqa: ANN401 - any JSON value
    is_known = operation.outcome is Outcome.OK and operation.f in _GETS
    return operation.output if is_known else None


def _is_initial(value: Any, model: Model) -> bool:  # noqa: ANN401 - any JSON value
    if model.name in _ONE_VALUE:
        return bool(token(value) == model.initial)
    return bool(model.initial != type(model).initial)


def _hint(value: Any, written: Iterable[Hashable], model: Model) -> str:  # noqa: ANN401
    """A likely reason."""
    values = [name[1] for name in written if isinstance(name, tuple)]
    if isinstance(value, int | float) and str(value) in values:
        return f": what was written is the text {show(str(value))}, not the number"
    if isinstance(value, str) and any(str(other) == value for other in values):
        return f": what was written is the number {value}, not the text"
    if model.initial is None and not values:
        return ": was it there before? then say so with --initial"
    return ": was it there before (--initial), or is a write missing from the history?"


def _place(operation: Operation) -> str:
    return f"operation {operation.index}" if operation.line is None else f"line {operation.line}"


def _more(count: int) -> str:
    more = count - _EXAMPLES_MAX
    return f", and {more} more" if more > 0 else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
