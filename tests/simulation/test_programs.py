"""Programs in a simulated world: what repeats, what a crash leaves, and what is not allowed."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest
import trio
from msgspec import structs

from harness.simulation.draws import MILLION
from harness.simulation.programs import (
    CALM,
    Life,
    Simulated,
    Simulation,
    TooLongError,
    simulate,
)
from harness.simulation.world import MS, SECOND

LOG = Path("/log")


async def serve_counter(life: Life) -> None:
    """Appends what it is sent, and answers with the length of its file once that is durable."""
    file = life.disk.open(LOG)
    life.disk.sync_directory(LOG.parent)
    length = len(file.read())

    async def handle(stream: trio.SocketStream) -> None:
        nonlocal length
        async for data in stream:
            file.append(data)
            length += len(data)
            await trio.to_thread.run_sync(file.sync)
            await stream.send_all(b"%d" % length)

    await trio.serve_tcp(handle, 80)


async def ask(data: bytes = b"x", *, timeout_s: float = 2) -> int | None:
    try:
        with trio.fail_after(timeout_s):
            async with await trio.open_tcp_stream("server", 80) as stream:
                await stream.send_all(data)
                return int(await stream.receive_some() or 0)
    except (OSError, trio.TooSlowError, trio.BrokenResourceError):
        return None


async def a_bad_day(world: Simulation) -> list[int | None]:
    server = world.host("server")
    server.start(serve_counter)
    answers: list[int | None] = []

    async def client() -> None:
        for _ in range(10):
            answers.append(await ask(os.urandom(random.randrange(1, 4))))
            await trio.sleep(random.uniform(0, 1))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(client)
        await trio.sleep(1)
        server.crash()
        await trio.sleep(0.5)
        server.restart()
        await trio.sleep(0.5)
        server.pause()
        await trio.sleep(0.5)
        server.resume()
        server.slow(3 * MS)
        await trio.sleep(0.5)
        world.cut("outside", "server", both_ways=False)
        await trio.sleep(1)
        world.heal()
        server.slow(0)
        server.kill()
        server.restart()
    return answers


ROUGH = structs.replace(
    CALM, loss=MILLION // 50, late=MILLION // 100, late_max=SECOND, tear=MILLION // 2
)


def run(main: Callable[..., object], seed: int = 1) -> Simulated[object]:
    return simulate(main, seed=seed, rates=ROUGH)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_run_is_the_same_first_and_last_in_a_process() -> None:
    first = run(a_bad_day, 1)
    others = [run(a_bad_day, seed).trace_hash for seed in (2, 3)]
    last = run(a_bad_day, 1)
    assert first == last
    assert len({first.trace_hash, *others}) == 3, "another seed is another run"
    assert first.bites["crash"] == first.bites["kill"] == 1


def trace_in_another_process(script: str, hash_seed: int) -> str:
    return subprocess.run(
        [sys.executable, "-c", dedent(script)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.slow
def test_a_run_is_the_same_in_another_process_with_another_hash_seed() -> None:
    script = """
        from tests.simulation.test_programs import a_bad_day, run
        print(run(a_bad_day).trace_hash, end="")
    """
    there = [trace_in_another_process(script, hash_seed) for hash_seed in (1, 2)]
    assert there == [run(a_bad_day).trace_hash] * 2


@pytest.mark.slow
def test_a_program_that_iterates_over_a_set_is_noticed() -> None:
    script = """
        import trio
        from harness.simulation.programs import simulate

        async def main(world):
            async def serve(life):
                await trio.serve_tcp(lambda stream: stream.receive_some(), 80)
            world.host("server").start(serve)
            await trio.sleep(1)
            for name in {"alpha", "beta", "gamma", "delta", "epsilon"}:
                stream = await trio.open_tcp_stream("server", 80)
                await stream.send_all(name.encode())

        print(simulate(main, seed=1).trace_hash, end="")
    """
    hashes = {trace_in_another_process(script, hash_seed) for hash_seed in (1, 2, 3)}
    assert len(hashes) > 1


def test_virtual_time_costs_no_real_time() -> None:
    async def main(world: Simulation) -> float:
        await trio.sleep(3000)
        return world.now_s

    began = time.monotonic()
    assert simulate(main, seed=1).result == pytest.approx(3000)
    assert time.monotonic() - began < 5


def test_whoever_waits_for_ever_ends_with_the_virtual_time() -> None:
    async def main(_: Simulation) -> None:
        await trio.sleep_forever()

    with pytest.raises(TooLongError):
        simulate(main, seed=1, limit_s=10)


def test_an_error_of_a_program_ends_the_run_bare_and_names_the_seed() -> None:
    async def program(_: Life) -> None:
        await trio.sleep(1)
        raise KeyError("lost")

    async def main(world: Simulation) -> None:
        world.host("one").start(program)
        await trio.sleep(10)

    with pytest.raises(KeyError) as caught:
        simulate(main, seed=77)
    assert "seed 77" in "".join(caught.value.__notes__)


def test_what_was_synced_survives_a_crash_and_the_rest_does_not() -> None:
    async def program(life: Life) -> None:
        file = life.disk.open(LOG)
        seen.append(file.read())
        life.disk.sync_directory(LOG.parent)
        file.append(b"synced")
        await trio.to_thread.run_sync(file.sync)
        file.append(b"written")
        await trio.sleep_forever()

    async def main(world: Simulation) -> None:
        host = world.host("one")
        host.start(program)
        await trio.sleep(1)
        host.kill()
        host.restart()
        await trio.sleep(1)
        host.crash()
        host.restart()
        await trio.sleep(1)

    seen: list[bytes] = []
    simulate(main, seed=1)
    assert seen == [b"", b"syncedwritten", b"syncedwrittensynced"]


def test_the_dead_change_nothing() -> None:
    """A crash cancels tasks, and cancelled tasks run their `finally` blocks."""

    async def program(life: Life) -> None:
        file = life.disk.open(LOG)
        life.disk.sync_directory(LOG.parent)
        stream = await trio.open_tcp_stream("other", 80)
        try:
            await trio.sleep_forever()
        finally:
            reached.append("finally")
            with trio.CancelScope(shield=True):
                for attempt in (
                    partial(stream.send_all, b"goodbye"),
                    partial(trio.to_thread.run_sync, file.append, b"goodbye"),
                    partial(trio.open_tcp_stream, "other", 80),
                ):
                    try:
                        await attempt()
                    except BaseException as error:
                        reached.append(type(error).__name__)
                await stream.aclose()

    async def other(_: Life) -> None:
        async def handle(stream: trio.SocketStream) -> None:
            async for data in stream:
                reached.append(bytes(data).decode())  # noqa: PERF401 - one at a time, to the end

        await trio.serve_tcp(handle, 80)

    async def main(world: Simulation) -> bytes:
        world.host("other").start(other)
        host = world.host("one")
        await trio.sleep(1)
        host.start(program)
        await trio.sleep(1)
        host.crash()
        await trio.sleep(30)
        return host.stored.contents(LOG)

    reached: list[str] = []
    assert simulate(main, seed=1).result == b""
    assert reached == ["finally", "HostCrashed", "HostCrashed", "HostCrashed"]


def test_a_crash_in_the_middle_of_a_sync_finds_it_not_done() -> None:
    async def program(life: Life) -> None:
        file = life.disk.open(LOG)
        life.disk.sync_directory(LOG.parent)
        while True:
            file.append(b"x")
            await trio.to_thread.run_sync(file.sync)
            answered.append(len(file.read()))

    async def main(world: Simulation) -> int:
        host = world.host("one")
        host.start(program)
        await trio.sleep(0.1)
        host.crash()
        return len(host.stored.contents(LOG))

    lengths = []
    for seed in range(20):
        answered: list[int] = []
        kept = simulate(main, seed=seed).result
        assert kept >= answered[-1], "what was answered is there"
        lengths.append(kept - answered[-1])
    assert set(lengths) == {0, 1}, "synced but not yet answered happens too"


def test_a_paused_host_does_nothing_and_then_all_of_it() -> None:
    async def program(_: Life) -> None:
        while True:
            await trio.sleep(0.1)
            beats.append(trio.current_time())

    async def main(world: Simulation) -> None:
        host = world.host("one")
        host.start(program)
        await trio.sleep(1.05)
        host.pause()
        await trio.sleep(5)
        host.resume()
        await trio.sleep(1)

    beats: list[float] = []
    simulate(main, seed=1)
    gaps = [later - earlier for earlier, later in pairwise(beats)]
    assert sum(gap > 0.2 for gap in gaps) == 1
    assert max(gaps) == pytest.approx(5.05)


def test_a_slow_host_takes_its_time_for_every_step() -> None:
    async def program(_: Life) -> None:
        for _step in range(10):
            await trio.lowlevel.checkpoint()
        ended.append(trio.current_time())

    async def main(world: Simulation) -> None:
        host = world.host("one")
        host.slow(100 * MS)
        host.start(program)
        await trio.sleep(10)

    ended: list[float] = []
    simulate(main, seed=1)
    assert ended[0] > 0.9
