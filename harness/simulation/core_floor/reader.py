"""A client without a session: it reads, one key after the other, and its queries have no place in a log.

They bear a tag as operations do, so that what each shard read where can be told (`harness.simulation.orders`).
"""

from typing import TYPE_CHECKING

from harness.simulation.core_floor.client import Client
from harness.simulation.draws import Draws
from harness.simulation.tagged import with_tag
from node.types import ReplicaId
from node.wire.kv import Get, Operation

if TYPE_CHECKING:
    from harness.simulation.core_floor.session_office import SessionOffice


class Reader(Client):
    """Asks the shard of each key."""

    def __init__(self, number: int, office: "SessionOffice", draws: Draws, *, process: int) -> None:
        super().__init__(number, office, draws, process=process)
        self._shards = office

    def begin(self, operation: Operation) -> None:
        """Ask the shard that has the key."""
        self.shard = self._shards.shard_of_key(operation.key)
        super().begin(operation)

    def question(self, operation: Get) -> bytes:
        """With the number of the query, which counts what this process asks."""
        return with_tag((self.process, self._queries), super().question(operation))

    def choose_replica(self, operation: Operation) -> ReplicaId:
        """Whoever is believed to lead there, or anybody of that shard."""
        del operation
        believed = self._shards.leader_for(self, self.shard)
        return believed or self._random.choice(self._shards.hosts_of(self.shard))
