"""What a floor shows of its replicas while they run, and who looks.

floor ── on_started, on_asked, on_event, on_ready, on_sent,
         on_executed, on_read, on_stepped ──▶ Watcher        invariants.py
"""

from collections.abc import Sequence
from typing import Any, Protocol

from node.core.interface import (
    Core,
    Envelope,
    Input,
    Ready,
    Received,
)
from node.state_machine.kv import KeyValueStore
from node.types import Query, ReplicaId
from node.wire.messages import Answer

Event = Received[Any] | Input
"""What a core is stepped with."""


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


class Watched(Protocol):
    """One replica in its present incarnation."""

    @property
    def number(self) -> ReplicaId: ...  # noqa: D102
    @property
    def core(self) -> Core[Any, Any] | None: ...  # noqa: D102
    @property
    def store(self) -> CountingStore: ...  # noqa: D102


class Watcher:
    """Sees what a replica does; the invariants are one. Does nothing by itself."""

    def on_started(self, replica: Watched) -> None:
        """A new incarnation, before its first step."""

    def on_asked(self, replica: Watched, query: Query) -> None:
        """A query has arrived; the core takes it in later when the replica stands still."""

    def on_disk_lost(self, replica: Watched) -> None:
        """All that it had stored is gone."""

    def on_restored(self, replica: Watched, slot: int) -> None:
        """The executed state was replaced by that of a snapshot, after `slot`."""

    def on_captured(self, replica: Watched, slot: int, image: bytes) -> None:
        """A snapshot was taken."""

    def on_event(self, replica: Watched, event: Event) -> None:
        """Before the core takes it in."""

    def on_ready(self, replica: Watched, ready: Ready[Any, Any]) -> None:
        """Before it is carried out."""

    def on_sent(self, replica: Watched, envelope: Envelope[Any]) -> None:
        """A message leaves, for a peer or for the replica itself."""

    def on_executed(
        self, replica: Watched, slot: int, commands: Sequence[Any], answers: Sequence[Answer]
    ) -> None:
        """One slot was executed."""

    def on_read(self, replica: Watched, query: Query, executed_upto: int) -> None:
        """A query is about to be answered from the state after slot `executed_upto`."""

    def on_stepped(self, replica: Watched) -> None:
        """All outstanding work of a step is done."""
