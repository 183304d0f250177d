"""What a nemesis may touch, and what it must report."""

from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from harness.cluster import LocalCluster
from harness.observer import Observer
from harness.workload import Pacer
from history import Recorder


@dataclass(slots=True)
class Kill:
    """One kill and what became of it."""

    replica: int
    ballot: str
    in_flight: int
    """Operations without an answer at the moment of the kill."""
    new_leader_s: float | None = None
    """Seconds until a leader with a higher ballot was seen; None if there was none in time."""


@dataclass(slots=True)
class Toll:
    """How much the faults bit."""

    faults: dict[str, int] = field(default_factory=dict)
    """By fault, how often it was injected."""
    kills: list[Kill] = field(default_factory=list)

    def count(self, fault: str) -> None:
        """One more of this fault."""
        self.faults[fault] = self.faults.get(fault, 0) + 1


@dataclass(slots=True, kw_only=True)
class Target:
    """A running, loaded cluster."""

    cluster: LocalCluster
    observer: Observer
    recorder: Recorder
    pacer: Pacer
    clients: int
    interval_s: float
    random: Random
    toll: Toll


class Nemesis(Protocol):
    """Injects one kind of fault."""

    async def strike(self) -> None:
        """Inject the fault once and take it back, or leave that to `heal`.

        Returns when the cluster may be struck again. May be cancelled at any moment.
        """

    async def heal(self) -> None:
        """Undo what is left of earlier strikes."""
