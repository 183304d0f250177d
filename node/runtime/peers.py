"""Peers: the replicas to talk with, each with an outbox and a link, as they come and go.

    core ──Ready.acquainted──▶ driver ──▶ Peers ── starts and ends links ──▶ peers
                                                     └─ says whom the peer port lets in

    a stranger ── hello ──▶ peer port ── may it come in? ──▶ Peers: a guest, as long as it stays

Who lags does not know of those who became members since, and yet must hear them, and answer: one of
them may lead. So everybody is let in who is not known to be removed, and has said where it is. That
decides nothing: only members count.

Replicas of other shards are peers, too, where shards coordinate, but no members: the file names
them, they stay, and no client is sent to them.

Who is a member stands in the log. Where a replica is reached stands in the file, for those whom it
names, and in the log for all others: an address may change without a change of members.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

import trio

from node.config import ClusterConfig
from node.errors import WrongPeer
from node.marks import sometimes
from node.runtime.alarm import Later
from node.runtime.delay import sent_late
from node.runtime.logs import logger
from node.runtime.outbox import PeerOutbox
from node.runtime.peerlink import PeerLink
from node.types import Address, ReplicaId, ReplicaInfo
from node.wire.messages import PeerHello

_log = logger("peers")

_COMES = sometimes("a link to a replica begins that the file does not have to name")
_GUEST = sometimes("a replica is let in that this one has not heard of")
_GOES = sometimes("a link ends because a replica is no peer any more")


GUESTS_MAX: Final = 16
"""Strangers who have said where they are; each of them costs an outbox and a link."""


@dataclass(slots=True)
class Peer:
    """One of them."""

    info: ReplicaInfo
    outbox: PeerOutbox
    link: PeerLink
    life: trio.CancelScope
    is_guest: bool
    """Nobody but itself has said that it belongs here."""


class Peers:
    """All other replicas that this one knows of. `run` owns the links."""

    def __init__(
        self,
        config: ClusterConfig,
        replica: ReplicaId,
        incarnation: int,
        random: Random,
        removed: Callable[[], tuple[ReplicaId, ...]] = tuple,
    ) -> None:
        """`removed` are those who were members and never will be again, as far as is known."""
        self.later: Final = Later()
        """Holds what goes over links that the configuration calls slow, those of clients included; whoever
        opens links runs it, if there are any."""
        self._config = config
        self._replica = replica
        self._incarnation = incarnation
        self._random = random
        shard = config.replica(replica).shard
        self._named = {info.replica: info for info in config.group(shard)}
        self._elsewhere = {info.replica: info for info in config.acquaintances(replica)}
        self._all: dict[ReplicaId, Peer] = {}
        self._links: trio.Nursery | None = None
        self._removed: Callable[[], tuple[ReplicaId, ...]] = removed
        self.outboxes: dict[ReplicaId, PeerOutbox] = {}
        """Of those who are peers now; the same dictionary always."""
        self.client_addresses: dict[ReplicaId, str] = {}
        """Of everybody in this shard whom clients can be sent to, itself included."""
        self._own = self._named[replica]
        self.client_addresses[replica] = self._own.client_address
        self.on_gone: Callable[[ReplicaId, WrongPeer], None] = lambda _replica, _why: None
        """Told when somebody is no peer any more."""

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._all.values())

    def turn_to(self, acquainted: Iterable[ReplicaInfo]) -> None:
        """These are the peers from now on, itself among them or not; never waits."""
        wanted = {info.replica: info for info in acquainted if info.replica != self._replica}
        wanted |= self._elsewhere
        removed = self._removed()
        for peer in list(self._all.values()):
            replica = peer.info.replica
            if replica in wanted:
                peer.is_guest = False
            elif replica in removed or not peer.is_guest:
                self._part_from(replica)
        for info in wanted.values():
            if info.replica not in self._all:
                self._meet(self._named.get(info.replica, info), is_guest=False)

    def admit(self, hello: PeerHello) -> str:
        """Why the sender may not come in; if it may, and nobody knew of it, it is a guest now."""
        sender = hello.sender
        if sender in self._all:
            return ""
        if sender in self._removed():
            return f"replica {sender} was removed from this cluster: switch it off"
        guests = sum(peer.is_guest for peer in self._all.values())
        try:
            Address.parse(hello.peer_address)
            Address.parse(hello.client_address)
        except ValueError:
            return f"replica {sender} is no peer of this one"
        if sender == self._replica or guests >= GUESTS_MAX:
            return f"replica {sender} is no peer of this one"
        _GUEST.hit()
        info = ReplicaInfo(sender, hello.peer_address, hello.client_address)
        self._meet(self._named.get(sender, info), is_guest=True)
        return ""

    def leave(self, replica: ReplicaId) -> None:
        """Somebody is not connected to this replica any more; a guest goes with that."""
        if replica in self._all and self._all[replica].is_guest:
            self._part_from(replica)

    async def run(self) -> None:
        """Keep the links until cancelled."""
        async with trio.open_nursery() as links:
            self._links = links
            for peer in self._all.values():
                links.start_soon(self._keep, peer)
            await trio.sleep_forever()

    def _meet(self, info: ReplicaInfo, *, is_guest: bool) -> None:
        if self._links is not None:
            _COMES.hit()
            _log.info("replica %s is a peer now, at %s", info.replica, info.peer_address)
        outbox = PeerOutbox(self._config.limits.peer_outbox_bytes_max)
        link = PeerLink(
            hello=PeerHello(
                self._config.cluster,
                self._replica,
                info.replica,
                self._incarnation,
                self._own.peer_address,
                self._own.client_address,
            ),
            address=Address.parse(info.peer_address),
            outbox=outbox,
            random=self._random,
        )
        delay_s = self._config.delay_s(self._replica, info.replica)
        if delay_s:
            link.slowed = partial(sent_late, delay_s=delay_s, later=self.later)
        peer = Peer(info, outbox, link, trio.CancelScope(), is_guest)
        self._all[info.replica] = peer
        self.outboxes[info.replica] = outbox
        if info.replica not in self._elsewhere:
            self.client_addresses[info.replica] = info.client_address
        if self._links is not None:
            self._links.start_soon(self._keep, peer)

    def _part_from(self, replica: ReplicaId) -> None:
        _GOES.hit()
        _log.info("replica %s is no peer any more", replica)
        peer = self._all.pop(replica)
        del self.outboxes[replica]
        self.client_addresses.pop(replica, None)
        peer.life.cancel()
        self.on_gone(replica, WrongPeer(f"replica {replica} is no member of this cluster any more"))

    async def _keep(self, peer: Peer) -> None:
        with peer.life:
            await peer.link.run()
