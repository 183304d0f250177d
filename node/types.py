"""Shared vocabulary of a replica: who speaks, and what is asked."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple, NewType

import msgspec

ReplicaId = NewType("ReplicaId", int)
"""One member of the cluster, counted from 1."""

ClientId = NewType("ClientId", int)
"""A session, assigned by the replicated state when it is opened; before that, a client's nonce."""

RequestNumber = NewType("RequestNumber", int)
"""Counts a session's requests from 1; 0 opens a session."""

OPEN_SESSION: RequestNumber = RequestNumber(0)


class WireStruct(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False
):
    """A value of which there is one in every operation: msgspec makes, writes and reads it in C.

    The collector does not look at it (`gc=False`), so its fields may not lead back to it.
    """


Natural = msgspec.Meta(ge=0, le=2**63 - 1)
"""What an integer of a `WireStruct` may be: what fits a signed 64-bit word elsewhere, too."""


class Command(WireStruct, frozen=True):
    """What a client asks the replicated state machine to execute, exactly once.

    `(client, number)` is its identity: it stays the same when the client tries again, at another
    replica too.
    """

    client: Annotated[ClientId, Natural]
    number: Annotated[RequestNumber, Natural]
    answered: Annotated[RequestNumber, Natural]
    """Every request of this session up to this number was answered: its result may be forgotten."""
    body: bytes
    """Opaque to consensus; the state machine decodes it when it executes it."""

    @property
    def request(self) -> tuple[ClientId, RequestNumber]:
        """The identity that survives a retry."""
        return self.client, self.number


class Query(WireStruct, frozen=True, tag=74):
    """What a client asks of the replicated state, which does not change by answering.

    It has no place in the log and none in a session: asking twice does no harm, so there is nothing
    to remember, and nobody need ever know whether it was answered.
    """

    client: Annotated[ClientId, Natural]
    """A nonce of the client's, which is no session."""
    number: Annotated[RequestNumber, Natural]
    """Counts this client's queries; tells their answers apart."""
    body: bytes
    """Opaque to consensus; the state machine refuses what would change something."""


@dataclass(frozen=True, slots=True)
class ReplicaInfo:
    """Where a replica can be reached."""

    replica: ReplicaId
    peer_address: str
    client_address: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """Who the members of a cluster are, from one slot of the log on until the next change."""

    slot: int
    """In which it was decided, so it is in force from the next one on; 0: since the beginning."""
    replicas: tuple[ReplicaInfo, ...]
    """The members, ascending."""
    removed: tuple[ReplicaId, ...] = ()
    """Who was a member and never will be again: its number stays taken."""

    @property
    def members(self) -> tuple[ReplicaId, ...]:
        """Their numbers, ascending."""
        return tuple(info.replica for info in self.replicas)


NO_MEMBERS: Final = Configuration(0, ())
"""What a replica knows that joins a cluster."""


class Address(NamedTuple):
    """Where to listen and where to connect."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `HOST:PORT` or `[V6]:PORT`; raises ValueError with a sentence."""
        match = re.fullmatch(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})", text)
        if match is None or not 0 < int(match["port"]) < 65536:
            raise ValueError(f"{text!r} is not HOST:PORT with a port from 1 to 65535")
        return cls(match["v6"] or match["host"], int(match["port"]))
