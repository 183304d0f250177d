"""Faults that befall the leaders of one shard, or of all: what they need of whole replicas.

Usurpers      the five that both floors share, on a `ShardFloor`
Hiding        a leader that its own shard does not hear, or that does not hear it
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from harness.simulation.group import Group
from harness.simulation.links import Host
from harness.simulation.runtime_floor.cluster import Cluster
from harness.simulation.usurpers import BLINK, LOOK_EVERY
from harness.simulation.world import MS, Fault
from node.core.interface import Role
from node.core.mdl import Mdl
from node.types import ReplicaId

if TYPE_CHECKING:
    from harness.simulation.runtime_floor.faults import Faults

_PATIENCE: Final = 500 * MS
"""How long a fault waits for the moment that it is made for."""


class ShardFloor:
    """Implements `harness.simulation.usurpers.Floor`, for one shard."""

    def __init__(self, faults: "Faults", cluster: Cluster, group: Group) -> None:
        self._faults = faults
        self._cluster = cluster
        self._group = group
        self._agenda = cluster.simulation.agenda

    @property
    def members(self) -> Sequence[Host]:
        """All replicas of the shard."""
        return self._group.hosts

    @property
    def now(self) -> int:
        """Virtual nanoseconds."""
        return self._agenda.now

    def after(self, delay: int, call: Callable[[], None], /) -> None:
        """Call later, unless the faults are over by then."""
        self._agenda.after(delay, lambda: None if self._faults.is_over else call())

    def leader(self) -> Host | None:
        """Who leads with the highest ballot, if anybody does."""
        return self._group.leader

    def is_candidate(self, member: Host, /) -> bool:
        """Whether a replica asks for promises."""
        status = self._cluster.status(member)
        return status is not None and status.role is Role.CANDIDATE

    def is_idle(self, member: Host, /) -> bool:
        """Whether all that a replica has accepted is chosen."""
        status = self._cluster.status(member)
        return status is not None and status.chosen_upto == status.accepted_upto

    def chosen_upto(self, member: Host, /) -> int:
        """The slot up to which a replica knows all; 0 when it is down."""
        status = self._cluster.status(member)
        return 0 if status is None else status.chosen_upto

    def hand_over(self, leader: Host, to: Host, /) -> None:
        """Ask a leader to let another one lead."""
        replica = self._cluster.running.get(ReplicaId(leader))
        if replica is not None:
            replica.transfer(ReplicaId(to))

    def cut(self, fault: Fault, links: list[tuple[Host, Host]], /) -> None:
        """Let nothing pass these links either."""
        self._faults.stop(fault, links)

    def mend(self, fault: Fault, /) -> None:
        """Take back all cuts of a fault."""
        self._faults.mend(fault)

    def stand_still(self, fault: Fault, member: Host, /) -> None:
        """Until the fault ends."""
        machine = self._cluster.hosts[ReplicaId(member)]
        machine.pause(name_of(fault))
        self._agenda.at(fault.until, lambda: machine.resume(name_of(fault)))

    def blink(self, fault: Fault, member: Host, /) -> None:
        """Power fails at a replica, for a moment."""
        machine = self._cluster.hosts[ReplicaId(member)]
        if machine.is_up:
            self._faults.crash(machine, fault.kind)
            self._agenda.after(BLINK, lambda: self._faults.restart(member))

    def lose_disk(self, fault: Fault, member: Host, /) -> bool:
        """Never: it is played among cores."""
        del fault, member
        return False


class Hiding:
    """Plays `Kind.HIDE_LEADER`."""

    def __init__(self, faults: "Faults", cluster: Cluster) -> None:
        self._faults = faults
        self._cluster = cluster
        self._agenda = cluster.simulation.agenda

    def strike(self, fault: Fault, group: Group) -> None:
        """Begin as soon as the leader has so much in hand, if that is soon."""
        self._await(fault, group, self._agenda.now + _PATIENCE)

    def _await(self, fault: Fault, group: Group, latest: int) -> None:
        leader = group.leader
        if self._faults.is_over:
            return
        if leader is not None and self._waiting_at(leader) >= fault.other:
            self._hide(fault, group, leader)
        elif self._agenda.now < latest:
            self._agenda.after(LOOK_EVERY, lambda: self._await(fault, group, latest))

    def _hide(self, fault: Fault, group: Group, leader: ReplicaId) -> None:
        others = [host for host in group.hosts if host != leader]
        out: list[tuple[Host, Host]] = [(leader, other) for other in others]
        back: list[tuple[Host, Host]] = [(other, leader) for other in others]
        self._faults.stop(fault, (out, out + back, back)[fault.amount])
        self._agenda.after(fault.until - fault.at, lambda: self._faults.mend(fault))

    def _waiting_at(self, leader: ReplicaId) -> int:
        """Operations that wait for others; in fast mode those that the shard knows of."""
        is_fast = self._cluster.world.coordination == "fast"
        core = self._cluster.core(leader)
        office = core.office if isinstance(core, Mdl) else None
        if office is None:
            return 0
        return sum(each.waits and (each.is_announced or not is_fast) for each in office)


def name_of(fault: Fault) -> str:
    """Of its cuts, and of what it makes stand still."""
    return f"fault {fault.number}"
