"""What runs the protocol that the configuration names: its core, its state machine, its settings."""

from collections.abc import Callable
from functools import partial
from typing import Any

from node.config import ClusterConfig
from node.core.interface import Core
from node.core.mdl import Coordination, Mdl
from node.core.multipaxos import MultiPaxos, Settings
from node.state_machine.kv import KeyValueStore
from node.state_machine.ordering import OrderedStateMachine
from node.state_machine.sessions import SessionedStateMachine
from node.types import ReplicaId

CoreFactory = Callable[..., Core[Any, Any]]
"""Called with the arguments of `MultiPaxos`, or of `Mdl`, as the configuration has it."""


def protocol_of(
    config: ClusterConfig, replica: ReplicaId, core: CoreFactory | None
) -> tuple[SessionedStateMachine, CoreFactory]:
    """The state machine that the protocol needs, and what makes its core."""
    if config.protocol == "multipaxos":
        return SessionedStateMachine(KeyValueStore()), core or MultiPaxos
    machine = OrderedStateMachine(KeyValueStore())
    make_core = partial(
        core or Mdl,
        machine=machine,
        shard=config.replica(replica).shard,
        shards=tuple(config.group(shard) for shard in range(len(config.shards))),
        coordination=Coordination(config.coordination),
    )
    return machine, make_core


def settings_of(config: ClusterConfig) -> Settings:
    """What a core is told of the file."""
    return Settings(
        election_timeout_ticks=config.timing.election_timeout_ticks,
        heartbeat_ticks=config.timing.heartbeat_ticks,
        batch_wait_ticks=config.timing.batch_wait_ticks,
        lease_ticks=config.timing.lease_ticks,
        clock_drift_percent=config.timing.clock_drift_percent,
        tick_ns=config.timing.tick_ms * 1_000_000,
        log_slots_kept=config.snapshots.slots_kept,
    )
