"""What became of one run."""

from enum import Enum

from msgspec import Struct

from harness.simulation.world import World


class FailureKind(Enum):
    """Who noticed; the words of `gong simulate --json`."""

    HISTORY = "history"
    """The checker: what clients were answered has no order."""
    INVARIANT = "invariant"
    """A look inside: two values in a slot, a promise taken back, replicas that differ, a crash of
    the code itself."""
    LIVENESS = "liveness"
    """A healed quorum did not finish what was pending."""


class Failure(Struct, frozen=True, kw_only=True):
    """The first thing that went wrong."""

    kind: FailureKind
    rule: str
    """Which rule, in one or two words that stay the same when the world is cut down: failures of
    one kind and rule are of one class."""
    what: str
    """For people: who, where, when."""
    at: int
    """Virtual nanoseconds; the end of the run for a history."""


class Outcome(Struct, frozen=True, kw_only=True):
    """One run, when it is over."""

    world: World
    failure: Failure | None
    undecided: str = ""
    """Why the checker could not tell, when it could not."""
    trace_hash: str
    """Of every event in its order; equal in every run of the same world."""
    virtual: int
    """Nanoseconds of the simulated world."""
    messages: int
    crashes: int
    operations: int
    """That clients invoked."""
    completed: int
    """Of those, with a known outcome."""
    bites: dict[str, int]
    """By kind of fault, how often it did something: a message that was really lost, a crash of a
    replica that was up. A world in which nothing bit proves nothing."""
    marks: dict[str, int]
    """By name of a mark in the code (`node.marks`), how often it was passed."""
    unavailable: bool = False
    """True when no quorum of intact disks was left, so that nobody could be blamed for silence."""
