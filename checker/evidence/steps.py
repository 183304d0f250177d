"""The steps from a whole history to a core, as data.

Each step takes something away, in a way that makes no legal history illegal. So when the core is
illegal, the whole is. The rules, each with its argument, are in `checker.evidence.deletions`.
"""

from enum import Enum
from typing import Any

from msgspec import Struct


class Rule(Enum):
    """Why a step is allowed."""

    KEY = "key"
    """Only the operations on one object stay."""
    UNTIL = "until"
    """The history is cut right after `operation` returned: what was called later goes, and what
    returned later need not have taken effect."""
    AFTER = "after"
    """The history begins right after `operation`, which tells the state for certain: what returned
    before it was called goes, and what overlaps it may have taken effect before."""
    OBSERVERS = "observers"
    """Operations that never change the state go."""
    VALUES = "values"
    """All that was done with some values goes."""
    UNOBSERVED = "unobserved"
    """Operations go, in this order, whose effect nobody could have noticed."""
    COUNTED = "counted"
    """The history begins right after `operation`, with the number of those that had acquired or
    added by then, less those that had released or removed: what returned before goes."""
    SETTLED = "settled"
    """Adds and appends go that came after every read that is left; and those that came before all
    of them, which become a part of the initial state."""
    IDLE = "idle"
    """Removals of unknown outcome go that found nothing left to remove."""


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One application of a rule."""

    rule: Rule
    key: Any = None
    """Of `KEY`: the object, as in the history."""
    operation: int | None = None
    """Of `UNTIL`, `AFTER` and `COUNTED`: index of the operation. Of `KEY`: of any operation on the object."""
    operations: tuple[int, ...] | None = None
    """Of the others: indices of what goes; if absent,"""
    keep: tuple[int, ...] | None = None
    """all goes that the rule may delete, except these."""
