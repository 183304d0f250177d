"""Several objects in one state: judged as one, and how their parts are found nevertheless.

A model of one's own may couple all keys in one state, and `check(..., partitioned=False)` does so
with any model. Most of such histories still fall apart by key. So the parts are tried first, each
with the operations of one key: when all of them have linearizations, the merged order is replayed
against the whole, and then it proves itself, whatever the keys have to do with each other. A part
without a linearization proves nothing about keys that might be coupled; it does where the whole is
known to be nothing but its parts (locality: Herlihy & Wing 1990, theorem 1).
"""

from collections.abc import Callable, Hashable

from checker.engines.interface import Accepted, Refuted
from checker.model import ILLEGAL, Action, Model, Several, State, several
from checker.patience import watched
from checker.values import show, token
from checker.witness import flaw, merge
from history import Operation

Judge = Callable[[list[Operation], Model], tuple[str, Accepted | Refuted | object]]
"""Judges one part; says which engine did, and what it found."""


class Whole(Model):
    """One object of `part` for each key, all in one state: a set of pairs of key and state."""

    name = "whole"
    initial: State = frozenset()

    def __init__(self, part: Model) -> None:
        self.part = part
        self.nondeterministic = part.nondeterministic  # type: ignore[misc]  # as its part is

    def step(self, state: State, action: Action) -> State:
        """A step of the object that `action` names; the others stand still."""
        key = token(action.key)
        before = dict(state).get(key, self.part.initial)
        after = self.part.after(before, action)
        if after is ILLEGAL:
            return ILLEGAL
        if isinstance(after, Several):
            return several(_with(state, key, one) for one in after.states)
        return state if after == before else _with(state, key, after)

    def is_observer(self, action: Action) -> bool:
        """As for the part."""
        return self.part.is_observer(action)

    def partition(self, operation: Operation) -> Hashable:
        """Everything is one object."""
        del operation
        return None

    def action(self, operation: Operation) -> Action:
        """As for the part."""
        return self.part.action(operation)

    def problem(self, action: Action) -> str | None:
        """As for the part."""
        return self.part.problem(action)

    def describe(self, action: Action) -> str:
        """As for the part."""
        return self.part.describe(action)

    def describe_state(self, state: State) -> str:
        """All keys that something happened to."""
        words = sorted(f"{show(key)}: {self.part.describe_state(one)}" for key, one in state)
        return ", ".join(words) or "empty"


def _with(state: State, key: Hashable, component: State) -> State:
    return frozenset({**dict(state), key: component}.items())


def judge_by_keys(
    part: list[Operation], model: Model, judge: Judge
) -> tuple[str, Accepted | Refuted] | None:
    """Try the operations of each key alone; None when that proves nothing about the whole."""
    keys: dict[Hashable, list[Operation]] = {}
    for operation in watched(part):
        keys.setdefault(token(operation.key), []).append(operation)
    if len(keys) < 2:
        return None
    alone = model.part if isinstance(model, Whole) else model
    by_index = {operation.index: operation for operation in part}
    orders: list[list[Operation]] = []
    engine = ""
    for operations in keys.values():
        engine, found = judge(operations, alone)
        if isinstance(found, Refuted) and isinstance(model, Whole):
            return engine, found
        if not isinstance(found, Accepted):
            return None
        orders.append([by_index[index] for index in found.order])
    merged = merge(orders)
    # What is nothing but its parts needs no proof of that; `check` replays it once more anyway.
    proven = isinstance(model, Whole) or flaw(part, model, merged) is None
    return (engine, Accepted(merged)) if proven else None
