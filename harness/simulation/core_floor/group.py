"""The replicas of one shard: they have a log of their own, a quorum, and a leader."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from harness.simulation.atlas import Atlas
from harness.simulation.invariants import Invariants
from harness.simulation.watching import Watched
from harness.simulation.world import World
from node.core.interface import Role, Status
from node.types import ReplicaId
from node.wire.messages import Answer

Look = Callable[[ReplicaId], Status | None]
"""The status of a replica; None when it is down."""


class _OfOperations(Invariants):
    """Of a log whose commands are not what clients ask for: `Orders` counts those."""

    def _check_once(
        self, replica: Watched, slot: int, commands: Sequence[Any], answers: Sequence[Answer]
    ) -> None:
        """One command answers several requests, or none."""


class Group:
    """One shard of a world, and what is watched there."""

    def __init__(self, shard: int, hosts: Sequence[ReplicaId], world: World, look: Look) -> None:
        self.shard: Final = shard
        self.hosts: Final = tuple(hosts)
        """All its replicas, whether or not they are members now."""
        self.members: Final = self.hosts[: world.replicas]
        """Those at the beginning."""
        watch = _OfOperations if world.protocol == "mdl" else Invariants
        self.invariants: Final = watch(self.hosts, self.members)
        self.atlas: Final = Atlas(self.members)
        self._look = look

    @property
    def leader(self) -> ReplicaId | None:
        """Who leads with the highest ballot, if anybody does."""
        found = [status for host in self.hosts if (status := self._look(host)) is not None]
        leading = [status for status in found if status.role is Role.LEADER]
        return max(leading, key=lambda status: status.ballot).replica if leading else None


def groups_of(world: World, look: Look) -> tuple[Group, ...]:
    """The shards of a world; replicas are counted through all of them, from 1."""
    size = world.replicas + world.spares
    return tuple(
        Group(shard, [ReplicaId(shard * size + place + 1) for place in range(size)], world, look)
        for shard in range(world.shards)
    )
