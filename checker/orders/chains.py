"""Who issued what, and in which order: the part of an order that clients fix themselves.

The issuer of an operation is its session where it bears `session` and `seq`, and its process
otherwise. A session issues in the order of `seq`, and may have several operations in flight. A
process issues in the order of its calls; mostly it waits for each result, but histories exist in
which the operations of one process overlap.

`a` is issued before `b` when one issuer issued both, `a` first; with one exception. A process
(not a session) of which an operation has an unknown outcome goes on as somebody new: the lost
operation may take effect after anything that the process did later. Histories of our own retire
such a process, so the exception is about those of others. Without it a linearizable history of
sequential processes might not be sequentially consistent.
"""

from collections.abc import Hashable, Iterable

from msgspec import Struct

from checker.patience import watched
from checker.values import show, token
from history import Operation


class Chain(Struct, frozen=True):
    """What one client issued, in order; failed operations included."""

    name: str
    """`session 7`, `process 3`: for people."""
    is_session: bool
    operations: list[Operation]


def chains(operations: Iterable[Operation]) -> list[Chain]:
    """The operations by issuer, each issuer's in its order; issuers by their first call."""
    issuers: dict[Hashable, list[Operation]] = {}
    for operation in watched(operations):
        is_session, name = issuer(operation)
        issuers.setdefault((is_session, token(name)), []).append(operation)
    found = []
    for (is_session, _), issued in issuers.items():  # type: ignore[misc]  # keys are pairs
        issued.sort(key=_by_seq if is_session else _by_call)
        _, name = issuer(issued[0])
        noun = "session" if is_session else "process"
        found.append(Chain(f"{noun} {show(name)}", is_session, issued))
    found.sort(key=lambda chain: min(operation.call for operation in chain.operations))
    return found


def issuer(operation: Operation) -> tuple[bool, int | str]:
    """Whether a session issued the operation, and the name of that session or process."""
    if operation.session is not None and operation.seq is not None:
        return True, operation.session
    return False, operation.process


def _by_seq(operation: Operation) -> tuple[int, int]:
    assert operation.seq is not None
    return operation.seq, operation.call


def _by_call(operation: Operation) -> int:
    return operation.call
