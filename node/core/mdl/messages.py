"""What the leaders of different shards say to each other.

    leader of the successor's shard    ── Coordinate ──▶ leader of the predecessor's shard
                                       ◀── Coordinated ──
    new leader of a shard              ── Reigning ────▶ all replicas of all other shards
                                       ── WhichStamps ─▶ leaders of all other shards
                                       ◀── Stamped ─────

All of them may be lost, late, repeated, or come from somebody who no longer leads. Each speaks of
several operations, so that a round of many costs as many messages as there are shards.
"""

from typing import Annotated, Final, NamedTuple

import msgspec

from node.dispatch import Reign, Stamps, Token
from node.types import Natural, RequestNumber, WireStruct

TAGS_MAX: Final = 4096
"""Of one message: a frame must not decide how much memory is taken."""


class Tag(NamedTuple):
    """An operation, as all shards call it."""

    token: Annotated[Token, Natural]
    seq: Annotated[RequestNumber, Natural]


class Chain(NamedTuple):
    """The stamps of an operation and of some before it."""

    token: Annotated[Token, Natural]
    seq: Annotated[RequestNumber, Natural]
    stamps: Stamps


_Shard = Annotated[int, Natural]
_Tags = Annotated[tuple[Tag, ...], msgspec.Meta(max_length=TAGS_MAX)]
_Chains = Annotated[tuple[Chain, ...], msgspec.Meta(max_length=TAGS_MAX)]


class Reigning(WireStruct, frozen=True, tag=40):
    """I lead `shard`."""

    shard: _Shard
    reign: Reign


class Coordinate(WireStruct, frozen=True, tag=41):
    """Tell me when these are certain to be executed, since I have their successors."""

    shard: _Shard
    """Of the asker."""
    tags: _Tags


class Coordinated(WireStruct, frozen=True, tag=42):
    """Answers a Coordinate, as far as there is something to say."""

    shard: _Shard
    """That answers."""
    reign: Reign
    """Of the leader that answers."""
    certain: _Chains
    """With the stamps that the successors' chains begin with."""
    failed: _Tags
    """These are never executed, nor are their successors."""


class WhichStamps(WireStruct, frozen=True, tag=43):
    """A new leader has these, and must know whether anybody was told their stamps."""

    shard: _Shard
    reign: Reign
    tags: _Tags


class Stamped(WireStruct, frozen=True, tag=44):
    """Answers a WhichStamps, as far as there is something to say."""

    shard: _Shard
    """That answers."""
    reign: Reign
    """Of the leader that answers."""
    asked: Reign
    """From the question: an answer to an earlier leader says nothing."""
    found: _Chains
    unknown: _Tags
    """Nobody here was told, and nobody will believe a leader before `asked`."""


ShardMessage = Reigning | Coordinate | Coordinated | WhichStamps | Stamped

# Numbers on the wire, beside those of Multi-Paxos: never reuse one.
MESSAGES: Final[dict[int, type]] = {
    40: Reigning,
    41: Coordinate,
    42: Coordinated,
    43: WhichStamps,
    44: Stamped,
}
