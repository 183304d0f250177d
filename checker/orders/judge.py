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
from time import monotonic
from typing import Final

from msgspec import Struct, structs

from checker.budget import Budget, Meter
from checker.engines.interface import Accepted, Refuted
from checker.general import REFERENCE, OutOfBudget
from checker.model import Model
from checker.orders.chains import Chain, chains
from checker.orders.circles import explain_answer, first_waiting, with_circle
from checker.orders.explain import explain, explain_lost_predecessor, name_operation
from checker.orders.native import Answer, lower_problem, native_orders, run
from checker.orders.problem import Order, Problem, lost_predecessor, prepare
from checker.orders.search import Search, Stuck
from checker.orders.tails import without_unseen_tails
from checker.orders.witness import flaw
from checker.partition import effort, partition
from checker.patience import LimitReached, check_limits, limited, watched
from checker.search import Found
from checker.verdict import (
    Counterexample,
    Linearizable,
    NotLinearizable,
    Statistics,
    Undecided,
    Verdict,
    Witness,
)
from history import Operation, Outcome

ENGINE: Final = "positions"
"""What a verdict says has decided."""

_LINEARIZE_S: Final = 30.0
"""For the verdict on linearizability where no time limit is set: it may be the harder question."""

_STRICTER_S: Final = 10.0
"""For trying `mdl` before `sequential` where no time limit is set: it is not what was asked."""

EXPLAIN_S: Final = 1.0
"""For finding where a broken history is stuck, when that it is broken is known already."""

_ALONE_MAX: Final = 5_000_000
"""Objects times operations up to which each object is tried alone: some seconds to prepare."""


def check(
    operations: list[Operation],
    model: Model,
    order: Order,
    meter: Meter,
    *,
    linearize: Callable[[Budget], Verdict],
    engine: str = "auto",
) -> Verdict:
    """The verdict of `checker.check` for orders other than real time; the evidence is replayed.

    Raises `LimitReached` where there is no time left to replay it, or to begin.

    `engine` is as for `checker.check`. `linearize` judges the same operations for real time, within the share it is given.
    """
    if order is Order.MDL:
        at_once = _without_tails(operations, model, meter, engine)
        if at_once is not None:
            return at_once
    left_s = meter.left_s()
    share_s = _LINEARIZE_S if left_s is None else left_s / 2
    in_time = linearize(structs.replace(meter.budget, time_limit_s=share_s))
    match in_time:
        case Linearizable(witness):
            if flaw(operations, model, witness.order, order) is None:
                return in_time
        case NotLinearizable() if order is Order.MDL:
            return replace(in_time, also={"linearizable": False})
        case _:
            pass
    statistics = replace(in_time.statistics, partitions=1, engines={ENGINE: 1})
    is_in_time = isinstance(in_time, Linearizable)
    match judge(operations, model, order, meter, is_in_time=is_in_time, engine=engine):
        case Accepted(found):
            meter.share(1)
            wrong = flaw(operations, model, found, order)
            assert wrong is None, f"the search claims an order that is none: {wrong}"
            return Linearizable(Witness(tuple(found)), statistics)
        case Refuted(counterexample):
            linear = None if isinstance(in_time, Undecided) else isinstance(in_time, Linearizable)
            also = {"linearizable": linear} if order is Order.MDL else {}
            return NotLinearizable(counterexample, statistics, also)
        case OutOfBudget(reason):
            return Undecided(reason, replace(statistics, engines={}))


def _without_tails(
    operations: list[Operation], model: Model, meter: Meter, engine: str
) -> Verdict | None:
    """The verdict where the history has an order without what nobody saw; see `checker.orders.tails`.

    None where it does not, or in no short time: that says nothing about the whole.
    """
    with limited(meter):
        rest = without_unseen_tails(operations)
    if len(rest) == len(operations):
        return None
    found = judge(rest, model, Order.MDL, _part_of(meter), engine=engine, explain_s=0.0)
    if (
        not isinstance(found, Accepted)
        or flaw(operations, model, found.order, Order.MDL) is not None
    ):
        return None
    crashed = sum(operation.outcome is Outcome.UNKNOWN for operation in operations)
    statistics = Statistics(
        operations=len(operations), crashed=crashed, partitions=1, engines={ENGINE: 1}
    )
    return Linearizable(Witness(tuple(found.order)), statistics)


