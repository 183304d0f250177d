"""The agenda: what the world does at which time, in one task.

    agenda.at(when, action)      a message arrives, a fault begins, a cut heals

Actions are plain calls that wait for nothing. Of two at the same time the older entry comes first.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Final

import trio
from trio.testing import MockClock

from harness.simulation.world import SECOND

_sleep_forever: Final = trio.sleep_forever
_sleep_until: Final = trio.sleep_until


class Entry:
    """One thing to do; `cancel()` takes it back."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Do not do it."""
        self.action = None


class Agenda:
    """Ordered by time; `run()` is its task."""

    def __init__(self, clock: MockClock) -> None:
        self._clock = clock
        self._entries: list[tuple[int, int, Entry]] = []
        self._count = 0
        self._sleep = trio.CancelScope()

    @property
    def now(self) -> int:
        """Virtual nanoseconds since the run began."""
        return round(self._clock.current_time() * SECOND)

    def at(self, when: int, action: Callable[[], None]) -> Entry:
        """Do `action` at `when`, or at once if that is past."""
        self._count += 1
        entry = Entry(action)
        heappush(self._entries, (when, self._count, entry))
        self._sleep.deadline = min(self._sleep.deadline, when / SECOND)
        return entry

    def after(self, delay: int, action: Callable[[], None]) -> Entry:
        """Do `action` when `delay` has passed."""
        return self.at(self.now + delay, action)

    async def sleep(self, duration: int) -> None:
        """Wait in the time of the world, whatever the clock of a host says."""
        await _sleep_until((self.now + duration) / SECOND)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            now = self.now
            while self._entries and self._entries[0][0] <= now:
                action = heappop(self._entries)[2].action
                if action is not None:
                    action()
            deadline = self._entries[0][0] / SECOND if self._entries else inf
            with trio.CancelScope(deadline=deadline) as self._sleep:
                await _sleep_forever()
