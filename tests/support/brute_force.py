"""Linearizability by trying everything: dumb, and right at a glance.

Every subset of the crashed operations, in every order with all completed ones. Up to six
operations that is at most 1957 orders.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, combinations, permutations

from checker import ILLEGAL, Model, State, VerdictKind
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


def exhaustive(operations: Sequence[Operation], model: Model) -> bool:
    """Whether one object's history is linearizable: all orders, equal situations only once.

    A situation is the set of operations that took effect, and the state. Quick enough for a
    dozen operations; shares nothing with `checker.search` or the engines but the model.
    """
    happened = [o for o in operations if o.outcome is not Outcome.FAILED]
    actions = [model.action(o) for o in happened]
    completed = sum(1 << i for i, o in enumerate(happened) if o.outcome is Outcome.OK)
    after = [
        sum(
            1 << i
            for i, other in enumerate(happened)
            if other.return_ is not None and other.return_ < o.call
        )
        for o in happened
    ]
    todo: list[tuple[int, State]] = [(0, model.initial)]
    seen = set(todo)
    while todo:
        done, state = todo.pop()
        if done & completed == completed:
            return True
        for i, action in enumerate(actions):
            if done >> i & 1 or after[i] & ~done:
                continue
            reached = model.step(state, action)
            if reached is not ILLEGAL and (done | 1 << i, reached) not in seen:
                seen.add((done | 1 << i, reached))
                todo.append((done | 1 << i, reached))
    return False
