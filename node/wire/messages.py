"""The messages between a client, a replica and the master.

    client ── ClientHello, then Request* ──▶ replica ── Executed | Opened | Expired
                                                        | NotExecuted | Interrupted ──▶ client
    client ── Query* ──────────────────────▶ replica ── Executed
                                                        | NotExecuted | Interrupted ──▶ client
    client ── StatusRequest ───────────────▶ replica ── StatusReply ──▶ client
    client ── TransferRequest ─────────────▶ leader ─── TransferReply ──▶ client
    replica ─ PeerHello, then messages of the core ──▶ replica
    replica ─ Register* ─────────▶ master
    client ── Locate ────────────▶ master ── Located ──▶ client

Requests and queries are told apart by `(client, number)`, so replies may come in any order, and a request may
be asked again on another connection.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from node.types import ClientId, Natural, Query, ReplicaId, RequestNumber, WireStruct
from node.wire.codec import Codec

PROTOCOL_VERSION: Final = 2
"""Raised whenever a frame changes its meaning; both sides must agree."""

FRAME_BYTES_MAX: Final = 8 * 1024 * 1024
"""One frame on any connection. The largest, a report of accepted entries, stays below 2 MiB plus
one command."""

COMMAND_BYTES_MAX: Final = 1024 * 1024
"""The body of one request; a client that sends more is told so and disconnected."""


@dataclass(frozen=True, slots=True)
class PeerHello:
    """First frame on a link between replicas."""

    version: int
    cluster: str
    sender: ReplicaId


@dataclass(frozen=True, slots=True)
class ClientHello:
    """First frame of a client, to a replica or to the master; an empty `cluster` means any."""

    version: int
    cluster: str


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
class StatusReply:
    """A replica's view of itself; its fields are those of `node.core.interface.Status`."""

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


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """Let `to` lead; asked of the leader."""

    to: ReplicaId


@dataclass(frozen=True, slots=True)
class TransferReply:
    """The leader has begun to hand over, unless there is a problem.

    Its status tells what comes of it: it goes on leading when the other does not take over within an
    election timeout.
    """

    problem: str
    """One sentence; empty when there is none."""


@dataclass(frozen=True, slots=True)
class ReplicaInfo:
    """Where a replica can be reached."""

    replica: ReplicaId
    peer_address: str
    client_address: str


@dataclass(frozen=True, slots=True)
class Register:
    """A replica is alive, and this is what it knows about the leader. Metadata only."""

    info: ReplicaInfo
    ballot_round: int
    ballot_replica: ReplicaId
    leader: ReplicaId | None


@dataclass(frozen=True, slots=True)
class Locate:
    """Where is the cluster?"""


@dataclass(frozen=True, slots=True)
class Located:
    """Replicas that registered lately, and the leader of the highest ballot they know."""

    replicas: tuple[ReplicaInfo, ...]
    leader: ReplicaId | None


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The connection ends, and why: another protocol version, another cluster, too slow."""

    reason: str


Answer = Opened | Executed | Expired | NotExecuted | Interrupted

# Numbers on the wire: never reuse one. 1 to 63 belong to the messages of the core.
PEER_MESSAGES: Final[dict[int, type]] = {64: PeerHello, 79: Goodbye}
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
        79: Goodbye,
    }
)
MASTER_CODEC: Final[Codec[Any]] = Codec(
    {
        65: ClientHello,
        79: Goodbye,
        80: Register,
        81: Locate,
        82: Located,
    }
)
