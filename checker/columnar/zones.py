"""Native zones on columns: for values that were written once each.

Neither answer of the engine is taken on trust. An order is replayed natively by code that shares
nothing with the engine (`native/registers_flaw.cpp`). A contradiction is a handful of operations:
they alone become objects, and the Python engine, which is written and tested apart, has to find
them guilty and says why.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from checker.budget import Meter
from checker.columnar.operations import IS_NATIVE, Order, arguments
from checker.engines.interface import Refuted
from checker.engines.register import RegisterZones
from checker.engines.wording import name, on_key
from checker.evidence.steps import Rule, Step
from checker.evidence.telling import cut_down
from checker.model import Model
from checker.verdict import Linearizable, NotLinearizable, Statistics, Undecided, Verdict, Witness
from history import Operation
from history.columns import Columns

if TYPE_CHECKING or IS_NATIVE:
    from checker._native import RegistersFinding, judge_registers


def judge(
    columns: Columns, model: Model, initial: int, *, meter: Meter, started: float
) -> Verdict | None:
    """The verdict; None when some value that was read was written twice, or the like."""
    left_s, budget = meter.left_s(), meter.budget
    seconds = -1.0 if left_s is None else left_s
    finding = judge_registers(*arguments(columns, model, initial), seconds)
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
            # The values of a chain go together or not at all, and a chain may be as long as the
            # history: not here. What made the value that a cas found may not be among the few, so
            # they cannot say where it came from.
            found = verdict.counterexample
            names = "; ".join(name(operation, model) for operation in few)
            words = f"no order of the operations allows all of these: {names}."
            brief = replace(found, explanation=f"{on_key(found.key)}{words}", is_brief=True)
            return replace(verdict, counterexample=brief)
        case "stopped":
            reason = f"the time limit of {budget.time_limit_s:g} s was reached"
            return Undecided(reason, statistics)
        case _:
            return None


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
