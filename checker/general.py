"""The general search, for every model: whatever the polynomial engines decline."""

from typing import Final

from msgspec import Struct

from checker.budget import Meter
from checker.engines.interface import Accepted, Refuted
from checker.explain import explain, name_operation
from checker.model import Model
from checker.prepare import Problem, prepare
from checker.search import Found, Stopped, Stuck, search
from checker.values import show
from history import Operation

REFERENCE: Final = "reference"


class OutOfBudget(Struct, frozen=True):
    """Time or memory ran out."""

    reason: str
    """Which limit, and how far the search came."""


def judge(
    part: list[Operation], model: Model, meter: Meter
) -> tuple[str, Accepted | Refuted | OutOfBudget]:
    """Search one part; says which engine did, and what it found."""
    problem = prepare(part, model, meter)
    if problem is None:
        why = meter.exhausted() or "a limit was reached"
        return REFERENCE, OutOfBudget(f"{why} before the search began")
    match search(problem, meter):
        case Found(order):
            return REFERENCE, Accepted([problem.operations[number].index for number in order])
        case Stuck() as stuck:
            return REFERENCE, Refuted(explain(problem, stuck), "search")
        case Stopped(why, event):
            return REFERENCE, OutOfBudget(f"{why}{_place(problem, event)}")


def _place(problem: Problem, event: int) -> str:
    """How far the search came."""
    key = problem.operations[event].key
    on_key = "" if key is None else f" on key {show(key)}"
    return f"{on_key} at the return of {name_operation(problem, event)}"
