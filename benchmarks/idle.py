"""Whether idle clients cost the others anything: load with and without a thousand silent connections.

    python -m benchmarks.idle [--idle 1000] [--rounds 4] [--seconds 3] [--clients 20] [--in-flight 20]

One cluster of real processes. In turns, the same load runs while nobody else is connected, and
while `--idle` clients have said hello to the leader and ask nothing. What is printed for each turn
is the rate, the latencies and the processor time of all replicas for an operation; at the end the
medians with, over those without.
"""

import argparse
import os
import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

import trio

from benchmarks.sustained import Load, leader_of
from clients.connection import ask_status
from harness.bench.meter import cpu_s
from harness.cluster import LocalCluster, open_cluster
from node.types import Address
from node.wire.framing import frame
from node.wire.messages import CLIENT_CODEC, FRAME_BYTES_MAX, ClientHello
from node.wire.preface import Speaker, preface

SETTLE_S = 2.0
"""After connections were opened or closed, and before anything is counted."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn measured."""

    ops_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float

    def __str__(self) -> str:
        return (
            f"{self.ops_per_s:7,.0f} ops/s  p50 {self.p50_ms:6.1f} ms  p99 {self.p99_ms:6.1f} ms  "
            f"{self.cpu_us:5.1f} µs of all replicas an operation"
        )


@contextmanager
def idle_clients(count: int, address: Address, cluster: str) -> Iterator[None]:
    """So many connections that say hello and no more; blocking sockets, which nobody waits for."""
    hello = preface(Speaker.CLIENT) + frame(
        CLIENT_CODEC.encode(ClientHello(cluster)), FRAME_BYTES_MAX
    )
    with ExitStack() as stack:
        for _ in range(count):
            one = stack.enter_context(socket.create_connection(address, timeout=10))
            one.sendall(hello)
        yield


async def turn(cluster: LocalCluster, load: Load, seconds: float) -> Turn:
    """Measure for so long."""
    await trio.sleep(SETTLE_S)
    spent = sum(cpu_s(cluster.pid(replica)) for replica in cluster.replicas)
    began = time.perf_counter()
    load.take()
    await trio.sleep(seconds)
    took, seconds = load.take(), time.perf_counter() - began
    spent = sum(cpu_s(cluster.pid(replica)) for replica in cluster.replicas) - spent
    return Turn(took.count / seconds, took.p50_ms, took.p99_ms, 1e6 * spent / took.count)


async def measure(options: argparse.Namespace, directory: Path) -> None:
    """Turn about, and the ratios."""
    quiet: list[Turn] = []
    crowded: list[Turn] = []
    async with open_cluster(
        replicas=3, directory=directory, cluster="idle", random=Random()
    ) as cluster:
        await cluster.start_all()
        leader = cluster.config.replica(await leader_of(cluster)).client_address
        async with Load(cluster, clients=options.clients, in_flight=options.in_flight) as load:
            await trio.sleep(1)
            for number in range(options.rounds):
                quiet.append(await turn(cluster, load, options.seconds))
                print(f"{number + 1} without  {quiet[-1]}", flush=True)
                with idle_clients(options.idle, leader, "idle"):
                    crowded.append(await turn(cluster, load, options.seconds))
                    status = await ask_status(leader, "idle", timeout_s=10)
                    assert status.connections >= options.idle, status.connections
                print(f"{number + 1} with     {crowded[-1]}", flush=True)
    print(f"load of the machine {os.getloadavg()[0]:.1f}; with over without, of the medians:")
    for name in Turn.__slots__:
        with_, without = (median(getattr(one, name) for one in turns) for turns in (crowded, quiet))
        print(f"  {name:10} {with_ / without:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--idle", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--in-flight", type=int, default=20)
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"))  # noqa: S108
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="gong-idle-", dir=options.directory) as directory:
        trio.run(measure, options, Path(directory))


if __name__ == "__main__":
    main()
