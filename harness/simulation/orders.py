"""What each shard executed, in its order: the second judge of multi-dispatch linearizability.

The checker sees what clients were told and looks for an order. Here the order is known: operations bear
the session and the number under which their client issued them down to the application, and each
replica tells what it executes. So it is enough to look, which takes linear time:

    one order a shard     all its replicas execute the same operations at the same places
    exactly once          no operation has two places, wherever they are
    as answered           what a client was told is what the shard got
    failed is never       what was reported as failed has no place
    suffix rule           what is executed of a session is a beginning of it, without gaps
    order of return       what a session was answered, it was answered in the order of issue
    one order of all      the orders of shards, orders of issue and real time together have no cycle

This judge knows nothing of the protocol, and the order that the last rule promises satisfies the
definition.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.simulation.invariants import Violation
from history import Operation, Outcome
from node.types import ReplicaId
from node.wire.kv import Done, Mismatch, Result, decode_result

Tag = tuple[int, int]
"""The session and the number of an operation, as they stand in the history."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One operation, and what the application said."""

    tag: Tag
    operation: bytes
    result: bytes


@dataclass(slots=True)
class _Graph:
    """What comes before what. Nodes are tags, and moments of the history (negative numbers)."""

    after: dict[Tag | int, list[Tag | int]] = field(default_factory=dict)
    before: dict[Tag | int, int] = field(default_factory=dict)

    def add(self, first: Tag | int, second: Tag | int) -> None:
        self.after.setdefault(first, []).append(second)
        self.after.setdefault(second, [])
        self.before[second] = self.before.get(second, 0) + 1

    def cycle(self) -> list[Tag]:
        """Operations that each come before the next, and the last before the first; empty: none."""
        left = {node: self.before.get(node, 0) for node in self.after}
        free = deque(node for node, count in left.items() if count == 0)
        while free:
            node = free.popleft()
            del left[node]
            for following in self.after[node]:
                left[following] -= 1
                if left[following] == 0:
                    free.append(following)
        if not left:
            return []
        # Who is left has a predecessor that is left: go back until somebody comes twice.
        predecessor = {
            following: node for node in left for following in self.after[node] if following in left
        }
        node = next(iter(left))
        path: dict[Tag | int, None] = {}
        while node not in path:
            path[node] = None
            node = predecessor[node]
        places = list(path)
        return [each for each in reversed(places[places.index(node) :]) if isinstance(each, tuple)]


