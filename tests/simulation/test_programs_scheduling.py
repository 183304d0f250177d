"""The order of tasks repeats; and what to look at when Trio changes.

When a test of this file fails after an update of Trio: `harness/simulation/programs/scheduling.py`
relies on three private names of `trio/_core/_run.py`. `_ALLOW_DETERMINISTIC_SCHEDULING` makes the run
loop sort each batch of tasks by `Task._counter` before `_r.shuffle(batch)`; `Runner.runq` is the
deque to which `Runner.reschedule` appends. See Trio's own `test_scheduler_determinism.py`.
"""

from typing import Any

import pytest
import trio
from trio._core import _run

from harness.simulation.draws import Draws, Stream
from harness.simulation.programs import SchedulingError
from harness.simulation.programs.scheduling import (
    creation,
    repeatable_scheduling,
    watch_ready_tasks,
)


async def take_turns() -> str:
    turns = []

    async def task(name: str) -> None:
        for _ in range(5):
            turns.append(name)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for name in "abcdefgh":
            nursery.start_soon(task, name)
    return "".join(turns)


def turns(stream: Stream) -> str:
    with repeatable_scheduling(stream):
        return trio.run(take_turns)


def test_the_same_stream_gives_the_same_order_of_tasks() -> None:
    orders = [turns(Draws(1).stream("scheduling")) for _ in range(10)]
    assert len(set(orders)) == 1, "Trio schedules in another way: see the top of this file"


def test_another_stream_gives_another_order() -> None:
    assert turns(Draws(1).stream("scheduling")) != turns(Draws(2).stream("scheduling"))


def test_trio_is_as_before_after_a_run() -> None:
    before = _run._r, _run._ALLOW_DETERMINISTIC_SCHEDULING
    turns(Draws(1).stream("scheduling"))
    assert (_run._r, _run._ALLOW_DETERMINISTIC_SCHEDULING) == before


def test_a_trio_without_the_switch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_run, "_r")
    with pytest.raises(SchedulingError, match="_r"):
        turns(Draws(1).stream("scheduling"))


def test_a_trio_with_another_queue_is_refused() -> None:
    async def main() -> None:
        runner: Any = _run.GLOBAL_RUN_CONTEXT.runner
        runner.runq, real = [], runner.runq
        try:
            watch_ready_tasks(lambda _: False)
        finally:
            runner.runq = real

    with pytest.raises(SchedulingError, match="queue"):
        trio.run(main)


async def test_a_ready_task_can_be_set_aside_and_handed_back() -> None:
    aside: list[trio.lowlevel.Task] = []
    start, done = trio.Event(), trio.Event()

    async def task() -> None:
        await start.wait()
        done.set()

    def divert(ready: trio.lowlevel.Task) -> bool:
        if ready.name == "the task" and start.is_set():
            aside.append(ready)
            return True
        return False

    make_ready = watch_ready_tasks(divert)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(task, name="the task")
        await trio.testing.wait_all_tasks_blocked()
        start.set()
        await trio.testing.wait_all_tasks_blocked()
        was_done = done.is_set()
        for ready in aside:
            make_ready(ready)
    assert len(aside) == 1, "Trio puts ready tasks elsewhere: see the top of this file"
    assert not was_done
    assert done.is_set()


async def test_tasks_are_numbered_as_they_are_made() -> None:
    tasks: list[trio.lowlevel.Task] = []

    async def task() -> None:
        tasks.append(trio.lowlevel.current_task())

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(task)
            await trio.testing.wait_all_tasks_blocked()
    assert [creation(task) for task in tasks] == sorted(creation(task) for task in tasks)
