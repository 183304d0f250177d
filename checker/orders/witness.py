"""Replay a claimed order against exactly the order that was asked for; shares nothing with the search.

An order (a sequence of operations) keeps `sequential` or `mdl` when
- every completed operation is in it once, a failed one never, one of unknown outcome at most once;
- of two operations of one session the one with the smaller `seq` comes first; of two of one
  process without session numbers, the one called first, unless its outcome is unknown;
- mdl: no operation stands after one that was called after it had returned;
- mdl: within a session no operation is in it after one that is not;
- the model, taking the operations one by one, allows each its result.
"""

from collections.abc import Hashable, Iterable, Sequence

from checker.errors import ModelError
from checker.model import Model, Running
from checker.orders.problem import Order
from checker.patience import watched
from history import Operation, Outcome


def flaw(
    operations: Iterable[Operation], model: Model, order: Sequence[int], keeps: Order
) -> str | None:
    """Why the `order` (indices) does not keep what it should, or None when it does."""
    by_index = {operation.index: operation for operation in watched(operations)}
    place = {index: position for position, index in enumerate(order)}
    if len(place) != len(order):
        return "an operation stands in it twice"
    for operation in watched(by_index.values()):
        if operation.outcome is Outcome.OK and operation.index not in place:
            return f"operation {operation.index} completed and is not in it"
    for index in watched(order):
        if index not in by_index or by_index[index].outcome is Outcome.FAILED:
            return f"operation {index} did not happen"
    placed = [by_index[index] for index in order]
    wrong = _issue_order_flaw(by_index.values(), place, keeps)
    if wrong is None and keeps is Order.MDL:
        wrong = _real_time_flaw(placed)
    return wrong or _model_flaw(placed, model)


def _issue_order_flaw(
    operations: Iterable[Operation], place: dict[int, int], keeps: Order
) -> str | None:
    sessions: dict[Hashable, list[Operation]] = {}
    processes: dict[Hashable, list[Operation]] = {}
    for operation in watched(operations):
        if operation.session is None or operation.seq is None:
            processes.setdefault(operation.process, []).append(operation)
        else:
            sessions.setdefault(operation.session, []).append(operation)
    for issued in processes.values():
        issued.sort(key=lambda operation: operation.call)
        wrong = _process_flaw(issued, place)
        if wrong is not None:
            return wrong
    for issued in sessions.values():
        issued.sort(key=lambda operation: (operation.seq, operation.call))
        wrong = _session_flaw(issued, place, is_prefix=keeps is Order.MDL)
        if wrong is not None:
            return wrong
    return None


def _process_flaw(issued: list[Operation], place: dict[int, int]) -> str | None:
    latest = -1
    for operation in watched(issued):
        position = place.get(operation.index)
        if position is not None and position < latest:
            return f"operation {operation.index} stands before one its process issued earlier"
        if position is not None and operation.outcome is Outcome.OK:
            latest = position
    return None


def _session_flaw(issued: list[Operation], place: dict[int, int], *, is_prefix: bool) -> str | None:
    latest, is_over = -1, False
    for operation in watched(issued):
        position = place.get(operation.index)
        if position is None:
            is_over = is_prefix
            continue
        if is_over:
            return f"operation {operation.index} is in it, an earlier one of its session is not"
        if position < latest:
            return f"operation {operation.index} stands before one its session issued earlier"
        latest = position
    return None


def _real_time_flaw(placed: list[Operation]) -> str | None:
    latest_call = -1
    for operation in watched(placed):
        latest_call = max(latest_call, operation.call)
        if operation.return_ is not None and operation.return_ < latest_call:
            return (
                f"operation {operation.index} returned before one was called that it stands behind"
            )
    return None


def _model_flaw(placed: list[Operation], model: Model) -> str | None:
    objects: dict[Hashable, Running] = {}
    for operation in watched(placed):
        part = model.partition(operation)
        if part not in objects:
            objects[part] = model.running()
        try:
            is_possible = objects[part].play(model.action(operation))
        except Exception as why:
            raise ModelError(f"the model failed on operation {operation.index}: {why!r}") from why
        if not is_possible:
            return (
                f"operation {operation.index} cannot have had its result at its place in the order"
            )
    return None
