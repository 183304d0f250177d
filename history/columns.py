"""A history as columns: plain numbers in arrays, one entry an operation, in file order.

Reading makes columns and nothing else, because making a Python object of each operation would cost
more than judging it does. Operations are made of them when somebody asks: `OperationsView` is a
sequence of `Operation` like any list of them.

A JSON value is a *word* of 64 bits; the two lowest say what kind:

    00  null (0), true (4), false (8), absent (12)
    01  a whole number
    10  a text: string, list or object, kept once, as JSON; its number is the rest of the word
    11  a pair, such as the argument of a cas; its number is the rest of the word

Equal words are equal values. Different words are different values, except pairs, and texts whose
kind is `HAS_OBJECT`: nobody compared those.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import repeat
from sys import intern
from typing import TYPE_CHECKING, Any, Final, cast, overload

import msgspec

from history.event import Stamp, Value
from history.operation import Operation, Outcome

if TYPE_CHECKING:
    from history import _native

NULL: Final = 0
TRUE: Final = 4
FALSE: Final = 8
ABSENT: Final = 12
NUMBER: Final = 1
TEXT: Final = 2
PAIR: Final = 3

HAS_OBJECT: Final = 2
"""The kind of a text in which an object stands, whose members may come in any order."""

OUTCOMES: Final = (Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN)
"""By the number in the column."""

NOWHERE: Final = -1
"""The position or rank of a return that there is none of, and the line of what was in no file."""

NO_NUMBER: Final = -(2**63)
"""The time of a return that there is none of, and the seq of an operation without one."""

_CONSTANTS: Final = {NULL: None, TRUE: True, FALSE: False, ABSENT: None}


class Columns:
    """The columns of one history, and what their words mean."""

    def __init__(self, native: "_native.Columns") -> None:
        self.native: Final = native
        """The arrays; they live as long as any view of them."""
        self._texts: dict[int, Value] = {}

    def __len__(self) -> int:
        return len(self.native)

    @cached_property
    def ranks(self) -> tuple[memoryview, memoryview]:
        """Calls and returns as in `Operation`; a return is `NOWHERE` where there is none."""
        return self.native.ranks()

    @cached_property
    def points(self) -> tuple[memoryview, memoryview, int]:
        """Calls and returns as some distinct numbers in the order of the ranks, and a bound.

        Where no two events of a file have one time, their positions will do, and cost nothing.
        """
        native = self.native
        if len(native.call_position) == len(native) and not native.has_ties:
            return native.call_position, native.return_position, native.position_count
        calls, returns = self.ranks
        return calls, returns, 2 * len(native)

    @cached_property
    def _text_bytes(self) -> bytes:
        return self.native.text_bytes

    def value(self, word: int) -> Value:
        """The value that a word stands for. Equal lists may be one object."""
        kind, number = word & 3, word >> 2
        if kind == NUMBER:
            return number
        if kind == TEXT:
            if number not in self._texts:
                self._texts[number] = self._decoded(number)
            return self._texts[number]
        if kind == PAIR:
            pairs = self.native.pairs
            return [self.value(pairs[2 * number]), self.value(pairs[2 * number + 1])]
        return _CONSTANTS[word]

    def word(self, value: Value) -> int | None:
        """The word of a scalar; `None` when no operation of this history can have it."""
        if value is None or isinstance(value, bool):
            return {None: NULL, True: TRUE, False: FALSE}[value]
        if isinstance(value, int):
            return value << 2 | NUMBER if abs(value) < 10**18 else None
        if isinstance(value, str):
            wanted, begin = msgspec.json.encode(value), 0
            for number, end in enumerate(self.native.text_ends):
                if end - begin == len(wanted) and self._text_bytes[begin:end] == wanted:
                    return number << 2 | TEXT
                begin = end
        return None

    def operation(self, index: int) -> Operation:
        """One operation, made anew."""
        (operation,) = self.operations(index, index + 1)
        return operation

    def operations(self, begin: int, end: int) -> Iterator[Operation]:
        """Make the operations from `begin` up to `end`."""
        native, value = self.native, self.value
        names = [intern(name) for name in native.names]
        calls, returns = self.ranks

        def words(column: "memoryview[int] | None", default: int) -> Iterator[int]:
            return repeat(default) if column is None else iter(column[begin:end])

        rows = zip(
            range(begin, end),
            native.process[begin:end],
            native.f[begin:end],
            words(native.key, ABSENT),
            native.value[begin:end],
            native.output[begin:end],
            native.outcome[begin:end],
            calls[begin:end],
            returns[begin:end],
            native.call_time[begin:end],
            native.return_time[begin:end],
            words(native.session, NULL),
            words(native.seq, NO_NUMBER),
            words(native.node, NULL),
            words(native.error, NULL),
            words(native.stamp, NULL),
            native.line[begin:end],
            strict=False,
        )
        for (
            index, process, f, key, argument, output, outcome, call, return_, call_time,
            return_time, session, seq, node, error, stamp, line,
        ) in rows:  # fmt: skip
            yield Operation(
                index=index,
                process=value(process),
                f=names[f],
                key=value(key),
                value=value(argument),
                output=value(output),
                outcome=OUTCOMES[outcome],
                call=call,
                return_=None if return_ == NOWHERE else return_,
                call_time=call_time,
                return_time=None if return_time == NO_NUMBER else return_time,
                session=value(session),
                seq=None if seq == NO_NUMBER else seq,
                node=value(node),
                error=value(error),
                stamp=None if stamp == NULL else self._stamp(stamp),
                line=None if line == NOWHERE else line,
            )

    def _stamp(self, word: int) -> Stamp:
        shard, number = self.value(word)
        return shard, number

    def _decoded(self, number: int) -> Value:
        ends = self.native.text_ends
        begin = ends[number - 1] if number else 0
        found: Any = msgspec.json.decode(self._text_bytes[begin : ends[number]])
        return intern(found) if type(found) is str else found


class OperationsView(Sequence[Operation]):
    """Operations that are made when they are asked for; all of them are kept once all were."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._all: list[Operation] | None = None

    def __len__(self) -> int:
        return len(self._columns)

    @overload
    def __getitem__(self, index: int) -> Operation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Operation]: ...
    def __getitem__(self, index: int | slice) -> Operation | list[Operation]:
        if self._all is not None:
            return self._all[index]
        positions = range(len(self))[index]
        if isinstance(positions, int):
            return self._columns.operation(positions)
        return [self._columns.operation(position) for position in positions]

    def __iter__(self) -> Iterator[Operation]:
        return self._made() if self._all is None else iter(self._all)

    def _made(self) -> Iterator[Operation]:
        # One by one, so that whoever runs out of time or needs only a few need not wait for all.
        made: list[Operation] = []
        for operation in self._columns.operations(0, len(self)):
            made.append(operation)
            yield operation
        self._all = made

    def __eq__(self, other: object) -> bool:
        if isinstance(other, OperationsView | list | tuple):
            return list(self) == list(cast("Sequence[object]", other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return f"<{len(self)} operations>"
