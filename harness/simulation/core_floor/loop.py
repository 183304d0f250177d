"""Virtual time: a heap of things to do, each at its nanosecond, equal ones in the order they came."""

import heapq
from collections.abc import Callable
from typing import Any


class Loop:
    """Calls what was asked for when its time has come.

    Nothing is ever taken back: who loses interest looks, when called, whether it still matters.
    """

    def __init__(self) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, time: int, call: Callable[..., None], *arguments: object) -> None:
        """Call at `time`, or at once when that has passed."""
        self._count += 1
        heapq.heappush(self._heap, (max(time, self.now), self._count, call, arguments))

    def after(self, delay: int, call: Callable[..., None], *arguments: object) -> None:
        """Call `delay` nanoseconds from now."""
        self.at(self.now + delay, call, *arguments)

    def run_until(self, end: int, *, unless: Callable[[], bool]) -> None:
        """Let time pass up to `end`, or until `unless` says that it is enough."""
        heap = self._heap
        while heap and heap[0][0] <= end and not unless():
            self.now, _, call, arguments = heapq.heappop(heap)
            call(*arguments)
        if not unless():
            self.now = max(self.now, end)
