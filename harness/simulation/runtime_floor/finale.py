"""The last phase: a quorum is healed, everybody else frozen, and every client must be answered.

What clients had asked before ends by itself, answered or not, when their patience does; a real client
has no other way. Then each reads once, with time enough that only a cluster that is stuck stays silent.
"""

from typing import Final

import trio

from harness.simulation.operator import lacks
from harness.simulation.orders import Orders
from harness.simulation.outcome import FailureKind
from harness.simulation.programs import Host
from harness.simulation.runtime_floor.cluster import Cluster
from harness.simulation.runtime_floor.faults import Faults
from harness.simulation.runtime_floor.office import BOUND_S, Office
from harness.simulation.world import MS
from node.types import ReplicaId

_LOOK_EVERY: Final = 50 * MS

_SLACK_S: Final = 10.0
"""For what comes on top: sessions are opened, replicas restart."""


class Finale:
    """Runs once, after the faults."""

    def __init__(
        self, cluster: Cluster, office: Office, faults: Faults, orders: Orders | None
    ) -> None:
        self._cluster = cluster
        self._office = office
        self._faults = faults
        self._orders = orders
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
        for host in cluster.residents:
            if cluster.residents[host][0] not in quorum:
                cluster.freeze(host)
        for member in quorum:
            cluster.start(member)
        with trio.move_on_after(self._office.timeout_s + BOUND_S + _SLACK_S) as patience:
            await self._office.read_finally()
        if patience.cancelled_caught:
            self._blame(quorum)
        elif self._orders is not None:
            await self._wait_settled(self._orders)

    async def _wait_settled(self, orders: Orders) -> None:
        """What one shard executed may rest on something that another one is about to execute."""
        with trio.move_on_after(BOUND_S):
            while orders.gap is not None:
                await self._cluster.simulation.agenda.sleep(_LOOK_EVERY)

    def _choose(self) -> list[ReplicaId] | None:
        """A majority of each shard's members whose disks are good, drawn; None when that is too few.

        While they change, a majority of each configuration that takes part. A machine is in it with all
        of its replicas.
        """
        cluster = self._cluster
        drawn: list[Host] = cluster.simulation.stream("quorum").shuffled(list(cluster.residents))
        configurations = self._faults.operator.configurations
        configurations += [group.members for group in cluster.groups[1:]]
        quorum: list[ReplicaId] = []
        for host in drawn:
            if cluster.is_gone(host):
                continue  # it may be up, but would not start again
            residents = cluster.residents[host]
            if any(
                lacks(members, quorum) and member in members
                for members in configurations
                for member in residents
            ):
                quorum += residents
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
