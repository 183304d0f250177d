"""What stands in for time, chance and threads in a simulation, and what is refused."""

import os
import random
import socket
import subprocess
import time
import uuid
from types import ModuleType

import pytest
import trio

from harness.simulation.draws import MILLION
from harness.simulation.programs import Life, NotSimulatedError, Simulation, simulate
from harness.simulation.world import SECOND


def test_a_host_has_its_own_clocks() -> None:
    async def program(_: Life) -> None:
        began, day = time.monotonic(), time.time()  # noqa: TID251 - the simulated one
        await trio.sleep(10)
        shown.extend([time.monotonic() - began, time.time() - day])  # noqa: TID251
        done.set()

    async def main(world: Simulation) -> float:
        host = world.host("one")
        host.clock.set_rate(0, 2 * MILLION)
        host.start(program)
        await trio.sleep(1)
        host.clock.wall_clock.turn(3600 * SECOND)
        await done.wait()
        return world.now_s

    shown: list[float] = []
    done = trio.Event()
    assert simulate(main, seed=1).result == pytest.approx(5, abs=0.2)
    assert shown == [pytest.approx(10), pytest.approx(3610)]


def test_chance_is_decided_by_the_seed() -> None:
    async def main(_: Simulation) -> tuple[object, ...]:
        return os.urandom(9), random.getrandbits(64), random.Random().random(), uuid.uuid4()

    one, same, other = (simulate(main, seed=seed).result for seed in (1, 1, 2))
    assert one == same
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_the_random_module_is_as_before_after_a_run() -> None:
    async def main(_: Simulation) -> None:
        random.getrandbits(64)

    state = random.getstate()
    simulate(main, seed=1)
    assert random.getstate() == state


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        (trio.socket, "socket", ()),
        (socket, "socket", ()),
        (subprocess, "run", (["true"],)),
        (trio, "run_process", (["true"],)),
        (time, "sleep", (1,)),
        (trio, "open_file", ("x",)),
    ],
    ids=["trio socket", "socket", "subprocess", "run_process", "sleep", "open_file"],
)
def test_what_cannot_repeat_is_refused(
    module: ModuleType, name: str, arguments: tuple[object, ...]
) -> None:
    async def main(_: Simulation) -> None:
        getattr(module, name)(*arguments)

    with pytest.raises(NotSimulatedError):
        simulate(main, seed=1)


def test_a_call_in_a_thread_may_sleep_and_returns_what_it_returns() -> None:
    def work(seconds: float) -> float:
        began = time.monotonic()
        time.sleep(seconds)
        return time.monotonic() - began

    async def main(_: Simulation) -> list[float]:
        results: list[float] = []

        async def one(seconds: float) -> None:
            results.append(await trio.to_thread.run_sync(work, seconds))

        async with trio.open_nursery() as nursery:
            for seconds in (3, 1, 2):
                nursery.start_soon(one, seconds)
        return results

    assert simulate(main, seed=1).result == [pytest.approx(s) for s in (1, 2, 3)]


def test_a_call_in_a_thread_raises_what_it_raises() -> None:
    def work() -> None:
        raise LookupError("nothing there")

    async def main(_: Simulation) -> None:
        with pytest.raises(LookupError):
            await trio.to_thread.run_sync(work)
        with trio.move_on_after(1) as patience:
            await trio.to_thread.run_sync(time.sleep, 100, abandon_on_cancel=True)
        assert patience.cancelled_caught
        assert trio.current_time() < 2

    simulate(main, seed=1)
