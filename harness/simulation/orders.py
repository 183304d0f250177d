"""What each shard executed, in its order: the second judge of multi-dispatch linearizability.

The checker sees what clients were told and looks for an order. Here the order is known: operations bear
the session and the number under which their client issued them down to the application, and each
replica tells what it executes. So it is enough to look, which takes linear time:

    one order a shard     all its replicas execute the same operations at the same places
    exactly once          no operation has two places, wherever they are
    as answered           what a client was told is what the shard got
    as stamped            the stamps that clients were told grow in that order
    failed is never       what was reported as failed has no place
    suffix rule           what is executed of a session is a beginning of it, without gaps
    order of return       what a session was answered, it was answered in the order of issue
    one order of all      the orders of shards, orders of issue and real time together have no cycle

This judge knows nothing of the protocol, and the order that the last rule promises satisfies the
definition. It is handed to the checker, queries included, as what the system claims (`witness`); the
checker believes none of it unseen.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from checker.orders.precedence import Precedence
from harness.simulation.invariants import Violation
from history import Operation, Outcome
from history.event import Stamp
from node.types import ReplicaId
from node.wire.kv import Done, Mismatch, Result, decode_result

Tag = tuple[int, int]
"""The session and the number of an operation, as they stand in the history; of a query its process, and
which of that process's operations it is, from 1."""

_Name = Tag | tuple[str, int, int]
"""A tag; that of a query with a word before it, since sessions and processes may have equal numbers."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One operation, and what the application said."""

    tag: Tag
    operation: bytes
    result: bytes


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a query was answered from."""

    shard: int
    place: int
    """How many operations of the shard had been executed."""
    result: bytes


class Orders:
    """Hears of every execution and reading at every replica; judges when all is over."""

    def __init__(self, shards: int) -> None:
        self._orders: Final[list[list[Execution]]] = [[] for _ in range(shards)]
        self._shard_of: Final[dict[Tag, int]] = {}
        self._executed: Final[dict[Tag, Execution]] = {}
        self._readings: Final[dict[Tag, list[_Reading]]] = {}

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

    def note_read(self, shard: int, place: int, tag: Tag, result: bytes) -> None:
        """A replica answers a query when it has executed the first `place` operations of its shard.

        Several may answer the same query, since a client asks again.
        """
        order = self._orders[shard]
        assert place <= len(order), f"a query is read at {place}, the shard is at {len(order)}"
        self._readings.setdefault(tag, []).append(_Reading(shard, place, result))

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
        # Queries have no place of their own in the order of a shard; the checker looks at them.
        in_sessions = [operation for operation in operations if operation.session is not None]
        for violation in self._violations(in_sessions, is_settled=is_settled):
            return violation
        return None

    def _violations(
        self, operations: Sequence[Operation], *, is_settled: bool
    ) -> Iterator[Violation]:
        for operation in operations:
            yield from _misreported(operation, self._executed.get(_tag(operation)))
        yield from self._out_of_stamps(operations)
        yield from _out_of_turn(operations)
        gap = self.gap
        if is_settled and gap is not None:
            yield Violation(
                "suffix rule",
                f"operation {gap[1]} of session {gap[0]} is never executed, and a later one is",
            )
        cycle = self._precedence(_in_sessions(operations)).cycle()
        if cycle:
            yield Violation(
                "one order of all",
                " before ".join(map(self._where, (*cycle, cycle[0]))),
            )

    def _out_of_stamps(self, operations: Iterable[Operation]) -> Iterator[Violation]:
        """Whoever puts answers in order by their stamps must find the order of the shard."""
        told = {_tag(operation): operation.stamp for operation in operations}
        for shard, order in enumerate(self._orders):
            latest: Stamp = (shard, 0)
            for execution in order:
                stamp = told.get(execution.tag)
                if stamp is None:
                    continue
                if stamp[0] != shard or stamp[1] <= latest[1]:
                    yield Violation(
                        "as stamped",
                        f"{_name(execution)} was told the stamp {stamp}, and shard {shard} executed it "
                        f"after what has the stamp {latest}",
                    )
                latest = stamp

    def witness(self, operations: Sequence[Operation]) -> list[int] | None:
        """An order of what was executed and read (indices), as the shards did it; None: they cannot have.

        What keeps all these orders keeps `mdl`, unless a shard did something else than was answered, or
        a session has gaps: who is given the order has to look.
        """
        named = {**_in_sessions(operations), **_queries(operations)}
        order = self._precedence(named).order()
        return None if order is None else [named[name].index for name in order if name in named]

    def _where(self, name: _Name) -> str:
        session, number = name[-2:]
        return f"{session}:{number} in shard {self._shard_of.get((session, number))}"

    def _precedence(self, operations: dict[_Name, Operation]) -> Precedence[_Name]:
        precedence: Precedence[_Name] = Precedence()
        for order in self._orders:
            precedence.add_chain([execution.tag for execution in order])
        issued: dict[int, list[Tag]] = {}
        for tag in sorted(self._shard_of):
            issued.setdefault(tag[0], []).append(tag)
        for tags in issued.values():
            precedence.add_chain(tags)
        has_place: set[_Name] = set(self._executed)
        for name, operation in operations.items():
            if operation.session is None and self._add_reading(precedence, name, operation):
                has_place.add(name)
        precedence.add_real_time(
            (is_answer, name) for is_answer, name in _in_time(operations) if name in has_place
        )
        return precedence

    def _add_reading(
        self, precedence: Precedence[_Name], name: _Name, operation: Operation
    ) -> bool:
        """Put a query between two operations of its shard; False when nobody told what it was read from."""
        if operation.outcome is not Outcome.OK:
            return False
        for reading in self._readings.get(name[-2:], ()):
            # Who was first to answer this did so while it was asked, whoever it was that was heard.
            if _matches(operation, decode_result(reading.result)):
                order = self._orders[reading.shard]
                if reading.place > 0:
                    precedence.add(order[reading.place - 1].tag, name)
                if reading.place < len(order):
                    precedence.add(name, order[reading.place].tag)
                return True
        return False


def _in_sessions(operations: Iterable[Operation]) -> dict[_Name, Operation]:
    return {_tag(operation): operation for operation in operations if operation.session is not None}


def _queries(operations: Iterable[Operation]) -> dict[_Name, Operation]:
    """What was asked outside of sessions, numbered from 1 in each process."""
    counts: dict[int, int] = {}
    found: dict[_Name, Operation] = {}
    for operation in sorted(operations, key=lambda operation: operation.call):
        if operation.session is None:
            assert isinstance(operation.process, int)
            number = counts[operation.process] = counts.get(operation.process, 0) + 1
            found["query", operation.process, number] = operation
    return found


def _in_time(operations: dict[_Name, Operation]) -> list[tuple[bool, _Name]]:
    """Calls (False), and answers (True), in their order."""
    events: list[tuple[int, bool, _Name]] = []
    for name, operation in operations.items():
        events.append((operation.call, False, name))
        if operation.outcome is Outcome.OK:
            assert operation.return_ is not None
            events.append((operation.return_, True, name))
    events.sort(key=lambda event: event[0])
    return [(is_answer, name) for _, is_answer, name in events]


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
