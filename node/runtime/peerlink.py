"""Links between replicas: one TCP connection in each direction of each pair.

    outbox ──▶ link (connect, greet, send; back off and again) ──▶ peer port of the other ──▶ inbox

A link only sends and a peer port only receives. What a broken connection loses is not repeated
here: the core repeats what still matters.
"""

from functools import partial
from random import Random
from typing import Any, Final

import trio

from node.core.interface import Received
from node.core.multipaxos import Message
from node.direct import send_now
from node.errors import WireError
from node.marks import sometimes
from node.runtime.codecs import PEER_CODEC
from node.runtime.connection import Connection, Counters, expect_hello
from node.runtime.inbox import Inbox
from node.runtime.logs import logger
from node.runtime.nursery import bare_errors
from node.runtime.outbox import PeerOutbox
from node.types import Address, ReplicaId
from node.wire.framing import frame
from node.wire.messages import FRAME_BYTES_MAX, PROTOCOL_VERSION, PeerHello

_log = logger("peers")

_LINK_REPLACED = sometimes("a link that broke is replaced")

CONNECT_TIMEOUT_S: Final = 2.0
BACK_OFF_MIN_S: Final = 0.02
BACK_OFF_MAX_S: Final = 0.1
"""With jitter half of the default election timeout: a restarted replica must hear of the leader
before it campaigns, or every restart would depose one."""


class PeerLink:
    """Sends to one peer for as long as the replica lives, over one connection after another."""

    def __init__(
        self,
        *,
        hello: PeerHello,
        peer: ReplicaId,
        address: Address,
        outbox: PeerOutbox,
        random: Random,
    ) -> None:
        self._hello = hello
        self._peer = peer
        self._address = address
        self._outbox = outbox
        self._random = random

    async def run(self) -> None:
        """Connect, send until the connection breaks, back off, and again."""
        back_off_s = BACK_OFF_MIN_S
        was_connected = False
        while True:
            try:
                with trio.fail_after(CONNECT_TIMEOUT_S):
                    stream = await trio.open_tcp_stream(self._address.host, self._address.port)
            except (OSError, trio.TooSlowError):
                # Jitter, so that peers of a restarted replica do not all knock at once.
                await trio.sleep(back_off_s * (0.5 + self._random.random()))
                back_off_s = min(2 * back_off_s, BACK_OFF_MAX_S)
                continue
            _log.debug("connected to replica %s", self._peer)
            if was_connected:
                _LINK_REPLACED.hit()
            was_connected = True
            back_off_s = BACK_OFF_MIN_S
            try:
                await self._send(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                _log.info("lost the connection to replica %s", self._peer)
            await trio.sleep(back_off_s)

    async def _send(self, stream: trio.SocketStream) -> None:
        """Send until the connection breaks; the other side sends nothing but its end."""
        self._outbox.clear()
        async with stream:
            with bare_errors(trio.BrokenResourceError):
                async with trio.open_nursery() as link_nursery:
                    link_nursery.start_soon(self._watch, stream)
                    await stream.send_all(frame(PEER_CODEC.encode(self._hello), FRAME_BYTES_MAX))
                    with self._outbox.direct(partial(send_now, stream)):
                        while True:
                            data = await self._outbox.take_all()
                            with self._outbox.busy():
                                await stream.send_all(data)

    async def _watch(self, stream: trio.SocketStream) -> None:
        """Notice the end of the connection also while there is nothing to send."""
        data = await stream.receive_some(1024)
        if data:
            _log.warning("replica %s closed the link: %r", self._peer, bytes(data[:200]))
        raise trio.BrokenResourceError("the peer closed the link")


class PeerPort:
    """Receives from peers until it is cancelled."""

    def __init__(
        self, *, cluster: str, peers: tuple[ReplicaId, ...], inbox: Inbox[Any], counters: Counters
    ) -> None:
        self._cluster = cluster
        self._peers = peers
        self._inbox = inbox
        self._counters = counters

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one incoming link; closes `stream`."""
        connection = Connection(stream, PEER_CODEC, frame_bytes_max=FRAME_BYTES_MAX)
        with self._counters.connection("peer", _log):
            async with connection.open():
                hello = await expect_hello(connection, PeerHello, self._cluster)
                if hello.sender not in self._peers:
                    raise WireError(f"replica {hello.sender} is no peer of this one")
                is_open = True
                while is_open:
                    for message in connection.received():
                        if not isinstance(message, Message):
                            raise WireError(f"a link does not carry {type(message).__name__}")
                        self._inbox.post(Received(hello.sender, message))
                        if not self._inbox.has_room:
                            await self._inbox.wait_room()
                    is_open = await connection.receive_more()


def hello_of(cluster: str, replica: ReplicaId) -> PeerHello:
    """The first frame that `replica` sends on each link."""
    return PeerHello(PROTOCOL_VERSION, cluster, replica)
