"""Judge a history against an order in which its objects cannot be judged one by one.

Linearizability is local: a history has it when each object's part has. Process order is not
(Herlihy & Wing 1990, section 3.3, show it for sequential consistency), nor is the issue order of
sessions: one session writes x, then y; another reads the new y, then the old x. Each object alone
has an order, and together they have none. So the whole history is searched at once.

What is left of locality is one direction. An order of the whole, with the operations of other
objects struck out, is an order of the part; so a part that has none refutes the whole, and it is
smaller to search and easier to read. A part that has one proves nothing.

The verdict on linearizability, where each object was judged alone and fast, helps twice. A history
that is not linearizable is not `mdl` either; and where its linearization happens to keep the order
in question, that is the answer: always so where processes wait for their results. An order that
keeps `mdl` keeps `sequential` too and is easier to find, so that is tried first.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from msgspec import structs

from checker.budget import Budget, Meter
from checker.engines.interface import Accepted, Refuted
from checker.general import OutOfBudget
from checker.model import Model
from checker.orders.chains import Chain, chains
from checker.orders.explain import explain, explain_lost_predecessor, name_operation
from checker.orders.problem import Order, lost_predecessor, prepare
from checker.orders.search import Search, Stuck
from checker.orders.witness import flaw
from checker.partition import effort, partition
from checker.search import Found
from checker.verdict import (
    Linearizable,
    NotLinearizable,
    Undecided,
    Verdict,
    Witness,
)
from history import Operation

ENGINE: Final = "positions"
"""What a verdict says has decided."""

_LINEARIZE_S: Final = 30.0
"""For the verdict on linearizability where no time limit is set: it may be the harder question."""

_EXPLAIN_S: Final = 1.0
"""For finding where a broken history is stuck, when that it is broken is known already."""

_ALONE_MAX: Final = 5_000_000
"""Objects times operations up to which each object is tried alone: some seconds to prepare."""


def check(
    operations: list[Operation],
    model: Model,
    order: Order,
    budget: Budget,
    *,
    linearize: Callable[[Budget], Verdict],
) -> Verdict:
    """The verdict of `checker.check` for orders other than real time; the evidence is replayed.

    `linearize` judges the same operations for real time, within the share it is given.
    """
    meter = Meter(budget)
    share_s = _LINEARIZE_S if budget.time_limit_s is None else budget.time_limit_s / 2
    in_time = linearize(structs.replace(budget, time_limit_s=share_s))
    match in_time:
        case Linearizable(witness):
            if flaw(operations, model, witness.order, order) is None:
                return in_time
        case NotLinearizable() if order is Order.MDL:
            return replace(in_time, also={"linearizable": False})
        case _:
            pass
    statistics = replace(in_time.statistics, partitions=1, engines={ENGINE: 1})
    match judge(operations, model, order, meter, is_in_time=isinstance(in_time, Linearizable)):
        case Accepted(found):
            wrong = flaw(operations, model, found, order)
            assert wrong is None, f"the search claims an order that is none: {wrong}"
            return Linearizable(Witness(tuple(found)), statistics)
        case Refuted(counterexample):
            linear = None if isinstance(in_time, Undecided) else isinstance(in_time, Linearizable)
            also = {"linearizable": linear} if order is Order.MDL else {}
            return NotLinearizable(counterexample, statistics, also)
        case OutOfBudget(reason):
            return Undecided(reason, replace(statistics, engines={}))


def judge(
    operations: list[Operation],
    model: Model,
    order: Order,
    meter: Meter,
    *,
    is_in_time: bool = False,
) -> Accepted | Refuted | OutOfBudget:
    """Decide whether the operations have an order that keeps what `order` says.

    Args:
        operations: of all objects.
        model: the sequential specification.
        order: what must be kept.
        meter: watches time and memory.
        is_in_time: whether it is known that each object has an order that keeps real time.

    Raises:
        OperationError: an operation does not fit the model.
        ModelError: the model broke its contract.
    """
    issued = chains(operations)
    lost = lost_predecessor(issued)
    if order is Order.MDL and lost is not None:
        return Refuted(explain_lost_predecessor(lost), "suffix rule")
    parts = sorted(partition(operations, model).values(), key=effort)
    if is_in_time and order is Order.SEQUENTIAL and lost is None:
        meter.share(2)
        found = _search(parts, issued, model, Order.MDL, meter)
        if isinstance(found, Accepted):
            return found
    elif 1 < len(parts) <= _ALONE_MAX / max(1, len(operations)):
        for position, part in enumerate(parts):
            meter.share(len(parts) + 1 - position)
            found = _search([part], issued, model, order, meter)
            if isinstance(found, Refuted):
                return found
    meter.share(1)
    return _search(parts, issued, model, order, meter)


def _search(
    parts: list[list[Operation]],
    issued: list[Chain],
    model: Model,
    order: Order,
    meter: Meter,
) -> Accepted | Refuted | OutOfBudget:
    problem = prepare(parts, issued, model, order, meter)
    if problem is None:
        why = meter.exhausted() or "a limit was reached"
        return OutOfBudget(f"{why} before the search began")
    search = Search(problem)
    found = search.run(meter.exhausted)
    if isinstance(found, Found):
        placed = [problem.operations[number].index for number in found.order]
        return Accepted(_with_lost_observers(placed, issued) if order is Order.MDL else placed)
    if isinstance(found, Stuck):
        search, found = _without_looking_ahead(search, found, meter)
        return Refuted(explain(search, found), "search")
    name = name_operation(problem, problem.returns[found.event])
    return OutOfBudget(f"{found.why}; every operation that returned before {name} had a place")


def _without_looking_ahead(search: Search, stuck: Stuck, meter: Meter) -> tuple[Search, Stuck]:
    """The same, but stuck where a reader can see why, if that is found soon."""
    if search.has_looked_ahead:
        short = Meter(Budget(time_limit_s=_EXPLAIN_S))
        plain = Search(search.problem, looks_ahead=False)
        found = plain.run(lambda: short.exhausted() or meter.exhausted())
        if isinstance(found, Stuck):
            return plain, found
    return search, stuck


def _with_lost_observers(placed: list[int], issued: list[Chain]) -> list[int]:
    """Put back the observers of unknown outcome that the suffix rule wants in.

    `prepare` leaves them out. Each goes right before the next operation of its session, where
    all that must precede it stands before it; it may see anything, and changes nothing.
    """
    inside = set(placed)
    before: dict[int, list[int]] = {}
    for chain in issued:
        lost: list[int] = []
        for operation in chain.operations if chain.is_session else ():
            if operation.index not in inside:
                lost.append(operation.index)
            elif lost:
                before[operation.index] = lost
                lost = []
    return [one for index in placed for one in (*before.get(index, ()), index)]
