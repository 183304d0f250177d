"""Judge a history: split it into objects, search each, believe no evidence unseen."""

from collections.abc import Hashable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Final, Protocol

from checker import columnar, general, orders
from checker.budget import Budget, Meter
from checker.engines.interface import Accepted, Refuted
from checker.errors import UnsupportedError
from checker.evidence.telling import cut_down
from checker.general import OutOfBudget
from checker.lowering import native_search
from checker.model import Model
from checker.partition import effort, partition
from checker.patience import LimitReached, limited, watched
from checker.proposed import verified, verified_stamps
from checker.spread import judge_part, spread
from checker.values import Value
from checker.verdict import (
    Counterexample,
    Linearizable,
    NotLinearizable,
    Statistics,
    Undecided,
    Verdict,
    Witness,
)
from checker.whole import Whole
from checker.witness import flaw, merge
from history import Operation, Outcome

ENGINES: Final = ("auto", "native", "reference")
CONSISTENCIES: Final = ("linearizable", "sequential", "mdl")


class HasOperations(Protocol):
    """A history, as `history.load` returns it."""

    @property
    def operations(self) -> Iterable[Operation]:
        """All of them, with distinct ranks."""


class Initial:
    """The model's own initial state: the default of `check`, where None is a value."""


INITIAL: Final = Initial()


def check(
    history: Iterable[Operation] | HasOperations,
    model: Model,
    *,
    initial: Value | Initial = INITIAL,
    engine: str = "auto",
    budget: Budget | None = None,
    consistency: str = "linearizable",
    shrink: bool = True,
    partitioned: bool = True,
    executor: Executor | None = None,
    proposed: Sequence[int] | None = None,
) -> Verdict:
    """Decide whether the operations could have happened one after the other, as `model` says.

    Args:
        history: operations, or what has them; ranks are distinct over all of it.
        model: the sequential specification.
        initial: overrides the model's initial state; a JSON value, as after `--initial`.
        engine: who searches; "auto" takes the best that this build has.
        budget: time and memory; without one, as much as it takes.
        consistency: the order that must be kept.
        shrink: cut a violation down to a core; see `checker.cut_down` for doing that later. An
            engine that finds the core with the violation gives it either way.
        partitioned: False judges all keys as one object; the verdict is the same, for more work.
        executor: judges parts side by side; with a pool of processes, the model must be
            importable. It is not shut down. Without one, parts are judged one after the other.
        proposed: an order of the operations (indices) that may be evidence. It is verified like any
            other; when it is none, whatever is wrong with it, the engines decide as if it were not there.

    Raises:
        OperationError: an operation does not fit the model.
        ModelError: the model broke its contract.
        UnsupportedError: an engine or condition that this build does not have.
    """
    _refuse_what_is_not_there(engine, consistency)
    if not isinstance(initial, Initial):
        model = model.with_initial(initial)
    started, meter = monotonic(), Meter(budget or Budget())
    operations: Sequence[Operation] = ()
    try:
        with limited(meter):
            if proposed is not None:
                history = operations = _listed(history)
                accepted = verified(operations, model, proposed, consistency)
                if accepted is not None:
                    return accepted
            if engine == "auto" and consistency == "linearizable" and partitioned:
                verdict = columnar.judge(history, model, meter=meter, shrink=shrink)
                if verdict is not None:
                    return verdict
            operations = _listed(history)
            if consistency != "linearizable":
                if engine == "auto" and (told := _told(operations, model, consistency, meter)):
                    return told
                again = partial(check, operations, model, engine=engine, executor=executor)
                is_cut = shrink and consistency == "mdl"
                return orders.check(
                    operations, model, orders.Order(consistency), meter, engine=engine,
                    linearize=lambda share: again(budget=share, shrink=is_cut),
                )  # fmt: skip
            judged = model if partitioned else Whole(model)
            judgement = _Judgement(operations, judged, meter, engine)
            judgement.judge_all(executor)
            verdict = judgement.verdict()
    except LimitReached as why:
        return Undecided(f"{why} before the search began", _statistics(operations))
    if shrink and isinstance(verdict, NotLinearizable):
        return cut_down(operations, verdict, model, budget=budget, started=started)
    return verdict


