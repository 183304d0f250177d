"""Schedules of several shards drawn from a seed, and a judge who sees everything.

Messages come in any order, twice, late or never; replicas crash and come back; several lead at once.
The judge knows in which order each shard executed, when each operation was sent first and when its client
had the answer. All of that together must be the order of one history: without a circle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any, Final

from node.core.interface import Role
from node.core.mdl import Coordination, Mdl, Patience
from node.state_machine.ordering import OrderedStateMachine
from node.wire.kv import Append
from node.wire.messages import Executed, Failed
from tests.support.shards import Shards
from tests.support.shards_parts import Packet

_STEPS: Final = 700
QUERY: Final = "?"
"""The name of all who ask outside of sessions."""
_WINDOW: Final = 6
_SLOW: Final = [
    (),
    (),
    (),
    ("Coordinated",),
    ("Accepted",),
    ("Accept",),
    ("Stamped",),
    ("Learn", "Fetch"),
]


class Broken(AssertionError):
    """No history looks like this."""


@dataclass(slots=True)
class Times:
    """Of one operation, in steps of the schedule."""

    issued: int
    answered: int | None = None


@dataclass(slots=True)
class Play:
    """One schedule."""

    seed: int
    coordination: Coordination
    core: type[Mdl] = Mdl
    machine: type[OrderedStateMachine] = OrderedStateMachine
    now: int = 0
    times: dict[tuple[str, int], Times] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    shards: Shards = field(init=False)
    open: list[str] = field(default_factory=list)
    random: Random = field(init=False)
    slow: tuple[str, ...] = ()
    """Kinds of messages that are mostly late."""
    queries: int = 0
    ticks: float = 0.0
    loss: float = 0.0
    crashes: float = 0.0
    campaigns: float = 0.0

    def __post_init__(self) -> None:
        self.random = Random(f"{self.seed} {self.coordination.value}")
        self.shards = Shards(
            shards=self.random.choice([1, 2, 2, 3, 3]),
            replicas=3,
            coordination=self.coordination,
            core=self.core,
            machine=self.machine,
            patience=Patience(
                ask_ticks=self.random.choice([1, 2]),
                coordination_timeout_ticks=self.random.choice([2, 4, 8, 20]),
            ),
            say=self.lines.append,
        )

    def run(self) -> Shards:
        """Play it to the end, and judge; raises Broken."""
        self.shards.elect_all()
        self._open()
        self._open()
        self.slow = self.random.choice(_SLOW)
        self.ticks = self.random.choice([0.005, 0.02, 0.05])
        self.loss = self.random.choice([0.0, 0.02, 0.1])
        self.crashes = self.random.choice([0.002, 0.01, 0.02])
        self.campaigns = self.random.choice([0.002, 0.01, 0.02])
        for _ in range(_STEPS):
            self.now += 1
            for _ in range(self.random.randint(1, 3)):
                self._act()
            self._note_answers()
        self._end()
        judge(self.shards, self.times)
        return self.shards

    def _act(self) -> None:
        draw, shards, hosts = self.random, self.shards, self.shards.hosts
        up = [each for each, host in hosts.items() if host.core is not None]
        down = [each for each, host in hosts.items() if host.core is None]
        chance = draw.random()
        if chance < self.crashes and up:
            self._strike()
        elif chance < self.crashes + self.campaigns and up:
            self._campaign(draw.choice(up))
        elif chance < 0.05 and down:
            shards.restart(draw.choice(down))
        elif chance < 0.05 + self.ticks and up:
            shards.tick(draw.choice(up))
        elif chance < 0.11 and up:
            shards.snapshot_if_new(draw.choice(up))
        elif chance < 0.2:
            for _ in range(draw.randint(1, 4)):
                self._send()
        elif chance < 0.22:
            self._ask()
        elif shards.bag:
            self._deliver()

    def _deliver(self) -> None:
        """Most messages soon, some of them late."""
        draw, packets = self.random, self.shards.bag
        index = min(int(draw.expovariate(0.3)), len(packets) - 1)
        if draw.random() < 0.2:
            index = draw.randrange(len(packets))
        packet = packets[index]
        if packet.kind in self.slow and draw.random() < 0.9:
            return
        fate = draw.random()
        if fate < self.loss:
            self.shards.drop([packet])
        else:
            if fate > 0.95:
                packets.append(Packet(packet.sender, packet.to, packet.data))
            self.shards.deliver(packet)

    def _ask(self) -> None:
        """A query outside of sessions, at somebody who believes to lead."""
        leading = [
            each
            for each, host in self.shards.hosts.items()
            if host.core is not None and host.core.role is Role.LEADER
        ]
        if leading:
            number = self.queries = self.queries + 1
            self.times[QUERY, number] = Times(self.now)
            self.shards.ask(self.random.choice(leading), number, "x")

    def _strike(self) -> None:
        """Hurt one leader or more, and mostly let somebody else lead soon."""
        draw, shards = self.random, self.shards
        for shard, group in enumerate(shards.groups):
            if draw.random() < 0.4 or not self._leads(shard):
                continue
            leader = shards.leader(shard)
            others = [
                each for each in group if each != leader and shards.hosts[each].core is not None
            ]
            kept = draw.choice([0.0, 0.0, 0.5, 1.0])  # of what it proposed last
            sent = shards.find("Accept", sender=leader)
            shards.drop(packet for packet in sent if draw.random() >= kept)
            if draw.random() < 0.6:
                shards.crash(leader)
            if others and draw.random() < 0.8:
                self._campaign(draw.choice(others))

    def _campaign(self, replica: int) -> None:
        if self.shards.core(replica).role is not Role.LEADER:
            self.shards.campaign(replica)

    def _open(self) -> None:
        if all(self._leads(shard) for shard in range(len(self.shards.groups))):
            name = chr(ord("a") + len(self.shards.sessions))
            try:
                self.shards.open(name)
            except AssertionError:
                del self.shards.sessions[name]
                return
            self.open.append(name)

    def _leads(self, shard: int) -> bool:
        try:
            self.shards.leader(shard)
        except AssertionError:
            return False
        return True

    def _send(self) -> None:
        """Something new, or something again."""
        draw, shards = self.random, self.shards
        if not self.open:
            return
        name = draw.choice(self.open)
        session = shards.sessions[name]
        if any(isinstance(r, Failed) for told in session.told.values() for r in told):
            self.open.remove(name)
            return
        waiting = range(session.answered + 1, len(session.shards) + 1)
        if len(waiting) < _WINDOW and draw.random() < 0.6:
            seq = shards.issue(
                name,
                draw.randrange(len(shards.groups)),
                Append("x", f"{name}{len(session.shards) + 1} "),
            )
            self.times[name, seq] = Times(self.now)
        elif waiting:
            seq = draw.choice(waiting)
        else:
            return
        group = shards.groups[session.shards[seq - 1]]
        leading = [
            each
            for each in group
            if (core := shards.hosts[each].core) is not None and core.role is Role.LEADER
        ]
        if leading:
            shards.send(name, seq, to=draw.choice(leading))

    def _note_answers(self) -> None:
        """An answer counts when those before it have come."""
        for number in self.shards.seen:
            times = self.times[QUERY, number]
            times.answered = self.now if times.answered is None else times.answered
        for name, session in self.shards.sessions.items():
            for seq in range(session.answered, 0, -1):
                times = self.times[name, seq]
                if times.answered is not None:
                    break
                times.answered = self.now

    def _end(self) -> None:
        """Let all be well, and see that every session comes to an end."""
        shards = self.shards
        for replica, host in shards.hosts.items():
            if host.core is None:
                shards.restart(replica)
        for _ in range(200):
            self.now += 1
            shards.tick_all()
            self._note_answers()
            for name in list(self.open):
                session = shards.sessions[name]
                if any(isinstance(r, Failed) for told in session.told.values() for r in told):
                    self.open.remove(name)
                    continue
                for seq in range(session.answered + 1, len(session.shards) + 1):
                    if self._leads(session.shards[seq - 1]):
                        shards.send(name, seq)
            shards.settle()
            if self.now > _STEPS + 5 and all(
                shards.sessions[name].answered == len(shards.sessions[name].shards)
                for name in self.open
            ):
                break
        else:
            raise Broken("sessions do not come to an end")


def judge(shards: Shards, times: Mapping[tuple[str, int], Times]) -> None:
    """One history without a circle, nothing behind what failed, nothing twice."""
    nodes = [(name, seq) for _, name, seq, _ in shards.executed]
    if len(set(nodes)) < len(nodes):
        raise Broken("an operation is executed twice")
    executed = set(nodes)
    for name, session in shards.sessions.items():
        kept = [seq for seq in range(1, len(session.shards) + 1) if (name, seq) in executed]
        if kept != list(range(1, len(kept) + 1)):
            raise Broken(f"{name} has executed {kept}: not the first ones that it issued")
        for seq, told in session.told.items():
            for answer in told:
                if isinstance(answer, Executed) and (name, seq) not in executed:
                    raise Broken(f"{name}#{seq} is answered and was not executed")
                if isinstance(answer, Failed) and (name, seq) in executed:
                    raise Broken(f"{name}#{seq} has failed and was executed")
    _check_order(shards, times, nodes)
    _check_equal(shards)


def _check_order(
    shards: Shards, times: Mapping[tuple[str, int], Times], nodes: list[tuple[str, int]]
) -> None:
    before: dict[Any, list[Any]] = {node: [] for node in nodes}
    for shard in range(len(shards.groups)):
        own = [(name, seq) for of, name, seq, _ in shards.executed if of == shard]
        for first, second in pairwise(own):
            before[second].append(first)
        stamps = [stamp for of, _, _, stamp in shards.executed if of == shard]
        if stamps != sorted(set(stamps)):
            raise Broken(f"stamps of shard {shard} do not grow: {stamps}")
    for number, (shard, position) in shards.seen.items():
        own = [(name, seq) for of, name, seq, _ in shards.executed if of == shard]
        nodes = [*nodes, (QUERY, number)]
        before[QUERY, number] = own[:position][-1:]
        for after in own[position : position + 1]:
            before[after].append((QUERY, number))
    for name, seq in nodes:
        if name != QUERY and (name, seq - 1) in before:
            before[name, seq].append((name, seq - 1))
        issued = times[name, seq].issued
        for other in nodes:
            answered = times[other].answered
            if answered is not None and answered < issued:
                before[name, seq].append(other)
    while before:
        free = [node for node, others in before.items() if not any(o in before for o in others)]
        if not free:
            raise Broken(f"a circle among {list(before)}")
        for node in free:
            del before[node]


def _check_equal(shards: Shards) -> None:
    for group in shards.groups:
        images: dict[int, bytes] = {}
        for replica in group:
            machine = shards.hosts[replica].machine
            image = b"".join(machine.encode(machine.capture()))
            if images.setdefault(machine.executed_upto, image) != image:
                raise Broken("states differ")
