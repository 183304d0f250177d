"""Foreign bytes for live ports: frames of ours that were changed, noise, and silence.

Nobody authenticates a peer (that is for TLS), so whoever says a peer's hello is believed, as Paxos
believes its members. What can still be decoded therefore goes to a peer port only under a hello
that is refused; under the right one goes what is no message.
"""

import socket
import struct
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import trio

from node.core.ballot import Ballot
from node.core.multipaxos.messages import Accepted, Fetch, Prepare
from node.errors import WireError
from node.runtime.codecs import PEER_CODEC
from node.types import Address, ClientId, ReplicaId, RequestNumber
from node.wire.codec import Codec
from node.wire.framing import FrameDecoder, frame
from node.wire.kv import Append, Get, Operation, Put, encode_operation
from node.wire.messages import (
    CLIENT_CODEC,
    FRAME_BYTES_MAX,
    ClientHello,
    Goodbye,
    PeerHello,
    Request,
    StatusRequest,
)
from node.wire.preface import Speaker, preface

HALF_OPEN_MAX: Final = 40
"""Silent connections at once; far more are the subject of the flood."""

NONCE: Final = 1 << 61
"""Sessions are named after slots, and none gets there: fuzzed requests meet no real session."""

BALLOT: Final = Ballot(1, ReplicaId(1))


def requests() -> list[object]:
    """What clients say."""
    bodies: list[Operation] = [Put("fuzz", "value"), Get("fuzz"), Append("fuzz", "x" * 300)]
    return [
        StatusRequest(),
        *(
            Request(ClientId(NONCE + i), RequestNumber(i), RequestNumber(0), encode_operation(body))
            for i, body in enumerate(bodies)
        ),
    ]


def peer_messages() -> list[object]:
    """What peers say."""
    return [Prepare(BALLOT, 1), Accepted(BALLOT, 7), Fetch(3), Goodbye("enough")]


@dataclass(slots=True)
class Tally:
    """What the fuzzer did and heard."""

    connections: int = 0
    bytes: int = 0
    goodbyes: int = 0
    """Refusals that it was told."""
    cut: int = 0
    """Connections that broke: a refusal may have been lost with them."""
    half_open: int = 0
    """Connections that it left silent until they were closed at the other end, or it had enough."""


class Fuzzer:
    """Attacks the ports of one cluster, whose name and members it knows."""

    def __init__(self, random: Random, cluster: str, members: tuple[ReplicaId, ...]) -> None:
        self._random = random
        self._cluster = cluster
        self._members = members
        self._half_open = trio.CapacityLimiter(HALF_OPEN_MAX)
        self.tally = Tally()

    async def attack(
        self, client_addresses: list[Address], peer_addresses: list[Address], budget_s: float
    ) -> None:
        """One connection after another, and silent ones beside them, for `budget_s`."""
        with trio.move_on_after(budget_s):
            async with trio.open_nursery() as silent:
                while True:
                    if self._random.random() < 0.5:
                        address, data = self._random.choice(client_addresses), self.for_client()
                    else:
                        at = self._random.randrange(len(peer_addresses))
                        address, data = peer_addresses[at], self.for_peer(self._members[at])
                    if self._random.random() < 0.05 and self._half_open.available_tokens > 0:
                        silent.start_soon(self._hold, address, data[: len(data) // 2])
                    else:
                        await self._throw(address, data)

    def for_client(self) -> bytes:
        """What a client might say, and worse."""
        hello = preface(Speaker.CLIENT) + encoded(CLIENT_CODEC, ClientHello(self._cluster))
        frames = b"".join(
            encoded(CLIENT_CODEC, self._random.choice(requests()))
            for _ in range(self._random.randrange(1, 4))
        )
        return self._pick(hello, frames, self.mutated(frames))

    def for_peer(self, to: ReplicaId) -> bytes:
        """What a peer might say; under the right hello nothing that can be decoded."""
        sender = self._random.choice([member for member in self._members if member != to])
        right = preface(Speaker.PEER) + encoded(
            PEER_CODEC, PeerHello(self._cluster, sender, to, self._random.getrandbits(40))
        )
        wrong = preface(Speaker.PEER) + encoded(
            PEER_CODEC, PeerHello(f"not-{self._cluster}", sender, to, 1)
        )
        frames = b"".join(encoded(PEER_CODEC, message) for message in peer_messages())
        if self._random.random() < 0.5:
            return self._pick(wrong, frames, self.mutated(frames))
        return right + self._undecodable(frames)

    def mutated(self, data: bytes) -> bytes:
        """Bytes flipped, cut, doubled, put in and taken out."""
        changed = bytearray(data)
        for _ in range(self._random.randrange(1, 6)):
            at = self._random.randrange(len(changed)) if changed else 0
            match self._random.randrange(5):
                case 0:
                    changed[at : at + 1] = bytes([self._random.randrange(256)])
                case 1:
                    del changed[at : at + self._random.randrange(1, 9)]
                case 2:
                    changed[at:at] = self._random.randbytes(self._random.randrange(1, 9))
                case 3:
                    changed[at:at] = changed[at : at + self._random.randrange(1, 99)]
                case _:
                    del changed[at:]
        return bytes(changed)

    def _pick(self, hello: bytes, frames: bytes, mutated: bytes) -> bytes:
        return self._random.choice(
            [
                hello + mutated,
                hello + mutated,
                self.mutated(hello) + frames,
                hello + self._random.randbytes(self._random.randrange(1, 200)),
                self._random.randbytes(self._random.randrange(1, 200)),
                hello + b"\xff\xff\xff\xff",
                hello[: self._random.randrange(len(hello))],
            ]
        )

    def _undecodable(self, frames: bytes) -> bytes:
        """A frame whose content is none of a peer's messages."""
        while True:
            payload = self.mutated(frames[4:])[:1000]
            try:
                PEER_CODEC.decode(payload)
            except WireError:
                return frame(payload, FRAME_BYTES_MAX)

    async def _throw(self, address: Address, data: bytes) -> None:
        """Send, end our half, and listen to the end; now and then reset instead."""
        try:
            async with await trio.open_tcp_stream(*address) as stream:
                self.tally.connections += 1
                self.tally.bytes += len(data)
                await stream.send_all(data)
                if self._random.random() < 0.1:
                    linger = struct.pack("ii", 1, 0)
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.tally.cut += 1
                    return
                await stream.send_eof()
                await self._listen(stream)
        except (OSError, trio.BrokenResourceError):
            self.tally.cut += 1

    async def _listen(self, stream: trio.SocketStream) -> None:
        decoder = FrameDecoder(FRAME_BYTES_MAX)
        async for data in stream:
            decoder.receive_data(bytes(data))
            while (payload := decoder.next_frame()) is not None:
                self.tally.goodbyes += is_goodbye(payload)

    async def _hold(self, address: Address, data: bytes) -> None:
        """Say half of it, and nothing more until we are thrown out."""
        try:
            async with self._half_open, await trio.open_tcp_stream(*address) as stream:
                self.tally.connections += 1
                self.tally.half_open += 1
                await stream.send_all(data)
                await self._listen(stream)
        except (OSError, trio.BrokenResourceError):
            self.tally.cut += 1


def encoded(codec: Codec[Any], message: object) -> bytes:
    """As a frame."""
    return frame(codec.encode(message), FRAME_BYTES_MAX)


def is_goodbye(payload: bytes) -> bool:
    """Whether the replica refuses."""
    return isinstance(CLIENT_CODEC.decode(payload), Goodbye)
