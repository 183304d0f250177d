"""Several shards of `Mdl` cores with a bag of messages between them, and sessions that use them all.

Whoever holds this says which message is delivered next and who crashes. There is no disk: what a core
records is durable at once, and what rests on it is sent at once; a crash loses everything else. What
happens in the layer above the log is told to `say`, a line each; Multi-Paxos itself is quiet here.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Final

from node.core.interface import (
    Chosen,
    Propose,
    Read,
    Ready,
    Received,
    Role,
    Snapshot,
    SnapshotSaved,
    Tick,
)
from node.core.mdl import MESSAGES as SHARD_MESSAGES, Coordination, Mdl, Patience
from node.core.multipaxos import Settings
from node.dispatch import (
    NO_PREDECESSOR,
    Dispatch,
    Place,
    encode_dispatch,
    read_entry,
)
from node.state_machine.ordering import OrderedStateMachine
from node.state_machine.sessions import Told
from node.types import OPEN_SESSION, ClientId, Command, Query, ReplicaId, RequestNumber
from node.wire.kv import Get, Operation, encode_operation
from node.wire.messages import Interrupted, NotExecuted, Opened
from tests.support.shards_parts import CODEC, Host, Packet, Reply, Session, watched
from tests.support.shards_text import answer_text, entry_text, message_text

_SHARD_KINDS: Final = [cls.__name__ for cls in SHARD_MESSAGES.values()]

_ASKER: Final = ClientId(77)
"""The nonce of all who ask queries."""

QUICK: Final = Settings(election_timeout_ticks=6, heartbeat_ticks=2, batch_wait_ticks=0)
PATIENCE: Final = Patience(ask_ticks=2, coordination_timeout_ticks=20)


class Shards:
    """Replicas 1 … n of shard 0, the next n of shard 1, and so on."""

    def __init__(
        self,
        *,
        shards: int = 2,
        replicas: int = 3,
        coordination: Coordination = Coordination.FAST,
        core: type[Mdl] = Mdl,
        machine: type[OrderedStateMachine] = OrderedStateMachine,
        settings: Settings = QUICK,
        patience: Patience = PATIENCE,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.groups = tuple(
            tuple(ReplicaId(shard * replicas + place) for place in range(1, replicas + 1))
            for shard in range(shards)
        )
        self.bag: list[Packet] = []
        self.sessions: dict[str, Session] = {}
        self.executed: list[tuple[int, str, int, int]] = []
        """Shard, session, operation and stamp, in the order in which each shard executed first."""
        self._executed_in: list[int] = []
        """The slots of those."""
        self.seen: dict[int, tuple[int, int]] = {}
        """Of each query that was answered: its shard, and how much of its order the answer has seen."""
        self._slots: dict[int, int] = dict.fromkeys(range(shards), 0)
        self._coordination = coordination
        self._core = core
        self._machine = machine
        self._settings = settings
        self._patience = patience
        self._say = say
        self.hosts = {
            replica: Host(replica, shard, watched(machine))
            for shard, group in enumerate(self.groups)
            for replica in group
        }
        for replica in self.hosts:
            self.restart(replica)

    # ── What a schedule does ─────────────────────────────────────────────────────────────────

    def tick(self, replica: int, count: int = 1) -> None:
        """Let time pass at one replica."""
        for _ in range(count):
            self._step(replica, Tick())

    def tick_all(self, count: int = 1) -> None:
        """Let time pass at all that are up, and deliver what comes of it."""
        for _ in range(count):
            for replica in [each for each, host in self.hosts.items() if host.core is not None]:
                self.tick(replica)
            self.settle()

    def open(self, name: str) -> Session:
        """A new session, open on all shards."""
        session = self.sessions[name] = Session(name, 1000 + len(self.sessions))
        for shard in range(len(self.groups)):
            nonce = ClientId(session.token)
            self.propose(self.leader(shard), Command(nonce, OPEN_SESSION, RequestNumber(0), b""))
            self.settle()
        assert len(session.names) == len(self.groups), f"{name} is not open everywhere"
        return session

    def issue(self, name: str, shard: int, operation: Operation) -> int:
        """One more operation of a session, not sent yet; its number."""
        session = self.sessions[name]
        session.shards.append(shard)
        session.bodies.append(encode_operation(operation))
        return len(session.shards)

    def send(self, name: str, seq: int, *, to: int | None = None) -> None:
        """Send an operation to whoever leads its shard, or to `to`; again, if it was sent before."""
        session = self.sessions[name]
        shard = session.shards[seq - 1]
        after = session.shards[seq - 2] if seq - 1 > session.answered else NO_PREDECESSOR
        command = Command(
            session.names[shard],
            RequestNumber(seq),
            RequestNumber(session.answered),
            encode_dispatch(Dispatch(after, session.bodies[seq - 1])),
        )
        self.propose(self.leader(shard) if to is None else ReplicaId(to), command)

    def propose(self, replica: int, command: Command) -> None:
        """A client sends `command` to one replica."""
        self.host(replica).waiting[command.request] = None
        self._step(replica, Propose(command))

    def ask(self, replica: int, number: int, key: str) -> None:
        """Ask one replica for the value of a key, outside of sessions."""
        self.host(replica).waiting[_ASKER, number] = None
        self._step(replica, Read(Query(_ASKER, RequestNumber(number), encode_operation(Get(key)))))

    def campaign(self, replica: int) -> None:
        """Make one replica campaign, as if a quorum had just said that it was willing."""
        core = self.core(replica)
        core._now = core._patience_ends
        core._start_campaign()
        self._run(self.host(replica))

    def elect(self, replica: int, *, among: Iterable[int] | None = None) -> None:
        """Make one replica campaign, win and begin."""
        self.campaign(replica)
        self.settle(among=among)
        assert self.core(replica).role is Role.LEADER, f"{replica} lost its campaign"

    def elect_all(self) -> None:
        """The first replica of each shard leads it."""
        for group in self.groups:
            self.elect(group[0])

    def crash(self, replica: int) -> None:
        """Lose everything but what was recorded."""
        host = self.host(replica)
        host.core, host.leads = None, False
        host.inbox.clear()
        host.waiting.clear()

    def restart(self, replica: int) -> None:
        """Go on from what was recorded."""
        host = self.hosts[ReplicaId(replica)]
        assert host.core is None, f"{replica} is up"
        host.lives += 1
        host.machine = watched(self._machine)
        snapshot = None
        if host.saved is not None:
            snapshot = host.saved.snapshot
            *_, state = host.machine.decode(snapshot.image[:])
            assert state is not None
            host.machine.restore(state)
        host.core = self._core(
            replica=host.replica,
            members=self.groups[host.shard],
            settings=self._settings,
            random=Random(f"{replica} {host.lives}"),
            records=host.records,
            snapshot=snapshot,
            machine=host.machine,
            shard=host.shard,
            shards=self.groups,
            coordination=self._coordination,
            patience=self._patience,
        )
        self._run(host)

    def snapshot(self, replica: int) -> None:
        """Make one replica take a snapshot; it is durable at once."""
        host = self.host(replica)
        image = b"".join(host.machine.encode(host.machine.capture()))
        host.saved = SnapshotSaved(Snapshot(host.machine.executed_upto, image))
        self._step(replica, host.saved)

    def snapshot_if_new(self, replica: int) -> None:
        """The same, if anything was executed since the last one."""
        host = self.host(replica)
        if host.machine.executed_upto > (host.saved.snapshot.slot if host.saved else 0):
            self.snapshot(replica)

    def deliver(self, packet: Packet) -> None:
        """Take one message out of the bag and hand it over."""
        self.bag.remove(packet)
        if self.hosts[packet.to].core is not None:
            if packet.kind in _SHARD_KINDS:
                self._say(f"{packet.sender}->{packet.to} {message_text(packet.message)}")
            self._step(packet.to, Received(packet.sender, packet.message))

    def find(
        self,
        kind: str | None = None,
        *,
        sender: int | None = None,
        to: int | None = None,
    ) -> list[Packet]:
        """What is in the bag."""
        return [
            packet
            for packet in self.bag
            if kind in (None, packet.kind)
            and sender in (None, packet.sender)
            and to in (None, packet.to)
        ]

    def drop(self, packets: Iterable[Packet]) -> None:
        """Lose some messages."""
        for packet in list(packets):
            self.bag.remove(packet)

    def settle(self, *, among: Iterable[int] | None = None, hold: Iterable[str] = ()) -> None:
        """Deliver everything `among` some replicas, but for kinds that are held, until all is quiet."""
        some = list(self.hosts) if among is None else list(among)
        held = list(hold)
        for _ in range(100_000):
            todo = [
                packet
                for packet in self.bag
                if packet.sender in some and packet.to in some and packet.kind not in held
            ]
            if not todo:
                return
            self.deliver(todo[0])
        raise AssertionError("the shards do not come to rest")

    # ── What tests look at ───────────────────────────────────────────────────────────────────

    def host(self, replica: int) -> Host:
        """A replica that is up."""
        host = self.hosts[ReplicaId(replica)]
        assert host.core is not None, f"{replica} is down"
        return host

    def core(self, replica: int) -> Mdl:
        """Its core."""
        core = self.host(replica).core
        assert core is not None
        return core

    def leader(self, shard: int) -> ReplicaId:
        """Who leads a shard, the one of the highest ballot if several believe to."""
        leading = [
            member
            for member in self.groups[shard]
            if (core := self.hosts[member].core) is not None and core.role is Role.LEADER
        ]
        assert leading, f"nobody leads shard {shard}"
        return max(leading, key=lambda member: self.core(member).status().ballot)

    def order(self, shard: int) -> list[str]:
        """What a shard has executed, such as `a#1`."""
        return [f"{name}#{seq}" for of, name, seq, _ in self.executed if of == shard]

    # ── What a driver does ───────────────────────────────────────────────────────────────────

    def _step(self, replica: int, event: Any) -> None:  # noqa: ANN401 - whatever a core takes in
        host = self.host(replica)
        host.inbox.append(event)
        self._run(host)

    def _run(self, host: Host) -> None:
        assert host.core is not None
        while True:
            while host.inbox:
                host.core.step(host.inbox.popleft())
            ready = host.core.take_ready()
            if ready is not None:
                self._carry_out(host, ready)
            elif not host.inbox:
                return

    def _carry_out(self, host: Host, ready: Ready[Any, Any]) -> None:
        if ready.journal is not None:
            host.records = list(ready.journal)
        host.records.extend(ready.records)
        self._send_out(host, ready)
        self._carry_out_on_state(host, ready)
        if ready.leader_hint is not None:
            if host.leads:
                for client, number in list(host.waiting):
                    self._answer(
                        host, Interrupted(ClientId(client), RequestNumber(number), None, None)
                    )
            host.leads = ready.leader_hint.role is Role.LEADER

    def _send_out(self, host: Host, ready: Ready[Any, Any]) -> None:
        for envelope in (*ready.messages, *ready.messages_after_persist):
            if envelope.to == host.replica:
                host.inbox.append(Received(host.replica, envelope.message))
            else:
                data = CODEC.encode(envelope.message)
                self.bag.append(Packet(host.replica, envelope.to, data))

    def _carry_out_on_state(self, host: Host, ready: Ready[Any, Any]) -> None:
        if ready.received is not None:
            image = ready.received.image[:]
            *_, state = host.machine.decode(image)
            host.saved = SnapshotSaved(Snapshot(ready.received.slot, image), state)
            host.inbox.append(host.saved)
        if ready.restored is not None:
            host.machine.restore(ready.restored.state)
        for chosen in ready.chosen:
            self._execute(host, chosen)
        for query in ready.reads:
            self.seen[query.number] = host.shard, self._position(host)
            self._answer(host, host.machine.read(query))
        for answer in ready.answers:
            self._answer(host, answer)
        for refused in ready.refused:
            why = refused.why.value
            self._answer(host, NotExecuted(refused.client, refused.number, why, None, None))

    def _position(self, host: Host) -> int:
        """How many operations of its shard are executed in the state of one replica."""
        slots = zip(self.executed, self._executed_in, strict=True)
        return sum(
            entry[0] == host.shard and slot <= host.machine.executed_upto for entry, slot in slots
        )

    def _execute(self, host: Host, chosen: Chosen) -> None:
        machine = host.machine
        machine.steps.clear()
        told: list[Told] = []
        machine.execute_and_tell(chosen.slot, chosen.commands, told.append, chosen.configuration)
        if chosen.slot > self._slots[host.shard]:
            self._slots[host.shard] = chosen.slot
            for command, is_executed, is_void in machine.steps:
                self._note(host, command, is_executed=is_executed, is_void=is_void)
                if is_executed:
                    self._executed_in.append(chosen.slot)
        for answer in told:
            self._answer(host, answer)

    def _note(self, host: Host, command: Command, *, is_executed: bool, is_void: bool) -> None:
        name = self._name(host.shard, command.client)
        entry = read_entry(command.body)
        ends = "executed" if is_executed else "void" if is_void else ""
        self._say(f"shard {host.shard}: {entry_text(name, command.number, entry)} {ends}".rstrip())
        if is_executed:
            assert isinstance(entry, Place)
            self.executed.append((host.shard, name, command.number, entry.stamps[-1]))

    def _name(self, shard: int, client: ClientId) -> str:
        for session in self.sessions.values():
            if session.names.get(shard) == client:
                return session.name
        return "?"

    def _answer(self, host: Host, answer: Reply) -> None:
        number = OPEN_SESSION if isinstance(answer, Opened) else answer.number
        if (answer.client, number) not in host.waiting:
            return
        del host.waiting[answer.client, number]
        if answer.client == _ASKER:
            self._say(f"query {number}: {answer_text(answer)}")
        for session in self.sessions.values():
            if isinstance(answer, Opened) and answer.client == session.token:
                session.names[host.shard] = answer.session
            elif session.names.get(host.shard) == answer.client:
                session.told.setdefault(number, []).append(answer)
                self._say(f"{session.name}#{number}: {answer_text(answer)}")
