"""The messages between a client, a replica and the master.

    client ── ClientHello, then Request* ──▶ replica ── Executed | Opened | Expired | Failed
                                  | NotExecuted | Overloaded | TooLarge | Interrupted ──▶ client
    client ── Query* ──────────────────────▶ replica ── Executed | NotExecuted
                                              | Overloaded | TooLarge | Interrupted ──▶ client
    client ── StatusRequest ───────────────▶ replica ── StatusReply ──▶ client
    client ── TransferRequest ─────────────▶ leader ─── TransferReply ──▶ client
    client ── AddRequest | RemoveRequest ──▶ leader ─── ChangeReply ────▶ client
    replica ─ PeerHello, then messages of the core ──▶ replica ─ Dismissed, Goodbye ─▶ replica
    replica ─ Register* ─────────▶ master
    client ── Locate ────────────▶ master ── Shards ───▶ client

Before the hello stand the eight bytes of `node.wire.preface`. Requests and queries are told apart
by `(client, number)`, so replies may come in any order, and a request may be asked again on another
connection.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from node.dispatch import Stamp
from node.types import (
    ClientId,
    Natural,
    Query,
    ReplicaId,
    ReplicaInfo,
    RequestNumber,
    WireStruct,
)
from node.wire.codec import Codec

FRAME_BYTES_MAX: Final = 8 * 1024 * 1024
"""One frame on any connection. The largest, a report of accepted entries, stays below 2 MiB plus
one command."""

HELLO_BYTES_MAX: Final = 1024
"""The first frame of a connection: a stranger must not make us keep more."""

COMMAND_BYTES_MAX: Final = 1024 * 1024
"""The body of one request, whatever a configuration says; a longer one is answered `TooLarge`."""

REQUESTS_AHEAD_MAX: Final = 1024
"""How far a session's numbers may run ahead of `answered`: as many results it keeps, at most."""


@dataclass(frozen=True, slots=True)
class PeerHello:
    """First frame on a link between replicas."""

    cluster: str
    sender: ReplicaId
    to: ReplicaId
    """Whom the sender believes to reach: an address may belong to somebody else."""
    incarnation: int
    """Drawn anew at each start of the sender."""
    peer_address: str = ""
    """Where the sender can be answered, by those who have not learned yet that it is a member."""
    client_address: str = ""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """First frame of a client, to a replica or to the master; an empty `cluster` means any."""

    cluster: str


@dataclass(frozen=True, slots=True)
class MemberHello:
    """First frame of a replica to the master."""

    cluster: str
    sender: ReplicaId


class Request(WireStruct, frozen=True, tag=66):
    """Have `body` executed, exactly once however often this is asked."""

    client: Annotated[ClientId, Natural]
    """A session; while it is being opened (number 0), a nonce of the client's."""
    number: Annotated[RequestNumber, Natural]
    answered: Annotated[RequestNumber, Natural]
    """All requests up to this one were answered; their results may be forgotten."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """Request 0 was executed: `session` replaces the nonce from now on."""

    client: ClientId
    session: ClientId


class Executed(WireStruct, frozen=True, tag=68):
    """The request was executed, once, or the query answered; this is what the state machine said."""

    client: Annotated[ClientId, Natural]
    number: Annotated[RequestNumber, Natural]
    body: bytes
    stamp: Stamp | None = None
    """Of an operation of `mdl`: in its shard they grow in the order of execution."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The session, or this request's result in it, is forgotten: nobody can say what happened."""

    client: ClientId
    number: RequestNumber


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """This replica did nothing with this attempt, and will not. Ask `leader`, if it is known."""

    client: ClientId
    number: RequestNumber
    reason: str
    leader: ReplicaId | None
    leader_address: str | None


class Failed(WireStruct, frozen=True, tag=94):
    """Neither this operation nor any later one of its session is ever executed, on any shard."""

    client: Annotated[ClientId, Natural]
    number: Annotated[RequestNumber, Natural]
    reason: str


class Overloaded(WireStruct, frozen=True, tag=90):
    """This replica did nothing with this attempt, and will not: it has enough to do. Try later."""

    client: Annotated[ClientId, Natural]
    number: Annotated[RequestNumber, Natural]
    reason: str


class TooLarge(WireStruct, frozen=True, tag=91):
    """The command is longer than this cluster takes: not executed, and asking again is no help."""

    client: Annotated[ClientId, Natural]
    number: Annotated[RequestNumber, Natural]
    bytes_max: Annotated[int, Natural]


@dataclass(frozen=True, slots=True)
class Interrupted:
    """This replica ceased to lead: what it had proposed may or may not be executed."""

    client: ClientId
    number: RequestNumber
    leader: ReplicaId | None
    leader_address: str | None


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """How are you?"""


@dataclass(frozen=True, slots=True)
class PeerState:
    """One peer, as a replica sees it."""

    replica: ReplicaId
    is_sending: bool
    """A link to it is open."""
    is_receiving: bool
    """A link from it is open."""
    queued_bytes: int
    """Waiting to be sent to it."""


