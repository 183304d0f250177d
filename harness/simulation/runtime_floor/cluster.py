"""Replicas as programs on simulated hosts, and what is wrong when one stops.

    open_replica(...) on host "replica 1", its disk, its clock        unchanged, as in production

A replica that stops because its disk failed is started again, as by an operator, on a machine that was
not: it still shows the bytes that a failed fsync has lost. One that stops for any other reason has
a defect, and that ends the run.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

from harness.mutants import MUTANTS
from harness.mutants.storage import truthful
from harness.simulation.atlas import Atlas
from harness.simulation.draws import StreamRandom
from harness.simulation.invariants import Invariants
from harness.simulation.outcome import Failure, FailureKind
from harness.simulation.programs import Host, Life, Simulation
from harness.simulation.world import MS, Kind, World
from node.config import ClusterConfig, ReplicaConfig
from node.core.interface import Core, Role
from node.core.multipaxos import Settings
from node.errors import Removed, StorageError
from node.runtime.protocol import CoreFactory
from node.runtime.replica import Replica, open_replica
from node.settings import Snapshots, Timing
from node.types import Address, ReplicaId

CLUSTER: Final = "simulated"
PEER_PORT: Final = 1
CLIENT_PORT: Final = 2

RESTART_AFTER_STOP: Final = 200 * MS
"""When a replica stopped by itself, an operator starts it again."""


class Cluster:
    """The replicas of one world."""

    def __init__(
        self,
        world: World,
        simulation: Simulation,
        core: CoreFactory,
        invariants: Invariants,
    ) -> None:
        self.world: Final = world
        self.simulation: Final = simulation
        replicas = range(world.replicas + world.spares)
        self.members: Final = tuple(ReplicaId(number + 1) for number in replicas)
        """All replicas, whether or not they are members now."""
        self.first_members: Final = self.members[: world.replicas]
        self.atlas: Final = Atlas(self.first_members)
        self.invariants: Final = invariants
        self.config: Final = ClusterConfig(
            cluster=CLUSTER,
            data_dir=Path("/data"),  # of each simulated disk
            replicas=tuple(
                ReplicaConfig(
                    id=member,
                    peer_address=Address(host_name(member), PEER_PORT),
                    client_address=Address(host_name(member), CLIENT_PORT),
                )
                for member in self.members
            ),
            timing=_timing(world),
            snapshots=(
                Snapshots(slots=world.snapshot_slots, slots_kept=world.slots_kept)
                if world.snapshot_slots
                else Snapshots()
            ),
        )
        named = self.config.replicas[: world.replicas]
        self._first_config: Final = msgspec.structs.replace(self.config, replicas=named)
        """What members were given at the beginning; who joins is given a file that names itself."""
        self.hosts: Final = {m: simulation.host(host_name(m)) for m in self.members}
        self.running: Final[dict[ReplicaId, Replica]] = {}
        """Those that have opened their journal and serve."""
        self.frozen: Final[dict[ReplicaId, None]] = {}
        """Down for good: the finale does without them."""
        self._struck_lately: dict[ReplicaId, dict[Kind, None]] = {}
        """Damage done while a replica opened its journal: it has served without noticing."""
        self.failure: Failure | None = None
        self.failed: Final = trio.Event()
        self._core = _with_limits(core, world)
        self._disk = MUTANTS[world.mutant].disk if world.mutant else truthful

    @property
    def leader(self) -> ReplicaId | None:
        """Who leads with the highest ballot, if anybody does."""
        found = [replica.status() for replica in self.running.values()]
        leading = [
            (status.ballot_round, status.ballot_replica, status.replica)
            for status in found
            if status.role == Role.LEADER.value
        ]
        return ReplicaId(max(leading)[2]) if leading else None

    def start_all(self) -> None:
        """Start every replica for the first time."""
        for member in self.members:
            self.start(member)

    def start(self, member: ReplicaId) -> None:
        """Start a replica, unless it is up."""
        host = self.hosts[member]
        if not host.is_up and member not in self.frozen and self.failure is None:
            self._struck_lately[member] = {}

            async def serve(life: Life) -> None:
                await self._serve(member, life)

            host.start(serve)

    def fail(self, kind: FailureKind, rule: str, what: str) -> None:
        """Remember what went wrong first, and end the run."""
        if self.failure is None:
            self.failure = Failure(kind=kind, rule=rule, what=what, at=self.simulation.agenda.now)
            self.simulation.note("failure", f"{kind.value}: {rule}: {what}")
            self.failed.set()

    def damaged(self, member: ReplicaId, kind: Kind) -> None:
        """The disk of a replica was damaged, or will fail the next time."""
        self.atlas.struck(member, kind)
        if self.is_up(member) and member not in self.running:
            self._struck_lately[member][kind] = None

    def is_up(self, member: ReplicaId) -> bool:
        """Whether there is anything to crash."""
        return self.hosts[member].is_up

    async def _serve(self, member: ReplicaId, life: Life) -> None:
        random = StreamRandom(self.simulation.stream("replica", member, life.number))
        try:
            joins = member not in self.first_members
            async with open_replica(
                self.config if joins else self._first_config,
                member,
                random=random,
                disk=self._disk(life.disk),
                core=self._core,
                joins=joins,
            ) as replica:
                self._on_started(member, life, replica)
                await trio.sleep_forever()
        except StorageError as error:
            if not life.is_over:
                self._on_stopped(member, life.host, error)
        except Removed:
            if not life.is_over:
                self._on_removed(member, life.host)
        except Exception as error:
            if not life.is_over:
                self.fail(
                    FailureKind.INVARIANT,
                    f"{_innermost(error)} in the code",
                    f"replica {member}: {error!r}",
                )
        finally:
            if self.hosts[member].life in (life, None):
                self.running.pop(member, None)

    def _on_started(self, member: ReplicaId, life: Life, replica: Replica) -> None:
        self.running[member] = replica
        life.host.note("serve")
        # A bit that flipped after the journal had been read is for the next start to notice.
        if life.host.stored.is_damaged and Kind.FLIP_BIT not in self._struck_lately[member]:
            self.fail(
                FailureKind.INVARIANT,
                "starts from damage",
                f"replica {member} started although bits of its journal had flipped",
            )
        self.atlas.restarted(member)
        for kind in self._struck_lately[member]:
            self.atlas.struck(member, kind)

    def _on_removed(self, member: ReplicaId, host: Host) -> None:
        """It has ended by itself, and nobody starts it again."""
        host.note("removed")
        self.simulation.bites["retired"] += 1
        self.frozen[member] = None
        needed = self.invariants.needed
        if any(member in members for members in needed):
            self.fail(
                FailureKind.INVARIANT,
                "ends when it is not needed",
                f"replica {member} ended as if it was removed; needed are members of {needed}",
            )

    def _on_stopped(self, member: ReplicaId, host: Host, error: StorageError) -> None:
        host.note("refuse", str(error))
        self.simulation.bites["stopped-by-disk"] += 1
        if not self.atlas.may_refuse(member):
            self.fail(
                FailureKind.INVARIANT,
                "refuses a good disk",
                f"replica {member} stopped although its disk was good: {error}",
            )
        elif not self.atlas.is_gone(member):
            self.simulation.agenda.after(RESTART_AFTER_STOP, lambda: self._start_again(member))

    def _start_again(self, member: ReplicaId) -> None:
        if not self.is_up(member) and member not in self.frozen:
            self.start(member)


def _timing(world: World) -> Timing:
    """Twice as patient as on the other floor, since connections have to be made again first.

    Where there are leases all are patient enough.
    """
    if world.lease_ticks:
        return Timing(
            tick_ms=10,
            election_timeout_ticks=world.election_ticks,
            heartbeat_ticks=world.heartbeat_ticks,
            lease_ticks=world.lease_ticks,
        )
    return Timing(
        tick_ms=10,
        election_timeout_ticks=2 * world.election_ticks,
        heartbeat_ticks=max(1, world.election_ticks // 2),
    )


def _with_limits(core: CoreFactory, world: World) -> CoreFactory:
    """Parts of a snapshot are as small as the world says; no configuration does."""

    def limited(*, settings: Settings, **arguments: Any) -> Core[Any, Any]:  # noqa: ANN401 - those of a core
        return core(
            settings=replace(settings, chunk_bytes_max=world.chunk_bytes),
            **arguments,
        )

    return limited


def host_name(number: int) -> str:
    """Of a replica or a client; clients count from 101."""
    return f"replica {number}" if number <= _REPLICAS_MAX else f"client {number}"


_REPLICAS_MAX: Final = 100


def _innermost(error: BaseException) -> str:
    """The kind of an error that came through nurseries."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
