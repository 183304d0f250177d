"""From chains of operations to the integers that the search over positions works on.

An order keeps, for the operations that are in it:

    sequential   the order in which each issuer issued (`checker.orders.chains`)
    mdl          that, and real time, and the suffix rule: when an operation of a session is out,
                 every later one of that session is out ("multi-dispatch linearizability")

A completed operation is in, with its result, and a failed one is out; one of unknown outcome may
be either, with any result. So each chain falls into operations that are *required*, in one
sequence, and *optional* ones that hang between two of them:

- sequential: the completed ones are required. The unknown ones of a session may be taken in their
  gap, in their order; those of a process at any time after what was issued before them.
- mdl, a session: by the suffix rule everything up to its last completed operation is required,
  unknown ones too, and what follows is optional, each only after the one before it. Nothing after
  a failed operation can be in; a completed one there is a violation (`LostPredecessor`).
- mdl, a process without session numbers: as in sequential. What failed or was lost ended an
  implied session. So where processes wait for their results, mdl is linearizability.

Real time needs one more thought: whatever precedes an operation of a session precedes all later
ones of the session, so the calls along a session are made to rise.
"""

from enum import Enum
from typing import Final

from msgspec import Struct

from checker.model import Model
from checker.orders.chains import Chain
from checker.patience import watched
from checker.prepare import Problem as Part, prepare as prepare_part
from checker.table import Table
from history import Operation, Outcome

NEVER: Final = 1 << 62
"""A rank that comes after all others."""


class Order(Enum):
    """What must be kept; the values are those of `--consistency`."""

    SEQUENTIAL = "sequential"
    MDL = "mdl"


class Optional(Struct, frozen=True):
    """An operation of unknown outcome that may be taken or left out."""

    number: int
    chain: int
    opens: int
    """It may be taken once this many required operations of its chain have been."""
    closes: int
    """And no more once this many have been."""
    needs: int
    """Bits of the optional operations that must have been taken before it."""
    is_needed: bool
    """Whether another one needs it."""
    excludes: int
    """Bits of those that must not have been."""


class Problem(Struct, frozen=True, kw_only=True):
    """Operations of one or more objects, ready to be ordered. Everything is by number."""

    order: Order
    operations: list[Operation]
    parts: list[int]
    """Which object each operation works on."""
    kinds: list[int]
    """Its action number in the table of that object."""
    observers: list[bool]
    calls: list[int]
    """Nothing that returned before may be missing; -1 where real time does not count."""
    chains: list[list[int]]
    """The required operations of each issuer, in order; issuers by their first call."""
    names: list[str]
    """Of the issuers."""
    chain_of: list[int]
    place_of: list[int]
    """Where a required operation stands: its chain, and its place there."""
    returns: list[int]
    """The completed operations by return."""
    deadlines: list[int]
    """`deadlines[i]`: the rank of return i; `NEVER` where real time does not count."""
    optional: list[Optional]
    tables: list[Table]
    prepared: list[Part]
    """The objects, as they came; for what the models declare."""


class LostPredecessor(Struct, frozen=True):
    """A session went on after an operation that certainly did not happen."""

    session: str
    failed: Operation
    completed: Operation


def lost_predecessor(chains: list[Chain]) -> LostPredecessor | None:
    """The first completed operation, by return, before which its session had a failed one."""
    found: list[LostPredecessor] = []
    for chain in chains:
        failed: Operation | None = None
        for operation in watched(chain.operations) if chain.is_session else ():
            if operation.outcome is Outcome.FAILED:
                failed = failed or operation
            elif failed is not None and operation.outcome is Outcome.OK:
                found.append(LostPredecessor(chain.name, failed, operation))
    return min(found, key=lambda lost: _end(lost.completed), default=None)


def prepare(
    parts: list[list[Operation]], chains: list[Chain], model: Model, order: Order
) -> Problem:
    """Number what is in `parts` (the operations by object).

    `chains` may hold operations that are in no part; they are passed over.

    Raises:
        LimitReached: see `checker.patience`.
        OperationError: an operation that the model does not know, or a malformed argument.
    """
    builder = _Builder(order)
    for part in parts:
        builder.add_part(prepare_part(part, model))
    for chain in watched(chains):
        builder.add_chain(chain)
    return builder.finish()


