"""The watchdog: a program that loops while no virtual time passes must not hang the run.

    tasks that go on and on         counted: so many steps at one virtual instant, and the run ends
    code that never gives way       an alarm of the operating system, by processor time

The first is as repeatable as the run. The second strikes anywhere in the loop: its step and its
virtual time repeat, what the loop itself has done until then does not. The alarm is wound up again
every thousand steps and so never rings in a run that goes on. It needs the main thread, and code that
blocks without using the processor it does not hear.
"""

import inspect
import signal
import threading  # noqa: TID251 - only to ask whether this is the main one
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Final, TypeVar

import trio

from harness.simulation.programs.hosts import CURRENT
from harness.simulation.programs.scheduling import creation
from harness.simulation.world import SECOND

T = TypeVar("T")

STEPS_MAX: Final = 200_000
"""Of tasks, at one virtual instant. Seconds of real time, and a hundred times what we have seen."""

STUCK_S: Final = 10.0
"""Of processor time. A step takes some microseconds."""

_LOOK_EVERY: Final = 1_000


class Hung(BaseException):
    """No virtual time passes. Not an Exception: what loops might handle it, and go on."""

    def __init__(self, what: str, *, steps: int, at: int) -> None:
        super().__init__(f"at {at / SECOND:.6f} s {what}")
        self.steps: Final = steps
        """Of tasks, in the whole run until then."""
        self.at: Final = at
        """Virtual nanoseconds."""


class Watchdog:
    """Watches one run."""

    def __init__(
        self,
        now: Callable[[], int],
        end: Callable[[Hung], None],
        *,
        steps_max: int = STEPS_MAX,
        stuck_s: float = STUCK_S,
    ) -> None:
        """`end` ends the run, from whatever place it is called."""
        self._now = now
        self._end = end
        self._looks_max = max(1, steps_max // _LOOK_EVERY)
        self._stuck_s = stuck_s
        self._steps = 0
        self._seen_at = -1
        self._looks = 0
        """In a row, that found the same time."""
        self._busy: Counter[trio.lowlevel.Task] | None = None
        """Who takes these steps, once they are suspiciously many."""
        self._hung: Hung | None = None
        self._has_alarm = False

    def on_ready(self, task: trio.lowlevel.Task) -> None:
        """A task is about to take a step."""
        self._steps += 1
        if self._busy is not None:
            self._busy[task] += 1
        if self._steps % _LOOK_EVERY == 0:
            self._look()

    def run(self, call: Callable[[], T]) -> T:
        """Return what `call()` returns; until then, code that never gives way is interrupted."""
        if threading.current_thread() is not threading.main_thread():
            return call()
        before = signal.signal(signal.SIGVTALRM, self._on_alarm)
        try:
            self._has_alarm = True
            self._wind_up()
            return call()
        finally:
            # First of all: an alarm that rings from now on would end whoever clears up, half-way.
            self._has_alarm = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)

    def _wind_up(self) -> None:
        if self._has_alarm:
            signal.setitimer(signal.ITIMER_VIRTUAL, self._stuck_s, self._stuck_s)

    def _look(self) -> None:
        self._wind_up()
        now = self._now()
        if now != self._seen_at:
            self._seen_at, self._looks, self._busy = now, 0, None
            return
        self._looks += 1
        if self._looks == self._looks_max - 1:
            self._busy = Counter()
        elif self._looks >= self._looks_max and self._busy is not None:
            if self._hung is not None:
                # Whoever loops has handled its cancellation. This ends Trio, not its tasks: they are
                # left to Python, which complains of them when it finds them.
                raise self._hung
            self._looks = 0
            self._hung = Hung(
                f"no time has passed for {self._looks_max * _LOOK_EVERY:,} steps of tasks, "
                f"of the last mostly {_names(self._busy)}",
                steps=self._steps,
                at=now,
            )
            self._end(self._hung)

    def _on_alarm(self, _: int, frame: FrameType | None) -> None:
        if not self._has_alarm:
            return
        # It may have rung long ago, while this thread waited: from now on the run has its time to end.
        self._wind_up()
        raise Hung(
            f"{_place(frame)} has not given way for {self._stuck_s:g} s of processor time",
            steps=self._steps,
            at=self._now(),
        )


def _names(busy: Counter[trio.lowlevel.Task]) -> str:
    """The two that took most steps, and where they wait."""
    tasks = sorted(busy, key=lambda task: (-busy[task], creation(task)))[:2]
    return " and ".join(f"{_host(task)}: {task.name}{_await(task)}" for task in tasks)


def _host(task: trio.lowlevel.Task) -> str:
    life = task.context.get(CURRENT)
    return "the world" if life is None else f"{life.name}, life {life.number}"


def _await(task: trio.lowlevel.Task) -> str:
    """The innermost place in the task that is the program's."""
    places = [
        f" ({frame.f_code.co_filename}:{line})"
        for frame, line in task.iter_await_frames()
        if not frame.f_globals.get("__name__", "").startswith(_NOT_PROGRAMS)
    ]
    return places[-1] if places else ""


def _place(frame: FrameType | None) -> str:
    """Who runs: the innermost coroutine of the program. What it calls is another in every run."""
    life, way = CURRENT.get(), ""
    host = "the world" if life is None else f"{life.name}, life {life.number}"
    while frame is not None:
        module, code = frame.f_globals.get("__name__", ""), frame.f_code
        if module == "harness.simulation.programs.jobs":
            way = "a call in a thread, from "
        elif code.co_flags & inspect.CO_COROUTINE and not module.startswith(_NOT_PROGRAMS):
            return f"{host}: {way}{code.co_qualname} ({code.co_filename}:{code.co_firstlineno})"
        frame = frame.f_back
    return host


_NOT_PROGRAMS: Final = ("harness.simulation.programs.", "trio.")
