"""What a cluster is made of, and which of it a planted bug replaces."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from harness.mutants import MUTANTS
from harness.mutants.storage import truthful
from harness.simulation.draws import StreamRandom
from harness.simulation.limits import limited, sessions_max
from harness.simulation.watching import CountingStore
from harness.simulation.world import TICK, World
from node.core.interface import Core, Snapshot
from node.core.multipaxos import MultiPaxos, Settings
from node.runtime.disk import Disk
from node.runtime.journal import open_journal
from node.runtime.snapshots import Policy
from node.state_machine.sessions import SessionedStateMachine
from node.types import ReplicaId

_NEVER: Final = 1 << 62


class Parts:
    """Makes cores, journals and state machines for one world."""

    def __init__(self, members: Iterable[ReplicaId], world: World) -> None:
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
        self.members: Final = tuple(members)
        """Those at the beginning."""
        self.admits_loss: Final = planted.admits_loss if planted else True
        """Whether a replica that lost its disk is told so."""
        self.disk: Final[Callable[[Disk], Disk]] = planted.disk if planted else truthful
        """What a replica sees of its disk."""
        self.open_journal: Final = planted.journal if planted else open_journal
        self.client: Final[type[Any] | None] = planted.client if planted else None
        """Replaces `client.Client`."""
        self._core: Final[Callable[..., Core[Any, Any]]] = planted.core if planted else MultiPaxos
        self._machine: Final[Callable[..., SessionedStateMachine]] = (
            planted.machine if planted else SessionedStateMachine
        )

    def core(
        self,
        replica: ReplicaId,
        random: StreamRandom,
        records: Iterable[Any],
        snapshot: Snapshot | None,
    ) -> Core[Any, Any]:
        """A core that remembers `records`, and has a `snapshot`."""
        return self._core(
            replica=replica,
            members=self.members,
            settings=self._settings,
            random=random,
            records=records,
            snapshot=snapshot,
        )

    def machine(self, store: CountingStore) -> SessionedStateMachine:
        """An empty state machine."""
        if self._machine is SessionedStateMachine:
            return SessionedStateMachine(store, sessions_max=self._sessions_max)
        return self._machine(store)
