"""Linearizability by trying everything: dumb, and right at a glance.

Every subset of the crashed operations, in every order with all completed ones. Up to six
operations that is at most 1957 orders.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, combinations, permutations

from checker import ILLEGAL, Model, VerdictKind
from history import Operation, Outcome


def brute_force(operations: Sequence[Operation], model: Model) -> VerdictKind:
    """The verdict on a history of one object, or of several with the model's `partition`."""
    if any(True for _ in linearizations(operations, model)):
        return VerdictKind.LINEARIZABLE
    return VerdictKind.NOT_LINEARIZABLE


def linearizations(operations: Sequence[Operation], model: Model) -> Iterator[list[Operation]]:
    """Every order in which the operations could have taken effect one after the other."""
    completed = [o for o in operations if o.outcome is Outcome.OK]
    crashed = [o for o in operations if o.outcome is Outcome.UNKNOWN]
    for took_effect in subsets(crashed):
        for order in permutations([*completed, *took_effect]):
            if keeps_real_time(order) and is_legal(order, model):
                yield list(order)


def subsets(items: Sequence[Operation]) -> Iterator[tuple[Operation, ...]]:
    return chain.from_iterable(combinations(items, size) for size in range(len(items) + 1))


def keeps_real_time(order: Sequence[Operation]) -> bool:
    return not any(
        later.return_ is not None and later.return_ < earlier.call
        for earlier, later in combinations(order, 2)
    )


def is_legal(order: Sequence[Operation], model: Model) -> bool:
    states = {model.partition(operation): model.initial for operation in order}
    for operation in order:
        part = model.partition(operation)
        states[part] = model.step(states[part], model.action(operation))
        if states[part] is ILLEGAL:
            return False
    return True