@dataclass(frozen=True, slots=True)
class StatusReply:
    """A replica's view of itself; the first fields are those of `node.core.interface.Status`."""

    replica: ReplicaId
    role: str
    ballot_round: int
    ballot_replica: ReplicaId
    leader: ReplicaId | None
    chosen_upto: int
    executed_upto: int
    accepted_upto: int
    truncated_upto: int = 0
    snapshot_slot: int = 0
    peers: tuple[PeerState, ...] = ()
    connections: int = 0
    """Of clients, this one among them."""
    requests: int = 0
    """In flight: taken from clients and not yet answered."""
    refused: int = 0
    """Connections that this replica has closed since it started because of what came over them."""
    version: str = ""
    uptime_ms: int = 0
    resident_bytes: int = 0
    incarnation: int = 0
    peer_address: str = ""
    client_address: str = ""
    members: tuple[ReplicaInfo, ...] = ()
    """The newest that it knows to be chosen; nobody while it joins and has learned nothing yet."""
    configured_in: int = 0
    """The slot that decided on them; 0: the cluster began with them."""
    is_settled: bool = True
    """Whether a slot behind that one is chosen, so that those before them are needed no more."""
    change: str = ""
    """Of a leader: what is under way about the members; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """Let `to` lead; asked of the leader."""

    to: ReplicaId


LEADS_NOT: Final = "does not lead"
"""Stands in the problem of a reply when the next leader had better be asked."""


def leads_not(replica: ReplicaId, leader: ReplicaId | None) -> str:
    """What `replica` says to somebody who takes it for the leader."""
    who = "nobody" if leader is None else f"replica {leader}"
    return f"replica {replica} {LEADS_NOT}: {who} does"


@dataclass(frozen=True, slots=True)
class TransferReply:
    """The leader has begun to hand over, unless there is a problem.

    Its status tells what comes of it: it goes on leading when the other does not take over within an
    election timeout.
    """

    problem: str
    """One sentence; empty when there is none."""


@dataclass(frozen=True, slots=True)
class AddRequest:
    """Make a replica a member that was started to join; asked of the leader."""

    info: ReplicaInfo


@dataclass(frozen=True, slots=True)
class RemoveRequest:
    """Make a replica no member any more, ever; asked of the leader."""

    replica: ReplicaId


@dataclass(frozen=True, slots=True)
class ChangeReply:
    """The leader has begun to change the members, unless there is a problem.

    Its status tells what comes of it, or that of the next leader: who leads may change meanwhile, and
    then the change may happen or not.
    """

    problem: str
    """One sentence; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Register:
    """A replica is alive, and this is what it knows about leader and members. Metadata only."""

    info: ReplicaInfo
    ballot_round: int
    ballot_replica: ReplicaId
    leader: ReplicaId | None
    configured_in: int = 0
    members: tuple[ReplicaId, ...] = ()
    """The newest that it knows, decided in slot `configured_in`; nobody while it joins."""
    shard: int = 0
    """The group that it belongs to."""


@dataclass(frozen=True, slots=True)
class Locate:
    """Where is the cluster?"""


@dataclass(frozen=True, slots=True)
class Located:
    """Of one shard: members that registered lately, and the leader of the highest ballot they know."""

    replicas: tuple[ReplicaInfo, ...]
    leader: ReplicaId | None
    epoch: int = 0
    """Of this leader: a number that only grows, also over restarts of the master; 0 before any."""


@dataclass(frozen=True, slots=True)
class Shards:
    """Each shard's replicas and leader; a key belongs to the shard that `clients.shards` says."""

    protocol: str
    """How their replicas agree, as in the configuration."""
    shards: tuple[Located, ...]
    """By their numbers, from 0; an epoch is of its shard."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The connection ends, and why: another version, another cluster, too slow."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dismissed:
    """In front of a goodbye to a replica: it was removed, and nobody needs it any more."""

    replica: ReplicaId


Answer = Opened | Executed | Expired | Failed | NotExecuted | Overloaded | TooLarge | Interrupted

# Numbers on the wire: never reuse one. 1 to 63 belong to the messages of the core.
PEER_MESSAGES: Final[dict[int, type]] = {
    93: PeerHello,
    79: Goodbye,
    95: Dismissed,
}  # 64 had no addresses
CLIENT_CODEC: Final[Codec[Any]] = Codec(
    {
        65: ClientHello,
        66: Request,
        67: Opened,
        68: Executed,
        69: Expired,
        70: NotExecuted,
        71: Interrupted,
        72: StatusRequest,
        73: StatusReply,
        74: Query,
        75: TransferRequest,
        76: TransferReply,
        77: AddRequest,
        78: RemoveRequest,
        79: Goodbye,
        90: Overloaded,
        91: TooLarge,
        92: ChangeReply,
        94: Failed,
    }
)
MASTER_CODEC: Final[Codec[Any]] = Codec(
    {
        65: ClientHello,
        79: Goodbye,
        83: MemberHello,
        85: Register,  # 80 had no members, 84 no shard
        86: Locate,  # 81 knew of one shard, and was answered by 82
        87: Shards,
    }
)
