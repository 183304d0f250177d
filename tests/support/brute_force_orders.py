"""Orders other than real time by trying everything: dumb, and right at a glance.

Every subset of the unknown operations, in every order with all completed ones; each pair in it is
looked at, and each pair of a session for the suffix rule. Two to six operations, a few hundred
orders.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

from checker import Model
from history import Operation, Outcome
from tests.support.brute_force import is_legal, subsets


def has_order(operations: Sequence[Operation], model: Model, consistency: str) -> bool:
    """Whether some order keeps `consistency`: "linearizable", "sequential" or "mdl"."""
    return any(True for _ in all_orders(operations, model, consistency))


def all_orders(
    operations: Sequence[Operation], model: Model, consistency: str
) -> Iterator[list[Operation]]:
    completed = [o for o in operations if o.outcome is Outcome.OK]
    unknown = [o for o in operations if o.outcome is Outcome.UNKNOWN]
    for took_effect in subsets(unknown):
        chosen = [*completed, *took_effect]
        if consistency == "mdl" and not keeps_suffix_rule(operations, chosen):
            continue
        for order in permutations(chosen):
            if keeps_order(order, consistency) and is_legal(order, model):
                yield list(order)


def keeps_suffix_rule(operations: Sequence[Operation], chosen: Sequence[Operation]) -> bool:
    """No operation of a session is in that has an earlier one of the session out."""
    inside = {o.index for o in chosen}
    return not any(
        a.index not in inside and b.index in inside and has_seq(a) and is_issued_before(a, b)
        for a in operations
        for b in operations
    )


def keeps_order(order: Sequence[Operation], consistency: str) -> bool:
    return not any(precedes(b, a, consistency) for a, b in combinations(order, 2))


def precedes(a: Operation, b: Operation, consistency: str) -> bool:
    in_time = a.return_ is not None and a.return_ < b.call
    match consistency:
        case "linearizable":
            return in_time
        case "sequential":
            return is_issued_before(a, b)
        case _:
            return in_time or is_issued_before(a, b)


def is_issued_before(a: Operation, b: Operation) -> bool:
    if has_seq(a) and has_seq(b):
        assert a.seq is not None
        assert b.seq is not None
        return a.session == b.session and a.seq < b.seq
    if has_seq(a) or has_seq(b):
        return False
    # A process of which an operation was lost goes on as somebody new.
    return a.process == b.process and a.call < b.call and a.outcome is not Outcome.UNKNOWN


def has_seq(o: Operation) -> bool:
    return o.session is not None and o.seq is not None
