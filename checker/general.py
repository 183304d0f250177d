"""The general search, for every model: whatever the polynomial engines decline."""

from typing import Final

from msgspec import Struct

from checker.budget import Meter
from checker.culprit import find_culprit
from checker.engines.interface import Accepted, Refuted
from checker.errors import UnsupportedError
from checker.explain import explain, name_operation
from checker.lowering import NativeSearch, lower, native_search, run
from checker.model import Model
from checker.patience import LimitReached, limited
from checker.prepare import Problem, prepare
from checker.search import Found, Stopped, Stuck, search
from checker.values import show
from checker.whole import judge_by_keys
from history import Operation

NATIVE: Final = "native"
REFERENCE: Final = "reference"


class OutOfBudget(Struct, frozen=True):
    """Time or memory ran out."""

    reason: str
    """Which limit, and how far the search came."""


def judge(
    part: list[Operation], model: Model, meter: Meter, engine: str = "auto"
) -> tuple[str, Accepted | Refuted | OutOfBudget]:
    """Search one part; says which engine did, and what it found.

    Raises:
        UnsupportedError: the native engine is wanted and not there, or there and does not load.
    """
    native = None if engine == REFERENCE else native_search()
    if native is None and engine == NATIVE:
        raise UnsupportedError("this build has no native engine; use auto or reference")
    try:
        with limited(meter):
            if native is not None and type(model).partition is not Model.partition:
                by_keys = judge_by_keys(
                    part, model, lambda few, one: _judge(few, one, meter, native)
                )
                if by_keys is not None:
                    return by_keys
            return _judge(part, model, meter, native)
    except LimitReached as why:
        return _name(native), OutOfBudget(f"{why} before the search began")


def _judge(
    part: list[Operation], model: Model, meter: Meter, native: NativeSearch | None
) -> tuple[str, Accepted | Refuted | OutOfBudget]:
    name = _name(native)
    problem = prepare(part, model)
    found = search(problem, meter) if native is None else _search(native, problem, meter)
    match found:
        case Found(order):
            return name, Accepted([problem.operations[number].index for number in order])
        case Stuck() as stuck:
            return name, Refuted(explain(problem, stuck), "search")
        case Stopped(why, event):
            return name, OutOfBudget(f"{why}{_place(problem, event)}")


def _name(native: NativeSearch | None) -> str:
    return REFERENCE if native is None else NATIVE


def _search(native: NativeSearch, problem: Problem, meter: Meter) -> Found | Stuck | Stopped:
    """As `checker.search.search`, natively."""
    lowered = lower(problem)
    answer = run(native, problem.table, lowered, meter)
    if answer.status == "found":
        return Found(answer.order)
    if answer.status == "stopped":
        return Stopped(answer.why, answer.event)
    return find_culprit(native, problem, lowered, answer, meter)


def _place(problem: Problem, event: int) -> str:
    """How far the search came."""
    key = problem.operations[event].key
    on_key = "" if key is None else f" on key {show(key)}"
    return f"{on_key} at the return of {name_operation(problem, event)}"