class Orders:
    """Hears of every execution at every replica; judges when all is over."""

    def __init__(self, shards: int) -> None:
        self._orders: Final[list[list[Execution]]] = [[] for _ in range(shards)]
        self._shard_of: Final[dict[Tag, int]] = {}
        self._executed: Final[dict[Tag, Execution]] = {}

    def note(self, shard: int, replica: ReplicaId, place: int, execution: Execution) -> None:
        """A replica has executed something, as number `place` of its shard, from 0."""
        order = self._orders[shard]
        if place < len(order):
            if order[place] != execution:
                raise Violation(
                    "one order a shard",
                    f"replica {replica} executes {_name(execution)} at place {place} of shard "
                    f"{shard}, another one {_name(order[place])}",
                )
            return
        assert place == len(order), f"replica {replica} is at {place}, the shard at {len(order)}"
        first = self._shard_of.setdefault(execution.tag, shard)
        if execution.tag in self._executed:
            raise Violation(
                "executed once",
                f"replica {replica} executes {_name(execution)} in shard {shard}, and it was "
                f"executed before in shard {first}",
            )
        self._executed[execution.tag] = execution
        order.append(execution)

    @property
    def gap(self) -> Tag | None:
        """An operation that is not executed although a later one of its session is; None is fine."""
        executed: dict[int, list[int]] = {}
        for session, number in self._shard_of:
            executed.setdefault(session, []).append(number)
        for session, numbers in executed.items():
            present = set(numbers)
            for number in range(1, max(numbers)):
                if number not in present:
                    return session, number
        return None

    def judge(self, operations: Sequence[Operation], *, is_settled: bool) -> Violation | None:
        """Everything but what `note` finds. Unless it is settled, a gap may still be filled."""
        # Queries have no place in the order of a shard; the checker looks at them.
        in_sessions = [operation for operation in operations if operation.session is not None]
        for violation in self._violations(in_sessions, is_settled=is_settled):
            return violation
        return None

    def _violations(
        self, operations: Sequence[Operation], *, is_settled: bool
    ) -> Iterator[Violation]:
        for operation in operations:
            yield from _misreported(operation, self._executed.get(_tag(operation)))
        yield from _out_of_turn(operations)
        gap = self.gap
        if is_settled and gap is not None:
            yield Violation(
                "suffix rule",
                f"operation {gap[1]} of session {gap[0]} is never executed, and a later one is",
            )
        cycle = self._graph(operations).cycle()
        if cycle:
            yield Violation(
                "one order of all",
                " before ".join(
                    f"{session}:{number} in shard {self._shard_of.get((session, number))}"
                    for session, number in (*cycle, cycle[0])
                ),
            )

    def _graph(self, operations: Iterable[Operation]) -> _Graph:
        graph = _Graph()
        for order in self._orders:
            for place in range(len(order) - 1):
                graph.add(order[place].tag, order[place + 1].tag)
        last: dict[int, Tag] = {}
        for session, number in sorted(self._shard_of):
            if session in last:
                graph.add(last[session], (session, number))
            last[session] = (session, number)
        # Real time: each response is a moment behind the one before it, in one chain.
        moment = 0
        for is_return, operation in _in_time(operations):
            tag = _tag(operation)
            if tag not in self._executed:
                continue
            if is_return:
                if moment:
                    graph.add(-moment, -moment - 1)
                moment += 1
                graph.add(tag, -moment)
            elif moment:
                graph.add(-moment, tag)
        return graph


def _in_time(operations: Iterable[Operation]) -> list[tuple[bool, Operation]]:
    """Calls, and the responses of what was answered, in their order."""
    events: list[tuple[int, bool, Operation]] = []
    for operation in operations:
        events.append((operation.call, False, operation))
        if operation.outcome is Outcome.OK:
            assert operation.return_ is not None
            events.append((operation.return_, True, operation))
    events.sort(key=lambda event: event[0])
    return [(is_return, operation) for _, is_return, operation in events]


def _misreported(operation: Operation, execution: Execution | None) -> Iterator[Violation]:
    name = f"operation {operation.seq} of session {operation.session}"
    if operation.outcome is Outcome.FAILED:
        if execution is not None:
            yield Violation("failed is never", f"{name} was reported as failed, and is executed")
    elif operation.outcome is Outcome.OK:
        if execution is None:
            yield Violation("as answered", f"{name} was answered, and is executed nowhere")
        elif not _matches(operation, decode_result(execution.result)):
            yield Violation(
                "as answered",
                f"{name} was answered {operation.output}, and the shard got "
                f"{decode_result(execution.result)}",
            )


def _out_of_turn(operations: Iterable[Operation]) -> Iterator[Violation]:
    """Answers that a session was given before one that it had asked for earlier."""
    open_since: dict[int, Operation] = {}
    returned: dict[int, int] = {}
    for operation in sorted(operations, key=_tag):
        session, number = _tag(operation)
        if operation.outcome is not Outcome.OK:
            open_since.setdefault(session, operation)
            continue
        assert operation.return_ is not None
        first = open_since.get(session)
        if first is not None or operation.return_ < returned.get(session, 0):
            yield Violation(
                "order of return",
                f"operation {number} of session {session} was answered before one that was issued earlier",
            )
        returned[session] = operation.return_


def _matches(operation: Operation, result: Result) -> bool:
    match result:
        case Mismatch():
            return operation.is_mismatch
        case Done(value):
            if operation.f == "get":
                return bool(operation.output == value)
            return not operation.is_mismatch
        case _:
            return False


def _tag(operation: Operation) -> Tag:
    assert isinstance(operation.session, int)
    assert operation.seq is not None
    return operation.session, operation.seq


def _name(execution: Execution) -> str:
    session, number = execution.tag
    return f"operation {number} of session {session}"
