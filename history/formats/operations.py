"""Finished operations, one JSON object a line, in any order.

`{"process": 3, "f": "write", "key": 0, "value": 5, "call": 1000, "return": 2000, "output": null}`

A `return` of null means unknown. At equal times a call comes before a return. Processes are names
only: operations of one process may overlap, which other recorders allow.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from history.columnar import IS_NATIVE, read_into, start_of
from history.columns import OperationsView
from history.errors import HistoryError
from history.event import Value, stamp_of
from history.file import Writer
from history.history import History
from history.lines import decoded_lines, numbered
from history.operation import MISMATCH, Operation, Outcome
from history.pairing import READS

if TYPE_CHECKING or IS_NATIVE:
    from history._native import OperationReader

NAME: Final = "operations"


class _Line(Struct, frozen=True, kw_only=True, rename={"return_": "return"}):
    process: int | str
    f: str
    call: int | float
    return_: int | float | None
    key: Value = None
    value: Value = None
    output: Value | UnsetType = UNSET
    session: int | str | None = None
    seq: int | None = None
    node: str | None = None
    error: Value = None
    stamp: Value = None


_LINES: Final = msgspec.json.Decoder(_Line)


def recognises(head: str) -> bool:
    """True where the first line is a JSON object with a call and no event type."""
    first = head.split("\n", 1)[0]
    return first.startswith("{") and '"call"' in first and '"type"' not in first


def read(file: BinaryIO, *, source: str | None = None) -> History:
    """Read a whole file and rank its calls and returns."""
    start = start_of(file)
    if start is not None:
        history = _read_natively(file, source)
        if history is not None:
            return history
        file.seek(start)
    warnings: list[str] = []
    lines = list(decoded_lines(numbered(file), _LINES, source=source, warnings=warnings))
    for number, line in lines:
        _check(line, number, source)
    calls, returns = _ranks([line for _, line in lines])
    return History(
        operations=[
            _operation(index, number, line, calls[index], returns[index])
            for index, (number, line) in enumerate(lines)
        ],
        warnings=warnings,
        source=source,
        format=NAME,
    )


def _read_natively(file: BinaryIO, source: str | None) -> History | None:
    """The same, faster; `None` when the file is not plain enough for that."""
    warnings: list[str] = []
    columns = read_into(OperationReader(), file, _LINES, warnings=warnings)
    if columns is None:
        return None
    return History(
        operations=OperationsView(columns),
        warnings=warnings,
        source=source,
        format=NAME,
        columns=columns,
    )


def write(file: BinaryIO, operations: Iterable[Operation]) -> None:
    """Write operations, in their order; those that failed did not happen and are left out.

    Times are the operations' own where these tell the order of the ranks, and the ranks where they
    do not (the order of some formats is that of the file).
    """
    operations = list(operations)
    use_ranks = not _times_tell_order(operations)
    Writer(file).append_all(
        _as_line(operation, use_ranks=use_ranks)
        for operation in operations
        if operation.outcome is not Outcome.FAILED
    )


def _times_tell_order(operations: list[Operation]) -> bool:
    """True where ranking the times again gives the order of the ranks."""
    points: list[tuple[int, float, bool]] = []
    for operation in operations:
        points.append((operation.call, operation.call_time, False))
        if operation.return_ is not None and operation.return_time is not None:
            points.append((operation.return_, operation.return_time, True))
    points.sort()
    return all(before[1:] <= after[1:] for before, after in pairwise(points))


def _check(line: _Line, number: int, source: str | None) -> None:
    if isinstance(line.key, list | dict):
        message = "key is not a string, a number or a boolean"
        raise HistoryError(message, number, source)
    if line.return_ is None:
        return
    if line.return_ < line.call:
        message = f"return {line.return_} is before call {line.call}"
        raise HistoryError(message, number, source)
    if line.f == "cas" and not isinstance(line.output, bool):
        message = "a cas that returned has no output, expected true or false"
        raise HistoryError(message, number, source)


def _ranks(lines: list[_Line]) -> tuple[list[int], list[int | None]]:
    """Number all calls and returns by time, calls first among equals, then in file order."""
    points: list[tuple[int | float, bool, int]] = []
    for index, line in enumerate(lines):
        points.append((line.call, False, index))
        if line.return_ is not None:
            points.append((line.return_, True, index))
    points.sort()
    calls = [0] * len(lines)
    returns: list[int | None] = [None] * len(lines)
    for rank, (_, is_return, index) in enumerate(points):
        if is_return:
            returns[index] = rank
        else:
            calls[index] = rank
    return calls, returns


def _operation(index: int, number: int, line: _Line, call: int, return_: int | None) -> Operation:
    output = None if line.output is UNSET or return_ is None else line.output
    is_mismatch = line.f == "cas" and output is False
    return Operation(
        index=index,
        process=line.process,
        f=line.f,
        key=line.key,
        value=None if line.f in READS else line.value,
        output=output,
        outcome=Outcome.UNKNOWN if return_ is None else Outcome.OK,
        call=call,
        return_=return_,
        call_time=line.call,
        return_time=line.return_,
        session=line.session,
        seq=line.seq,
        node=line.node,
        error=MISMATCH if is_mismatch else line.error,
        stamp=None if return_ is None else stamp_of(line.stamp),
        line=number,
    )


def _as_line(operation: Operation, *, use_ranks: bool) -> dict[str, Any]:
    is_known = operation.outcome is Outcome.OK
    returned = operation.return_ if use_ranks else operation.return_time
    line = {
        "process": operation.process,
        "f": operation.f,
        "key": operation.key,
        "value": operation.value,
        "call": operation.call if use_ranks else operation.call_time,
        "return": returned if is_known else None,
        "output": operation.output if is_known else None,
    }
    for field in ("session", "seq", "node", "error", "stamp"):
        extra = getattr(operation, field)
        if extra is not None:
            line[field] = extra
    return line