def _end(operation: Operation) -> int:
    return NEVER if operation.return_ is None else operation.return_


class _Builder:
    """A problem in the making."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._places: dict[int, tuple[int, int, bool]] = {}
        """By index of an operation: its object, action, and whether that is an observer."""
        self._problem = Problem(
            order=order,
            operations=[],
            parts=[],
            kinds=[],
            observers=[],
            calls=[],
            chains=[],
            names=[],
            chain_of=[],
            place_of=[],
            returns=[],
            deadlines=[],
            optional=[],
            tables=[],
            prepared=[],
        )

    def add_part(self, part: Part) -> None:
        # `prepare_part` leaves out the observers of unknown outcome. Nothing is lost with them:
        # one that has to be in can be put back right before its successor, and see anything.
        number = len(self._problem.tables)
        self._problem.tables.append(part.table)
        self._problem.prepared.append(part)
        for operation, kind, observer in watched(
            zip(part.operations, part.classes, part.observers, strict=True)
        ):
            self._places[operation.index] = number, kind, observer

    def add_chain(self, chain: Chain) -> None:
        problem = self._problem
        by_suffix_rule = chain.is_session and self._order is Order.MDL
        members, prefix = _members(chain.operations, by_suffix_rule=by_suffix_rule)
        required: list[int] = []
        gap: list[int] = []
        """The optional operations since the last required one."""
        latest_call = 0
        for place, operation in enumerate(watched(members)):
            latest_call = max(latest_call, operation.call)
            if operation.index not in self._places:
                continue
            number = self._number(operation, latest_call if chain.is_session else operation.call)
            if operation.outcome is Outcome.OK or (by_suffix_rule and place < prefix):
                if chain.is_session:
                    self._hang(gap, len(required), closes=len(required) + 1)
                    gap = []
                problem.chain_of[number] = len(problem.chains)
                problem.place_of[number] = len(required)
                required.append(number)
            elif chain.is_session:
                gap.append(number)
            else:
                self._hang([number], len(required))
        self._hang(gap, len(required), in_turn=by_suffix_rule)
        problem.chains.append(required)
        problem.names.append(chain.name)

    def finish(self) -> Problem:
        problem, keeps_time = self._problem, self._order is Order.MDL
        completed = [
            (operation.return_, number)
            for number, operation in enumerate(watched(problem.operations))
            if operation.return_ is not None
        ]
        completed.sort()
        problem.returns.extend(number for _, number in completed)
        problem.deadlines.extend(rank if keeps_time else NEVER for rank, _ in completed)
        return problem

    def _number(self, operation: Operation, call: int) -> int:
        problem = self._problem
        part, kind, observer = self._places[operation.index]
        problem.operations.append(operation)
        problem.parts.append(part)
        problem.kinds.append(kind)
        problem.observers.append(observer)
        problem.calls.append(call if self._order is Order.MDL else -1)
        problem.chain_of.append(-1)
        problem.place_of.append(-1)
        return len(problem.operations) - 1

    def _hang(
        self, gap: list[int], opens: int, *, closes: int = NEVER, in_turn: bool = False
    ) -> None:
        """Let the operations be taken after `opens` required ones, in their order.

        With `in_turn` none may be left out between two that are taken.
        """
        optional = self._problem.optional
        first = len(optional)
        bits = [1 << (first + place) for place in range(len(gap))]
        for place, number in enumerate(gap):
            later = sum(bits[place + 1 :])
            optional.append(
                Optional(
                    number=number,
                    chain=len(self._problem.chains),
                    opens=opens,
                    closes=closes,
                    needs=bits[place - 1] if in_turn and place > 0 else 0,
                    is_needed=in_turn and place + 1 < len(gap),
                    excludes=0 if in_turn else later,
                )
            )


def _members(operations: list[Operation], *, by_suffix_rule: bool) -> tuple[list[Operation], int]:
    """Those that can be in, and how many of them must be when the suffix rule holds."""
    members: list[Operation] = []
    prefix = 0
    for operation in watched(operations):
        if operation.outcome is not Outcome.FAILED:
            members.append(operation)
            if operation.outcome is Outcome.OK:
                prefix = len(members)
        elif by_suffix_rule:
            break
    return members, prefix
