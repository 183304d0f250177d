"""The faults of a world, each at its time, on hosts.

All kinds are played but the loss of a disk. Some are gentler than among cores, since TCP is between replicas here:

    loss         costs a retransmission, which holds up what comes behind; sometimes the connection
    duplicate    the connection breaks right behind a message: it was heard, and whoever sent it
                 cannot know, so a client asks the same again (TCP itself drops what comes twice)
    cuts         stall what is under way; after seconds the sender gives its connection up
    slow         a step of a task takes a part of `amount`, since an event takes several steps

A fault that finds nothing to do (a crash of a replica that is down) does nothing and does not count
as a bite.
"""

from functools import partial
from typing import Final

from harness.simulation.draws import MILLION
from harness.simulation.group import shares
from harness.simulation.links import links_between, links_of
from harness.simulation.operator import Operator
from harness.simulation.programs import Host, HostCrashed
from harness.simulation.programs.hosts import CURRENT, JOB
from harness.simulation.runtime_floor.cluster import Cluster
from harness.simulation.runtime_floor.configuration import host_name
from harness.simulation.runtime_floor.leaders import Hiding, ShardFloor, name_of
from harness.simulation.runtime_floor.office import Office
from harness.simulation.usurpers import Usurpers
from harness.simulation.world import MS, Fault, Kind, healthy
from node.core.interface import Add, Remove
from node.types import ReplicaId

STROBE: Final = 20 * MS
STEPS: Final = 8
"""Steps of tasks for one event, about: from the stream through inbox and driver to an outbox."""


