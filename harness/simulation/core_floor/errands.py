"""One operation of a session in flight, and what is known of it."""

from dataclasses import dataclass
from enum import Enum

from history import Invocation
from history.event import Stamp
from node.types import ReplicaId, RequestNumber
from node.wire.kv import Operation, Result


class State(Enum):
    """What became of an errand."""

    PENDING = "pending"
    ANSWERED = "answered"
    FAILED = "failed"
    """A shard said that it is never executed."""
    GIVEN_UP = "given-up"
    """There is no time to ask again, or nobody can tell any more."""


@dataclass(slots=True, kw_only=True, eq=False)
class Errand:
    """An operation that is asked until somebody answers; or the opening of a session at a shard."""

    shard: int
    number: RequestNumber
    """In the session; 0 opens it."""
    deadline: int
    operation: Operation | None = None
    """None: the opening."""
    invocation: Invocation | None = None
    state: State = State.PENDING
    result: Result | None = None
    stamp: Stamp | None = None
    asked: ReplicaId | None = None
    """Where the attempt that is under way went."""
    life: int = 0
    """Timers of an earlier attempt find another number here."""
    may_be_executed: bool = False
    problem: str = "no time to ask"

    @property
    def is_certainly_not_executed(self) -> bool:
        """Each attempt was refused, and none is under way."""
        is_open = self.state is State.ANSWERED or self.asked is not None
        return not is_open and not self.may_be_executed
