"""The faults of a world, each at its time, on a cluster of cores.

A fault that finds nothing to do (a crash of a replica that is down) does nothing and does not count as
a bite.
"""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import structs

from harness.simulation.atlas import Atlas
from harness.simulation.core_floor.cluster import Cluster
from harness.simulation.core_floor.decisions import Decisions
from harness.simulation.core_floor.replica import Died, Replica
from harness.simulation.draws import MILLION
from harness.simulation.group import Group, shares
from harness.simulation.links import Host, links_between, links_of
from harness.simulation.operator import Operator
from harness.simulation.usurpers import BLINK, LOOK_EVERY, Usurpers
from harness.simulation.world import MS, Fault, Kind, healthy
from node.core.interface import Add, Reconfigure, Remove, Role, Status, Transfer
from node.core.mdl import Mdl
from node.types import ReplicaId, ReplicaInfo

STROBE: Final = 20 * MS

_PATIENCE: Final = 500 * MS
"""How long a fault waits for the moment that it is made for."""


class Faults:
    """Plays the faults of one world; `end` takes back what still lasts."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._armed: dict[int, Fault] = {}
        """Waiting for their failpoint, by number."""
        first = cluster.groups[0]
        # Members change in worlds of one shard only.
        self.operator: Final = Operator(
            invariants=first.invariants,
            atlas=first.atlas,
            draws=cluster.draws.stream("operator"),
            spares=[
                ReplicaInfo(member, "", "") for member in first.hosts if member not in first.members
            ],
            bites=cluster.bites,
            after=cluster.loop.after,
            ask=self._ask_leaders,
            note=lambda text: cluster.note("world", "operator", text),
        )
        cluster.on_restarted = lambda host: self._atlas(host).restarted(host)
        cluster.on_rejoined = lambda host: self._atlas(host).made_good(host)
        cluster.is_gone = lambda host: self._atlas(host).is_gone(host)
        self._usurpers = [Usurpers(_Floor(self, cluster, group)) for group in cluster.groups]
        self._decisions = Decisions(
            cluster, is_over=lambda: self.is_over, crash=self._crash_with_client
        )
        self.is_over = False
        for fault in cluster.world.faults:
            cluster.loop.at(fault.at, self._strike, fault)

    def end(self) -> None:
        """No more faults, and whatever lasts is over: the finale begins."""
        self.is_over = self.operator.is_over = True
        self._armed.clear()
        for replica in self._cluster.replicas.values():
            replica.paused_until = replica.slow_by = 0
            replica.clock.set_rate(self._cluster.loop.now, MILLION)
            replica.rates = healthy(replica.rates)
        self._cluster.links.heal()
        for hold in list(self._cluster.holds):
            self._cluster.release(hold)

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
                self._cluster.loop.after(fault.until - fault.at, self.restart, replica.number)
                raise Died

    # ── One kind each ────────────────────────────────────────────────────────────────────────

    def _strike(self, fault: Fault) -> None:
        if self.is_over or self._cluster.failure is not None:
            return
        self._cluster.note("world", "fault", f"{fault.kind.value} {fault.target} {fault.other}")
        match fault.kind:
            case Kind.CRASH | Kind.CRASH_LEADER:
                self._crash(fault)
            case Kind.CRASH_AT_FAILPOINT:
                self._armed[fault.number] = fault
            case Kind.CUT | Kind.CUT_BOTH | Kind.ISOLATE | Kind.RING | Kind.CUT_SHARDS:
                self._cut(fault)
            case (
                Kind.HIDE_LEADER
                | Kind.LOSE_DECISIONS
                | Kind.CUT_LEADERS
                | Kind.STRAND_LEADER
                | Kind.SUSPEND_LEADER
                | Kind.USURP_LEADER
                | Kind.TURN_BACK
            ):
                self._befall_leaders(fault)
            case Kind.FLIP_BIT | Kind.FAIL_READ | Kind.FAIL_FSYNC:
                self._damage(fault)
            case Kind.LOSE_DISK:
                self.lose_disk(fault, self._replica(fault))
            case Kind.CLIENT_CRASH:
                self._crash_client(fault)
            case Kind.CLOCK_STEP | Kind.CLOCK_STROBE:
                self._turn_clock(fault)
            case Kind.TRANSFER:
                self._transfer(fault)
            case Kind.ADD_REPLICA | Kind.REMOVE_REPLICA:
                self.operator.wish(fault)
            case Kind.PAUSE | Kind.SLOW | Kind.CLOCK_RATE:
                self._hold_up(fault, self._replica(fault))

    def _victims(self, fault: Fault) -> list[Replica]:
        if fault.kind is not Kind.CRASH_LEADER:
            return [self._replica(fault)]
        leaders = [group.leader for group, _ in shares(fault, self._cluster.groups)]
        return [self._cluster.replicas[leader] for leader in leaders if leader is not None]

    def _crash(self, fault: Fault) -> None:
        for replica in self._victims(fault):
            if replica.is_up:
                self._bite(fault)
                self._cluster.crash(replica, "power")
                self._cluster.loop.at(fault.until, self.restart, replica.number)

    def _befall_leaders(self, fault: Fault) -> None:
        if fault.kind is Kind.LOSE_DECISIONS:
            self._decisions.strike(shares(fault, self._cluster.groups))
            return
        for group, share in shares(fault, self._cluster.groups):
            if fault.kind is Kind.HIDE_LEADER:
                self._hide(share, group, self._cluster.loop.now + _PATIENCE)
            else:
                self._usurpers[group.shard].strike(share)

    def _hide(self, fault: Fault, group: Group, latest: int) -> None:
        leader, now = group.leader, self._cluster.loop.now
        if leader is None or self._waiting_at(leader) < fault.other:
            if now < latest and not self.is_over:
                self._cluster.loop.after(LOOK_EVERY, self._hide, fault, group, latest)
        else:
            others = [host for host in group.hosts if host != leader]
            out: list[tuple[Host, Host]] = [(leader, other) for other in others]
            back: list[tuple[Host, Host]] = [(other, leader) for other in others]
            stopped = (out, out + back, back)[fault.amount]
            self._cluster.links.cut(fault.number, fault.kind.value, stopped)
            length = fault.until - fault.at
            self._cluster.loop.after(length, self._cluster.links.mend, fault.number)

    def _waiting_at(self, leader: ReplicaId) -> int:
        core = self._cluster.replicas[leader].core
        office = core.office if isinstance(core, Mdl) else None
        if office is None:
            return 0
        return sum(operation.is_announced and operation.chain is None for operation in office)

    def lose_disk(self, fault: Fault, replica: Replica) -> bool:
        """A replica loses all that it has, until the fault ends; False when that may not be."""
        # With fewer than three the others are no quorum, and nobody could rejoin.
        atlas = self._atlas(replica.number)
        if len(self._cluster.group_of(replica.number).hosts) < 3 or not atlas.allows(
            replica.number
        ):
            return False
        self._bite(fault)
        self._cluster.lose_disk(replica)
        atlas.replaced(replica.number)
        self._cluster.loop.at(fault.until, self.restart, replica.number)
        return True

    def restart(self, number: ReplicaId) -> None:
        """Start a replica again, unless the faults are over: then it starts when it is needed."""
        if not self.is_over:
            self._cluster.restart(number)

    def _transfer(self, fault: Fault) -> None:
        for member in self._cluster.group_of(fault.target).hosts:
            replica = self._cluster.replicas[member]
            if replica.leader() == replica.number != fault.target:
                self._bite(fault)
                replica.post(Transfer(ReplicaId(fault.target)))

    def _ask_leaders(self, change: Add | Remove) -> None:
        if self._cluster.failure is not None:
            return
        for replica in self._cluster.replicas.values():
            if replica.leader() == replica.number:
                replica.post(Reconfigure(change))

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
        members = self._cluster.members
        if fault.kind is Kind.RING:
            members = self._cluster.groups[fault.shard].hosts
        stopped = (
            links_between(fault, [group.hosts for group in self._cluster.groups])
            if fault.kind is Kind.CUT_SHARDS
            else links_of(fault, members, self._cluster.office.clients)
        )
        self._cluster.links.cut(fault.number, fault.kind.value, stopped)
        self._cluster.loop.at(fault.until, self._cluster.links.mend, fault.number)

    def _damage(self, fault: Fault) -> None:
        replica = self._replica(fault)
        atlas = self._atlas(replica.number)
        if not atlas.allows(replica.number):
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
        atlas.struck(replica.number, fault.kind)

    def _crash_with_client(self, fault: Fault, replica: Replica) -> None:
        """A leader, and one of those who wait for it."""
        if not replica.is_up:
            return
        waiting = list(dict.fromkeys(replica.waiting.values()))
        length = fault.until - fault.at
        self._bite(fault)
        self._cluster.crash(replica, fault.kind.value)
        self._cluster.loop.after(length, self.restart, replica.number)
        if waiting:
            victim = self._cluster.draws.stream("client", fault.number).choice(waiting)
            until = self._cluster.loop.now + length
            self._crash_client(structs.replace(fault, target=victim, until=until))

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

    def _atlas(self, host: int) -> Atlas:
        return self._cluster.group_of(host).atlas

    def _replica(self, fault: Fault) -> Replica:
        return self._cluster.replicas[ReplicaId(fault.target)]

    def _bite(self, fault: Fault) -> None:
        self._cluster.bites[fault.kind.value] += 1


class _Floor:
    """Implements `harness.simulation.usurpers.Floor`."""

    def __init__(self, faults: Faults, cluster: Cluster, group: Group) -> None:
        self._faults = faults
        self._cluster = cluster
        self._group = group

    @property
    def members(self) -> Sequence[Host]:
        return self._group.hosts

    @property
    def now(self) -> int:
        return self._cluster.loop.now

    def after(self, delay: int, call: Callable[[], None], /) -> None:
        self._cluster.loop.after(delay, lambda: None if self._faults.is_over else call())

    def leader(self) -> Host | None:
        return self._group.leader

    def is_candidate(self, member: Host, /) -> bool:
        status = self._status(member)
        return status is not None and status.role is Role.CANDIDATE

    def is_idle(self, member: Host, /) -> bool:
        status = self._status(member)
        return status is not None and status.chosen_upto == status.accepted_upto

    def chosen_upto(self, member: Host, /) -> int:
        status = self._status(member)
        return 0 if status is None else status.chosen_upto

    def hand_over(self, leader: Host, to: Host, /) -> None:
        self._replica(leader).post(Transfer(ReplicaId(to)))

    def cut(self, fault: Fault, links: list[tuple[Host, Host]], /) -> None:
        self._cluster.links.cut(fault.number, fault.kind.value, links)

    def mend(self, fault: Fault, /) -> None:
        self._cluster.links.mend(fault.number)

    def stand_still(self, fault: Fault, member: Host, /) -> None:
        replica = self._replica(member)
        replica.paused_until = max(replica.paused_until, fault.until)

    def blink(self, fault: Fault, member: Host, /) -> None:
        replica = self._replica(member)
        if replica.is_up:
            self._cluster.crash(replica, fault.kind.value)
            self._cluster.loop.after(BLINK, self._faults.restart, replica.number)

    def lose_disk(self, fault: Fault, member: Host, /) -> bool:
        soon = structs.replace(fault, until=self.now + BLINK)
        return self._faults.lose_disk(soon, self._replica(member))

    def _replica(self, member: Host) -> Replica:
        return self._cluster.replicas[ReplicaId(member)]

    def _status(self, member: Host) -> Status | None:
        core = self._replica(member).core
        return None if core is None else core.status()
