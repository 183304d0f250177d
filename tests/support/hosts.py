"""What a replica of a `Cluster` consists of, and who looks at it."""

from collections import deque
from collections.abc import Callable

from node.core.interface import (
    Envelope,
    Input,
    Ready,
    Received,
)
from node.core.multipaxos import Message, MultiPaxos, Record
from node.runtime.journal import Journal
from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SessionedStateMachine
from node.types import ClientId, ReplicaId, RequestNumber
from node.wire.messages import Answer
from tests.support.fake_disk import FakeDisk

RequestId = tuple[ClientId, RequestNumber]
Reply = Callable[[Answer], None]
Event = Received[Message] | Input


class Observer:
    """Sees what happens; does nothing."""

    def on_ready(self, host: "Host", ready: Ready[Message, Record]) -> None:
        """Before it is carried out."""

    def on_sent(self, host: "Host", envelope: Envelope[Message], *, after_persist: bool) -> None:
        """A message leaves `host`, for a peer or for `host` itself."""

    def on_stepped(self, host: "Host") -> None:
        """`host` has carried out all its work."""


class Host:
    """What one replica consists of. The disk outlives a crash, all else does not."""

    def __init__(self, replica: ReplicaId) -> None:
        self.replica = replica
        self.disk = FakeDisk()
        self.incarnation = 0
        self.clock = 1
        """Its monotonic clock, in nanoseconds; goes on through crashes."""
        self.lost_disk = False
        self.core: MultiPaxos | None = None
        self.machine = SessionedStateMachine(KeyValueStore())
        self.journal: Journal | None = None
        self.held: list[Envelope[Message]] = []
        """Messages that wait for the disk."""
        self.inbox: deque[Event] = deque()
        """What this replica's own disk, or its own outbox, hands back."""
        self.waiting: dict[RequestId, Reply] = {}
        self.leads = False

    @property
    def is_up(self) -> bool:
        return self.core is not None

    @property
    def needs_sync(self) -> bool:
        return self.journal is not None and not (self.journal.is_durable and not self.held)
