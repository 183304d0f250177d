"""The state as bytes: what a snapshot holds, how it is written in pieces, and how it is checked.

    | header: magic, version, slot | piece | piece | … | end: 0, crc of all before |
      piece = length u32, payload          members if they have changed, sessions, then what the
                                           application holds

Equal states have equal bytes, on every replica: sessions stand in the order in which they were used,
keys in the order in which they were first written, and both orders follow from the log. So the bytes
need no sorting, which for many keys would hold a replica up, and two replicas whose bytes differ
after the same slot have not executed the same.

A state is written in pieces because it may be large and nothing else runs meanwhile: whoever writes
lets the others go on between any two of them. What is written is a capture, a copy made in one go that
no later command changes.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final
from zlib import crc32

from node.errors import MalformedFrame, WireError
from node.types import ClientId, Configuration, RequestNumber
from node.wire.codec import Codec

MAGIC: Final = b"gong-snapshot\n"
FORMAT_VERSION: Final = 1
PIECE_BYTES: Final = 64 * 1024
"""About; a piece is a millisecond's work. A single value may exceed it."""

_HEADER: Final = struct.Struct(f">{len(MAGIC)}sHQ")
_LENGTH: Final = struct.Struct(">I")
_CRC: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class KeptSession:
    """One session: what it has the answers to, and the results that it may still ask for."""

    client: ClientId
    answered: RequestNumber
    results: tuple[tuple[RequestNumber, bytes], ...]


@dataclass(frozen=True, slots=True)
class SessionsPiece:
    """Some sessions, least recently used first."""

    sessions: tuple[KeptSession, ...]


@dataclass(frozen=True, slots=True)
class ApplicationPiece:
    """A part of what the application holds; it alone knows what that means."""

    body: bytes


@dataclass(frozen=True, slots=True)
class MembersPiece:
    """Who the members are, when they are not those any more that the cluster began with."""

    configuration: Configuration


@dataclass(frozen=True, slots=True)
class KeptAnnounced:
    """An operation that is announced, and neither placed nor failed."""

    seq: RequestNumber
    after: Annotated[int, range(-1, 2**31 + 1)]
    body: bytes


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """What an order over several shards needs to know of one session."""

    client: ClientId
    token: int
    failed_from: RequestNumber | None
    announced: tuple[KeptAnnounced, ...]
    placed: tuple[tuple[RequestNumber, tuple[int, ...]], ...]
    """With their stamps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPiece:
    """Of a state that is ordered over several shards: see `node.state_machine.ordering`."""

    reign: tuple[int, int]
    decisions: int
    clock: int
    fences: tuple[tuple[int, tuple[int, int]], ...]
    sessions: tuple[KeptOrder, ...]
    """Some; there is a piece for each few, which repeats the rest."""


_CODEC: Final[Codec[Any]] = Codec(
    {1: SessionsPiece, 2: ApplicationPiece, 3: MembersPiece, 4: OrderPiece}
)

Piece = MembersPiece | SessionsPiece | OrderPiece | ApplicationPiece


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A state at one moment, shared with nobody."""

    slot: int
    configuration: Configuration | None
    sessions: tuple[KeptSession, ...]
    application: Any
    order: tuple[OrderPiece, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was read from a snapshot, to be put in place of an executed state."""

    slot: int
    configuration: Configuration | None
    """Of its last change of members; None when there was none."""
    sessions: tuple[KeptSession, ...]
    application: Any
    order: tuple[OrderPiece, ...] = ()


def write(slot: int, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """The bytes of a snapshot, in parts that are to be put together."""
    data = _HEADER.pack(MAGIC, FORMAT_VERSION, slot)
    checksum = crc32(data)
    yield data
    for piece in pieces:
        payload = _CODEC.encode(piece)
        data = _LENGTH.pack(len(payload)) + payload
        checksum = crc32(data, checksum)
        yield data
    end = _LENGTH.pack(0)
    yield end + _CRC.pack(crc32(end, checksum))


class Reader:
    """Takes a snapshot apart. Raises MalformedFrame for bytes that are none."""

    def __init__(self, data: bytes) -> None:
        """Checks all of it, which costs a nanosecond a byte."""
        if len(data) < _HEADER.size + _LENGTH.size + _CRC.size:
            raise MalformedFrame(f"{len(data)} bytes are no snapshot")
        magic, version, self.slot = _HEADER.unpack_from(data)
        if magic != MAGIC:
            raise MalformedFrame("this is no snapshot")
        if version != FORMAT_VERSION:
            raise MalformedFrame(f"snapshot version {version}; this is version {FORMAT_VERSION}")
        end = len(data) - _CRC.size
        if crc32(memoryview(data)[:end]) != _CRC.unpack_from(data, end)[0]:
            raise MalformedFrame("its checksum does not fit")
        self._data = data

    def pieces(self) -> Iterator[Piece]:
        """Piece by piece."""
        data, at = self._data, _HEADER.size
        while True:
            (length,) = _LENGTH.unpack_from(data, at)
            at += _LENGTH.size
            if length == 0:
                break
            if at + length + _LENGTH.size + _CRC.size > len(data):
                raise MalformedFrame("a piece reaches beyond its end")
            try:
                yield _CODEC.decode(data[at : at + length])
            except WireError as error:
                raise MalformedFrame(f"at byte {at}: {error}") from error
            at += length
        if at + _CRC.size != len(data):
            raise MalformedFrame(f"{len(data) - at - _CRC.size} bytes behind its end")
