"""The order that a system's own answers claim, for whoever verifies it.

A replicated system knows in which order each of its shards executed; where it tells a client with the
answer (`Operation.stamp`), nobody has to search. The orders of the shards, the order of issue and real
time together have one order of all, or they contradict each other:

    shard 0   a#1 ── b#1 ── a#3         by stamp
    shard 1   a#2 ── b#2                ═▶  a#1, a#2, b#1, a#3, b#2
    issue     a#1 ── a#2 ── a#3,  b#1 ── b#2

What was never answered bears no stamp; where it must have happened, `checker.orders.lost` finds it a place.

What comes out is a claim (`checker.proposed`): it clears nobody before it is replayed, and a system that
tells nonsense, or nothing, is searched like any other. Takes linear time, but for sorting, and as much
again for what was lost: where that is not enough, nothing is claimed.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from checker.model import Model
from checker.orders.chains import Chain, chains
from checker.orders.lost import Place, seen, unseen
from checker.orders.precedence import Precedence
from checker.orders.problem import Order
from checker.patience import watched
from history import Operation, Outcome


class _Tail(NamedTuple):
    """Operations that may have happened, each only after those before it."""

    behind: list[Operation]
    """At most one: what was issued before all of them, and is certain."""
    lost: list[Operation]


class _Issued(NamedTuple):
    """What one client issued, in order, but for what failed."""

    certain: list[Operation]
    tails: list[_Tail]


def claimed(operations: Sequence[Operation], model: Model, order: Order) -> list[int] | None:
    """An order (indices) of all that completed; None: the stamps contradict each other, or no model allows it.

    Operations without a stamp stand where issue and real time leave them.

    Raises:
        LimitReached: see `checker.patience`.
        ModelError: the model failed.
    """
    clients = [_parted(chain, order) for chain in chains(operations)]
    tails = [tail for client in clients for tail in client.tails]
    lost = [tail.lost for tail in tails]
    certain = [one for client in clients for one in client.certain]
    known = [*(client.certain for client in clients), *_shards(certain)]

    def sorted_with(places: Sequence[Place]) -> list[Operation] | None:
        """And with the lost ones that have a place."""
        taken = {place.lost.index for place in places}
        behind = [
            [*tail.behind, *(one for one in tail.lost if one.index in taken)] for tail in tails
        ]
        between = [[one for one in place if one is not None] for place in places]
        everybody = [*certain, *(place.lost for place in places)]
        return _sorted(everybody, [*known, *behind, *between], order)

    found = sorted_with(())
    places = None if found is None else seen(found, lost, model)
    if places:
        found = sorted_with(places)
        if found is not None and order is Order.MDL:  # the suffix rule
            hidden = unseen(found, lost, model)
            found = None if hidden is None else sorted_with([*places, *hidden])
    return None if found is None or places is None else [one.index for one in found]


def _parted(chain: Chain, order: Order) -> _Issued:
    issued = [one for one in chain.operations if one.outcome is not Outcome.FAILED]
    completed = [one for one in issued if one.outcome is Outcome.OK]
    if not chain.is_session:  # it goes on as somebody new
        lost = [_Tail([], [one]) for one in issued if one.outcome is Outcome.UNKNOWN]
        return _Issued(completed, lost)
    end = max((n for n, one in enumerate(issued, 1) if one.outcome is Outcome.OK), default=0)
    # The suffix rule: what stands before something that happened has happened.
    certain = issued[:end] if order is Order.MDL else completed
    return _Issued(certain, [_Tail(certain[-1:], issued[end:])])


def _sorted(
    operations: Sequence[Operation], known: Iterable[Sequence[Operation]], order: Order
) -> list[Operation] | None:
    """All of them in one order that keeps all that are `known`; None: there is none."""
    precedence: Precedence[int] = Precedence()
    for sequence in known:
        precedence.add_chain([operation.index for operation in watched(sequence)])
    if order is Order.MDL:
        precedence.add_real_time(watched(_in_time(operations)))
    found = precedence.order()
    by_index = {operation.index: operation for operation in operations}
    return None if found is None else [by_index[index] for index in found]


def _shards(operations: Iterable[Operation]) -> Iterable[list[Operation]]:
    """What each executed, in the order of the stamps."""
    found: dict[int | str, list[tuple[int, int, Operation]]] = {}
    for operation in watched(operations):
        if operation.stamp is not None:
            shard, number = operation.stamp
            found.setdefault(shard, []).append((number, operation.index, operation))
    for stamped in found.values():
        stamped.sort(key=lambda entry: entry[:2])
    return [[operation for _, _, operation in stamped] for stamped in found.values()]


def _in_time(operations: Iterable[Operation]) -> Iterable[tuple[bool, int]]:
    """Calls (False), and answers (True), in their order."""
    events: list[tuple[int, bool, int]] = []
    for operation in watched(operations):
        events.append((operation.call, False, operation.index))
        if operation.return_ is not None:
            events.append((operation.return_, True, operation.index))
    events.sort()
    return [(is_answer, index) for _, is_answer, index in events]
