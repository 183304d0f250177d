"""What may happen to a cluster in a storm, each a method of `Storm`, and how often it usually does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from checker import Verdict
from node.core.interface import Role
from node.types import ReplicaId
from node.wire.kv import Append, Cas, Delete, Get, Operation, Put
from tests.support.cluster import Cluster, Packet
from tests.support.recording import Client, Journalist

KEYS: Final = ("x", "y")

WEIGHTS: Final[dict[str, float]] = {
    "deliver": 60,
    "flow": 25,
    "tick": 8,
    "sync": 22,
    "ask": 40,
    "drop": 3,
    "duplicate": 3,
    "delay": 3,
    "arrive_late": 1,
    "crash": 0.7,
    "fail_power": 0.5,
    "depose": 1.5,
    "restart": 3,
    "cut": 1,
    "heal": 1,
}
"""Guesses, turned until each planted bug was found within some seeds."""


@dataclass(slots=True)
class Run:
    """One schedule: what it is played on, and what has come of it."""

    seed: int
    disk_speed: float
    """How probably a good moment is one for each disk, too."""
    cluster: Cluster
    journalist: Journalist
    clients: list[Client]
    late: list[Packet] = field(default_factory=list)
    """Messages that are under way for very long: across elections and restarts."""
    written: dict[str, str] = field(default_factory=dict)
    """By key, what a client tried to write last: what a cas may hope to find."""

    def verdict(self) -> Verdict:
        """What the checker says of what the clients saw."""
        return self.journalist.verdict()


class Storm:
    """Performs actions by name; what is impossible at the moment is skipped."""

    def __init__(self, run: Run, rng: Random) -> None:
        self._run = run
        self._cluster = run.cluster
        self._rng = rng

    def perform(self, name: str) -> None:
        """One action."""
        action: Callable[[], None] = getattr(self, name)
        action()

    # The network.

    def deliver(self) -> None:
        if self._cluster.messages:
            self._cluster.deliver(self._packet())

    def drop(self) -> None:
        if self._cluster.messages:
            self._cluster.drop(self._packet())

    def duplicate(self) -> None:
        if self._cluster.messages:
            self._cluster.duplicate(self._packet())

    def delay(self) -> None:
        if self._cluster.messages:
            packet = self._rng.choice(self._cluster.messages)
            self._cluster.drop(packet)
            self._run.late.append(packet)

    def arrive_late(self) -> None:
        late = self._run.late
        if late:
            self._cluster.messages.insert(0, late.pop(self._rng.randrange(len(late))))

    def flow(self) -> None:
        """A good moment: without them a schedule has many elections and few operations."""
        for packet in self._cluster.messages[:8]:
            self._cluster.deliver(packet)
        for member in self._cluster.up:
            if self._rng.random() < self._run.disk_speed:
                self._cluster.sync(member)

    def cut(self) -> None:
        one, other = self._member(), self._member()
        if one == other:
            self._cluster.cut_off(one)
        else:
            self._cluster.cut(one, other)

    def heal(self) -> None:
        self._cluster.heal()

    # Replicas and their disks.

    def tick(self) -> None:
        if self._cluster.up:
            self._cluster.tick(self._rng.choice(self._cluster.up), self._rng.choice((1, 1, 2)))

    def sync(self) -> None:
        if self._cluster.up:
            self._cluster.sync(self._rng.choice(self._cluster.up))

    def crash(self) -> None:
        if self._cluster.up:
            self._crash(self._rng.choice(self._cluster.up))

    def fail_power(self) -> None:
        """Everywhere at once: what no disk holds is gone."""
        for member in self._cluster.up:
            self._crash(member)
        for member in self._cluster.members:
            self._cluster.restart(member)

    def depose(self) -> None:
        """The leader is silenced or dies, and somebody takes over."""
        leader = self._cluster.leader()
        if leader is None:
            return
        if self._rng.random() < 0.5:
            self._cluster.cut_off(leader)
        else:
            self._crash(leader)
        cores = {member: self._cluster.core(member) for member in self._cluster.up}
        others = [member for member, core in cores.items() if core.role is not Role.LEADER]
        if others:
            self._cluster.campaign(self._rng.choice(others))

    def restart(self) -> None:
        up = self._cluster.up
        down = [member for member in self._cluster.members if member not in up]
        if down:
            self._cluster.restart(self._rng.choice(down))

    # Clients.

    def ask(self) -> None:
        up = self._cluster.up
        if not up:
            return
        client = self._rng.choice(self._run.clients)
        leading = [m for m in up if self._cluster.core(m).role is Role.LEADER]
        at = self._rng.choice(leading if leading and self._rng.random() < 0.8 else up)
        if client.is_idle:
            operation = self._operation()
            as_query = isinstance(operation, Get) and self._rng.random() < 0.7
            client.invoke(operation, at, as_query=as_query)
        elif self._rng.random() < 0.5:
            client.ask(at)

    def _operation(self) -> Operation:
        key = self._rng.choice(KEYS)
        fresh = str(len(self._run.journalist.recorder.events))  # nobody writes the same twice
        expected = self._rng.choice((None, self._run.written.get(key)))
        kind = self._rng.choice((Get, Get, Get, Put, Put, Append, Cas, Cas, Delete))
        if kind in (Put, Append, Cas):
            self._run.written[key] = fresh
        if kind is Put:
            return Put(key, fresh)
        if kind is Append:
            return Append(key, f",{fresh}")
        if kind is Cas:
            return Cas(key, expected, fresh)
        return Delete(key) if kind is Delete else Get(key)

    # Choices.

    def _packet(self) -> Packet:
        """Mostly one of the oldest, so that some progress is made; but any may be next."""
        messages = self._cluster.messages
        oldest = min(len(messages), self._rng.choice((1, 4, len(messages))))
        return messages[self._rng.randrange(oldest)]

    def _member(self) -> ReplicaId:
        return self._rng.choice(self._cluster.members)

    def _crash(self, member: ReplicaId) -> None:
        """Un-synced bytes are lost, or get what a real disk gives them."""
        self._cluster.crash(member, rng=self._rng if self._rng.random() < 0.5 else None)
