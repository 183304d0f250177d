"""Links between replicas: one TCP connection in each direction of each pair.

    outbox ──▶ link (connect, greet, send; back off and again) ──▶ peer port of the other ──▶ inbox

A link only sends and a peer port only receives. What a broken connection loses is not repeated
here: the core repeats what still matters.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from random import Random
from typing import Any, Final

import trio

from node.core.interface import Received
from node.core.multipaxos import Message
from node.direct import send_now
from node.errors import LinkReplaced, Removed, WireError, WrongPeer
from node.marks import sometimes
from node.readers import Readers
from node.runtime.codecs import PEER_CODEC
from node.runtime.connection import Connection
from node.runtime.counters import Counters
from node.runtime.handshake import expect_hello, keep_alive
from node.runtime.inbox import Inbox
from node.runtime.limits import Connections
from node.runtime.logs import logger
from node.runtime.nursery import bare_errors
from node.runtime.outbox import PeerOutbox
from node.settings import Limits
from node.types import Address, ReplicaId
from node.wire.framing import FrameDecoder, frame
from node.wire.messages import (
    FRAME_BYTES_MAX,
    HELLO_BYTES_MAX,
    Dismissed,
    Goodbye,
    PeerHello,
)
from node.wire.preface import Speaker, preface

_log = logger("peers")

_LINK_REPLACED = sometimes("a link that broke is replaced")
_DISMISSED = sometimes("a replica hears from another one that it was removed")
_LINK_SUPERSEDED = sometimes("a peer opens a link while its older one is still there")

CONNECT_TIMEOUT_S: Final = 2.0
BACK_OFF_MIN_S: Final = 0.02
BACK_OFF_MAX_S: Final = 0.1
"""With jitter half of the default election timeout: a restarted replica must hear of the leader
before it campaigns, or every restart would depose one."""

REFUSED_PAUSE_S: Final = 0.5
"""After a peer that said why it closed the link: it may let this replica in later, as a member."""

LINKS_MAX: Final = 64
"""Connections to a peer port: a link from each peer, and strangers who have five seconds to say
who they are, and make room for one another."""


Slowed = Callable[[trio.abc.Stream], AbstractAsyncContextManager[trio.abc.Stream]]
"""Makes a connection slower, for measurements; leaving the block closes it."""


def _as_it_is(stream: trio.abc.Stream) -> AbstractAsyncContextManager[trio.abc.Stream]:
    return stream


class PeerLink:
    """Sends to one peer for as long as the replica lives, over one connection after another."""

    def __init__(
        self,
        *,
        hello: PeerHello,
        address: Address,
        outbox: PeerOutbox,
        random: Random,
    ) -> None:
        self.slowed: Slowed = _as_it_is
        """Each connection is used through what this makes of it."""
        self._hello = hello
        self._peer = hello.to
        self._address = address
        self._outbox = outbox
        self._random = random
        self.is_connected = False
        self._refused_because = ""
        """What the peer said when it closed the last connection."""

    async def run(self) -> None:
        """Connect, send until the connection breaks, back off, and again.

        Raises Removed when the peer says that this replica is not needed any more.
        """
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
            except WireError as error:
                _log.warning("replica %s says what a peer port does not: %s", self._peer, error)
            await trio.sleep(REFUSED_PAUSE_S if self._refused_because else back_off_s)

    async def _send(self, stream: trio.SocketStream) -> None:
        """Send until the connection breaks; the other side sends nothing but its end."""
        self._outbox.clear()
        keep_alive(stream)
        self.is_connected = True
        try:
            await self._send_hello_and_frames(stream)
        finally:
            self.is_connected = False

    async def _send_hello_and_frames(self, stream: trio.SocketStream) -> None:
        hello = preface(Speaker.PEER) + frame(PEER_CODEC.encode(self._hello), FRAME_BYTES_MAX)
        with bare_errors(trio.BrokenResourceError, WireError, Removed):
            async with (
                self.slowed(stream) as link,
                trio.open_nursery() as link_nursery,
            ):
                link_nursery.start_soon(self._watch, link)
                await link.send_all(hello)
                with self._outbox.direct(partial(send_now, link)):
                    while True:
                        data = await self._outbox.take_all()
                        with self._outbox.busy():
                            await link.send_all(data)

    async def _watch(self, stream: trio.abc.Stream) -> None:
        """Notice the end of the connection also while there is nothing to send, and why it comes."""
        decoder = FrameDecoder(HELLO_BYTES_MAX)
        before, self._refused_because = self._refused_because, ""
        while not self._refused_because and (
            data := bytes(await stream.receive_some(HELLO_BYTES_MAX))
        ):
            decoder.receive_data(data)
            while (payload := decoder.next_frame()) is not None:
                self._hear(PEER_CODEC.decode(payload))
        if self._refused_because not in ("", before):
            _log.warning("replica %s closed the link: %s", self._peer, self._refused_because)
        raise trio.BrokenResourceError("the peer closed the link")

    def _hear(self, message: object) -> None:
        match message:
            case Goodbye(reason):
                self._refused_because = reason
            case Dismissed(replica) if replica == self._hello.sender:
                _DISMISSED.hit()
                raise Removed(
                    f"replica {replica} was removed from the cluster, says replica {self._peer}: "
                    "it is not needed"
                )
            case _:
                raise WireError(f"a peer port does not send {message!r}")


class PeerPort:
    """Receives from peers until it is cancelled."""

    def __init__(
        self,
        *,
        cluster: str,
        replica: ReplicaId,
        admit: Callable[[PeerHello], str],
        is_dismissed: Callable[[ReplicaId], bool],
        limits: Limits,
        inbox: Inbox[Any],
        counters: Counters,
        readers: Readers,
        carries: Any = Message,  # noqa: ANN401 - a class or a union of classes
    ) -> None:
        """`carries` is the class of the protocol's messages, or a union of them.

        `admit` says why somebody may not come in, in a sentence; empty when it may. `is_dismissed`
        says of such a one whether it was a member once, and is not needed any more.
        """
        self._readers = readers
        self._cluster = cluster
        self._replica = replica
        self._admit = admit
        self._is_dismissed = is_dismissed
        self._carries = carries
        self.on_left: Callable[[ReplicaId], None] = lambda _replica: None
        """Told when nobody is there any more of a replica that was let in."""
        self._limits = limits
        self._inbox = inbox
        self._counters = counters
        self._incarnations: dict[ReplicaId, int] = {}
        self.connections = Connections(limits, LINKS_MAX)
        self.links: dict[ReplicaId, Connection] = {}
        """The link of each peer that has one: the newest over which a message has come."""
        self._newcomers: dict[ReplicaId, Connection] = {}
        """Newer ones that have said hello and nothing else. They replace one another, but not a
        link that works: a hello alone is soon said."""

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one incoming link; closes `stream`."""
        keep_alive(stream)
        connection = Connection(
            stream,
            PEER_CODEC,
            connections=self.connections,
            output_bytes_max=self._limits.output_bytes_max,
        )
        with self._counters.connection("peer", _log):
            async with connection.open():
                hello = await expect_hello(connection, {Speaker.PEER: PeerHello}, self._cluster)
                self._welcome(hello, connection)
                try:
                    await self._receive(hello.sender, connection)
                finally:
                    for links in (self.links, self._newcomers):
                        if links.get(hello.sender) is connection:
                            del links[hello.sender]
                    if hello.sender not in self.links and hello.sender not in self._newcomers:
                        self.on_left(hello.sender)

    def _welcome(self, hello: PeerHello, connection: Connection) -> None:
        """Take in a link, besides the older one for the moment; raises WrongPeer."""
        if hello.to != self._replica:
            raise WrongPeer(
                f"replica {hello.sender} looks for replica {hello.to}; this is replica "
                f"{self._replica}"
            )
        if problem := self._admit(hello):
            if self._is_dismissed(hello.sender):
                # Those who could have told it in the log do not talk with it any more.
                connection.queue(Dismissed(hello.sender))
            raise WrongPeer(problem)
        known = self._incarnations.get(hello.sender, hello.incarnation)
        if known != hello.incarnation:
            _log.info("replica %s was started again", hello.sender)
        self._incarnations[hello.sender] = hello.incarnation
        if hello.sender not in self.links:
            self.links[hello.sender] = connection
        else:
            self._replace(self._newcomers, hello.sender, connection)

    def part_from(self, replica: ReplicaId, why: WrongPeer) -> None:
        """Close what `replica` has opened."""
        for links in (self.links, self._newcomers):
            if replica in links:
                links[replica].close_because(why)

    def _replace(
        self, links: dict[ReplicaId, Connection], sender: ReplicaId, connection: Connection
    ) -> None:
        older = links.get(sender)
        links[sender] = connection
        if older is not None:
            older.close_because(LinkReplaced(f"replica {sender} has opened a newer link"))

    def _promote(self, sender: ReplicaId, connection: Connection) -> None:
        """A message has come over a newer link: the other end has given the older one up."""
        if self._newcomers.get(sender) is not connection:
            raise LinkReplaced(f"replica {sender} has opened a newer link")
        _LINK_SUPERSEDED.hit()
        del self._newcomers[sender]
        self._replace(self.links, sender, connection)

    async def _receive(self, sender: ReplicaId, connection: Connection) -> None:
        def handle() -> bool:
            return self._handle(sender, connection)

        is_open = True
        while is_open:
            if not self._inbox.has_room:
                await self._inbox.wait_room()
            if handle():
                is_open = await connection.read(self._readers, handle)

    def _handle(self, sender: ReplicaId, connection: Connection) -> bool:
        """Post the messages that are here; False when there is no room for more."""
        for message in connection.received():
            if not isinstance(message, self._carries):
                raise WireError(f"a link does not carry {type(message).__name__}")
            if self.links.get(sender) is not connection:
                self._promote(sender, connection)
            self._inbox.post(Received(sender, message), connection.frame_bytes)
            if not self._inbox.has_room:
                return False
        return True
