"""The last phase: a quorum is healed, nobody else can help, and all that is pending must end.

A cluster that lost its quorum of intact disks may be silent for ever; nobody can blame it. One that
has a quorum of healthy replicas, links that lose nothing and clocks that run has no excuse.
"""

from typing import Final

from harness.simulation.core_floor.cluster import Cluster
from harness.simulation.core_floor.faults import Faults
from harness.simulation.links import Host
from harness.simulation.operator import lacks
from harness.simulation.outcome import FailureKind
from harness.simulation.world import SECOND
from node.types import ReplicaId

BOUND: Final = 20 * SECOND
"""An election takes 0.3 s, an attempt of a client as long; this is both, dozens of times."""


class Finale:
    """Runs once, after the faults."""

    def __init__(self, cluster: Cluster, faults: Faults) -> None:
        self._cluster = cluster
        self._faults = faults
        self.is_unavailable = False
        """No quorum can start: the disks of too many are damaged."""

    def play(self) -> None:
        """Heal, ask every client for one read more, and wait."""
        cluster = self._cluster
        cluster.office.is_closed = True
        self._faults.end()
        quorum = self._start_quorum()
        if quorum is None:
            self.is_unavailable = True
            return
        self._send_off([member for member in cluster.members if member not in quorum])
        for client in cluster.office.clients.values():
            if not client.is_crashed:
                client.is_patient = True
                if client.pending is None:
                    cluster.office.ask(client, cluster.office.last_work(client))
        begun = cluster.loop.now
        cluster.loop.run_until(
            begun + BOUND,
            unless=lambda: cluster.failure is not None or not cluster.office.has_pending,
        )
        if cluster.failure is None and cluster.office.has_pending:
            self._blame(quorum)
        orders = cluster.orders
        if cluster.failure is None and orders is not None:
            # What one shard executed may rest on something that another one is about to execute.
            cluster.loop.run_until(
                cluster.loop.now + BOUND,
                unless=lambda: cluster.failure is not None or orders.gap is None,
            )

    def _start_quorum(self) -> list[ReplicaId] | None:
        """Bring up a majority of the members of each shard; None when that is impossible.

        While they change, a majority of each configuration that takes part. Which ones belong to it is
        drawn, so that the leader of before is not always among them.
        """
        cluster = self._cluster
        configurations = self._faults.operator.configurations
        configurations += [group.members for group in cluster.groups[1:]]
        quorum: list[ReplicaId] = []
        for member in cluster.draws.stream("quorum").shuffled(cluster.members):
            if cluster.is_gone(member):
                continue  # it may be up, but would not start again
            if not any(lacks(members, quorum) and member in members for members in configurations):
                continue
            cluster.restart(member)
            if cluster.replicas[member].is_up:
                quorum.append(member)
            if not any(lacks(members, quorum) for members in configurations):
                return quorum
        return None

    def _send_off(self, rest: list[ReplicaId]) -> None:
        """The others may hear or be heard, which has to do no harm; or neither."""
        cluster = self._cluster
        others: list[Host] = [*cluster.members, *cluster.office.clients]
        for member in rest:
            cluster.note(f"replica {member}", cluster.world.rest)
            cut: list[tuple[Host, Host]]
            match cluster.world.rest:
                case "deaf":
                    cut = [(other, member) for other in others if other != member]
                    cluster.restart(member)
                case "mute":
                    cut = [(member, other) for other in others if other != member]
                    cluster.restart(member)
                case _:
                    cluster.replicas[member].freeze()
                    continue
            cluster.links.cut(-member, "rest", cut)

    def _blame(self, quorum: list[ReplicaId]) -> None:
        cluster = self._cluster
        stuck = [c for c in cluster.office.clients.values() if c.pending and not c.is_crashed]
        states = ", ".join(
            f"{member} {status.role.value} of {status.ballot} at slot {status.chosen_upto}"
            for member in sorted(quorum)
            if (core := cluster.replicas[member].core) is not None
            for status in [core.status()]
        )
        cluster.fail(
            FailureKind.LIVENESS,
            "stuck",
            f"{len(stuck)} clients wait in vain, {BOUND // SECOND} s after a quorum was healed "
            f"(replicas {states}); client {stuck[0].number} asks for {stuck[0].pending}",
        )
