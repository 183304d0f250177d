"""The ticker: logical time for the core, from the replica's one clock."""

from typing import Any

import trio

from node.core.interface import Tick
from node.runtime.inbox import Inbox


async def tick(inbox: Inbox[Any], interval_s: float) -> None:
    """Post a tick every interval; a replica that was held up does not make up for lost ticks.

    Ticks that were missed while the process was stopped must not arrive in a burst: followers
    would take their own pause for the leader's silence.
    """
    next_at = trio.current_time() + interval_s
    while True:
        await trio.sleep_until(next_at)
        inbox.post(Tick(clock_ns()))
        next_at = max(next_at, trio.current_time() - interval_s) + interval_s


def clock_ns() -> int:
    """This replica's monotonic clock. It goes on while the process is stopped."""
    return int(trio.current_time() * 1_000_000_000)
