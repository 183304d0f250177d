"""What a campaign adds up: one line a seed, folded in the order of the seeds.

The order makes every figure, and the hash over all traces, a function of the seeds alone, whichever
worker was quicker.
"""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from harness.simulation.outcome import Failure, Outcome


class Finished(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An outcome without its world, which the seed gives again."""

    seed: int
    failure: Failure | None = None
    undecided: str = ""
    trace_hash: str
    virtual: int
    messages: int
    crashes: int
    operations: int
    completed: int
    bites: dict[str, int]
    marks: dict[str, int]
    unavailable: bool = False
    seconds: float = 0.0
    """Of a worker's time; the one figure that differs between two runs."""

    @staticmethod
    def of(seed: int, outcome: Outcome, seconds: float) -> "Finished":
        """What is kept of one run."""
        return Finished(
            seed=seed,
            failure=outcome.failure,
            undecided=outcome.undecided,
            trace_hash=outcome.trace_hash,
            virtual=outcome.virtual,
            messages=outcome.messages,
            crashes=outcome.crashes,
            operations=outcome.operations,
            completed=outcome.completed,
            bites=outcome.bites,
            marks=outcome.marks,
            unavailable=outcome.unavailable,
            seconds=seconds,
        )


@dataclass(slots=True)
class Tally:
    """The sum of the seeds that were folded in so far."""

    seeds: int = 0
    failures: list[Finished] = field(default_factory=list)
    undecided: list[Finished] = field(default_factory=list)
    virtual: int = 0
    messages: int = 0
    crashes: int = 0
    operations: int = 0
    completed: int = 0
    unavailable: int = 0
    """Runs without a quorum of intact disks at their end."""
    quiet: int = 0
    """Runs in which nothing bit."""
    bite_seeds: Counter[str] = field(default_factory=Counter)
    """By kind of fault, in how many runs it did something."""
    bite_times: Counter[str] = field(default_factory=Counter)
    """By kind of fault, how often it did something."""
    marks: Counter[str] = field(default_factory=Counter)
    """By name of a mark in the code, how often it was passed; 0 for those that exist and never were."""
    worker_seconds: float = 0.0
    _hash: Any = field(default_factory=lambda: blake2b(digest_size=16))

    def add(self, finished: Finished) -> None:
        """One more seed; seeds come in ascending order."""
        self.seeds += 1
        if finished.failure is not None:
            self.failures.append(finished)
        elif finished.undecided:
            self.undecided.append(finished)
        self.virtual += finished.virtual
        self.messages += finished.messages
        self.crashes += finished.crashes
        self.operations += finished.operations
        self.completed += finished.completed
        self.unavailable += finished.unavailable
        bites = {kind: times for kind, times in finished.bites.items() if times}
        self.quiet += not bites
        self.bite_seeds.update(bites.keys())
        self.bite_times.update(bites)
        for name, times in finished.marks.items():
            self.marks[name] += times
        self.worker_seconds += finished.seconds
        self._hash.update(f"{finished.seed} {finished.trace_hash}\n".encode())

    @property
    def trace_hash(self) -> str:
        """Of all traces so far, by seed."""
        digest: str = self._hash.hexdigest()
        return digest

    @property
    def marks_never_passed(self) -> list[str]:
        """What no run of the campaign has reached: nothing was proved about it."""
        return sorted(name for name, times in self.marks.items() if not times)

    @property
    def too_quiet(self) -> str:
        """Why the campaign proves nothing, when it does not."""
        if not self.seeds:
            return "no seed was run"
        if not self.completed:
            return "no operation was completed in any run"
        if self.quiet == self.seeds:
            return "no fault did anything in any run"
        return ""
