"""What several shards are made of: messages in a bag, replicas, sessions, and a state machine that is watched."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from node.core.interface import SnapshotSaved
from node.core.mdl import MESSAGES as SHARD_MESSAGES, Mdl
from node.core.multipaxos.messages import MESSAGES
from node.dispatch import Reign
from node.state_machine.interface import StateMachine
from node.state_machine.kv import KeyValueStore
from node.state_machine.ordering import OrderedStateMachine
from node.state_machine.sessions import Session as SessionState, Told
from node.types import ClientId, Command, ReplicaId, RequestNumber
from node.wire.codec import Codec
from node.wire.messages import Executed, Expired, Failed, Interrupted, NotExecuted, Opened

CODEC: Final[Codec[Any]] = Codec(MESSAGES | SHARD_MESSAGES)

Reply = Executed | Expired | Failed | NotExecuted | Interrupted | Opened


@dataclass(slots=True)
class Packet:
    """A message in the bag."""

    sender: ReplicaId
    to: ReplicaId
    data: bytes

    @property
    def message(self) -> Any:  # noqa: ANN401 - whatever the codec knows
        """As its receiver reads it."""
        return CODEC.decode(self.data)

    @property
    def kind(self) -> str:
        """Its class."""
        return type(self.message).__name__


@dataclass(slots=True)
class Host:
    """One replica, up or down."""

    replica: ReplicaId
    shard: int
    machine: "Watching"
    core: Mdl | None = None
    records: list[Any] = field(default_factory=list)
    saved: SnapshotSaved | None = None
    inbox: deque[Any] = field(default_factory=deque)
    waiting: dict[tuple[int, int], None] = field(default_factory=dict)
    leads: bool = False
    lives: int = 0


@dataclass(slots=True)
class Session:
    """A client's: its operations, and what it was told."""

    name: str
    token: int
    names: dict[int, ClientId] = field(default_factory=dict)
    """By shard."""
    shards: list[int] = field(default_factory=list)
    """Where each operation goes, the first one first."""
    bodies: list[bytes] = field(default_factory=list)
    told: dict[int, list[Reply]] = field(default_factory=dict)
    """By the number of the operation, everything that came."""

    @property
    def answered(self) -> int:
        """Up to which operation it has its answers."""
        seq = 0
        while any(isinstance(reply, Executed) for reply in self.told.get(seq + 1, ())):
            seq += 1
        return seq


class Watching(OrderedStateMachine):
    """Says what it did with each command."""

    def __init__(self, inner: StateMachine) -> None:
        super().__init__(inner)
        self.steps: list[tuple[Command, bool, bool]] = []
        """Whether it was executed, whether it was void."""
        self._has_executed = False
        self._was_void = False

    def _execute_entry(self, command: Command, tell: Callable[[Told], None]) -> None:
        self._has_executed = self._was_void = False
        super()._execute_entry(command, tell)
        self.steps.append((command, self._has_executed, self._was_void))

    def _counts(self, reign: Reign, decision: int) -> bool:
        counts = super()._counts(reign, decision)
        self._was_void = not counts
        return counts

    def _keep(self, session: SessionState, number: RequestNumber, result: bytes) -> None:
        self._has_executed = True
        super()._keep(session, number, result)


def watched(machine: type[OrderedStateMachine]) -> Watching:
    """A machine of some class, watched."""
    if machine is OrderedStateMachine:
        return Watching(KeyValueStore())
    watching: type[Watching] = type("Watched", (Watching, machine), {})
    return watching(KeyValueStore())
