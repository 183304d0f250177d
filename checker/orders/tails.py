"""Histories without the ends of sessions that nobody saw: smaller, and if they have an order, all has.

    session 7:  ok  ok  unknown (a get saw it)  unknown  unknown
                                                └──── left out ──┘

An operation of unknown outcome need not have taken effect, if no later one of its session did. So the
last ones of a session may be left out, and an order of the rest is an order of the whole. What may not
be left out is what somebody saw; whether anybody did cannot be told for every model, but where nothing
that an operation mentions occurs in any result, it is worth a try. Each unknown operation that is left
out halves what a search may have to look through.
"""

from collections.abc import Hashable, Iterable, Iterator

from checker.orders.chains import chains
from checker.patience import watched
from checker.values import Value, token
from history import Operation, Outcome


def without_unseen_tails(operations: list[Operation]) -> list[Operation]:
    """The operations but those of unknown outcome, at the end of their session, that nobody saw."""
    seen: set[Hashable] = set()
    for operation in watched(operations):
        if operation.outcome is Outcome.OK:
            seen.update(map(token, _leaves(operation.output)))
            if operation.f == "cas":
                seen.update(map(token, _leaves(operation.value)))
    left_out: set[int] = set()
    for chain in chains(operations):
        for operation in reversed(chain.operations) if chain.is_session else ():
            if operation.outcome is Outcome.FAILED:
                continue
            if operation.outcome is Outcome.OK or _is_seen(operation, seen):
                break
            left_out.add(operation.index)
    return [operation for operation in operations if operation.index not in left_out]


def _is_seen(operation: Operation, seen: set[Hashable]) -> bool:
    mentioned = operation.value
    if operation.f == "cas" and isinstance(mentioned, list | tuple) and len(mentioned) == 2:
        mentioned = mentioned[1]
    return any(token(leaf) in seen for leaf in _leaves(mentioned))


def _leaves(value: Value) -> Iterator[Value]:
    """The plain values in a value."""
    if isinstance(value, list | tuple):
        yield from _all_leaves(value)
    elif isinstance(value, dict):
        yield from _all_leaves(value.values())
    elif value is not None and not isinstance(value, bool):
        yield value


def _all_leaves(values: Iterable[Value]) -> Iterator[Value]:
    for value in values:
        yield from _leaves(value)
