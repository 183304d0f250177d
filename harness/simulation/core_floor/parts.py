"""What a cluster is made of, and which of it a planted bug replaces."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from harness.mutants import MUTANTS
from harness.simulation.draws import StreamRandom
from harness.simulation.world import World
from node.core.interface import Core
from node.core.multipaxos import MultiPaxos, Settings
from node.runtime.journal import open_journal
from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SESSIONS_MAX, SessionedStateMachine
from node.types import ReplicaId

TICK: Final = 10_000_000
"""So a second sees several elections, and a run of some seconds is long."""


class CountingStore(KeyValueStore):
    """The key-value store, and how many commands it has executed."""

    def __init__(self) -> None:
        super().__init__()
        self.executions = 0

    def execute(self, body: bytes) -> bytes:
        """As the store does."""
        self.executions += 1
        return super().execute(body)

    def snapshot(self) -> tuple[tuple[str, str], ...]:
        """All that it holds; equal stores have equal ones. The texts are shared, not copied."""
        return tuple(sorted(self._values.items()))


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
        self._sessions_max = SESSIONS_MAX
        if world.has_small_limits:
            self._settings = replace(
                self._settings,
                batch_commands_max=1,
                slots_in_flight_max=4,
                pending_max=4,
                report_entries_max=2,
            )
            self._sessions_max = world.clients + 2
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
