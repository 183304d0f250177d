"""Split a history into objects that can be judged alone.

A history is linearizable exactly when its part on each object is (locality: Herlihy & Wing 1990,
"Linearizability", theorem 1; Horn & Kroening 2015, "Faster linearizability checking via
P-compositionality"). The model says which operations share an object: by default those with
the same `key`, for every model, so a register on a history with keys is one register a key.
"""

from collections.abc import Hashable, Iterable

from checker.model import Model
from checker.patience import watched
from history import Operation, Outcome


def partition(operations: Iterable[Operation], model: Model) -> dict[Hashable, list[Operation]]:
    """The operations of each object in their given order; failed ones did not happen, so are out."""
    parts: dict[Hashable, list[Operation]] = {}
    for operation in watched(operations):
        if operation.outcome is not Outcome.FAILED:
            parts.setdefault(model.partition(operation), []).append(operation)
    return parts


def effort(part: list[Operation]) -> int:
    """A guess at the work of judging a part, for taking the cheapest first.

    Operations times concurrency is the work of a search that never turns back; each operation of
    unknown outcome adds itself to the concurrency of all that follow.
    """
    calls = sorted(operation.call for operation in watched(part))
    returns = sorted(o.return_ for o in watched(part) if o.return_ is not None)
    most = returned = 0
    for called, call in enumerate(watched(calls), 1):
        while returned < len(returns) and returns[returned] < call:
            returned += 1
        most = max(most, called - returned)
    return len(part) * most * most
