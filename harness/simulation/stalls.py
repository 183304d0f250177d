"""How long an fsync takes: some stall, and are over when somebody waits for the disk to be well again."""

from typing import Final

from harness.simulation.draws import Stream
from harness.simulation.world import SECOND, Rates

_FACTOR: Final = 100

STALL_MAX: Final = 10 * SECOND
"""Longer than anybody's patience, and half of what a healed quorum has time for."""


def sync_time(draws: Stream, rates: Rates) -> tuple[int, bool]:
    """How long the next one takes, and whether that is a stall."""
    time = draws.exponential(rates.sync_mean)
    if not draws.chance(rates.sync_stall):
        return time, False
    return min(_FACTOR * time, STALL_MAX), True
