"""How many items cover each moment, while items are lifted off one by one.

A flat array in blocks of about the square root of its length: lifting an item rewrites the two
blocks at its ends and a number for each block between; looking for an uncovered moment in a short
stretch of time is a scan of one block at the speed of C.
"""

from typing import Final

from checker.patience import watched

_BLOCK: Final = 512
"""Near the square root of the histories that take long (200,000 moments); measured, and flat."""


class Cover:
    """Counts by moment."""

    def __init__(self, length: int, intervals: list[tuple[int, int]]) -> None:
        steps = [0] * (length + 1)
        for first, last in watched(intervals):
            steps[first] += 1
            steps[last] -= 1
        self._counts: list[int] = []
        count = 0
        for step in watched(steps[:length]):
            count += step
            self._counts.append(count)
        self._length = length
        starts = range(0, length, _BLOCK)
        self._least = [min(self._counts[at : at + _BLOCK]) for at in starts]
        self._lifted = [0] * len(self._least)
        """To be taken from every count of a block."""

    def lift(self, first: int, last: int) -> None:
        """Take one from each moment in [first, last)."""
        block, final = first // _BLOCK, (last - 1) // _BLOCK
        if block == final:
            self._lift_within(block, first, last)
            return
        self._lift_within(block, first, (block + 1) * _BLOCK)
        for whole in range(block + 1, final):
            self._lifted[whole] += 1
        self._lift_within(final, final * _BLOCK, last)

    def _lift_within(self, block: int, first: int, last: int) -> None:
        counts = self._counts
        counts[first:last] = [count - 1 for count in counts[first:last]]
        at = block * _BLOCK
        self._least[block] = min(counts[at : at + _BLOCK])

    def first(self, first: int, last: int, wanted: int = 0) -> int | None:
        """The first moment in [first, last) that exactly `wanted` items cover."""
        last = min(last, self._length)
        while first < last:
            block = first // _BLOCK
            stop = min(last, (block + 1) * _BLOCK)
            stored = wanted + self._lifted[block]
            if self._least[block] <= stored:
                try:
                    return self._counts.index(stored, first, stop)
                except ValueError:
                    pass
            first = stop
        return None

    def last(self, first: int, last: int) -> int | None:
        """The last moment in [first, last) that nothing covers."""
        last = min(last, self._length)
        while first < last:
            block = (last - 1) // _BLOCK
            start = max(first, block * _BLOCK)
            stored = self._lifted[block]
            if self._least[block] <= stored:
                for moment in range(last - 1, start - 1, -1):
                    if self._counts[moment] == stored:
                        return moment
            last = start
        return None
