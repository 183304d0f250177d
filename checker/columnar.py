"""Judge registers on columns: a history of millions of operations without one Python object each.

For `register`, `cas-register` and `kv` where the values written to a key are all different. The
native engine takes the columns and gives an order, or a few operations that contradict each other,
or a reason why it cannot tell: then `check` goes on as if nobody had been asked.

Neither answer is taken on trust. An order is replayed natively by code that shares nothing with the
engine (`checker/native/registers_flaw.cpp`). A contradiction is a handful of operations: they alone
become objects, and the Python engine, which is written and tested apart, has to find them guilty
and says why. `docs/internals/columns.md` tells what each of them proves.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Final, overload

from checker.budget import Budget, resident_mb
from checker.engines.interface import Refuted
from checker.engines.register import RegisterZones
from checker.evidence.steps import Rule, Step
from checker.evidence.telling import cut_down
from checker.model import Model
from checker.values import Value, value_of
from checker.verdict import Linearizable, NotLinearizable, Statistics, Undecided, Verdict, Witness
from history import History, Operation
from history.columns import Columns

IS_NATIVE: Final = find_spec("checker._native") is not None
"""Whether this build has the native engine. Where it exists, not loading is an error."""

if TYPE_CHECKING or IS_NATIVE:
    from checker._native import RegistersFinding, judge_registers, registers_flaw

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

_UNMENTIONED: Final = 16
"""The word of an initial value that no operation of the history mentions."""

_BYTES_PER_OPERATION: Final = 110
"""More than the engine needs beside the columns: `benchmarks/registers.py` prints the peak."""


def judge(history: object, model: Model, *, budget: Budget, shrink: bool) -> Verdict | None:
    """The verdict; None when the general way is needed.

    A contradiction without cas has its core even without `shrink`: the few operations that are
    looked at for it are at hand here, and whoever wants the core later would have to make an object
    of every operation.

    Raises:
        RuntimeError: the engine claims an order that is none: a defect of gong.
    """
    columns = history.columns if isinstance(history, History) else None
    if columns is None or not IS_NATIVE or not _is_ours(model):
        return None
    initial = _initial_word(columns, value_of(model.initial))
    if initial is None or not _has_room(columns, budget):
        return None
    started = monotonic()
    seconds = -1.0 if budget.time_limit_s is None else budget.time_limit_s
    finding = judge_registers(*_arguments(columns, model, initial), seconds)
    decided = {"accepted": finding.objects, "refuted": 1}.get(finding.answer, 0)
    statistics = Statistics(
        operations=len(columns),
        crashed=finding.crashed,
        partitions=finding.objects,
        engines={RegisterZones.name: decided} if decided else {},
    )
    match finding.answer:
        case "accepted":
            return Linearizable(Witness(Order(finding.order)), statistics)
        case "refuted":
            verdict, few = _refuted(columns, finding, model, statistics)
            if not any(operation.f == "cas" for operation in few):
                shorter = cut_down(few, verdict, model, budget=budget, started=started)
                return _with_first_steps(shorter, few)
            if not shrink:
                return verdict
            # The values of a chain go together or not at all, and a chain may be as long as the
            # history.
            everything = columns.operations(0, len(columns))
            return cut_down(everything, verdict, model, budget=budget, started=started)
        case "stopped":
            reason = f"the time limit of {budget.time_limit_s:g} s was reached"
            return Undecided(reason, statistics)
        case _:
            return None


def flaw(columns: Columns, model: Model, order: Sequence[int]) -> str | None:
    """As `checker.witness.flaw`, for the models of this module: what the engine's orders pass.

    Raises:
        ValueError: the model, or its initial value, is not for this module.
    """
    initial = _initial_word(columns, value_of(model.initial))
    if initial is None or not _is_ours(model):
        raise ValueError(f"the model {model.name} cannot be replayed on columns")
    indices = memoryview(array("i", order))
    return registers_flaw(*_arguments(columns, model, initial), indices) or None


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


def _is_ours(model: Model) -> bool:
    """True for the models of that name that come with gong; a user's own may differ."""
    return model.name in _KINDS and type(model).__module__.startswith("checker.models.")


def _initial_word(columns: Columns, value: Value) -> int | None:
    if isinstance(value, list | dict):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    word = columns.word(value)
    return _UNMENTIONED if word is None else word


def _has_room(columns: Columns, budget: Budget) -> bool:
    if budget.memory_limit_mb is None:
        return True
    return resident_mb() + len(columns) * _BYTES_PER_OPERATION / 2**20 < budget.memory_limit_mb


_Arguments = tuple[
    memoryview, memoryview, int, memoryview, memoryview, bytes, memoryview | None,
    memoryview, memoryview, memoryview, memoryview, int,
]  # fmt: skip
"""What the native functions take first: see `checker/_native.pyi`."""


def _arguments(columns: Columns, model: Model, initial: int) -> _Arguments:
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


def _refuted(
    columns: Columns, finding: "RegistersFinding", model: Model, statistics: Statistics
) -> tuple[NotLinearizable, list[Operation]]:
    """The contradiction, judged again and worded; with its operations."""
    wanted = sorted({index for index in finding.operations if index >= 0})
    few = [columns.operation(index) for index in wanted]
    again = RegisterZones().judge(few, model)
    assert isinstance(again, Refuted), f"{finding.rule} of operations {wanted} is none: {again}"
    return NotLinearizable(replace(again.counterexample, rule=again.rule), statistics), few


def _with_first_steps(verdict: NotLinearizable, few: list[Operation]) -> NotLinearizable:
    """The steps from the whole to its core, where those from the `few` on are known.

    What the engine kept are writes and some reads of a few values: so all other reads go, and then
    all other values.
    """
    found = verdict.counterexample
    if not found.core:
        return verdict
    key, *steps = found.steps
    assert key.rule is Rule.KEY, key
    kept = tuple(operation.index for operation in few)
    first = (Step(rule=Rule.OBSERVERS, keep=kept), Step(rule=Rule.VALUES, keep=kept))
    return replace(verdict, counterexample=replace(found, steps=(key, *first, *steps)))
