"""The native search on columns: for values written twice, and for cas that missed.

It knows the rules of registers, so it asks nobody anything; `native/registers_search.hpp` has more.
An order that it finds is replayed natively by code that shares nothing with it.
"""

from typing import TYPE_CHECKING, Final

from checker import general
from checker.budget import Budget, Meter
from checker.columnar.operations import IS_NATIVE, UNMENTIONED, Order, arguments
from checker.engines.wording import name, one_of
from checker.model import Model
from checker.values import show, token
from checker.verdict import (
    Counterexample,
    Linearizable,
    NotLinearizable,
    Statistics,
    Verdict,
    Witness,
)
from history.columns import Columns

if TYPE_CHECKING or IS_NATIVE:
    from checker._native import RegistersSearched, search_registers

_CONFIGURATIONS: Final = 50_000
_CONFIGURATIONS_PER_OPERATION: Final = 4
"""What the search may explore before the general way gets its turn, which shares the time fairly
among the objects: some 0.1 s, and four times what a history without any detour takes."""

_SHARE: Final = 2
"""The search here may use half of the time, so that the general way has the other."""


def judge(columns: Columns, model: Model, initial: int, *, meter: Meter) -> Verdict | None:
    """What the search finds as long as it is easy, else None."""
    left_s = meter.left_s()
    limit = None if left_s is None else left_s / _SHARE
    share = Meter(Budget(time_limit_s=limit, memory_limit_mb=meter.budget.memory_limit_mb))
    found = search_registers(
        *arguments(columns, model, initial),
        _CONFIGURATIONS + _CONFIGURATIONS_PER_OPERATION * len(columns),
        lambda: share.exhausted() is not None,
    )
    if found.answer == "declined":
        return None
    statistics = Statistics(
        operations=len(columns),
        crashed=found.crashed,
        partitions=found.objects,
        engines={general.NATIVE: found.objects},
    )
    if found.answer == "accepted":
        return Linearizable(Witness(Order(found.order)), statistics)
    return NotLinearizable(_in_brief(columns, model, found), statistics)


def _in_brief(columns: Columns, model: Model, found: "RegistersSearched") -> Counterexample:
    """The operation that has no place; `cut_down` looks into why."""
    culprit = columns.operation(found.operation)
    values = {
        model.describe_state(model.initial if word == UNMENTIONED else token(columns.value(word)))
        for word in found.values
    }
    on_key = "" if culprit.key is None else f"On key {show(culprit.key)}, "
    return Counterexample(
        operation=culprit.index,
        operations=tuple(found.beside),
        explanation=f"{on_key}{name(culprit, model)}, but no order of the operations allows it. "
        f"When it returned, the {model.state_noun} could only be {one_of(values)}.",
        key=culprit.key,
        is_brief=True,
    )
