"""How fast worlds are simulated: `python -m benchmarks.simulation [--seeds 20]`.

Floor `core`: cores on an event loop; floor `runtime`: real replicas and clients on Trio's fake clock.
A row is for one kind of world, on one core of the machine;
`virtual:real` is virtual seconds for a real one, and the check of the history is part of the time.
`cpu` counts processor time: what is left of `real` went to others on the machine, and to changes
between threads.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import trio

from harness.simulation import core_floor, runtime_floor
from harness.simulation.outcome import Outcome
from harness.simulation.programs import Life, Simulation, simulate
from harness.simulation.swarm import draw_world
from harness.simulation.world import MS, SECOND, US, Rates, Size, World

SEEDS: Final = 20


@dataclass(slots=True)
class Sum:
    """Over all runs of a row."""

    virtual_s: float = 0.0
    messages: int = 0
    operations: int = 0
    real_s: float = 0.0
    cpu_s: float = 0.0


def calm(replicas: int) -> Callable[[int], World]:
    """Three clients that ask at once again, and nothing that is wrong."""

    def world(seed: int) -> World:
        return World(
            seed=seed,
            replicas=replicas,
            clients=3,
            operations=300,
            keys=3,
            think_mean=10 * MS,
            horizon=30 * SECOND,
            rates=Rates(delay_min=100 * US, delay_mean=300 * US, sync_mean=1 * MS),
        )

    return world


def measure(worlds: Iterator[World], run: Callable[[World], Outcome]) -> Sum:
    total = Sum()
    for world in worlds:
        began, cpu = time.perf_counter(), time.process_time()
        outcome: Outcome = run(world)
        total.real_s += time.perf_counter() - began
        total.cpu_s += time.process_time() - cpu
        total.virtual_s += outcome.virtual / SECOND
        total.messages += outcome.messages
        total.operations += outcome.completed
    return total


def measure_echo(count: int) -> Sum:
    """The floor without replicas: one connection, one message at a time."""

    async def serve(_: Life) -> None:
        async def handle(stream: trio.SocketStream) -> None:
            async for data in stream:
                await stream.send_all(data)

        await trio.serve_tcp(handle, 7)

    async def main(world: Simulation) -> None:
        world.host("server").start(serve)
        async with await trio.open_tcp_stream("server", 7) as stream:
            for _ in range(count):
                await stream.send_all(b"x" * 100)
                await stream.receive_some()

    began, cpu = time.perf_counter(), time.process_time()
    done = simulate(main, seed=1)
    return Sum(
        virtual_s=done.virtual / SECOND,
        messages=done.messages,
        operations=count,
        real_s=time.perf_counter() - began,
        cpu_s=time.process_time() - cpu,
    )


def show(name: str, total: Sum, runs: int) -> None:
    print(
        f"{name:28} {total.real_s / runs:8.2f} {total.cpu_s / runs:8.2f}"
        f" {total.virtual_s / total.real_s:12.1f} {total.virtual_s / total.cpu_s:11.1f}"
        f" {total.messages / total.real_s:11.0f} {total.operations / total.real_s:11.0f}"
        f" {60 * runs / total.cpu_s:12.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = range(parser.parse_args().seeds)
    print(
        f"{'world':28} {'real s':>8} {'cpu s':>8} {'virtual:real':>12} {'virtual:cpu':>11}"
        f" {'messages/s':>11} {'answers/s':>11} {'runs/cpu min':>12}"
    )
    show("echo, 5000 times", measure_echo(5000), 1)
    few = range(max(1, len(seeds) // 5))
    for name, run in (("core", core_floor.run), ("runtime", runtime_floor.run)):
        for replicas in (3, 5):
            label = f"{name}: calm, {replicas} replicas"
            show(label, measure(map(calm(replicas), few), run), len(few))
        drawn = (draw_world(seed, Size()) for seed in seeds)
        show(f"{name}: drawn", measure(drawn, run), len(seeds))
    large = (draw_world(seed, Size(replicas=5, operations=300)) for seed in seeds)
    show("core: drawn, 5 and 300 ops", measure(large, core_floor.run), len(seeds))


if __name__ == "__main__":
    main()
