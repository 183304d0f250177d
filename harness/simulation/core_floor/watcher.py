"""Who watches replicas: told of everything that happens inside, and changes nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from node.core.interface import Envelope, Ready
from node.wire.messages import Answer

if TYPE_CHECKING:
    from harness.simulation.core_floor.replica import Replica


class Watcher:
    """Sees what a replica does; the invariants are one. Does nothing by itself."""

    def on_started(self, replica: "Replica") -> None:
        """A new incarnation, before its first step."""

    def on_disk_lost(self, replica: "Replica") -> None:
        """All that it had stored is gone."""

    def on_ready(self, replica: "Replica", ready: Ready[Any, Any]) -> None:
        """Before it is carried out."""

    def on_restored(self, replica: "Replica", slot: int) -> None:
        """The executed state was replaced by that of a snapshot, after `slot`."""

    def on_captured(self, replica: "Replica", slot: int, image: bytes) -> None:
        """A snapshot was taken."""

    def on_sent(self, replica: "Replica", envelope: Envelope[Any], *, after_persist: bool) -> None:
        """A message leaves, for a peer or for the replica itself."""

    def on_executed(
        self, replica: "Replica", slot: int, commands: Sequence[Any], answers: Sequence[Answer]
    ) -> None:
        """One slot was executed."""

    def on_stepped(self, replica: "Replica") -> None:
        """All outstanding work of a step is done."""
