"""Operations as columns of integers over a table of texts: 20,000 of them fit in half a megabyte.

Call times are differences to the call before (counted from `origin`), return times are durations,
-1 means none. A column that is the same everywhere is that one integer.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from harness.report.text import name_text, value_text
from history import Operation, Outcome

OUTCOMES = {Outcome.OK: 0, Outcome.FAILED: 1, Outcome.UNKNOWN: 2}

Column = list[int] | int


class Strings:
    """Texts, each stored once; its number stands for it."""

    def __init__(self) -> None:
        self.table: list[str] = []
        self._number: dict[str, int] = {}
        self._number_of_value: dict[tuple[type, Any], int] = {}

    def number(self, words: str) -> int:
        """The number of a text, a new one if it was not seen before."""
        number = self._number.setdefault(words, len(self.table))
        if number == len(self.table):
            self.table.append(words)
        return number

    def value(self, value: object) -> int:
        """The number of a value's JSON text."""
        if not isinstance(value, str | int | None):
            return self.number(value_text(value))
        number = self._number_of_value.get((type(value), value))
        if number is None:
            number = self._number_of_value[type(value), value] = self.number(value_text(value))
        return number

    def name(self, value: object) -> int:
        """The number of a name (a key, a node), -1 for none."""
        return -1 if value is None else self.number(name_text(value))


def columns(operations: Sequence[Operation], strings: Strings, origin: float) -> dict[str, Any]:
    """The columns that `static/data.js` decodes."""
    starts = [round(operation.call_time - origin) for operation in operations]
    return {
        "count": len(operations),
        "index": _positions([operation.index for operation in operations]),
        "f": _folded(strings.number(name_text(operation.f)) for operation in operations),
        "key": _folded(strings.name(operation.key) for operation in operations),
        "value": _folded(
            -1 if operation.value is None else strings.value(operation.value)
            for operation in operations
        ),
        "output": _folded(
            strings.value(operation.output) if operation.outcome is Outcome.OK else -1
            for operation in operations
        ),
        "outcome": _folded(OUTCOMES[operation.outcome] for operation in operations),
        "node": _folded(strings.name(operation.node) for operation in operations),
        "error": _folded(strings.name(operation.error) for operation in operations),
        "session": _folded(strings.name(operation.session) for operation in operations),
        "seq": _folded(-1 if o.seq is None else o.seq for o in operations),
        "line": _folded(-1 if o.line is None else o.line for o in operations),
        "call": [now - before for before, now in zip([0, *starts], starts, strict=False)],
        "duration": [duration(operation) for operation in operations],
    }


def processes(operations: Sequence[Operation]) -> tuple[list[int | str], Column]:
    """Every process once, in order of appearance, and the number of each operation's."""
    found: dict[int | str, int] = {}
    column = _folded(found.setdefault(o.process, len(found)) for o in operations)
    return [name if isinstance(name, int) else name_text(name) for name in found], column


def duration(operation: Operation) -> int:
    """Nanoseconds (or steps) from call to response; -1 when none came."""
    if operation.return_time is None:
        return -1
    return max(round(operation.return_time - operation.call_time), 0)


def _folded(values: Iterable[int]) -> Column:
    column = list(values)
    if column and column.count(column[0]) == len(column):
        return column[0]
    return column


def _positions(indices: list[int]) -> list[int] | None:
    return None if indices == list(range(len(indices))) else indices
