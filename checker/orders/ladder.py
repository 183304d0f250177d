"""How far down a broken history is still good: the weaker orders that it keeps.

A history that is not linearizable may still be sequentially consistent, which tells stale reads
from lost writes. The question is asked after the verdict stands, within what is left of the
budget, and "nobody knows" is one of its answers.
"""

from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Final

from checker.budget import Budget, Meter
from checker.engines.interface import Accepted, Refuted
from checker.model import Model
from checker.orders.judge import judge
from checker.orders.problem import Order
from checker.orders.witness import flaw
from checker.patience import LimitReached, limited
from checker.verdict import NotLinearizable
from history import Operation

_ASKING_S_MAX: Final = 1.0
"""The question is by the way, and worth a second, also when the judgement may take longer."""

OPERATIONS_MAX: Final = 200_000
"""In longer histories nobody asks: setting the question out would take longer than the second."""


def with_weaker_orders(
    operations: Sequence[Operation],
    verdict: NotLinearizable,
    model: Model,
    *,
    budget: Budget | None = None,
    started: float | None = None,
    engine: str = "auto",
) -> NotLinearizable:
    """The verdict, with `also["sequential"]` True, False, or None where nobody knows.

    That is where the time was too short, or where there are more than `OPERATIONS_MAX` operations:
    then they are not even looked at.

    `operations` and `model` are those that were judged, in the initial state that was. `started`
    (`time.monotonic`) is when the budget began to run, if it was not now. `engine` is as for
    `checker.check`.
    """
    budget = budget or Budget()
    left = _ASKING_S_MAX
    if budget.time_limit_s is not None:
        left = min(left, budget.time_limit_s - (0 if started is None else monotonic() - started))
    kept = None
    if left > 0 and len(operations) <= OPERATIONS_MAX:
        meter = Meter(Budget(time_limit_s=left, memory_limit_mb=budget.memory_limit_mb))
        kept = _is_sequential(list(operations), model, meter, engine)
    return replace(verdict, also={**verdict.also, "sequential": kept})


def _is_sequential(
    operations: list[Operation], model: Model, meter: Meter, engine: str
) -> bool | None:
    found = judge(operations, model, Order.SEQUENTIAL, meter, engine=engine, explain_s=0.0)
    if isinstance(found, Accepted):
        try:
            with limited(meter):
                wrong = flaw(operations, model, found.order, Order.SEQUENTIAL)
        except LimitReached:
            return None
        assert wrong is None, f"the search claims an order that is none: {wrong}"
        return True
    return False if isinstance(found, Refuted) else None
