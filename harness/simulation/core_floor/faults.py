"""The faults of a world, each at its time, on a cluster of cores.

A fault that finds nothing to do (a crash of a replica that is down) does nothing and does not count as
a bite.
"""

from typing import Final

from msgspec import structs

from harness.simulation.atlas import Atlas
from harness.simulation.core_floor.cluster import Cluster
from harness.simulation.core_floor.replica import Died, Replica
from harness.simulation.draws import MILLION
from harness.simulation.links import links_of
from harness.simulation.world import MS, Fault, Kind, healthy
from node.core.interface import Transfer
from node.types import ReplicaId

STROBE: Final = 20 * MS


class Faults:
    """Plays the faults of one world; `end` takes back what still lasts."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._armed: dict[int, Fault] = {}
        """Waiting for their failpoint, by number."""
        self.atlas: Final = Atlas(cluster.members)
        cluster.on_restarted = self.atlas.restarted
        cluster.on_rejoined = self.atlas.made_good
        cluster.is_gone = self.atlas.is_gone
        self.is_over = False
        for fault in cluster.world.faults:
            cluster.loop.at(fault.at, self._strike, fault)

    def end(self) -> None:
        """No more faults, and whatever lasts is over: the finale begins."""
        self.is_over = True
        self._armed.clear()
        for replica in self._cluster.replicas.values():
            replica.paused_until = replica.slow_by = 0
            replica.clock.set_rate(self._cluster.loop.now, MILLION)
            replica.rates = healthy(replica.rates)
        self._cluster.links.heal()

    def at_failpoint(self, name: str) -> None:
        """What `node.failpoints` calls: the replica whose code runs may have to die here."""
        replica = self._cluster.current
        if replica is None or not self._armed:
            return
        for fault in self._armed.values():
            if fault.target == replica.number and fault.where == name:
                del self._armed[fault.number]
                self._bite(fault)
                self._cluster.note(f"replica {replica.number}", "failpoint", name)
                self._cluster.loop.after(fault.until - fault.at, self._restart, replica.number)
                raise Died

    # ── One kind each ────────────────────────────────────────────────────────────────────────

    def _strike(self, fault: Fault) -> None:
        if self.is_over or self._cluster.failure is not None:
            return
        self._cluster.note("world", "fault", f"{fault.kind.value} {fault.target} {fault.other}")
        match fault.kind:
            case Kind.CRASH:
                self._crash(fault)
            case Kind.CRASH_AT_FAILPOINT:
                self._armed[fault.number] = fault
            case Kind.CUT | Kind.CUT_BOTH | Kind.ISOLATE | Kind.RING:
                self._cut(fault)
            case Kind.CUT_LEADERS:
                self._cut(fault)
                self._look_for_leader(fault)
            case Kind.FLIP_BIT | Kind.FAIL_READ | Kind.FAIL_FSYNC:
                self._damage(fault)
            case Kind.LOSE_DISK:
                self._lose_disk(fault, self._replica(fault))
            case Kind.CLIENT_CRASH:
                self._crash_client(fault)
            case Kind.CLOCK_STEP | Kind.CLOCK_STROBE:
                self._turn_clock(fault)
            case Kind.TRANSFER:
                self._transfer(fault)
            case Kind.PAUSE | Kind.SLOW | Kind.CLOCK_RATE:
                self._hold_up(fault, self._replica(fault))

    def _crash(self, fault: Fault) -> None:
        replica = self._replica(fault)
        if replica.is_up:
            self._bite(fault)
            self._cluster.crash(replica, "power")
            self._cluster.loop.at(fault.until, self._restart, replica.number)

    def _lose_disk(self, fault: Fault, replica: Replica) -> None:
        # With fewer than three the others are no quorum, and nobody could rejoin.
        if len(self._cluster.members) < 3 or not self.atlas.allows(replica.number):
            return
        self._bite(fault)
        self._cluster.lose_disk(replica)
        self.atlas.replaced(replica.number)
        self._cluster.loop.at(fault.until, self._restart, replica.number)

    def _restart(self, number: ReplicaId) -> None:
        if not self.is_over:
            self._cluster.restart(number)

    def _transfer(self, fault: Fault) -> None:
        for replica in self._cluster.replicas.values():
            if replica.leader() == replica.number != fault.target:
                self._bite(fault)
                replica.post(Transfer(ReplicaId(fault.target)))

    def _hold_up(self, fault: Fault, replica: Replica) -> None:
        if not replica.is_up:
            return
        self._bite(fault)
        match fault.kind:
            case Kind.PAUSE:
                replica.paused_until = max(replica.paused_until, fault.until)
            case Kind.SLOW:
                replica.slow_by = fault.amount
            case _:
                replica.clock.set_rate(self._cluster.loop.now, fault.amount)
        self._cluster.loop.at(fault.until, self._let_go, fault, replica)

    def _let_go(self, fault: Fault, replica: Replica) -> None:
        if fault.kind is Kind.SLOW:
            replica.slow_by = 0
        elif fault.kind is Kind.CLOCK_RATE:
            replica.clock.set_rate(self._cluster.loop.now, MILLION)

    def _cut(self, fault: Fault) -> None:
        # It bites when a message is stopped; `Links` counts that.
        stopped = links_of(fault, self._cluster.members, self._cluster.office.clients)
        self._cluster.links.cut(fault.number, fault.kind.value, stopped)
        self._cluster.loop.at(fault.until, self._cluster.links.mend, fault.number)

    def _look_for_leader(self, fault: Fault) -> None:
        now = self._cluster.loop.now
        if self.is_over or now >= fault.until:
            return
        leader = self._cluster.leader
        if leader is not None:
            isolated = structs.replace(fault, kind=Kind.ISOLATE, target=leader)
            self._cluster.links.cut_more(
                fault.number, links_of(isolated, self._cluster.members, ())
            )
        self._cluster.loop.after(fault.amount, self._look_for_leader, fault)

    def _damage(self, fault: Fault) -> None:
        replica = self._replica(fault)
        if not self.atlas.allows(replica.number):
            return
        match fault.kind:
            case Kind.FLIP_BIT:
                flips = self._cluster.draws.stream("flip", fault.number)
                if replica.disk.flip_bit(flips) is None:
                    return
            case Kind.FAIL_READ:
                replica.disk.fail_next_read()
            case _:
                replica.disk.fail_next_sync()
        self.atlas.struck(replica.number, fault.kind)

    def _crash_client(self, fault: Fault) -> None:
        client = self._cluster.office.clients.get(fault.target)
        if client is not None and not client.is_crashed:
            self._bite(fault)
            client.crash()
            self._cluster.note(f"client {client.number}", "crash")
            self._cluster.loop.at(fault.until, self._cluster.office.replace, fault.target)

    def _turn_clock(self, fault: Fault) -> None:
        # It bites when somebody looks, such as a line of the log; nothing else should.
        self._cluster.wall_clocks[fault.target].turn(fault.amount, fault.kind.value)
        if fault.kind is Kind.CLOCK_STROBE and self._cluster.loop.now + STROBE < fault.until:
            self._cluster.loop.after(STROBE, self._strobe, fault, -fault.amount)

    def _strobe(self, fault: Fault, amount: int) -> None:
        self._cluster.wall_clocks[fault.target].turn(amount, fault.kind.value)
        if self._cluster.loop.now + STROBE < fault.until:
            self._cluster.loop.after(STROBE, self._strobe, fault, -amount)

    def _replica(self, fault: Fault) -> Replica:
        return self._cluster.replicas[ReplicaId(fault.target)]

    def _bite(self, fault: Fault) -> None:
        self._cluster.bites[fault.kind.value] += 1
