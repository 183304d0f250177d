"""What every protocol core understands, and what it hands out.

The driver calls `step(event)` some times, `take_ready()` once, and carries the `Ready` out in
field order. A core never waits and never speaks for itself; and it hears of its own disk the way
it hears of a peer: what rests on its own durable state is an envelope addressed to itself in
`messages_after_persist`, which the driver hands back as `Received` once the records are durable.
(This replaces the `Persisted` event and watermark of other designs: docs/decisions/0004.)

Shape after etcd's raft library (`Step`, `Ready`), with messages sorted by durability from the
start.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from node.core.ballot import Ballot
from node.types import (
    NO_MEMBERS,
    ClientId,
    Command,
    Configuration,
    Query,
    ReplicaId,
    ReplicaInfo,
    RequestNumber,
    WireStruct,
)

MessageT = TypeVar("MessageT")
RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class Received(Generic[MessageT]):
    """A message arrived: from a peer, or from this replica's own disk (`sender` is itself)."""

    sender: ReplicaId
    message: MessageT


@dataclass(frozen=True, slots=True)
class Tick:
    """A unit of logical time has passed."""

    clock: int = 0
    """Nanoseconds on this replica's monotonic clock; needed for leases only."""


class Propose(WireStruct, frozen=True):
    """A client asks this replica to have `command` executed."""

    command: Command


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Nobody waits any more for what becomes of these: those that have no slot yet need none."""

    requests: tuple[tuple[ClientId, RequestNumber], ...]


class Image(Protocol):
    """A state as bytes that never change: in memory, or a file that is mapped into it."""

    def __len__(self) -> int:
        """Bytes in all."""

    def __getitem__(self, part: slice, /) -> bytes:
        """A part of them."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state after every slot up to `slot` was executed. Opaque to a core."""

    slot: int
    image: Image
    configuration: Configuration | None = None
    """In force behind it; None: no change of members up to its slot, or not read yet."""


@dataclass(frozen=True, slots=True)
class SnapshotSaved:
    """A snapshot is durable: what it stands for need not stay in the journal."""

    snapshot: Snapshot
    state: Any = None
    """What the driver made of one that came from a peer; handed back in `Ready.restored`."""


@dataclass(frozen=True, slots=True)
class Read:
    """A client asks this replica for an answer from the state, as of now or later."""

    query: Query
    clock: int = 0
    """What the monotonic clock showed at some moment after the query had arrived."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Somebody wants another replica to lead; a replica that does not lead does nothing."""

    to: ReplicaId | None
    """None: whoever seems fit."""


@dataclass(frozen=True, slots=True)
class Add:
    """Somebody wants a replica to become a member: a new one, that was started to join."""

    info: ReplicaInfo


@dataclass(frozen=True, slots=True)
class Remove:
    """Somebody wants a member to be none any more, for good."""

    replica: ReplicaId


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """Change the members, by one; a replica that does not lead, or may not now, does nothing."""

    change: Add | Remove


Input = Tick | Propose | Withdraw | Read | Transfer | Reconfigure | SnapshotSaved
"""What a core is stepped with, beside messages."""


