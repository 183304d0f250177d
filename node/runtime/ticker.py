"""The ticker: logical time for the core, from the replica's one clock.

    busy    driver's turn ── due() ──▶ Tick                   the alarm is put off, and never rings
    idle    alarm ── due() ──▶ Tick ─▶ inbox ─▶ driver's turn

An alarm costs the process more than a turn of the driver. So whoever has a turn anyway takes the tick
with it when its time has come.
"""

import math
from typing import Any, Final

import trio

from node.core.interface import Tick
from node.runtime.inbox import Inbox

_ROUNDING_S: Final = 1e-6
"""An alarm may ring so much too early, by a clock that is rounded."""


class Ticker:
    """Makes a tick every interval; a replica that was held up does not make up for lost ones.

    Ticks that were missed while the process was stopped must not arrive in a burst: followers
    would take their own pause for the leader's silence.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_at = math.inf
        self._alarm = trio.CancelScope()

    def due(self) -> Tick | None:
        """The tick whose time has come, for the caller to deliver; None outside `run`."""
        now = trio.current_time()
        if now < self._next_at - _ROUNDING_S:
            return None
        self._next_at = max(self._next_at, now - self._interval_s) + self._interval_s
        # By way of a new scope: only what Trio makes of a time is a deadline of Trio's.
        self._alarm.deadline = trio.move_on_at(self._next_at).deadline
        return Tick(int(now * 1_000_000_000))

    async def run(self, inbox: Inbox[Any]) -> None:
        """Post the ticks that nobody else asks for, until cancelled."""
        self._next_at = trio.current_time() + self._interval_s
        try:
            while True:
                with trio.move_on_at(self._next_at) as self._alarm:
                    await trio.sleep_forever()
                tick = self.due()
                if tick is not None:
                    inbox.post(tick)
        finally:
            self._next_at = math.inf


def clock_ns() -> int:
    """This replica's monotonic clock. It goes on while the process is stopped."""
    return int(trio.current_time() * 1_000_000_000)
