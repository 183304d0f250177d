"""Operations back to events, for writing a history in another format.

The events come in the order of the ranks and with strictly increasing times, so whoever pairs them
again gets the same precedence, whatever the tie rule of the format the history came from. Times are
those of the operations, moved by a nanosecond where two are equal; ranks stand in for times that are
not whole numbers.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from msgspec import UNSET

from history.event import Event, Fail, Info, Invocation, Ok, Value
from history.operation import MISMATCH, Operation, Outcome


def events_of(operations: Iterable[Operation]) -> Iterator[Event]:
    """Yield the invocations and responses of `operations`, numbered from 0.

    A process that has a name, is already waiting, or was retired by an info cannot invoke in our
    own format: a new number takes its place, which changes the order within that process only.
    """
    operations = list(operations)
    processes = _Processes(operations)
    is_whole = all(
        isinstance(time, int | None)
        for operation in operations
        for time in (operation.call_time, operation.return_time)
    )
    time = -1
    for index, (rank, at, operation, is_return) in enumerate(_points(operations)):
        wanted = int(at) if is_whole else rank
        time = max(wanted, time + 1)
        if is_return:
            process = processes.release(operation)
            yield _response(operation, index, time, process)
        else:
            process = processes.take(operation)
            yield _invocation(operation, index, time, process)


def _points(operations: list[Operation]) -> Iterator[tuple[int, float, Operation, bool]]:
    """Yield (rank, time, operation, is it the return) in order; an info has its neighbour's rank."""
    ranked: list[tuple[int, float, int, bool]] = []
    for position, operation in enumerate(operations):
        ranked.append((operation.call, operation.call_time, position, False))
        if operation.return_ is not None:
            assert operation.return_time is not None
            ranked.append((operation.return_, operation.return_time, position, True))
    ranked.sort()
    infos: list[tuple[float, int]] = []
    rank = 0
    for rank, time, position, is_return in ranked:
        while infos and infos[0][0] < time:
            at, unknown = heappop(infos)
            yield rank, at, operations[unknown], True
        operation = operations[position]
        yield rank, time, operation, is_return
        if operation.outcome is Outcome.UNKNOWN and operation.return_time is not None:
            heappush(infos, (operation.return_time, position))
    for at, unknown in sorted(infos):
        yield rank, at, operations[unknown], True


class _Processes:
    """Which number each operation's process goes by."""

    def __init__(self, operations: list[Operation]) -> None:
        numbers = [o.process for o in operations if isinstance(o.process, int)]
        self._next = max(numbers, default=-1) + 1
        self._number: dict[int | str, int] = {}
        self._of_operation: dict[int, int] = {}
        self._unusable: set[int] = set()

    def take(self, operation: Operation) -> int:
        """Number for an invocation."""
        process = operation.process
        own = process if isinstance(process, int) else None
        number = self._number.get(process, own)
        if number is None or number in self._unusable:
            number = self._next
            self._next += 1
            self._number[process] = number
        if not _is_numbered(operation):
            self._unusable.add(number)
        self._of_operation[operation.index] = number
        return number

    def release(self, operation: Operation) -> int:
        """Number for its response; the process of an info stays unusable."""
        number = self._of_operation.pop(operation.index)
        if operation.outcome is Outcome.UNKNOWN:
            self._unusable.add(number)
        elif not _is_numbered(operation):
            self._unusable.discard(number)
        return number


def _is_numbered(operation: Operation) -> bool:
    """True for an operation that is paired by session and seq, and so may overlap."""
    return operation.session is not None and operation.seq is not None


def _invocation(operation: Operation, index: int, time: int, process: int) -> Invocation:
    return Invocation(
        index=index,
        time=time,
        process=process,
        f=operation.f,
        value=operation.value,
        key=UNSET if operation.key is None else operation.key,
        session=operation.session,
        seq=operation.seq,
        node=operation.node,
    )


def _response(operation: Operation, index: int, time: int, process: int) -> Event:
    kind: type[Ok | Fail | Info] = Ok
    value: Value = UNSET
    match operation.outcome:
        case Outcome.OK if operation.is_mismatch:
            kind = Fail
        case Outcome.OK:
            value = _result(operation)
        case Outcome.FAILED:
            kind = Fail
        case Outcome.UNKNOWN:
            kind = Info
    return kind(
        index=index,
        time=time,
        process=process,
        f=operation.f,
        value=value,
        key=UNSET if operation.key is None else operation.key,
        session=operation.session,
        seq=operation.seq,
        node=operation.node,
        error=MISMATCH if operation.is_mismatch else operation.error,
        stamp=operation.stamp,
    )


def _result(operation: Operation) -> Value:
    """The value of an ok: the result, or the argument again where there is none to speak of."""
    if operation.f == "cas" or operation.output is None:
        return operation.value
    return operation.output
