"""The last phase: a quorum is healed, everybody else frozen, and every client must be answered.

What clients had asked before ends by itself, answered or not, when their patience does; a real client
has no other way. Then each reads once, with time enough that only a cluster that is stuck stays silent.
"""

from typing import Final

import trio

from harness.simulation.operator import lacks
from harness.simulation.outcome import FailureKind
from harness.simulation.runtime_floor.cluster import Cluster
from harness.simulation.runtime_floor.faults import Faults
from harness.simulation.runtime_floor.office import BOUND_S, OPERATION_TIMEOUT_S, Office
from node.types import ReplicaId

_SLACK_S: Final = 10.0
"""For what comes on top: sessions are opened, replicas restart."""


class Finale:
    """Runs once, after the faults."""

    def __init__(self, cluster: Cluster, office: Office, faults: Faults) -> None:
        self._cluster = cluster
        self._office = office
        self._faults = faults
        self.is_unavailable = False
        """No quorum can start: the disks of too many are damaged."""

    async def play(self) -> None:
        """Heal, start a quorum, freeze the others, let all clients read."""
        cluster = self._cluster
        self._faults.end()
        quorum = self._choose()
        if quorum is None:
            self.is_unavailable = True
            return
        for member in cluster.members:
            if member not in quorum:
                cluster.frozen[member] = None
                if cluster.is_up(member):
                    cluster.hosts[member].crash("frozen")
        for member in quorum:
            cluster.start(member)
        with trio.move_on_after(OPERATION_TIMEOUT_S + BOUND_S + _SLACK_S) as patience:
            await self._office.read_finally()
        if patience.cancelled_caught:
            self._blame(quorum)

    def _choose(self) -> list[ReplicaId] | None:
        """A majority of the members whose disks are good, drawn; None when that is too few.

        While they change, a majority of each configuration that takes part.
        """
        cluster = self._cluster
        drawn = cluster.simulation.stream("quorum").shuffled(cluster.members)
        # One that is damaged may be up, but would not start again.
        good = [member for member in drawn if not cluster.atlas.is_gone(member)]
        configurations = self._faults.operator.configurations
        quorum: list[ReplicaId] = []
        for member in good:
            if any(lacks(members, quorum) and member in members for members in configurations):
                quorum.append(member)
        enough = not any(lacks(members, quorum) for members in configurations)
        return quorum if enough else None

    def _blame(self, quorum: list[ReplicaId]) -> None:
        states = ", ".join(
            f"{member} {status.role} of {status.ballot_round}.{status.ballot_replica} "
            f"at slot {status.chosen_upto}"
            for member in sorted(quorum)
            if (replica := self._cluster.running.get(member)) is not None
            for status in [replica.status()]
        )
        self._cluster.fail(
            FailureKind.LIVENESS,
            "stuck",
            f"clients wait in vain although a quorum was healed (replicas {states}): "
            f"{'; '.join(self._office.waiting)}",
        )
