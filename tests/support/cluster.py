"""A cluster of cores, state machines and disks, with a bag of messages between them.

Nothing here runs by itself: whoever holds the cluster says which message is delivered next, which
disk gets its fsync, who crashes. Each `Ready` is carried out in field order, as the driver does:

    records ──▶ journal on a fake disk (volatile until `sync`)
    messages ──▶ the bag
    messages_after_persist ──▶ held, until `sync`; then the bag, or back into the own core
    chosen ──▶ state machine ──▶ answers to whoever waits at this replica

Messages and records go through the real codecs and the real journal, so what a restarted replica
knows is what its disk held. A crash discards the core and the state machine and all un-synced bytes.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, Final

from harness.mutants.storage import OpenJournal
from node.core.interface import (
    Add,
    Envelope,
    Propose,
    Read,
    Ready,
    Received,
    Reconfigure,
    Remove,
    Role,
    SnapshotSaved,
    Tick,
    Transfer,
)
from node.core.multipaxos import RECORDS, Message, MultiPaxos, Record, Settings, truncated_upto
from node.core.multipaxos.messages import MESSAGES
from node.runtime.journal import open_journal
from node.runtime.recovery import begin, begin_rejoining
from node.runtime.snapshots import recover, save, with_members
from node.state_machine.interface import StateMachine
from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SessionedStateMachine
from node.types import Command, Query, ReplicaId, RequestNumber
from node.wire.codec import Codec
from node.wire.messages import Answer, Interrupted, NotExecuted
from tests.support.fake_disk import FakeDisk
from tests.support.hosts import Event, Host, Observer, Reply

_MESSAGE_CODEC: Final[Codec[Any]] = Codec(MESSAGES)
_RECORD_CODEC: Final[Codec[Any]] = Codec(RECORDS)

QUICK: Final = Settings(election_timeout_ticks=6, heartbeat_ticks=2, batch_wait_ticks=0)
"""Few ticks, so that schedules are short."""

_JOURNAL: Final = Path("/replica/journal")


class Packet:
    """A message in the bag; two packets with equal contents are still two packets."""

    __slots__ = ("data", "message", "sender", "to")

    def __init__(self, sender: ReplicaId, to: ReplicaId, message: Message) -> None:
        self.sender = sender
        self.to = to
        self.message = message
        self.data = _MESSAGE_CODEC.encode(message)


class Cluster:
    """Replicas 1 … n, the messages between them, and who may hear whom."""

    def __init__(
        self,
        *,
        replicas: int = 3,
        spares: int = 0,
        seed: int = 0,
        settings: Settings = QUICK,
        core: type[MultiPaxos] = MultiPaxos,
        journal: OpenJournal = open_journal,
        machine: Callable[[StateMachine], SessionedStateMachine] = SessionedStateMachine,
        observers: Iterable[Observer] = (),
        syncs_at_once: bool = False,
    ) -> None:
        self.members = tuple(ReplicaId(number) for number in range(1, replicas + spares + 1))
        """All replicas; those behind the first `replicas` are spare, and no members yet."""
        self.first_members = self.members[:replicas]
        self.settings = settings
        self.messages: list[Packet] = []
        """The bag, oldest first."""
        self.observers = list(observers)
        self._core = core
        self._open_journal = journal
        self._machine = machine
        self._seed = seed
        self._syncs_at_once = syncs_at_once
        self._cuts: dict[tuple[ReplicaId, ReplicaId], None] = {}
        self.hosts = {member: Host(member) for member in self.members}
        for member in self.members:
            self.restart(member)

    # What a schedule does.

    def tick(self, replica: int, count: int = 1) -> None:
        """Let `count` ticks pass at one replica."""
        for _ in range(count):
            self.stand_still(replica, 1)
            self._step(self.host(replica), [Tick(self.host(replica).clock)])

    def stand_still(self, replica: int, ticks: int) -> None:
        """Let time pass at one replica, which does not live through it."""
        self.hosts[ReplicaId(replica)].clock += ticks * self.settings.tick_ns

    def propose(self, replica: int, *commands: Command, reply: Reply | None = None) -> None:
        """Ask one replica; `reply` hears the answer if that replica lives to give it."""
        host = self.host(replica)
        if reply is not None:
            for command in commands:
                host.waiting[command.request] = reply
        self._step(host, [Propose(command) for command in commands])

    def ask(self, replica: int, *queries: Query, reply: Reply | None = None) -> None:
        """Have queries answered by one replica."""
        host = self.host(replica)
        if reply is not None:
            for query in queries:
                host.waiting[query.client, query.number] = reply
        self._step(host, [Read(query, host.clock) for query in queries])

    def transfer(self, replica: int, to: int | None) -> None:
        """Ask one replica to let another one lead."""
        self._step(self.host(replica), [Transfer(None if to is None else ReplicaId(to))])

    def reconfigure(self, replica: int, change: Add | Remove) -> None:
        """Ask one replica to change the members."""
        self._step(self.host(replica), [Reconfigure(change)])

    def deliver(self, packet: Packet) -> None:
        """Take `packet` out of the bag and hand it over; a replica that is down loses it."""
        self.messages.remove(packet)
        host = self.hosts[packet.to]
        if host.is_up:
            self._step(host, [Received(packet.sender, _MESSAGE_CODEC.decode(packet.data))])

    def drop(self, packet: Packet) -> None:
        """Lose `packet`."""
        self.messages.remove(packet)

    def duplicate(self, packet: Packet) -> Packet:
        """Put another copy of `packet` into the bag."""
        copy = Packet(packet.sender, packet.to, packet.message)
        self.messages.append(copy)
        return copy

    def sync(self, replica: int) -> None:
        """Make durable what one replica has written, and let go what waits for it."""
        host = self.host(replica)
        self._sync(host)
        self._step(host, [])

    def crash(self, replica: int) -> None:
        """Lose everything volatile, un-synced bytes included."""
        host = self.host(replica)
        host.disk.crash()
        host.core = None
        host.journal = None
        host.held = []
        host.inbox.clear()
        host.waiting = {}
        host.leads = False

    def lose_disk(self, replica: int) -> None:
        """A crash that leaves nothing."""
        self.crash(replica)
        host = self.hosts[ReplicaId(replica)]
        host.disk = FakeDisk()
        host.lost_disk = True

    def restart(self, replica: int) -> None:
        """Start one replica from what its disk holds."""
        host = self.hosts[ReplicaId(replica)]
        assert not host.is_up, f"{replica} is up"
        host.incarnation += 1
        host.machine = self._machine(KeyValueStore())
        host.journal, frames = self._open_journal(host.disk, _JOURNAL, "test", host.replica)
        if host.lost_disk:
            frames = begin_rejoining(host.journal, frames)
        elif host.replica not in self.first_members:
            frames = begin(host.journal, frames, ())
        records = [_RECORD_CODEC.decode(frame) for frame in frames]
        found = recover(host.disk, _JOURNAL.parent, truncated_upto(records), host.machine.decode)
        if found is not None:
            host.machine.restore(found[1])
        host.core = self._core(
            replica=host.replica,
            members=self.first_members,
            settings=self.settings,
            random=Random(f"{self._seed} {replica} {host.incarnation}"),
            records=records,
            snapshot=None if found is None else found[0],
        )
        self._step(host, [])

    def snapshot(self, replica: int) -> None:
        """Make one replica take a snapshot; it is durable at once."""
        host = self.host(replica)
        parts = host.machine.encode(host.machine.capture())
        taken = save(host.disk, _JOURNAL.parent, host.machine.executed_upto, parts)
        self._step(host, [SnapshotSaved(taken)])

    def cut(self, sender: int, to: int) -> None:
        """Lose what `sender` sends to `to` from now on; what is under way stays deliverable."""
        self._cuts[ReplicaId(sender), ReplicaId(to)] = None

    def cut_off(self, replica: int) -> None:
        """Cut all links of one replica, both ways."""
        for peer in self.members:
            if peer != replica:
                self.cut(replica, peer)
                self.cut(peer, replica)

    def heal(self) -> None:
        """Mend all links."""
        self._cuts.clear()

    # What tests look at.

    def host(self, replica: int) -> Host:
        """A replica that is up."""
        host = self.hosts[ReplicaId(replica)]
        assert host.is_up, f"{replica} is down"
        return host

    def core(self, replica: int) -> MultiPaxos:
        """The core of a replica that is up."""
        core = self.host(replica).core
        assert core is not None
        return core

    @property
    def up(self) -> list[ReplicaId]:
        """The replicas that are up."""
        return [member for member, host in self.hosts.items() if host.is_up]

    def leader(self) -> ReplicaId | None:
        """Who leads, the one of the highest ballot if several believe to."""
        leading = [m for m in self.up if self.core(m).role is Role.LEADER]
        return max(leading, key=lambda m: self.core(m).status().ballot, default=None)

    # What tests do all the time.

    def settle(self, *, among: Iterable[int] | None = None) -> None:
        """Sync every disk and deliver every message `among` some replicas until all is quiet."""
        some = self.members if among is None else [ReplicaId(member) for member in among]
        for _ in range(10_000):
            todo = [p for p in self.messages if p.sender in some and p.to in some]
            unsynced = [m for m in some if self.hosts[m].needs_sync]
            for member in unsynced:
                if self.hosts[member].needs_sync:
                    self.sync(member)
            for packet in todo:
                if packet in self.messages:
                    self.deliver(packet)
            if not todo and not unsynced:
                return
        raise AssertionError("the cluster does not come to rest")

    def campaign(self, replica: int) -> None:
        """Make one replica campaign, as if a quorum had just said that it was willing.

        That a core asks first is tested on its own. Here it would only make elections rare; and
        since willingness promises nothing, a campaign without it must do no harm.
        """
        core = self.core(replica)
        assert core.role is not Role.LEADER
        core._now = core._patience_ends
        core._start_campaign()
        self._step(self.host(replica), [])

    def elect(self, replica: int, *, among: Iterable[int] | None = None) -> None:
        """Make one replica campaign, win and settle."""
        self.campaign(replica)
        self.settle(among=among)
        assert self.core(replica).role is Role.LEADER, f"{replica} lost its campaign"

    # What a driver does.

    def _step(self, host: Host, events: Iterable[Event]) -> None:
        host.inbox.extend(events)
        self._run(host)

    def _run(self, host: Host) -> None:
        assert host.core is not None
        while True:
            while host.inbox:
                host.core.step(host.inbox.popleft())
            if (ready := host.core.take_ready()) is not None:
                self._carry_out(host, ready)
            if not host.inbox:
                if not (self._syncs_at_once and host.needs_sync):
                    break
                self._sync(host)
        for observer in self.observers:
            observer.on_stepped(host)

    def _carry_out(self, host: Host, ready: Ready[Message, Record]) -> None:  # noqa: PLR0912
        for observer in self.observers:
            observer.on_ready(host, ready)
        assert host.journal is not None
        if ready.journal is not None:
            host.journal.switch([_RECORD_CODEC.encode(record) for record in ready.journal])
        if ready.records:
            host.journal.append([_RECORD_CODEC.encode(record) for record in ready.records])
        for envelope in ready.messages:
            self._send(host, envelope, after_persist=False)
        host.held.extend(ready.messages_after_persist)
        if ready.received is not None:
            image = ready.received.image[:]
            taken = save(host.disk, _JOURNAL.parent, ready.received.slot, [image])
            *_, state = host.machine.decode(image)
            assert state is not None
            host.inbox.append(SnapshotSaved(with_members(taken, state), state))
        if ready.restored is not None:
            host.machine.restore(ready.restored.state)
        for chosen in ready.chosen:
            for answer in host.machine.execute_slot(
                chosen.slot, chosen.commands, chosen.configuration
            ):
                self._answer(host, answer)
        for query in ready.reads:
            self._answer(host, host.machine.read(query))
        hint = ready.leader_hint
        assert host.core is not None
        leader = host.core.leader
        for refused in ready.refused:
            why = refused.why.value
            self._answer(host, NotExecuted(refused.client, refused.number, why, leader, None))
        if hint is not None:
            if host.leads:
                for client, number in list(host.waiting):
                    self._answer(host, Interrupted(client, number, leader, None))
            host.leads = hint.role is Role.LEADER
        if host.journal.is_durable:
            self._release(host)

    def _sync(self, host: Host) -> None:
        assert host.journal is not None
        host.journal.sync()
        self._release(host)

    def _release(self, host: Host) -> None:
        released, host.held = host.held, []
        for envelope in released:
            self._send(host, envelope, after_persist=True)

    def _send(self, host: Host, envelope: Envelope[Message], *, after_persist: bool) -> None:
        for observer in self.observers:
            observer.on_sent(host, envelope, after_persist=after_persist)
        if envelope.to == host.replica:
            host.inbox.append(Received(host.replica, envelope.message))
        elif (host.replica, envelope.to) not in self._cuts:
            self.messages.append(Packet(host.replica, envelope.to, envelope.message))

    def _answer(self, host: Host, answer: Answer) -> None:
        number = getattr(answer, "number", RequestNumber(0))  # Opened answers request 0
        reply = host.waiting.pop((answer.client, number), None)
        if reply is not None:
            reply(answer)