def judge(
    operations: list[Operation],
    model: Model,
    order: Order,
    meter: Meter,
    *,
    is_in_time: bool = False,
    engine: str = "auto",
    explain_s: float = EXPLAIN_S,
) -> Accepted | Refuted | OutOfBudget:
    """Decide whether the operations have an order that keeps what `order` says.

    Args:
        operations: of all objects.
        model: the sequential specification.
        order: what must be kept.
        meter: watches time and memory.
        is_in_time: whether it is known that each object has an order that keeps real time.
        engine: "reference" does without the native search.
        explain_s: time for finding words, when that there is no order is known already.

    Raises:
        OperationError: an operation does not fit the model.
        ModelError: the model broke its contract.
    """
    try:
        with limited(meter):
            issued = chains(operations)
            lost = lost_predecessor(issued)
            if order is Order.MDL and lost is not None:
                return Refuted(explain_lost_predecessor(lost), "suffix rule")
            parts = sorted(partition(operations, model).values(), key=effort)
            search = _Searcher(issued, model, engine, explain_s)
            is_stricter_likely = is_in_time and order is Order.SEQUENTIAL and lost is None
            return _in_turn(search, parts, order, meter, is_stricter_likely=is_stricter_likely)
    except LimitReached as why:
        return OutOfBudget(f"{why} before the search began")


def _in_turn(
    search: "_Searcher",
    parts: list[list[Operation]],
    order: Order,
    meter: Meter,
    *,
    is_stricter_likely: bool,
) -> Accepted | Refuted | OutOfBudget:
    """What is easier first, where it may answer; then all objects together."""
    if is_stricter_likely:
        if not search.is_native:  # that one looks for what keeps time first of itself
            found = search(parts, Order.MDL, _part_of(meter))
            if isinstance(found, Accepted):
                return found
    elif 1 < len(parts) <= _ALONE_MAX / sum(map(len, parts)):
        for position, part in enumerate(parts):
            meter.share(len(parts) + 1 - position)
            found = search([part], order, meter)
            if isinstance(found, Refuted):
                return found
    meter.share(1)
    return search(parts, order, meter)


def _part_of(meter: Meter) -> Meter:
    """A part of the time, for an order that keeps more than is asked: easier to find, if any."""
    now = monotonic()
    until = now + _STRICTER_S
    if meter.deadline is not None:
        until = min(until, now + (meter.deadline - now) / 2)
    return Meter(structs.replace(meter.budget, time_limit_s=until - now), deadline=until)


class _Searcher(Struct, frozen=True):
    """How parts of one history are searched."""

    issued: list[Chain]
    model: Model
    engine: str
    explain_s: float

    @property
    def is_native(self) -> bool:
        """Whether the native search is there, and wanted."""
        return self.engine != REFERENCE and native_orders() is not None

    def __call__(
        self, parts: list[list[Operation]], order: Order, meter: Meter
    ) -> Accepted | Refuted | OutOfBudget:
        """Search for an order of the operations in `parts`."""
        with limited(meter):
            problem = prepare(parts, self.issued, self.model, order)
            native = native_orders() if self.is_native else None
            lowered = None if native is None else lower_problem(problem, meter)
            check_limits()
        if native is None or lowered is None:
            return self._by_reference(problem, meter)
        answer = run(native, problem, lowered, meter)
        match answer.status:
            case "found":
                return self._accepted(problem, answer.order)
            case "stopped":
                return _out_of_budget(problem, answer.why, first_waiting(problem, answer.fronts))
            case _:
                return Refuted(self._words(problem, answer, meter), "search")

    def _by_reference(self, problem: Problem, meter: Meter) -> Accepted | Refuted | OutOfBudget:
        search = Search(problem)
        found = search.run(meter.exhausted)
        if isinstance(found, Found):
            return self._accepted(problem, found.order)
        if isinstance(found, Stuck):
            if search.has_looked_ahead:
                plain = self._without_looking_ahead(problem, meter, self.explain_s)
                search, found = plain or (search, found)
            return Refuted(explain(search, found), "search")
        return _out_of_budget(problem, found.why, problem.returns[found.event])

    def _accepted(self, problem: Problem, numbers: list[int]) -> Accepted:
        placed = [problem.operations[number].index for number in watched(numbers)]
        if problem.order is Order.MDL:
            placed = _with_lost_observers(placed, self.issued)
        return Accepted(placed)

    def _words(self, problem: Problem, answer: Answer, meter: Meter) -> Counterexample:
        # Where the evidence is short already, it is worth less time to find the usual words.
        is_short = bool(answer.cycle) or answer.without_source >= 0
        seconds = self.explain_s / 4 if is_short else self.explain_s
        plain = self._without_looking_ahead(problem, meter, seconds)
        if plain is None:
            return explain_answer(problem, answer)
        return with_circle(explain(*plain), problem, answer)

    def _without_looking_ahead(
        self, problem: Problem, meter: Meter, seconds: float
    ) -> tuple[Search, Stuck] | None:
        """The reference search, stuck where a reader can see why, if it is so soon."""
        if seconds <= 0:
            return None
        short = Meter(Budget(time_limit_s=seconds))
        plain = Search(problem, looks_ahead=False)
        found = plain.run(lambda: short.exhausted() or meter.exhausted())
        return (plain, found) if isinstance(found, Stuck) else None


def _out_of_budget(problem: Problem, why: str, waiting: int) -> OutOfBudget:
    name = name_operation(problem, waiting)
    return OutOfBudget(f"{why}; every operation that returned before {name} had a place")


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
