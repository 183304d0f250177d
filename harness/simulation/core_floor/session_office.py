"""The clients of a world whose protocol keeps many operations in order."""

from typing import TYPE_CHECKING, Any, Final

from harness.simulation.batches import BatchWorkload
from harness.simulation.core_floor.office import Customer, Office
from harness.simulation.core_floor.reader import Reader
from harness.simulation.core_floor.sessions import SessionClient
from harness.simulation.draws import Draws
from harness.simulation.links import FIRST_CLIENT
from node.types import ReplicaId
from node.wire.kv import Operation

if TYPE_CHECKING:
    from harness.simulation.core_floor.cluster import Cluster


class SessionOffice(Office):
    """Gives each client its next operations; knows which shard has which key."""

    def __init__(self, cluster: "Cluster", client: type[SessionClient]) -> None:
        world = cluster.world
        first_reader = FIRST_CLIENT + world.clients - world.readers

        def customer(number: int, office: Any, draws: Draws, *, process: int) -> Customer:  # noqa: ANN401 - this one
            is_reader = number >= first_reader and not world.reads_through_log
            return (Reader if is_reader else client)(number, office, draws, process=process)

        super().__init__(cluster, customer)
        self.window: Final = world.window
        """Operations that a client has in flight, at most."""
        self.batches: Final = BatchWorkload(world, cluster.draws.stream)
        self.workload = self.batches

    def next_work(self, client: Customer) -> list[Operation] | Operation:
        """Several operations at once, or one of somebody who has no session."""
        if isinstance(client, Reader):
            return self.batches.next_read(client.number)
        return self.batches.next_batch(client.number)

    def last_work(self, client: Customer) -> list[Operation] | Operation:
        """Reads of everything."""
        reads = self.batches.last_reads(client.number)
        return reads[0] if isinstance(client, Reader) else reads

    def shard_of_key(self, key: str) -> int:
        """Which shard has it."""
        return self.batches.shard_of(key)

    def shard_of(self, replica: ReplicaId) -> int:
        """Which shard a replica serves."""
        return self._cluster.group_of(replica).shard

    def hosts_of(self, shard: int) -> tuple[ReplicaId, ...]:
        """The replicas of a shard."""
        return self._cluster.groups[shard].hosts
