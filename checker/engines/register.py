"""Registers and key-value stores whose observed values were written once each.

Reads, writes and cas that succeeded are readers and makers of values (`checker.engines.chains`). A
cas that found another value is an observation (`checker.engines.observations`). A cas from a value
to itself is a read. Deleting a key is writing null. Histories with `append` are for
`checker.engines.appends`. O(n log n).
"""

from collections.abc import Hashable
from typing import Final

from checker.engines import chains
from checker.engines.chain_evidence import Accesses, Make
from checker.engines.interface import Accepted, Declined, Refuted
from checker.engines.observations import insert
from checker.engines.wording import misfit
from checker.model import Model
from checker.patience import watched
from checker.values import token
from history import Operation

_READS: Final = frozenset({"read", "get"})
_WRITES: Final = frozenset({"write", "put"})


class RegisterZones:
    """For `register`, `cas-register` and `kv` without appends."""

    name = "zones"

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide when no observed value was written twice; with failed cas, sometimes decline."""
        declined = misfit(part, model)
        if declined is not None:
            return declined
        accesses = Accesses(model.initial, [], [])
        misses: list[tuple[Operation, Hashable]] = []
        for operation in watched(part):
            if operation.f == "append":
                return Declined("there are appends")
            _sort_in(operation, accesses, misses)
        found = chains.judge(accesses, model)
        if isinstance(found, Refuted | Declined):
            return found
        order = insert(found, misses)
        if order is None:
            return Declined(
                "a cas that found another value fits nowhere in the order that was found"
            )
        return Accepted([operation.index for operation in watched(order)])


def _sort_in(
    operation: Operation, accesses: Accesses, misses: list[tuple[Operation, Hashable]]
) -> None:
    is_known = operation.return_ is not None
    if operation.f in _READS:
        if is_known:
            accesses.reads.append((operation, token(operation.output)))
    elif operation.f in _WRITES:
        accesses.makes.append(Make(operation, token(operation.value)))
    elif operation.f == "delete":
        accesses.makes.append(Make(operation, None))
    else:
        old, new = (token(value) for value in operation.value)
        if is_known and operation.output is False:
            misses.append((operation, old))
        elif old != new:
            accesses.makes.append(Make(operation, new, True, old))
        elif is_known:
            accesses.reads.append((operation, old))
