"""What a session dispatches to a shard, and what that shard's log says about it.

    client ── Request(body = Dispatch) ──▶ leader ── Reign, Announce, Place, Fail, Fence ──▶ log

An operation is named by its session and its number there (`seq`), which counts over all shards. Its
body stays opaque; these are the envelopes in which it travels, and they are the body of a request or
of a command in the log. Whoever leads a shard writes them, and the state machine of each replica
reads them; so this page lies below both. What they mean is in docs/internals/mdl.md.

Bytes that are none of these are no error of this replica: `read_dispatch` and `read_entry` say None.
"""

from enum import Enum
from typing import Annotated, Final, NamedTuple

import msgspec

from node.types import ClientId, Natural, RequestNumber, WireStruct

ShardId = int
"""One of the groups that share the keys, counted from 0."""

Token = int
"""Names a session on all shards: 62 bits that its client drew at random."""

Reign = tuple[Annotated[int, Natural], Annotated[int, Natural]]
"""The ballot of a leader, as two plain numbers: `(round, replica)`."""

NO_REIGN: Final[Reign] = (0, 0)
"""Before any."""

Stamp = Annotated[int, Natural]
"""A timestamp: the place of an operation in the order in which its shard decided."""

NO_PREDECESSOR: Final = -1

WINDOW_MAX: Final = 1025
"""Operations in one chain of stamps: all that a session may have unanswered, and one more."""

Stamps = Annotated[tuple[Stamp, ...], msgspec.Meta(max_length=WINDOW_MAX)]
"""A chain: the stamp of an operation is the last one, and those of its predecessors come before it,
as far back as one of them was not known to be executed."""


class Dispatch(WireStruct, frozen=True, tag=101):
    """The body of a client's request: an operation, and where the one before it went."""

    after: Annotated[int, msgspec.Meta(ge=NO_PREDECESSOR, le=2**31)]
    """The shard of operation `seq - 1`; -1 when there is none, or it is answered already."""
    body: bytes
    """What the application executes."""


class Begin(WireStruct, frozen=True, tag=102):
    """A leader's first entry: from here on the decisions of `reign` count, and no others."""

    reign: Reign


class Announce(WireStruct, frozen=True, tag=103):
    """The operation is known to this shard, and not ordered yet."""

    after: Annotated[int, msgspec.Meta(ge=NO_PREDECESSOR, le=2**31)]
    body: bytes


class Place(WireStruct, frozen=True, tag=104):
    """A decision: execute the operation here."""

    reign: Reign
    decision: Annotated[int, Natural]
    """Counts the decisions of this reign from 1; one that does not follow the last one is void."""
    stamps: Stamps
    body: bytes | None
    """None: the one that was announced."""


class Fail(WireStruct, frozen=True, tag=105):
    """A decision: neither this operation nor any later one of its session is executed, ever."""

    reign: Reign
    decision: Annotated[int, Natural]


class Fence(WireStruct, frozen=True, tag=106):
    """From here on this shard believes no leader of `shard` below `reign`."""

    shard: Annotated[int, Natural]
    reign: Reign


Entry = Begin | Announce | Place | Fail | Fence

_DISPATCH: Final = msgspec.msgpack.Decoder(Dispatch)
_ENTRY: Final[msgspec.msgpack.Decoder[Entry]] = msgspec.msgpack.Decoder(Entry)
_encode: Final = msgspec.msgpack.Encoder().encode
_NOT_OURS: Final = (msgspec.DecodeError, ValueError, RecursionError, MemoryError)


def encode_dispatch(dispatch: Dispatch) -> bytes:
    """The body of a request."""
    return _encode(dispatch)


def read_dispatch(body: bytes) -> Dispatch | None:
    """What the body of a request says; None when it is no dispatch."""
    try:
        return _DISPATCH.decode(body)
    except _NOT_OURS:
        return None


def encode_entry(entry: Entry) -> bytes:
    """The body of a command in the log."""
    return _encode(entry)


def read_entry(body: bytes) -> Entry | None:
    """What the body of a command in the log says; None when it is no entry of these."""
    try:
        return _ENTRY.decode(body)
    except _NOT_OURS:
        return None


class Standing(Enum):
    """What the executed state says about one operation."""

    NO_SESSION = "no session"
    """Its session is not open here, or was forgotten."""
    ANSWERED = "answered"
    """The client has its answer, and those of all before it."""
    UNKNOWN = "unknown"
    ANNOUNCED = "announced"
    PLACED = "placed"
    FAILED = "failed"


class Announced(NamedTuple):
    """An operation that is announced, and neither placed nor failed."""

    client: ClientId
    seq: RequestNumber
    token: Token
    after: int
    body: bytes
