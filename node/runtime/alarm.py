"""What is to be done later, exactly when it is due: Linux's timerfd, where Trio's clock is the real one.

    call(due, what) ──▶ heap ──▶ one task, woken at the earliest ──▶ what()

Trio waits in epoll_wait, whose timeout is in whole milliseconds and is rounded up: half a millisecond late on
average. For a delay that stands for a fast network that is a tenth or a quarter of all there is to measure.
"""

import ctypes
import heapq
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from math import inf
from typing import Final, Protocol

import trio

HAS_TIMERFD: Final = sys.platform == "linux"

_CLOCK_MONOTONIC: Final = 1
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC if HAS_TIMERFD else 0
"""TFD_NONBLOCK and TFD_CLOEXEC are defined as these (timerfd_create(2))."""

_NS: Final = 1_000_000_000

_TimerSpec = ctypes.c_long * 4
"""struct itimerspec: interval and value, in seconds and nanoseconds each."""


class Alarm(Protocol):
    """Wakes one task."""

    def ring_at(self, due: float) -> None:
        """At this time on Trio's clock, instead of any earlier order."""

    async def wait(self) -> None:
        """Until it rings."""


class Later:
    """Who calls back when it is time, while `run` does; until then calls wait."""

    def __init__(self) -> None:
        self._alarm: Alarm | None = None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def call(self, due: float, what: Callable[[], None]) -> None:
        """Have `what` called when it is due; it must not wait. Equal times go in order of the calls."""
        if self._alarm is not None and (not self._due or due < self._due[0][0]):
            self._alarm.ring_at(due)
        heapq.heappush(self._due, (due, next(self._numbers), what))

    async def run(
        self, open_alarm: Callable[[], AbstractContextManager[Alarm]] | None = None
    ) -> None:
        """Call, until cancelled; woken by an exact alarm if nothing else is said."""
        with (open_alarm or exact_alarm)() as alarm:
            self._alarm = alarm
            try:
                while True:
                    while self._due and self._due[0][0] <= trio.current_time():
                        heapq.heappop(self._due)[2]()
                    if self._due:
                        alarm.ring_at(self._due[0][0])
                    await alarm.wait()
            finally:
                # Others may end after this, and still call.
                self._alarm = None


@contextmanager
def exact_alarm() -> Iterator[Alarm]:
    """An exact one, with a file descriptor of its own; one of Trio's where there is no timerfd."""
    if not HAS_TIMERFD:
        yield TrioAlarm()
        return
    alarm = _TimerAlarm()
    try:
        yield alarm
    finally:
        os.close(alarm.descriptor)


class TrioAlarm:
    """Rings by Trio's clock, whatever that is: in whole milliseconds if it is the real one."""

    def __init__(self) -> None:
        self._due = inf
        self._waiting: trio.CancelScope | None = None

    def ring_at(self, due: float) -> None:
        """As `Alarm` says."""
        self._due = due
        if self._waiting is not None:
            self._waiting.deadline = due

    async def wait(self) -> None:
        """As `Alarm` says."""
        with trio.CancelScope(deadline=self._due) as self._waiting:
            await trio.sleep_forever()
        self._waiting = None
        self._due = inf


class _TimerAlarm:
    """Owned by `exact_alarm`, which closes its descriptor."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def ring_at(self, due: float) -> None:
        # To order anything also takes a ring back that nobody has heard; 0 would order nothing.
        left_ns = max(round((due - trio.current_time()) * _NS), 1)
        spec = _TimerSpec(0, 0, *divmod(left_ns, _NS))
        if self._libc.timerfd_settime(self.descriptor, 0, ctypes.byref(spec), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    async def wait(self) -> None:
        await trio.lowlevel.wait_readable(self.descriptor)
        os.read(self.descriptor, 8)
