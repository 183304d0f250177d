"""Bytes that are no messages end their connection and nothing else.

Against a live replica, on both of its ports. What a decoder does with garbage is the subject of
the property tests; here it is the process around it that must live on, and stay small.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import pytest
import trio

from clients import KvClient, open_client
from clients.connection import ask_status
from node.core.ballot import Ballot
from node.core.multipaxos.messages import Heartbeat
from node.runtime.codecs import PEER_CODEC
from node.types import Address, ClientId, ReplicaId, RequestNumber
from node.wire.framing import frame
from node.wire.messages import (
    CLIENT_CODEC,
    COMMAND_BYTES_MAX,
    FRAME_BYTES_MAX,
    ClientHello,
    PeerHello,
    Request,
    StatusRequest,
)
from node.wire.preface import Speaker, preface
from tests.support.processes import PATIENCE_S, Running, resident_mb, running_cluster

pytestmark = pytest.mark.process

MEMORY_JUMP_MB: Final = 48.0
"""Far more than the noise of a Python process, far less than what the prefixes below announce."""

HUGE: Final = (0xFFFFFFFF).to_bytes(4, "big")
LARGEST: Final = FRAME_BYTES_MAX.to_bytes(4, "big")


ONE, TWO = ReplicaId(1), ReplicaId(2)
FROM_CLIENT: Final = preface(Speaker.CLIENT)
FROM_PEER: Final = preface(Speaker.PEER)


def client(message: object) -> bytes:
    return frame(CLIENT_CODEC.encode(message), FRAME_BYTES_MAX)


def peer(message: object) -> bytes:
    return frame(PEER_CODEC.encode(message), FRAME_BYTES_MAX)


def another_version(data: bytes) -> bytes:
    return data[:5] + bytes([data[5] + 1]) + data[6:]


CLIENT_HELLO: Final = FROM_CLIENT + client(ClientHello("test"))
PEER_HELLO: Final = FROM_PEER + peer(PeerHello("test", TWO, ONE, 5))
BIG_REQUEST: Final = Request(
    ClientId(1), RequestNumber(1), RequestNumber(0), bytes(COMMAND_BYTES_MAX + 1)
)

BAD_FOR_CLIENTS: Final = {
    "a browser": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "huge length": FROM_CLIENT + HUGE,
    "a hello that is too long": FROM_CLIENT + client(ClientHello("x" * 2000)),
    "huge length after the hello": CLIENT_HELLO + HUGE,
    "another version": another_version(CLIENT_HELLO),
    "another cluster": FROM_CLIENT + client(ClientHello("other")),
    "no preface": client(ClientHello("test")),
    "no hello": FROM_CLIENT + client(StatusRequest()),
    "a hello of a peer": PEER_HELLO,
    "an unknown tag": CLIENT_HELLO + frame(msgspec.msgpack.encode([9999, 1]), 100),
    "a deep array": CLIENT_HELLO + frame(b"\x81" * 5000 + b"\x01", 10_000),
    "a message of a replica": CLIENT_HELLO + frame(msgspec.msgpack.encode([69, 1, 1]), 100),
    "garbage": CLIENT_HELLO + frame(b"\xc1\xc1\xc1", 100),
    "text that is no UTF-8": FROM_CLIENT + frame(b"\x92\x41\xa2\xff\xfe", 100),
    "half a frame": CLIENT_HELLO + client(BIG_REQUEST)[:1000],
    "nothing": b"",
}
BAD_FOR_PEERS: Final = {
    "huge length": FROM_PEER + HUGE,
    "another version": another_version(PEER_HELLO),
    "another cluster": FROM_PEER + peer(PeerHello("other", TWO, ONE, 5)),
    "any cluster": FROM_PEER + peer(PeerHello("", TWO, ONE, 5)),
    "a stranger": FROM_PEER + peer(PeerHello("test", ReplicaId(77), ONE, 5)),
    "itself": FROM_PEER + peer(PeerHello("test", ONE, ONE, 5)),
    "looking for another": FROM_PEER + peer(PeerHello("test", TWO, ReplicaId(3), 5)),
    "no hello": FROM_PEER + peer(Heartbeat(Ballot(999, TWO), 5, 1)),
    "a hello of a client": CLIENT_HELLO,
    "two hellos": PEER_HELLO + PEER_HELLO,
    "an unknown tag": PEER_HELLO + frame(msgspec.msgpack.encode([9999, 1]), 100),
    "a slot that is none": PEER_HELLO + frame(msgspec.msgpack.encode([7, -5]), 100),
    "half a frame": PEER_HELLO + b"\x00\x00\x00\x09abc",
    "nothing": b"",
}


@dataclass(frozen=True, slots=True)
class Victim:
    """Replica 1 of a cluster, and a client whose connection was there before."""

    running: Running
    store: KvClient

    @property
    def client_address(self) -> Address:
        return self.running.cluster.config.replica(ReplicaId(1)).client_address

    @property
    def peer_address(self) -> Address:
        return self.running.cluster.config.replica(ReplicaId(1)).peer_address

    async def assert_unharmed(self) -> None:
        """It answers on new connections and on old ones, and never restarted."""
        status = await ask_status(self.client_address, "test", timeout_s=PATIENCE_S)
        assert status.replica == 1
        await self.store.put("k", "v")
        assert await self.store.get("k") == "v"
        self.running.cluster.check_alive()
        assert self.running.cluster.unexpected_ends == []


@asynccontextmanager
async def victim(directory: Path) -> AsyncIterator[Victim]:
    async with (
        running_cluster(directory, replicas=2) as running,
        open_client(
            replicas=running.cluster.client_addresses, timeout_s=PATIENCE_S, random=Random(1)
        ) as client,
    ):
        await KvClient(client).put("k", "v")
        yield Victim(running, KvClient(client))


async def throw(address: Address, data: bytes) -> None:
    """Send `data`, end our half, and wait until the replica has closed its half."""
    with trio.fail_after(PATIENCE_S):
        async with await trio.open_tcp_stream(*address) as stream:
            try:
                await stream.send_all(data)
                await stream.send_eof()
                while await stream.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass  # it did not even read to the end


async def test_what_is_no_message_ends_its_connection_and_nothing_else(tmp_path: Path) -> None:
    async with victim(tmp_path) as replica:
        ballot = replica.running.observer.ballot
        for data in BAD_FOR_CLIENTS.values():
            await throw(replica.client_address, data)
        await replica.assert_unharmed()
        for data in BAD_FOR_PEERS.values():
            await throw(replica.peer_address, data)
        await replica.assert_unharmed()
        random = Random(20_240_501)
        for _ in range(60):
            garbage = random.randbytes(random.randrange(1, 300))
            await throw(replica.client_address, garbage)
            await throw(replica.client_address, CLIENT_HELLO + garbage)
            await throw(replica.peer_address, PEER_HELLO + garbage)
        await replica.assert_unharmed()
        assert replica.running.observer.ballot == ballot, "no leader was deposed"


async def test_a_refused_client_is_told_why(tmp_path: Path) -> None:
    async with victim(tmp_path) as replica:
        for name, expected in {
            "huge length": b"4294967295",
            "a browser": b"not gong's protocol",
            "another version": b"protocol version",
            "a hello of a peer": b"this port is for a client, and a peer speaks",
            "another cluster": b"cluster 'other'",
        }.items():
            with trio.fail_after(PATIENCE_S):
                async with await trio.open_tcp_stream(*replica.client_address) as stream:
                    await stream.send_all(BAD_FOR_CLIENTS[name])
                    answer = b"".join([bytes(chunk) async for chunk in stream])
            assert expected in answer, name


async def test_connections_that_announce_much_and_send_little_cost_little(tmp_path: Path) -> None:
    """The length is compared with the limit, and nothing is set aside for what was announced."""
    async with victim(tmp_path) as replica:
        pid = replica.running.pid(ReplicaId(1))
        before = resident_mb(pid)
        async with trio.open_nursery() as nursery:
            for _ in range(60):
                stream = await trio.open_tcp_stream(*replica.client_address)
                await stream.send_all(CLIENT_HELLO + LARGEST + b"x")
                nursery.start_soon(hold, stream)
            await replica.assert_unharmed()
            assert resident_mb(pid) - before < MEMORY_JUMP_MB
            nursery.cancel_scope.cancel()
        await replica.assert_unharmed()


async def hold(stream: trio.SocketStream) -> None:
    async with stream:
        await trio.sleep_forever()