@dataclass(frozen=True, slots=True)
class Envelope(Generic[MessageT]):
    """A message and its addressee, who may be the sender itself."""

    to: ReplicaId
    message: MessageT


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the cluster decided for one slot; a no-op has no commands."""

    slot: int
    commands: tuple[Command, ...]
    configuration: Configuration | None = None
    """When it was a change of members: no command, and nothing for the application."""


class Refusal(Enum):
    """Why this replica did not, and never will, put a proposal into the log, or answer a query."""

    NOT_LEADER = "not-leader"
    OVERLOADED = "overloaded"
    WITHDRAWN = "withdrawn"
    NO_PREDECESSOR = "no predecessor"
    """The operation before it in its session has not come, or nobody answers for it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A proposal or query that this core did nothing with."""

    client: ClientId
    number: RequestNumber
    why: Refusal


class Role(Enum):
    """What a replica believes to be."""

    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"


class LeaderHint(NamedTuple):
    """Whom this replica believes to lead, and under which ballot."""

    role: Role
    ballot: Ballot
    leader: ReplicaId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Generic[MessageT, RecordT]):
    """Work left for the driver. Carry it out in field order."""

    records: tuple[RecordT, ...] = ()
    """Append to the journal, in order. Hard state is a record like any other. They need an fsync
    of their own only when `messages_after_persist` is not empty."""
    journal: tuple[RecordT, ...] | None = None
    """Not None: replace the whole journal by these, atomically. They say all that this core must
    remember, so `records` is empty then."""
    messages: tuple[Envelope[MessageT], ...] = ()
    """Promise nothing; may leave now."""
    messages_after_persist: tuple[Envelope[MessageT], ...] = ()
    """Rest on `records` (these and all earlier ones); must not leave before they are durable."""
    received: Snapshot | None = None
    """A snapshot from a peer, whole: save it, make a state of it, answer with `SnapshotSaved`."""
    restored: SnapshotSaved | None = None
    """Put this state in place of the executed one; `chosen` goes on behind its slot."""
    chosen: tuple[Chosen, ...] = ()
    """Execute in this order, exactly once."""
    reads: tuple[Query, ...] = ()
    """Answer from the executed state, after `chosen`: that state holds all that anybody was told
    before the query arrived here."""
    answers: tuple[Any, ...] = ()
    """Tell these to whoever waits: what the executed state says already, so that no log is needed."""
    refused: tuple[Refused, ...] = ()
    """Tell these clients: certainly not executed on account of this attempt."""
    leader_hint: LeaderHint | None = None
    """When it changed: where clients should go. A replica that led and no longer does cannot say
    what becomes of the commands that it proposed."""
    acquainted: tuple[ReplicaInfo, ...] | None = None
    """When it changed: with whom there is to talk (see `Status`); before `messages` are delivered."""
    is_retired: bool = False
    """This replica was removed, and no other one needs it any more; said once."""
    looks_again: bool = False
    """Call `take_ready` once more when this is carried out: more follows from what was executed."""
    notes: tuple[str, ...] = ()
    """For logs and golden files: what happened, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A snapshot for humans, reports and tests."""

    replica: ReplicaId
    role: Role
    ballot: Ballot
    """The highest ballot that this replica has promised."""
    leader: ReplicaId | None
    chosen_upto: int
    """Every slot up to this one is known to be chosen, and was handed out for execution."""
    accepted_upto: int
    """The highest slot in which this replica has accepted anything."""
    truncated_upto: int = 0
    """Slots up to this one are no longer in the log: a snapshot stands for them."""
    snapshot_slot: int = 0
    """The last slot of the newest snapshot that is durable here; 0 while there is none."""
    is_rejoining: bool = False
    """The disk was lost, and this replica does not vote yet."""
    configuration: Configuration = NO_MEMBERS
    """The newest that this replica knows to be chosen; without members while it joins."""
    is_settled: bool = True
    """A slot behind the newest change of members is chosen: whoever was removed is not needed any more."""
    change: str = ""
    """What a leader does about a change of members that is under way; empty when there is none."""
    acquainted: tuple[ReplicaInfo, ...] = ()
    """With whom there is to talk, itself not among them: members, who was one before the last change,
    and who is to be one."""

    @property
    def is_retired(self) -> bool:
        """Whether this replica was removed, and can be switched off without harm."""
        return self.replica in self.configuration.removed and self.is_settled


class Core(Protocol[MessageT, RecordT]):
    """A protocol as a deterministic state machine."""

    def step(self, event: Received[MessageT] | Input, /) -> None:
        """Take in one event. Raises nothing a network can cause, except `ProtocolViolation`."""

    def take_ready(self, *, more_comes: bool = False) -> Ready[MessageT, RecordT] | None:
        """Hand out all outstanding work, once; None when there is none.

        `more_comes` is a promise to step more soon, if anything arrives, and to ask again without it:
        until then commands may wait for others.
        """

    @property
    def lacks_company(self) -> bool:
        """Whether commands wait that could be proposed, for others to be proposed with."""

    def status(self) -> Status:
        """A frozen snapshot."""
