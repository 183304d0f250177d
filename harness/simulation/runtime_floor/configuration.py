"""What the replicas of a world are told: who there is, where, and how patient to be."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from harness.simulation.group import Group
from harness.simulation.world import World
from node.config import ClusterConfig, ReplicaConfig
from node.core.interface import Core
from node.core.multipaxos import Settings
from node.runtime.protocol import CoreFactory
from node.settings import Snapshots, Timing
from node.types import Address, ReplicaId

CLUSTER: Final = "simulated"

_REPLICAS_MAX: Final = 100


def host_name(number: int, world: World) -> str:
    """The machine of a replica or a client; clients count from 101."""
    if number > _REPLICAS_MAX:
        return f"client {number}"
    if world.shared_machines:
        return f"machine {1 + (number - 1) % world.replicas}"
    return f"replica {number}"


def config_of(world: World, groups: Sequence[Group]) -> ClusterConfig:
    """The file of the cluster, with spare replicas, which only those are given who join."""
    coordination: Literal["fast", "durable"] = (
        "durable" if world.coordination == "durable" else "fast"
    )
    return ClusterConfig(
        cluster=CLUSTER,
        data_dir=Path("/data"),  # of each simulated disk
        replicas=tuple(_replica(host, group, world) for group in groups for host in group.hosts),
        protocol="mdl" if world.protocol == "mdl" else "multipaxos",
        coordination=coordination,
        timing=_timing(world),
        snapshots=(
            Snapshots(slots=world.snapshot_slots, slots_kept=world.slots_kept)
            if world.snapshot_slots
            else Snapshots()
        ),
    )


def first_config(config: ClusterConfig, groups: Sequence[Group]) -> ClusterConfig:
    """What members were given at the beginning; who joins is given a file that names itself."""
    members = {member for group in groups for member in group.members}
    named = tuple(replica for replica in config.replicas if replica.id in members)
    return msgspec.structs.replace(config, replicas=named)


def _replica(number: ReplicaId, group: Group, world: World) -> ReplicaConfig:
    machine = host_name(number, world)
    return ReplicaConfig(
        id=number,
        peer_address=Address(machine, 2 * group.shard + 1),
        client_address=Address(machine, 2 * group.shard + 2),
        shard=group.shard,
        process=group.hosts.index(number) + 1 if world.shared_machines else None,
    )


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
    timing = Timing(
        tick_ms=10,
        election_timeout_ticks=2 * world.election_ticks,
        heartbeat_ticks=max(1, world.election_ticks // 2),
    )
    if world.protocol == "mdl":
        # As `gong run` does: what waits for company makes other shards wait, too.
        return msgspec.structs.replace(timing, batch_wait_ticks=0)
    return timing


def with_limits(core: CoreFactory, world: World) -> CoreFactory:
    """Parts of a snapshot are as small as the world says; no configuration does."""

    def limited(*, settings: Settings, **arguments: Any) -> Core[Any, Any]:  # noqa: ANN401 - those of a core
        return core(
            settings=replace(settings, chunk_bytes_max=world.chunk_bytes),
            **arguments,
        )

    return limited