class Faults:
    """Plays the faults of one world; `end` takes back what still lasts."""

    def __init__(self, cluster: Cluster, office: Office) -> None:
        self._cluster = cluster
        self._office = office
        self._simulation = cluster.simulation
        self._agenda = cluster.simulation.agenda
        self._armed: dict[int, Fault] = {}
        """Waiting for their failpoint, by number."""
        self._usurpers = [Usurpers(ShardFloor(self, cluster, group)) for group in cluster.groups]
        self._hiding = Hiding(self, cluster)
        self.is_over = False
        first = cluster.groups[0]
        # Members change in worlds of one shard only.
        self.operator: Final = Operator(
            invariants=first.invariants,
            atlas=first.atlas,
            draws=cluster.simulation.stream("operator"),
            spares=cluster.config.group(0)[len(first.members) :],
            bites=cluster.simulation.bites,
            after=self._agenda.after,
            ask=self._ask_leaders,
            note=lambda text: cluster.simulation.note("operator", text),
        )
        self.crashes = 0
        for fault in cluster.world.faults:
            self._agenda.at(fault.at, partial(self._strike, fault))

    def end(self) -> None:
        """No more faults, and whatever lasts is over: the finale begins."""
        self.is_over = self.operator.is_over = True
        self._armed.clear()
        now = self._agenda.now
        for host in self._cluster.residents:
            for fault in self._cluster.world.faults:
                for _, share in shares(fault, self._cluster.groups):
                    host.resume(name_of(share))
            host.slow(0)
            host.clock.set_rate(now, MILLION)
        self._simulation.rates = healthy(self._simulation.rates)
        self._simulation.heal()

    def at_failpoint(self, name: str) -> None:
        """What `node.failpoints` calls: the replica whose code runs may have to die here."""
        life = CURRENT.get()
        if life is None or life.is_over or not self._armed:
            return
        for fault in self._armed.values():
            if (
                fault.where == name
                and host_name(fault.target, self._cluster.world) == life.name
                and life.host.stored.longest_unsynced >= fault.amount
            ):
                del self._armed[fault.number]
                life.host.note("failpoint", name)
                self._die_here(fault, life.host)
                raise HostCrashed(f"at failpoint {name}")

    def _die_here(self, fault: Fault, host: Host) -> None:
        """In the thread of the run: calls in threads pass failpoints too, where Trio is not."""
        job = JOB.get()
        if job is not None:
            job.outside(lambda: self._die_here(fault, host))
            return
        self.crash(host, fault.kind)
        self._agenda.after(fault.until - fault.at, lambda: self.restart(fault.target))

    # ── One kind each ────────────────────────────────────────────────────────────────────────

    def _strike(self, fault: Fault) -> None:
        if self.is_over or self._cluster.failure is not None:
            return
        self._simulation.note("fault", f"{fault.kind.value} {fault.target} {fault.other}")
        match fault.kind:
            case Kind.CRASH | Kind.CRASH_LEADER:
                self._crash(fault)
            case Kind.CRASH_AT_FAILPOINT:
                self._armed[fault.number] = fault
            case Kind.CUT | Kind.CUT_BOTH | Kind.ISOLATE | Kind.RING | Kind.CUT_SHARDS:
                self._cut(fault)
            case (
                Kind.HIDE_LEADER
                | Kind.CUT_LEADERS
                | Kind.STRAND_LEADER
                | Kind.SUSPEND_LEADER
                | Kind.USURP_LEADER
                | Kind.TURN_BACK
            ):
                self._befall_leaders(fault)
            case Kind.FLIP_BIT | Kind.FAIL_READ | Kind.FAIL_FSYNC:
                self._damage(fault)
            case Kind.ADD_REPLICA | Kind.REMOVE_REPLICA:
                self.operator.wish(fault)
            case Kind.LOSE_DISK | Kind.LOSE_DECISIONS:
                pass  # played among cores, where all that it takes is looked at
            case Kind.CLIENT_CRASH:
                self._crash_client(fault)
            case Kind.CLOCK_STEP | Kind.CLOCK_STROBE:
                self._turn_clock(fault)
            case Kind.TRANSFER:
                self._transfer(fault)
            case Kind.PAUSE | Kind.SLOW | Kind.CLOCK_RATE:
                self._hold_up(fault)

    def _transfer(self, fault: Fault) -> None:
        shard = self._cluster.group_of(fault.target).hosts
        for member, replica in self._cluster.running.items():
            if member in shard and self._believes_to_lead(member) and member != fault.target:
                self._bite(fault)
                replica.transfer(ReplicaId(fault.target))

    def _ask_leaders(self, change: Add | Remove) -> None:
        if self._cluster.failure is not None:
            return
        for member, replica in self._cluster.running.items():
            if self._believes_to_lead(member):
                replica.change_members(change)

    def _believes_to_lead(self, member: ReplicaId) -> bool:
        status = self._cluster.status(member)
        return status is not None and status.leader == member

    def _victims(self, fault: Fault) -> list[ReplicaId]:
        if fault.kind is not Kind.CRASH_LEADER:
            return [ReplicaId(fault.target)]
        leaders = [group.leader for group, _ in shares(fault, self._cluster.groups)]
        return [leader for leader in leaders if leader is not None]

    def _crash(self, fault: Fault) -> None:
        for member in self._victims(fault):
            host = self._cluster.hosts[member]
            if host.is_up:
                self.crash(host, fault.kind)
                self._agenda.at(fault.until, partial(self.restart, member))

    def _befall_leaders(self, fault: Fault) -> None:
        for group, share in shares(fault, self._cluster.groups):
            if fault.kind is Kind.HIDE_LEADER:
                self._hiding.strike(share, group)
            else:
                self._usurpers[group.shard].strike(share)

    def crash(self, host: Host, kind: Kind) -> None:
        """The power goes at one machine."""
        self.crashes += 1
        host.crash(kind.value)

    def restart(self, number: int) -> None:
        """Start a replica again, unless the faults are over: then it starts when it is needed."""
        if not self.is_over:
            self._cluster.start(ReplicaId(number))

    def _cut(self, fault: Fault) -> None:
        # It bites when a message is stopped; the network counts that.
        groups = self._cluster.groups
        members = groups[fault.shard].hosts if fault.kind is Kind.RING else self._cluster.members
        self.stop(
            fault,
            links_between(fault, [group.hosts for group in groups])
            if fault.kind is Kind.CUT_SHARDS
            else links_of(fault, members, self._office.hosts),
        )
        self._agenda.at(fault.until, lambda: self.mend(fault))

    def stop(self, fault: Fault, links: list[tuple[int, int]]) -> None:
        """Let nothing pass these links until `mend`."""
        world = self._cluster.world
        for source, target in links:
            one, other = host_name(source, world), host_name(target, world)
            if one != other:
                self._simulation.cut(
                    one,
                    other,
                    both_ways=False,
                    name=name_of(fault),
                    kind=fault.kind.value,
                )

    def mend(self, fault: Fault) -> None:
        """Take back the cuts of a fault."""
        self._simulation.mend(name_of(fault))

    def _damage(self, fault: Fault) -> None:
        host = self._host(fault)
        disk = host.stored
        if not self._cluster.may_damage(host):
            return
        match fault.kind:
            case Kind.FLIP_BIT:
                if disk.flip_bit(self._simulation.stream("flip", fault.number)) is None:
                    return
            case Kind.FAIL_READ:
                disk.fail_next_read()
            case _:
                disk.fail_next_sync()
        self._cluster.damaged(host, fault.kind)

    def _crash_client(self, fault: Fault) -> None:
        if fault.target in self._office.hosts and self._office.crash(fault.target):
            self._agenda.at(fault.until, lambda: self._office.start(fault.target))

    def _turn_clock(self, fault: Fault) -> None:
        # It bites when somebody looks, such as a line of the log; nothing else should.
        self._host(fault).clock.wall_clock.turn(fault.amount, fault.kind.value)
        if fault.kind is Kind.CLOCK_STROBE:
            self._agenda.after(STROBE, lambda: self._strobe(fault, -fault.amount))

    def _strobe(self, fault: Fault, amount: int) -> None:
        self._host(fault).clock.wall_clock.turn(amount, fault.kind.value)
        if self._agenda.now + STROBE < fault.until:
            self._agenda.after(STROBE, lambda: self._strobe(fault, -amount))

    def _hold_up(self, fault: Fault) -> None:
        host = self._host(fault)
        if not host.is_up:
            return
        self._bite(fault)
        match fault.kind:
            case Kind.PAUSE:
                host.pause(name_of(fault))
            case Kind.SLOW:
                host.slow(fault.amount // STEPS)
            case _:
                host.clock.set_rate(self._agenda.now, fault.amount)
        self._agenda.at(fault.until, lambda: self._let_go(fault, host))

    def _let_go(self, fault: Fault, host: Host) -> None:
        match fault.kind:
            case Kind.PAUSE:
                host.resume(name_of(fault))
            case Kind.SLOW:
                host.slow(0)
            case _:
                host.clock.set_rate(self._agenda.now, MILLION)

    def _host(self, fault: Fault) -> Host:
        return self._cluster.hosts[ReplicaId(fault.target)]

    def _bite(self, fault: Fault) -> None:
        self._simulation.bites[fault.kind.value] += 1