def _told(
    operations: Sequence[Operation], model: Model, consistency: str, meter: Meter
) -> Linearizable | None:
    """By the stamps of the operations, in half of the time at most: the search must have its turn."""
    meter.share(2)
    try:
        return verified_stamps(operations, model, consistency)
    except LimitReached:
        return None
    finally:
        meter.share(1)


def _listed(history: Iterable[Operation] | HasOperations) -> list[Operation]:
    items = history if isinstance(history, Iterable) else history.operations
    return items if isinstance(items, list) else list(watched(items))


def _refuse_what_is_not_there(engine: str, consistency: str) -> None:
    if engine not in ENGINES:
        raise UnsupportedError(f"no engine {engine!r}; expected one of {', '.join(ENGINES)}")
    if engine == general.NATIVE and native_search() is None:
        raise UnsupportedError("this build has no native engine; use auto or reference")
    if consistency not in CONSISTENCIES:
        expected = ", ".join(CONSISTENCIES)
        raise UnsupportedError(f"no consistency {consistency!r}; expected one of {expected}")


class _Judgement:
    """One call of `check`: the parts, and what is known of each."""

    def __init__(
        self, operations: Sequence[Operation], model: Model, meter: Meter, engine: str
    ) -> None:
        self._operations = operations
        self._by_index = {operation.index: operation for operation in watched(operations)}
        self._model = model
        self._meter = meter
        self._engine = engine
        self._engines: dict[str, int] = {}
        self._parts = partition(operations, model)
        self._orders: dict[Hashable, list[Operation]] = {}
        self._undecided: dict[Hashable, str] = {}
        self._counterexample: Counterexample | None = None

    def judge_all(self, executor: Executor | None) -> None:
        """Cheapest first, until one part fails.

        Each gets a fair share of the time; what those left over is for a second attempt at
        the ones that ran out of theirs.
        """
        todo = sorted(self._parts, key=lambda name: effort(self._parts[name]))
        if executor is not None and len(todo) > 1:
            parts = [(name, self._parts[name]) for name in todo]
            for name, engine, found in spread(
                executor, parts, self._model, self._engine, self._meter
            ):
                self._note(name, engine, found)
            return
        for _ in range(2):
            for position, name in enumerate(todo):
                self._meter.share(len(todo) - position)
                self._judge(name)
                if self._counterexample is not None:
                    return
            todo = [name for name in todo if name in self._undecided]
            if len(self._parts) == 1 or self._meter.is_over():
                return

    def verdict(self) -> Verdict:
        """A violation outranks a doubt, a doubt outranks the rest being fine."""
        statistics = self._statistics()
        if self._counterexample is not None:
            return NotLinearizable(self._counterexample, statistics)
        if self._undecided:
            reason = next(iter(self._undecided.values()))
            others = len(self._undecided) - 1
            if others:
                reason += f"; {others} more of {len(self._parts)} keys are undecided too"
            return Undecided(reason, statistics)
        self._meter.share(1)
        order = merge(self._orders.values())
        wrong = flaw(self._operations, self._model, order)
        assert wrong is None, f"the search claims a linearization that is none: {wrong}"
        return Linearizable(Witness(tuple(order)), statistics)

    def _judge(self, name: Hashable) -> None:
        self._undecided.pop(name, None)
        self._note(name, *judge_part(self._parts[name], self._model, self._engine, self._meter))

    def _note(self, name: Hashable, engine: str, found: Accepted | Refuted | OutOfBudget) -> None:
        match found:
            case Accepted(order):
                self._orders[name] = [self._by_index[index] for index in watched(order)]
            case Refuted(counterexample, rule):
                self._counterexample = replace(counterexample, rule=rule)
            case OutOfBudget(reason):
                self._undecided[name] = reason
                return
        self._engines[engine] = self._engines.get(engine, 0) + 1

    def _statistics(self) -> Statistics:
        return replace(
            _statistics(self._operations), partitions=len(self._parts), engines=self._engines
        )


def _statistics(operations: Sequence[Operation]) -> Statistics:
    crashed = sum(operation.outcome is Outcome.UNKNOWN for operation in operations)
    return Statistics(operations=len(operations), crashed=crashed, partitions=0, engines={})
