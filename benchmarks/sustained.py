"""A long run: a million operations through a real cluster, by tenths, and the restart behind them.

    python -m benchmarks.sustained [--operations N] [--clients 50] [--in-flight 20] [--directory D]

Three replicas as processes, snapshots as configured by default, 100-byte values under 100,000 keys.
For each tenth of the run: rate, latencies, resident memory of each replica and the sizes of its
journal and snapshot. Then one replica gets SIGKILL and is started again: how long until it answers,
and until it has executed what is chosen.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import trio

from clients.connection import CannotConnect, ask_status
from clients.pipeline import Pipeline
from harness.bench.load import LoadClient, Samples
from harness.cluster import LocalCluster, open_cluster
from history.analysis import nearest_rank
from node.readers import Readers
from node.types import ReplicaId
from tests.support.processes import resident_mb

VALUE_BYTES = 100
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Took:
    """Requests that were answered, and how long they took."""

    count: int
    p50_ms: float
    p99_ms: float


class Load:
    """Closed loops of puts, for the length of an `async with`."""

    def __init__(self, cluster: LocalCluster, *, clients: int, in_flight: int) -> None:
        self._samples = Samples()
        self._samples.is_open = True
        self._stack = AsyncExitStack()
        self._readers = Readers()
        self._clients = [
            LoadClient(
                Pipeline(
                    cluster=cluster.config.cluster,
                    replicas=cluster.client_addresses,
                    readers=self._readers,
                    random=Random(number),
                ),
                self._samples,
                in_flight=in_flight,
                fan_out=1,
                put_fraction=1.0,
                value_bytes=VALUE_BYTES,
                random=Random(number),
            )
            for number in range(clients)
        ]

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._readers.open())
        nursery = await self._stack.enter_async_context(trio.open_nursery())
        for client in self._clients:
            nursery.start_soon(client.run)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.stopping = True
        await self._stack.__aexit__(kind, error, traceback)

    @property
    def answered(self) -> int:
        """Since `take` was called last."""
        return len(self._samples.latencies_ns)

    @property
    def errors(self) -> int:
        """Requests that were refused, or whose outcome is unknown."""
        return self._samples.errors

    def take(self) -> Took:
        """What was answered since this was called last."""
        took = sorted(self._samples.latencies_ns)
        del self._samples.latencies_ns[:]
        if not took:
            return Took(0, 0.0, 0.0)
        return Took(len(took), nearest_rank(took, 50) / 1e6, nearest_rank(took, 99) / 1e6)


async def leader_of(cluster: LocalCluster) -> ReplicaId:
    """Wait until a replica says that it leads."""
    while True:
        for address in cluster.client_addresses:
            status = await ask_status(address, cluster.config.cluster, timeout_s=10.0)
            if status.role == "leader":
                return status.replica
        await trio.sleep(LOOK_EVERY_S)


async def run(options: argparse.Namespace, directory: Path) -> None:
    """The long run, and the restart."""
    async with open_cluster(
        replicas=3, directory=directory, cluster="sustained", random=Random()
    ) as cluster:
        await cluster.start_all()
        leader = await leader_of(cluster)
        print(f"load of the machine {os.getloadavg()[0]:.1f}; replica {leader} leads")
        async with Load(cluster, clients=options.clients, in_flight=options.in_flight) as load:
            tenth, done = options.operations // 10, 0
            began = time.perf_counter()
            for number in range(1, 11):
                while load.answered < tenth:  # noqa: ASYNC110 - the loops only count
                    await trio.sleep(LOOK_EVERY_S)
                took, now = load.take(), time.perf_counter()
                done += took.count
                print(
                    f"{number:2}: {took.count / (now - began):7,.0f} ops/s  p50 {took.p50_ms:5.1f} ms  "
                    f"p99 {took.p99_ms:6.1f} ms  {holdings(cluster, cluster.replicas)}",
                    flush=True,
                )
                began = now
        print(f"{done:,} operations, {load.errors} errors; load {os.getloadavg()[0]:.1f}")
        for role, replica in (("follower", follower_of(cluster, leader)), ("leader", leader)):
            await restart(cluster, role, replica)


def holdings(cluster: LocalCluster, replicas: Sequence[ReplicaId]) -> str:
    """Resident memory, journal and snapshot of each, in MB."""
    parts: list[str] = []
    for replica in replicas:
        journal = cluster.config.journal_path(replica)
        snapshots = sum(path.stat().st_size for path in journal.parent.glob("snapshot-*[0-9]"))
        parts.append(
            f"{resident_mb(cluster.pid(replica)):.0f}/{journal.stat().st_size / 1e6:.1f}"
            f"/{snapshots / 1e6:.1f}"
        )
    return "MB resident/journal/snapshot: " + " ".join(parts)


def follower_of(cluster: LocalCluster, leader: ReplicaId) -> ReplicaId:
    """The first replica that does not lead."""
    return next(replica for replica in cluster.replicas if replica != leader)


async def restart(cluster: LocalCluster, role: str, replica: ReplicaId) -> None:
    """SIGKILL a replica and start it again; print how long it takes until it serves."""
    address = cluster.config.replica(replica).client_address
    others = [a for a in cluster.client_addresses if a != address]
    statuses = [await ask_status(a, cluster.config.cluster, timeout_s=10) for a in others]
    chosen = max(status.chosen_upto for status in statuses)
    cluster.kill(replica)
    began = time.perf_counter()
    await cluster.start(replica)
    answers_s = time.perf_counter() - began
    while True:
        try:
            status = await ask_status(address, cluster.config.cluster, timeout_s=10)
        except CannotConnect:
            continue
        if status.executed_upto >= chosen and status.leader is not None:
            break
        await trio.sleep(LOOK_EVERY_S)
    print(
        f"restart of a {role}: answers after {answers_s:.2f} s, has executed slot {chosen} and knows "
        f"a leader after {time.perf_counter() - began:.2f} s; {holdings(cluster, [replica])}; "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--in-flight", type=int, default=20)
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"))  # noqa: S108
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gong-sustained-", dir=options.directory) as directory:
        trio.run(run, options, Path(directory))


if __name__ == "__main__":
    main()
