"""A history and a model as the native functions take them: columns, kinds, an initial word."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Final, overload

from checker.model import Model
from checker.patience import is_over
from checker.values import Value
from history import History
from history.columnar import columns_of
from history.columns import Columns

IS_NATIVE: Final = find_spec("checker._native") is not None
"""Whether this build has the native engine. Where it exists, not loading is an error."""

_MISFIT, _FOREIGN, _READ, _WRITE, _CAS = range(5)
"""As in `checker/native/registers.hpp`."""

_KINDS: Final = {
    "register": {"read": _READ, "write": _WRITE},
    "cas-register": {"read": _READ, "write": _WRITE, "cas": _CAS},
    "kv": {
        "get": _READ,
        "read": _READ,
        "put": _WRITE,
        "write": _WRITE,
        "cas": _CAS,
        "delete": _FOREIGN,
        "append": _FOREIGN,
    },
}

UNMENTIONED: Final = 16
"""The word of an initial value that no operation of the history mentions."""


def columns_for(history: object, model: Model) -> Columns | None:
    """The columns of a history that the native functions may judge, made where there are none."""
    if not IS_NATIVE or not is_ours(model):
        return None
    if isinstance(history, History):
        return history.columns
    return columns_of(history, is_over) if type(history) is list else None


def is_ours(model: Model) -> bool:
    """True for the models of that name that come with gong; a user's own may differ."""
    return model.name in _KINDS and type(model).__module__.startswith("checker.models.")


def initial_word(columns: Columns, value: Value) -> int | None:
    """The word of an initial state; None for one that words cannot tell from others."""
    if isinstance(value, list | dict):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    word = columns.word(value)
    return UNMENTIONED if word is None else word


Arguments = tuple[
    memoryview, memoryview, int, memoryview, memoryview, bytes, memoryview | None,
    memoryview, memoryview, memoryview, memoryview, int,
]  # fmt: skip
"""What the native functions take first: see `checker/_native.pyi`."""


def arguments(columns: Columns, model: Model, initial: int) -> Arguments:
    """The history as the native functions take it; views, not copies."""
    native, kinds = columns.native, _KINDS[model.name]
    calls, returns, point_count = columns.points
    return (
        calls,
        returns,
        point_count,
        native.outcome,
        native.f,
        bytes(kinds.get(name, _MISFIT) for name in native.names),
        native.key,
        native.value,
        native.output,
        native.pairs,
        native.text_kinds,
        initial,
    )


class Order(Sequence[int]):
    """Indices of operations, as the engine wrote them; equal to any sequence of the same."""

    def __init__(self, indices: memoryview) -> None:
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return Order(self._indices[index]) if isinstance(index, slice) else self._indices[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._indices)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<order of {len(self)} operations>"
