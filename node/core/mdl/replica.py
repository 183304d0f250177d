"""Mdl: Multi-Paxos, and above its log the order of operations over several shards."""

from collections.abc import Iterable, Sequence
from random import Random

from node.core.interface import Snapshot
from node.core.mdl.settings import Coordination, Patience
from node.core.mdl.state import OrderedState
from node.core.multipaxos import MultiPaxos, Record, Settings
from node.types import ReplicaId, ReplicaInfo


class Mdl(MultiPaxos):
    """One replica of one shard. Owned by one driver."""

    def __init__(
        self,
        *,
        replica: ReplicaId,
        members: Iterable[ReplicaId | ReplicaInfo],
        settings: Settings,
        random: Random,
        records: Iterable[Record] = (),
        snapshot: Snapshot | None = None,
        machine: OrderedState,
        shard: int = 0,
        shards: Sequence[Sequence[ReplicaId | ReplicaInfo]],
        coordination: Coordination = Coordination.FAST,
        patience: Patience | None = None,
    ) -> None:
        """`members` are those of `shards[shard]`; `machine` executes what this core hands out."""
        super().__init__(
            replica=replica,
            members=members,
            settings=settings,
            random=random,
            records=records,
            snapshot=snapshot,
        )
        self._machine = machine
        self.shard = shard
        self._shards = tuple(tuple(group) for group in shards)
        self._coordination = coordination
        self._patience = patience or Patience()
