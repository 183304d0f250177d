"""What a cluster is made of, and which of it a planted bug replaces."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from harness.mutants import MUTANTS
from harness.simulation.draws import StreamRandom
from harness.simulation.limits import limited, sessions_max
from harness.simulation.watching import CountingStore
from harness.simulation.world import World
from node.core.interface import Core
from node.core.multipaxos import MultiPaxos, Settings
from node.runtime.journal import open_journal
from node.state_machine.sessions import SessionedStateMachine
from node.types import ReplicaId

TICK: Final = 10_000_000
"""So a second sees several elections, and a run of some seconds is long."""


class Parts:
    """Makes cores, journals and state machines for one world."""

    def __init__(self, members: Iterable[ReplicaId], world: World) -> None:
        planted = MUTANTS[world.mutant] if world.mutant else None
        self._settings = Settings(
            election_timeout_ticks=world.election_ticks,
            heartbeat_ticks=max(1, world.election_ticks // 3),
            lease_ticks=world.lease_ticks,
            tick_ns=TICK,
        )
        self._settings = limited(self._settings, world)
        self._sessions_max = sessions_max(world)
        self.members: Final = tuple(members)
        self.open_journal: Final = planted.journal if planted else open_journal
        self.client: Final[type[Any] | None] = planted.client if planted else None
        """Replaces `client.Client`."""
        self._core: Final[Callable[..., Core[Any, Any]]] = planted.core if planted else MultiPaxos
        self._machine: Final[Callable[..., SessionedStateMachine]] = (
            planted.machine if planted else SessionedStateMachine
        )

    def core(
        self, replica: ReplicaId, random: StreamRandom, records: Iterable[Any]
    ) -> Core[Any, Any]:
        """A core that remembers `records`."""
        return self._core(
            replica=replica,
            members=self.members,
            settings=self._settings,
            random=random,
            records=records,
        )

    def machine(self, store: CountingStore) -> SessionedStateMachine:
        """An empty state machine."""
        if self._machine is SessionedStateMachine:
            return SessionedStateMachine(store, sessions_max=self._sessions_max)
        return self._machine(store)
