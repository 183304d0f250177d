"""What a judgement concludes, each with its evidence.

Made for `match`:

    match check(operations, model):
        case Linearizable(witness): ...
        case NotLinearizable(counterexample): ...
        case Undecided(reason): ...
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from checker.evidence.steps import Step


class VerdictKind(Enum):
    """The three verdicts; the values are those of `gong check --json`."""

    LINEARIZABLE = "linearizable"
    NOT_LINEARIZABLE = "not-linearizable"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What was judged, and by whom."""

    operations: int = 0
    """All of the history, failed ones included."""
    crashed: int = 0
    """Those of unknown outcome."""
    partitions: int = 0
    """Objects that were judged separately."""
    engines: dict[str, int] = field(default_factory=dict)
    """How many objects each engine decided."""


@dataclass(frozen=True, slots=True)
class Witness:
    """An order of the operations in which each has its result, one after the other."""

    order: Sequence[int]
    """Indices of operations. Every completed one is in it, a crashed one when it took effect."""


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Why no order will do."""

    operation: int
    """Index of the first operation, by return, that has no place in any order."""
    operations: tuple[int, ...]
    """Indices of the operations to look at, in file order; `operation` is one of them.

    With a core, they are the core, and the operation after which it begins, if any. Without one
    (shrinking was not asked for, or had no time) they explain, and what proves is the search over
    all operations of the object that were called before `operation` returned.
    """
    explanation: str
    """For a reader who knows the system but not the checker."""
    key: Any = None
    """The object that misbehaved; None when the history is one object."""
    rule: str = "search"
    """What an engine found ("overlapping zones"), or "search"."""
    core: tuple[int, ...] = ()
    """Indices of the operations that alone have no linearization, after the `steps`."""
    steps: tuple[Step, ...] = ()
    """How the core follows from the whole: deletions that make no legal history illegal."""
    is_minimal: bool = False
    """True when no further deletion of a kind that is sound leaves the core illegal."""
    is_brief: bool = False
    """True when nobody has looked yet where the result could have come from: `checker.cut_down`
    does."""


@dataclass(frozen=True, slots=True)
class Linearizable:
    """The history could have happened one operation after the other."""

    kind: ClassVar = VerdictKind.LINEARIZABLE
    witness: Witness
    statistics: Statistics = field(default_factory=Statistics, compare=False)


@dataclass(frozen=True, slots=True)
class NotLinearizable:
    """It could not."""

    kind: ClassVar = VerdictKind.NOT_LINEARIZABLE
    counterexample: Counterexample
    statistics: Statistics = field(default_factory=Statistics, compare=False)
    also: dict[str, bool | None] = field(default_factory=dict, compare=False)
    """Weaker orders that were tried as well, by name: kept, broken, or None: not decided in time."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """A limit was reached first."""

    kind: ClassVar = VerdictKind.UNDECIDED
    reason: str
    statistics: Statistics = field(default_factory=Statistics, compare=False)


Verdict = Linearizable | NotLinearizable | Undecided
