"""Workers: processes that run worlds, and leave nothing behind.

They are forked from a server that has imported the floor and done nothing else (`forkserver`).
A plain fork would copy a parent with running threads, those of the progress line and of the pool
itself; `spawn` would import everything once for each worker.

Workers ignore Ctrl-C, which a terminal sends to all of them: the parent gets it as well and ends
them. When the parent is killed, they notice it.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from threading import Thread  # noqa: TID251 - for workers, in which no Trio runs but a simulated one
from typing import ParamSpec, TypeVar

from harness.simulation.floors import FLOORS

P = ParamSpec("P")
T = TypeVar("T")


def processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


class Inline(Executor):
    """Does everything at once, in this process: for one seed, for a debugger, for tests."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call `fn` and return what became of it. Ctrl-C passes through."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def open_executor(jobs: int, *, floor: str = "core") -> Iterator[Executor]:
    """`jobs` workers; one job is done in this process. At the end, however it comes, all are gone."""
    if jobs == 1:
        yield Inline()
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.simulation.seeds", FLOORS.get(floor, floor)])
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)
    try:
        yield executor
    finally:
        # What still runs is of no interest, and a run may take long or forever.
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        executor.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Not by a signal that comes now and then: each wakes Trio, and a world on the floor `runtime`
    # would go on another way.
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    # A worker waits for work on a pipe whose other end it holds itself, so that the end of the
    # parent would not wake it up. This waits for the end of a pipe that nobody but the parent holds.
    parent.join()
    os._exit(1)
