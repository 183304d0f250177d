"""What a cluster is made of, and which of it a planted bug replaces."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from harness.mutants import MUTANTS, Mutant
from harness.mutants.storage import truthful
from harness.simulation.draws import StreamRandom
from harness.simulation.limits import limited, patience_of, sessions_max
from harness.simulation.orders import Orders
from harness.simulation.tagged import TaggedStore
from harness.simulation.watching import CountingStore
from harness.simulation.world import TICK, World
from node.core.interface import Core, Snapshot
from node.core.mdl import Coordination, Mdl
from node.core.multipaxos import MultiPaxos, Settings
from node.runtime.disk import Disk
from node.runtime.journal import open_journal
from node.runtime.snapshots import Policy
from node.state_machine.ordering import OrderedStateMachine
from node.state_machine.sessions import SessionedStateMachine
from node.types import ReplicaId

_NEVER: Final = 1 << 62


class Parts:
    """Makes cores, journals and state machines for one world."""

    def __init__(
        self,
        groups: Sequence[Sequence[ReplicaId]],
        world: World,
        orders: Orders | None = None,
    ) -> None:
        """`groups` are the members of each shard. `orders` is told of what they execute."""
        self._orders: Final = orders
        planted = MUTANTS[world.mutant] if world.mutant else None
        self._settings = Settings(
            election_timeout_ticks=world.election_ticks,
            heartbeat_ticks=world.heartbeat_ticks or max(1, world.election_ticks // 3),
            lease_ticks=world.lease_ticks,
            tick_ns=TICK,
            chunk_bytes_max=world.chunk_bytes,
            log_slots_kept=world.slots_kept,
        )
        self.policy: Final = Policy(slots=world.snapshot_slots or _NEVER, journal_bytes=_NEVER)
        """When a replica takes a snapshot."""
        self._settings = limited(self._settings, world)
        self._sessions_max = sessions_max(world)
        self._groups: Final = tuple(tuple(members) for members in groups)
        self._shard_of: Final = {
            member: shard for shard, members in enumerate(self._groups) for member in members
        }
        self.admits_loss: Final = planted.admits_loss if planted else True
        """Whether a replica that lost its disk is told so."""
        self.disk: Final[Callable[[Disk], Disk]] = planted.disk if planted else truthful
        """What a replica sees of its disk."""
        self.open_journal: Final = planted.journal if planted else open_journal
        self.client: Final[type[Any] | None] = planted.client if planted else None
        """Replaces `client.Client`."""
        self._core: Final[Callable[..., Core[Any, Any]]] = self._core_of(world, planted)
        plain = SessionedStateMachine if orders is None else OrderedStateMachine
        self._machine: Final[Callable[..., SessionedStateMachine]] = (
            planted.machine if planted and planted.machine is not SessionedStateMachine else plain
        )

    def _core_of(self, world: World, planted: Mutant | None) -> Callable[..., Core[Any, Any]]:
        if world.protocol != "mdl":
            return planted.core if planted else MultiPaxos
        return partial(
            planted.core if planted and issubclass(planted.core, Mdl) else Mdl,
            shards=self._groups,
            coordination=Coordination(world.coordination),
            patience=patience_of(world),
        )

    def members_of(self, replica: ReplicaId) -> tuple[ReplicaId, ...]:
        """Who the members of its shard are, at the beginning; a spare one will be of the first."""
        return self._groups[self._shard_of.get(replica, 0)]

    def core(
        self,
        replica: ReplicaId,
        random: StreamRandom,
        records: Iterable[Any],
        snapshot: Snapshot | None,
        machine: SessionedStateMachine,
    ) -> Core[Any, Any]:
        """A core that remembers `records`, and has a `snapshot`. `machine` executes what it chooses."""
        if self._orders is not None:
            return self._core(
                replica=replica,
                members=self.members_of(replica),
                settings=self._settings,
                random=random,
                records=records,
                snapshot=snapshot,
                machine=machine,
                shard=self._shard_of[replica],
            )
        return self._core(
            replica=replica,
            members=self.members_of(replica),
            settings=self._settings,
            random=random,
            records=records,
            snapshot=snapshot,
        )

    def store(self, replica: ReplicaId) -> CountingStore:
        """An empty application."""
        if self._orders is None:
            return CountingStore()
        shard = self._shard_of[replica]
        return TaggedStore(
            partial(self._orders.note, shard, replica), partial(self._orders.note_read, shard)
        )

    def machine(self, store: CountingStore) -> SessionedStateMachine:
        """An empty state machine."""
        if self._machine is SessionedStateMachine or self._orders is not None:
            return self._machine(store, sessions_max=self._sessions_max)
        return self._machine(store)
