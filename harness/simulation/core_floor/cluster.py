"""Everything that lives in one world: replicas, clients, the links between them, and time."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from zlib import crc32

from harness.simulation.core_floor.client import Client
from harness.simulation.core_floor.holds import Hold, Kept, Stops
from harness.simulation.core_floor.loop import Loop
from harness.simulation.core_floor.office import Customer, Office
from harness.simulation.core_floor.parts import Parts
from harness.simulation.core_floor.replica import Died, Replica
from harness.simulation.core_floor.session_office import SessionOffice
from harness.simulation.core_floor.sessions import SessionClient
from harness.simulation.disk import SimulatedDisk
from harness.simulation.draws import Draws, StreamRandom
from harness.simulation.group import Group, groups_of
from harness.simulation.invariants import Violation
from harness.simulation.links import Links
from harness.simulation.orders import Orders
from harness.simulation.outcome import Failure, FailureKind
from harness.simulation.programs.clocks import HostClock
from harness.simulation.trace import Trace
from harness.simulation.wall import WallClock
from harness.simulation.world import MS, TICK, World
from node.core.ballot import Ballot
from node.core.interface import Propose, Read, Received, Role, Tick
from node.errors import NodeError
from node.runtime.codecs import PEER_CODEC
from node.types import Command, Query, ReplicaId
from node.wire.messages import CLIENT_CODEC, Answer, Request

RESTART_AFTER_STOP: Final = 200 * MS
"""When a replica stopped by itself, an operator starts it again."""


class Cluster:
    """Owns all of it; `faults` and `finale` play on it, `run` looks at the end."""

    def __init__(self, world: World, trace: Trace) -> None:
        self.world: Final = world
        self.trace: Final = trace
        self.loop: Final = Loop()
        self.draws: Final = Draws(world.seed)
        self.bites: Final[Counter[str]] = Counter()
        self.failure: Failure | None = None
        self.messages = 0
        self.crashes = 0
        self.groups: Final[tuple[Group, ...]] = groups_of(world, self._leads)
        """One for each shard."""
        self.members: Final = tuple(member for group in self.groups for member in group.hosts)
        """All replicas, whether or not they are members now."""
        self._group_of: Final = {host: group for group in self.groups for host in group.hosts}
        self.links: Final = Links(self.draws, world.rates, self.bites)
        clocks = {member: HostClock(self.bites) for member in self.members}
        self.wall_clocks: Final[dict[int, WallClock]] = {
            member: clock.wall_clock for member, clock in clocks.items()
        }
        """By machine: each has a replica, and some have clients."""
        self.orders: Final = Orders(world.shards) if world.protocol == "mdl" else None
        """What the shards executed, where more than their logs is in order."""
        parts = Parts([group.members for group in self.groups], world, self.orders)
        self.replicas: Final = {
            member: Replica(
                member,
                loop=self.loop,
                parts=parts,
                disk=SimulatedDisk(self.draws.stream("disk", member)),
                clock=clocks[member],
                rates=world.rates,
                sync_draws=self.draws.stream("sync", member),
                send=self._send_to_peer,
                answer=self._send_answer,
                log=self._log,
                watcher=self.group_of(member).invariants,
                guard=self._guarded,
            )
            for member in self.members
        }
        for replica in self.replicas.values():
            replica.on_rejoined = self._rejoined
        self.office: Final = (
            Office(self, parts.client or Client)
            if self.orders is None
            else SessionOffice(self, parts.client or SessionClient)
        )
        self.current: Replica | None = None
        """Whose code runs now: who dies when a failpoint strikes."""
        self.on_restarted: Callable[[int], None] = lambda _: None
        """Told when a replica has opened its journal."""
        self.on_rejoined: Callable[[int], None] = lambda _: None
        """Told when a replica that lost its disk votes again."""
        self.is_gone: Callable[[int], bool] = lambda _: False
        """Whether a replica's disk is damaged for good."""
        self.holds: Final[list[Hold]] = []
        """Messages between replicas that are held back."""
        self._random: list[StreamRandom] = []

    def begin(self) -> None:
        """Start all replicas and clients."""
        for member in self.members:
            self.loop.at(0, self.restart, member)  # behind faults that are there from the beginning
        self.office.begin()
        if self.world.reseed:
            self.loop.at(self.world.reseed_at, self._reseed)

    def note(self, host: str, kind: str, text: str = "") -> None:
        """Into the trace."""
        self.trace.add(self.loop.now, host, kind, text)

    def _log(self, number: ReplicaId, text: str) -> None:
        """As a line of a replica's log, which has the time by the wall clock."""
        stamp = self.wall_clocks[number].read(self.loop.now)
        self.note(f"replica {number}", "note", f"{stamp} {text}")

    # ── Replicas ─────────────────────────────────────────────────────────────────────────────

    def group_of(self, host: int) -> Group:
        """The shard that a replica serves."""
        return self._group_of[ReplicaId(host)]

    def _leads(self, number: ReplicaId) -> Ballot | None:
        core = self.replicas[number].core
        status = None if core is None else core.status()
        return status.ballot if status is not None and status.role is Role.LEADER else None

    def start(self, replica: Replica) -> None:
        """Start a replica that is down."""
        random = StreamRandom(self.draws.stream("core", replica.number, replica.incarnation + 1))
        self._random.append(random)
        errors = _errors(replica)
        self._guarded(replica, partial(replica.start, random))
        if replica.is_up:
            self.on_restarted(replica.number)
            self.note(f"replica {replica.number}", "start", f"incarnation {replica.incarnation}")
            self._tick(replica, replica.incarnation)
        elif replica.refuses:  # else it died at a failpoint, in its first step
            self.bites["refused-start"] += 1
            failed_now = _errors(replica) > errors
            if not failed_now and not self.is_gone(replica.number):
                self.fail(
                    FailureKind.INVARIANT,
                    "starts from an intact disk",
                    f"replica {replica.number} refuses to start: {replica.refuses}",
                )
            self.note(f"replica {replica.number}", "refuse", replica.refuses)
            self.loop.after(RESTART_AFTER_STOP, self.restart, replica.number)

    def crash(self, replica: Replica, why: str) -> None:
        """Take all that is volatile from a replica; its clients notice that it is gone.

        Who stopped because the disk failed leaves the page cache behind, as a process does.
        """
        if not replica.is_up:
            return
        self.crashes += 1
        waiting = dict.fromkeys(replica.waiting.values())
        if replica.stopped_by:
            replica.end()
        else:
            replica.crash(tear=self.world.rates.tear, survive=self.world.rates.survive)
        self.note(f"replica {replica.number}", "crash", why)
        for client in waiting:
            self.office.on_broken(client, replica.number, is_certain=False)

    def lose_disk(self, replica: Replica) -> None:
        """As a crash, and the disk is gone, too."""
        self.crashes += 1
        waiting = dict.fromkeys(replica.waiting.values())
        replica.lose_disk()
        self.note(f"replica {replica.number}", "crash", "its disk is lost")
        for client in waiting:
            self.office.on_broken(client, replica.number, is_certain=False)

    def _rejoined(self, replica: Replica) -> None:
        self.bites["rejoined"] += 1
        self.note(f"replica {replica.number}", "rejoined")
        self.on_rejoined(replica.number)

    def _tick(self, replica: Replica, incarnation: int) -> None:
        """Ticks that a paused replica missed are not made up for, as in `node.runtime.ticker`."""
        if incarnation != replica.incarnation or not replica.is_up:
            return
        if replica.paused_until > self.loop.now:
            self.loop.at(replica.paused_until, self._tick, replica, incarnation)
            return
        replica.post(Tick(replica.clock.monotonic(self.loop.now)))
        self.loop.after(replica.clock.span(TICK), self._tick, replica, incarnation)

    def _guarded(self, replica: Replica, call: Callable[[], None]) -> None:
        """Run a replica's code; who dies in it is crashed, who breaks a rule ends the run."""
        before, self.current = self.current, replica
        try:
            call()
        except Died:
            self.crash(replica, replica.stopped_by or "at a failpoint")
            if replica.stopped_by:
                self.bites["stopped-by-disk"] += 1
                self.loop.after(RESTART_AFTER_STOP, self.restart, replica.number)
        except Violation as why:
            self.fail(FailureKind.INVARIANT, why.rule, why.what)
        except (AssertionError, NodeError) as why:
            rule = f"{type(why).__name__} in the code"
            self.fail(FailureKind.INVARIANT, rule, f"replica {replica.number}: {why}")
        finally:
            self.current = before

    def restart(self, number: ReplicaId) -> None:
        """Start a replica unless it is up."""
        replica = self.replicas[number]
        if not replica.is_up and not replica.is_frozen:
            self.start(replica)

    def fail(self, kind: FailureKind, rule: str, what: str) -> None:
        """Remember what went wrong first."""
        if self.failure is None:
            self.failure = Failure(kind=kind, rule=rule, what=what, at=self.loop.now)
            self.note("world", "failure", f"{kind.value}: {rule}: {what}")

    def _reseed(self) -> None:
        self.links.rekey(self.world.reseed)
        for random in self._random:
            random.stream.rekey(self.world.reseed)

    # ── Messages between replicas ────────────────────────────────────────────────────────────

    def _send_to_peer(self, sender: ReplicaId, to: ReplicaId, message: Any) -> None:  # noqa: ANN401
        data = PEER_CODEC.encode(message)
        number = self._sent(f"replica {sender}", f"replica {to}", message, data)
        incarnation = self.replicas[sender].incarnation
        for hold in self.holds:
            if hold.stops(sender, to, message):
                self.bites["held-back"] += 1
                hold.kept.append(Kept(sender, incarnation, to, data, number))
                return
        arrivals = self.links.delays(sender, to, type(message).__name__)
        if not arrivals:
            self.trace.add(self.loop.now, f"replica {to}", "lose", message=number)
        for delay in arrivals:
            self.loop.after(delay, self._arrive, sender, incarnation, to, data, number)

    def hold(self, stops: Stops) -> Hold:
        """Hold messages between replicas back."""
        hold = Hold(stops)
        self.holds.append(hold)
        return hold

    def release(self, hold: Hold) -> None:
        """Let go what was held back, unless that has happened."""
        if hold in self.holds:
            self.holds.remove(hold)
            for kept in hold.kept:
                for delay in self.links.delays(kept.sender, kept.to):
                    self.loop.after(delay, self._arrive, *kept)

    def _arrive(
        self, sender: ReplicaId, incarnation: int, to: ReplicaId, data: bytes, number: int
    ) -> None:
        replica = self.replicas[to]
        if not replica.is_up:
            self.trace.add(self.loop.now, f"replica {to}", "lose", message=number)
            return
        if incarnation != self.replicas[sender].incarnation:
            self.bites["after-restart"] += 1
        self.trace.add(
            self.loop.now, f"replica {to}", "deliver", message=number, peer=f"replica {sender}"
        )
        replica.post(Received(sender, PEER_CODEC.decode(data)))

    def _sent(self, host: str, peer: str, message: object, data: bytes) -> int:
        """Note a message on its way; returns its number."""
        self.messages += 1
        self.trace.add(
            self.loop.now, host, "send", f"{type(message).__name__} {crc32(data):08x}",
            message=self.messages, peer=peer, detail=message.__repr__,
        )  # fmt: skip
        return self.messages

    # ── Messages of clients ──────────────────────────────────────────────────────────────────

    def send_request(self, client: Customer, to: ReplicaId, request: Request | Query) -> None:
        """As over a connection: what is lost on it breaks it."""
        data = CLIENT_CODEC.encode(request)
        number = self._sent(f"client {client.number}", f"replica {to}", request, data)
        replica = self.replicas[to]
        if not replica.is_up:
            self.office.on_broken(client.number, to, is_certain=True)
            return
        arrivals = self.links.delays(client.number, to)
        if not arrivals and self.links.is_cut(client.number, to) is None:
            self.office.on_broken(client.number, to, is_certain=False)
        for delay in arrivals:
            self.loop.after(
                delay, self._request_arrives, client.number, replica.incarnation, to, data, number
            )

    def _request_arrives(
        self, client: int, incarnation: int, to: ReplicaId, data: bytes, number: int
    ) -> None:
        replica = self.replicas[to]
        if not replica.is_up or replica.incarnation != incarnation:
            self.office.on_broken(client, to, is_certain=False)
            return
        self.trace.add(
            self.loop.now, f"replica {to}", "deliver", message=number, peer=f"client {client}"
        )
        request = CLIENT_CODEC.decode(data)
        assert isinstance(request, Request | Query)
        replica.waiting[request.client, request.number] = client
        if isinstance(request, Query):
            self.group_of(to).invariants.on_asked(replica, request)
            replica.post(Read(request, replica.clock.monotonic(self.loop.now)))
            return
        replica.post(
            Propose(
                Command(
                    client=request.client,
                    number=request.number,
                    answered=request.answered,
                    body=request.body,
                )
            )
        )

    def _send_answer(self, sender: ReplicaId, client: int, answer: Answer) -> None:
        data = CLIENT_CODEC.encode(answer)
        number = self._sent(f"replica {sender}", f"client {client}", answer, data)
        arrivals = self.links.delays(sender, client)
        if not arrivals and self.links.is_cut(sender, client) is None:
            self.office.on_broken(client, sender, is_certain=False)
        for delay in arrivals:
            self.loop.after(delay, self._answer_arrives, sender, client, data, number)

    def _answer_arrives(self, sender: ReplicaId, client: int, data: bytes, number: int) -> None:
        self.trace.add(
            self.loop.now, f"client {client}", "deliver", message=number, peer=f"replica {sender}"
        )
        self.office.on_answer(client, sender, CLIENT_CODEC.decode(data))


def _errors(replica: Replica) -> int:
    """What the disk has reported to the replica so far."""
    return replica.disk.bites["fail-read"] + replica.disk.bites["fail-fsync"]
