"""Programs that loop while no virtual time passes: the run ends, and says who it was."""

import os
import signal
import subprocess
import sys
import threading  # noqa: TID251 - to see that none is left
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent

import pytest
import trio

from harness.simulation.programs import Hung, Life, Simulated, Simulation, simulate, substitutes
from harness.simulation.programs.watchdog import Watchdog

Program = Callable[[Life], Awaitable[None]]


def run(program: Program, *, steps_max: int = 20_000, stuck_s: float = 0.2) -> Simulated[None]:
    async def main(world: Simulation) -> None:
        world.host("loops").start(program)
        await trio.sleep(100)

    return simulate(main, seed=1, steps_max=steps_max, stuck_s=stuck_s)


async def spin(life: Life) -> None:
    del life
    await trio.sleep(1)
    while True:
        await trio.lowlevel.checkpoint()


def test_a_loop_of_checkpoints_ends_the_run_and_is_named() -> None:
    with pytest.raises(Hung) as caught:
        run(spin)
    assert "at 1.000000 s no time has passed for 20,000 steps" in str(caught.value)
    assert "loops, life 1: " in str(caught.value)
    assert "test_programs_watchdog.py" in str(caught.value)


def test_it_ends_at_the_same_step_each_time() -> None:
    found = []
    for _ in range(2):
        with pytest.raises(Hung) as caught:
            run(spin)
        found.append((str(caught.value), caught.value.steps))
    assert found[0] == found[1]


def test_two_tasks_that_wake_each_other_are_named_both() -> None:
    async def play(life: Life) -> None:
        del life
        one, other = trio.open_memory_channel[int](0)

        async def ping() -> None:
            while True:
                await one.send(1)

        async def pong() -> None:
            while True:
                await other.receive()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ping)
            nursery.start_soon(pong)

    with pytest.raises(Hung, match=r"ping.*pong|pong.*ping"):
        run(play)


@pytest.mark.slow
def test_a_loop_that_handles_its_cancellation_ends_the_run_too() -> None:
    """In a process of its own: Trio is left in pieces."""
    script = """
        import trio
        from harness.simulation.programs import Hung, simulate

        async def main(world):
            while True:
                try:
                    await trio.lowlevel.checkpoint()
                except trio.Cancelled:
                    pass

        try:
            simulate(main, seed=1, steps_max=5_000)
        except Hung as hung:
            assert trio.sleep.__module__ == "trio", "everything is in its place again"
            print(hung, flush=True)
            os._exit(0)
    """
    said = subprocess.run(
        [sys.executable, "-c", "import os\n" + dedent(script)],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "no time has passed for 5,000 steps" in said


def test_a_loop_that_never_gives_way_ends_the_run_and_shows_where() -> None:
    async def loop(life: Life) -> None:
        del life
        await trio.sleep(2)
        while True:
            pass

    with pytest.raises(Hung) as caught:
        run(loop)
    assert "at 2.000000 s loops, life 1: " in str(caught.value)
    assert ".loop (" in str(caught.value)
    assert any(entry.name == "loop" for entry in caught.traceback), "its stack is there"


def test_a_loop_in_a_thread_ends_the_run_and_leaves_no_thread() -> None:
    def loop() -> None:
        while True:
            pass

    async def ask(life: Life) -> None:
        del life
        await trio.to_thread.run_sync(loop)

    before = threading.active_count()
    with pytest.raises(Hung, match=r"loops, life 1: a call in a thread, from .*ask \("):
        run(ask)
    for thread in threading.enumerate():
        if thread.name == "a simulated thread":
            thread.join(timeout=10)
    assert threading.active_count() == before


def test_much_work_at_one_instant_is_no_loop() -> None:
    async def work(life: Life) -> None:
        del life
        for _ in range(5):
            for _ in range(15_000):
                await trio.lowlevel.checkpoint()
            await trio.sleep(0.001)

    run(work)


def test_after_a_hung_run_another_one_is_as_ever() -> None:
    async def rest(life: Life) -> None:
        await trio.sleep(life.number)

    before = run(rest)
    with pytest.raises(Hung):
        run(spin)
    assert run(rest) == before


class _Rings:
    """A place of substitutes. When what was there comes back, the alarm rings."""

    def __init__(self) -> None:
        self.function: Callable[..., object] = len

    def __setattr__(self, name: str, value: object) -> None:
        is_back = value is len and hasattr(self, name)
        super().__setattr__(name, value)
        if is_back:
            signal.raise_signal(signal.SIGVTALRM)


def test_an_alarm_that_rings_while_the_run_clears_up_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ended the clearing up half-way: all that ran in this process later had no threads."""

    async def rest(life: Life) -> None:
        await trio.sleep(life.number)

    monkeypatch.setattr(
        substitutes, "_FORBIDDEN", (*substitutes._FORBIDDEN, (_Rings(), "function", "do not"))
    )
    # Whatever is found here: other tests go on with the real one.
    real = trio.to_thread.run_sync
    monkeypatch.setattr(trio.to_thread, "run_sync", real)
    unheard = signal.signal(signal.SIGVTALRM, lambda *_: None)
    try:
        run(rest)
        assert trio.to_thread.run_sync is real
    finally:
        signal.signal(signal.SIGVTALRM, unheard)


def test_an_alarm_that_is_heard_late_gives_the_run_its_time_to_end() -> None:
    """A thread that waits hears nothing; the alarm goes on, and would strike again at once."""
    watchdog = Watchdog(lambda: 0, lambda _: None, stuck_s=0.2)

    def hear_late() -> float:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGVTALRM})
        try:
            burn(1.9 * 0.2)
        finally:
            with pytest.raises(Hung):
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGVTALRM})
        return signal.getitimer(signal.ITIMER_VIRTUAL)[0]

    assert watchdog.run(hear_late) > 0.15


def burn(seconds: float) -> None:
    """Of processor time, spent outside of the kernel."""
    until = os.times().user + seconds
    while os.times().user < until:
        sum(range(1_000))
