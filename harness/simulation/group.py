"""The replicas of one shard: they have a log of their own, a quorum, and a leader."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import structs

from harness.simulation.atlas import Atlas
from harness.simulation.invariants import Invariants
from harness.simulation.watching import Watched
from harness.simulation.world import ALL_SHARDS, Fault, World
from node.core.ballot import Ballot
from node.types import ReplicaId
from node.wire.messages import Answer

Leads = Callable[[ReplicaId], Ballot | None]
"""The ballot under which a replica leads; None when it does not, or is down."""

_SHARES: Final = 1_000_000
"""More than the numbers of faults."""


class _OfOperations(Invariants):
    """Of a log whose commands are not what clients ask for: `Orders` counts those."""

    def _check_once(
        self, replica: Watched, slot: int, commands: Sequence[Any], answers: Sequence[Answer]
    ) -> None:
        """One command answers several requests, or none."""


class Group:
    """One shard of a world, and what is watched there."""

    def __init__(self, shard: int, hosts: Sequence[ReplicaId], world: World, leads: Leads) -> None:
        self.shard: Final = shard
        self.hosts: Final = tuple(hosts)
        """All its replicas, whether or not they are members now."""
        self.members: Final = self.hosts[: world.replicas]
        """Those at the beginning."""
        watch = _OfOperations if world.protocol == "mdl" else Invariants
        self.invariants: Final = watch(self.hosts, self.members)
        self.atlas: Final = Atlas(self.members)
        self._leads = leads

    @property
    def leader(self) -> ReplicaId | None:
        """Who leads with the highest ballot, if anybody does."""
        leading = [
            (ballot, host) for host in self.hosts if (ballot := self._leads(host)) is not None
        ]
        return max(leading)[1] if leading else None


def groups_of(world: World, leads: Leads) -> tuple[Group, ...]:
    """The shards of a world; replicas are counted through all of them, from 1."""
    size = world.replicas + world.spares
    return tuple(
        Group(shard, [ReplicaId(shard * size + place + 1) for place in range(size)], world, leads)
        for shard in range(world.shards)
    )


def shares(fault: Fault, groups: Sequence[Group]) -> list[tuple[Group, Fault]]:
    """The shards that a fault befalls, and its share in each, which can be taken back alone."""
    if fault.shard != ALL_SHARDS:
        return [(groups[fault.shard % len(groups)], fault)]
    return [
        (group, structs.replace(fault, number=_SHARES * (group.shard + 1) + fault.number))
        for group in groups
    ]
