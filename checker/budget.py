"""How long and how large a judgement may become, and the meter that watches it.

A limit that is reached ends in the verdict "undecided", never in an exception and never in the
machine running out of memory.
"""

import os
import resource
import sys
import time
from pathlib import Path
from typing import Final

from msgspec import Struct

_STATM: Final = Path("/proc/self/statm")

_MEGABYTE: Final = 1024 * 1024


class Budget(Struct, frozen=True, kw_only=True):
    """What a judgement may use; None is without limit."""

    time_limit_s: float | None = None
    memory_limit_mb: float | None = None
    """Resident memory of the whole process, the loaded history included."""


class Meter:
    """Watches one judgement; ask it every few milliseconds."""

    def __init__(self, budget: Budget, *, deadline: float | None = None) -> None:
        """`deadline` is when the time of the whole judgement ends, where it began elsewhere."""
        self._budget = budget
        limit = budget.time_limit_s
        if deadline is None and limit is not None:
            deadline = time.monotonic() + limit
        self._end = deadline
        self._deadline = deadline

    @property
    def budget(self) -> Budget:
        """The limits."""
        return self._budget

    @property
    def has_limits(self) -> bool:
        """Whether there is anything to watch."""
        return self._end is not None or self._budget.memory_limit_mb is not None

    @property
    def deadline(self) -> float | None:
        """When all of the time is used up, on the monotonic clock."""
        return self._end

    def left_s(self) -> float | None:
        """Seconds left of the present share; None without a time limit."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def share(self, parts_left: int) -> None:
        """Give the next of `parts_left` parts its fair share of the time that is left.

        So one hard object cannot keep the easy ones from being judged.
        """
        if self._end is not None:
            now = time.monotonic()
            self._deadline = now + max(0.0, self._end - now) / max(1, parts_left)

    def is_over(self) -> bool:
        """True when all of the time is used up, not only the present share."""
        return self._end is not None and time.monotonic() >= self._end

    def exhausted(self) -> str | None:
        """Which limit was reached, in words, or None."""
        budget = self._budget
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return f"the time limit of {budget.time_limit_s:g} s was reached"
        if budget.memory_limit_mb is not None and resident_mb() >= budget.memory_limit_mb:
            return f"the memory limit of {budget.memory_limit_mb:g} MB was reached"
        return None


def resident_mb() -> float:
    """Resident memory of this process now; at its highest so far where /proc is missing."""
    try:
        pages = int(_STATM.read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return peak_resident_mb()
    return pages * os.sysconf("SC_PAGE_SIZE") / _MEGABYTE


def peak_resident_mb() -> float:
    """The highest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS: getrusage(2) of either.
    return peak / _MEGABYTE if sys.platform == "darwin" else peak / 1024
