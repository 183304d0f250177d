"""How patient the replicas of a test are: with slow links, and where many share few processors."""

import math
from typing import Final

from node.settings import Timing

DEFAULTS: Final = Timing()

_CROWDED: Final = 6
"""Replicas on this machine from which on ticks are longer: each tick costs each of them a third of a
millisecond, a hundred of them a second."""

_TICK_MS: Final = 50
"""Where it is crowded. Times in milliseconds stay about what they are: 300 for an election, 50 for a
heartbeat."""


def timing_of(*, replicas: int, protocol: str = "multipaxos", delay_ms: float = 0.0) -> Timing:
    """For so many replicas in all; a round trip takes two delays.

    Commands wait for company where there is one shard only: in a tick of 50 ms, and for one operation
    after the other on slow links, that costs more than it saves.
    """
    is_crowded = replicas >= _CROWDED
    tick_ms = _TICK_MS if is_crowded else DEFAULTS.tick_ms
    more_ticks = math.ceil(2 * delay_ms / tick_ms)
    scale = DEFAULTS.tick_ms / tick_ms
    return Timing(
        tick_ms=tick_ms,
        election_timeout_ticks=round(DEFAULTS.election_timeout_ticks * scale) + 2 * more_ticks,
        heartbeat_ticks=max(round(DEFAULTS.heartbeat_ticks * scale), 1) + more_ticks // 2,
        batch_wait_ticks=0 if is_crowded or protocol == "mdl" else DEFAULTS.batch_wait_ticks,
        delay_ms=delay_ms,
    )
