"""What Trio keeps to itself: the order in which it runs tasks. All of that is in this module.

Trio shuffles the tasks that are ready, so that nobody relies on their order. Under a private switch,
made for Hypothesis, it sorts them first and shuffles with a private generator: seeded, that repeats.
There is no public way yet (python-trio/trio issues 32, 239, 2022, 2675; pull requests 840, 890).

The queue of ready tasks is replaced as well, by one that can set tasks aside: so a host is stopped in
the middle of whatever it does, as SIGSTOP stops a process, without its tasks taking part.

`tests/simulation/test_programs_scheduling.py` says what to look at when Trio changes.
"""

from collections import deque
from collections.abc import Callable, Iterator, MutableSequence
from contextlib import contextmanager
from typing import Any, Final

import trio
from trio._core import _run  # the one place that may

from harness.simulation.draws import Stream, StreamRandom

SWITCHES: Final = ("_ALLOW_DETERMINISTIC_SCHEDULING", "_r")


class SchedulingError(Exception):
    """This version of Trio is not built as this module believes."""


class _Shuffler(StreamRandom):
    """Trio's generator for one run; the shuffle is ours, since Python promises nothing of its own."""

    def shuffle(self, x: MutableSequence[Any]) -> None:
        """As in `random.Random`."""
        stream = self.stream
        for last in range(len(x) - 1, 0, -1):
            other = stream.below(last + 1)
            x[last], x[other] = x[other], x[last]


@contextmanager
def repeatable_scheduling(stream: Stream) -> Iterator[None]:
    """Within the block `trio.run` takes all its choices from `stream`. One run at a time.

    Raises:
        SchedulingError: this version of Trio has other private parts.
    """
    for name in SWITCHES:
        if not hasattr(_run, name):
            raise SchedulingError(
                f"trio {trio.__version__} has no trio._core._run.{name}: its scheduling cannot be "
                "made repeatable by this version of gong"
            )
    before = {name: getattr(_run, name) for name in SWITCHES}
    setattr(_run, SWITCHES[0], True)
    setattr(_run, SWITCHES[1], _Shuffler(stream))
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(_run, name, value)


def creation(task: trio.lowlevel.Task) -> int:
    """A number that grows with each task that is made."""
    return task._counter  # noqa: SLF001 - as the whole of this module


class _Queue(deque[trio.lowlevel.Task]):
    """Trio's queue of ready tasks, past which some tasks are led."""

    def __init__(self, divert: Callable[[trio.lowlevel.Task], bool]) -> None:
        super().__init__()
        self._divert = divert

    def append(self, task: trio.lowlevel.Task, /) -> None:
        """Trio has found `task` to be ready."""
        if not self._divert(task):
            super().append(task)


def watch_ready_tasks(
    divert: Callable[[trio.lowlevel.Task], bool],
) -> Callable[[trio.lowlevel.Task], None]:
    """Ask `divert` about each task that becomes ready in the current run, to its end.

    True: whoever said so keeps the task, and hands it to the function returned here, once.

    Raises:
        SchedulingError: this version of Trio has no such queue.
    """
    runner = _run.GLOBAL_RUN_CONTEXT.runner
    waiting = getattr(runner, "runq", None)
    if not isinstance(waiting, deque):
        raise SchedulingError(f"trio {trio.__version__} has no queue of ready tasks, or another")
    queue = _Queue(divert)
    queue.extend(waiting)
    runner.runq = queue
    return super(_Queue, queue).append
