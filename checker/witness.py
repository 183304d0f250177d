"""Replay a claimed linearization against the model, sharing nothing with the search.

An order is a linearization of a history when
- every completed operation is in it once, a failed one never, one of unknown outcome at most once;
- it keeps real time: no operation stands after one that was called after it had returned;
- the model, taking the operations one by one, allows each its result.
"""

from collections.abc import Hashable, Iterable, Sequence

from checker.model import Model, Running
from checker.patience import watched
from history import Operation, Outcome


def flaw(operations: Iterable[Operation], model: Model, order: Sequence[int]) -> str | None:
    """Why the `order` (indices) is not a linearization of the operations, or None when it is."""
    by_index = {operation.index: operation for operation in watched(operations)}
    placed = set(watched(order))
    if len(placed) != len(order):
        return "an operation stands in it twice"
    for operation in watched(by_index.values()):
        if operation.outcome is Outcome.OK and operation.index not in placed:
            return f"operation {operation.index} completed and is not in it"
    objects: dict[Hashable, Running] = {}
    latest_call: int | None = None
    for index in watched(order):
        candidate = by_index.get(index)
        if candidate is None or candidate.outcome is Outcome.FAILED:
            return f"operation {index} did not happen"
        # One pass is enough: when any earlier member was called after this one's return, so was
        # the earlier member with the latest call.
        if latest_call is None or candidate.call > latest_call:
            latest_call = candidate.call
        if candidate.return_ is not None and candidate.return_ < latest_call:
            return f"operation {index} returned before one was called that it stands behind"
        part = model.partition(candidate)
        running = objects.get(part)
        if running is None:
            running = objects[part] = model.running()
        if not running.play(model.action(candidate)):
            return f"operation {index} cannot have had its result at its place in the order"
    return None


def merge(orders: Iterable[Sequence[Operation]]) -> list[int]:
    """One linearization of the whole, as indices, from one of each object.

    Each operation is given the latest call among those up to it in its own order: a time between
    its call and its return, and never falling along the order. So operations that were ordered
    by real time keep their order across objects.
    """
    timed: list[tuple[int, int]] = []
    for order in orders:
        latest = 0
        for position, operation in enumerate(watched(order)):
            latest = operation.call if position == 0 else max(latest, operation.call)
            timed.append((latest, operation.index))
    timed.sort(key=lambda entry: entry[0])  # stable: equal times stay in the order of their object
    return [index for _, index in watched(timed)]
