"""The zones first, then the search, each as far as the limits allow."""

from array import array
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Final

from checker.budget import Budget, Meter, resident_mb
from checker.columnar import search, zones
from checker.columnar.operations import (
    IS_NATIVE,
    arguments,
    columns_for,
    initial_word,
    is_ours,
)
from checker.evidence.telling import cut_down
from checker.model import Model
from checker.values import value_of
from checker.verdict import NotLinearizable, Verdict
from history.columns import Columns

if TYPE_CHECKING or IS_NATIVE:
    from checker._native import registers_flaw

_BYTES_PER_OPERATION: Final = 110
"""More than the engine needs beside the columns: `benchmarks/registers.py` prints the peak."""


def judge(history: object, model: Model, *, meter: Meter, shrink: bool) -> Verdict | None:
    """The verdict; None when the general way is needed.

    A contradiction without cas has its core even without `shrink`: the few operations that are
    looked at for it are at hand here, and whoever wants the core later would have to make an object
    of every operation.

    Raises:
        RuntimeError: the engine claims an order that is none: a defect of gong.
    """
    started, budget = monotonic(), meter.budget
    columns = columns_for(history, model)
    if columns is None:
        return None
    initial = initial_word(columns, value_of(model.initial))
    if initial is None or not _has_room(columns, budget):
        return None
    verdict = zones.judge(columns, model, initial, meter=meter, started=started)
    if verdict is None:
        verdict = search.judge(columns, model, initial, meter=meter)
    if shrink and isinstance(verdict, NotLinearizable) and not verdict.counterexample.core:
        everything = columns.operations(0, len(columns))
        return cut_down(everything, verdict, model, budget=budget, started=started)
    return verdict


def flaw(columns: Columns, model: Model, order: Sequence[int]) -> str | None:
    """As `checker.witness.flaw`, for the models of this module: what the engine's orders pass.

    Raises:
        ValueError: the model, or its initial value, is not for this module.
    """
    initial = initial_word(columns, value_of(model.initial))
    if initial is None or not is_ours(model):
        raise ValueError(f"the model {model.name} cannot be replayed on columns")
    indices = memoryview(array("i", order))
    return registers_flaw(*arguments(columns, model, initial), indices) or None


def _has_room(columns: Columns, budget: Budget) -> bool:
    if budget.memory_limit_mb is None:
        return True
    return resident_mb() + len(columns) * _BYTES_PER_OPERATION / 2**20 < budget.memory_limit_mb
