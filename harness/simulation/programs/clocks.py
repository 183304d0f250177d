"""The clocks of one host: how fast time passes there, and what day it believes to have."""

from collections import Counter
from typing import Final

from harness.simulation.draws import MILLION
from harness.simulation.wall import WallClock

EPOCH_NS: Final = 1_700_000_000_000_000_000
"""What every wall clock shows when a run begins. Any would do; this one is easily recognized."""


class HostClock:
    """A monotonic clock that runs at a rate, and a wall clock beside it, which may be turned."""

    def __init__(self, bites: Counter[str]) -> None:
        self._rate = MILLION
        self._set_at = 0
        self._shown_then = 0
        self.wall_clock: Final = WallClock(bites)
        """Turn this one to make it wrong."""

    @property
    def is_true(self) -> bool:
        """Whether the monotonic clock shows the time of the world."""
        return self._rate == MILLION and self._set_at == self._shown_then

    def set_rate(self, now: int, rate: int) -> None:
        """From now on it runs `rate` millionths as fast as the world; what it shows stays."""
        assert rate > 0, "time does not stand still, and does not go back"
        self._shown_then = self.monotonic(now)
        self._set_at = now
        self._rate = rate

    def monotonic(self, now: int) -> int:
        """What it shows at `now`."""
        return self._shown_then + (now - self._set_at) * self._rate // MILLION

    def wall(self, now: int) -> int:
        """Nanoseconds since 1970, as this host believes."""
        return self.wall_clock.read(EPOCH_NS + self.monotonic(now))

    def when(self, shown: int) -> int:
        """When it will show `shown`, if it goes on at this rate."""
        return self._set_at + -(-(shown - self._shown_then) * MILLION // self._rate)

    def span(self, shown: int) -> int:
        """How long it really takes while the clock advances by `shown`."""
        return -(-shown * MILLION // self._rate)
