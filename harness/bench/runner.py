"""One measurement: a cluster of real processes, clients, a while to warm up, and then the count."""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import Final

import msgspec
import trio
from msgspec import Struct

from clients.pipeline import Pipeline
from harness.bench.delays import configured
from harness.bench.load import LoadClient, Samples
from harness.bench.meter import cpu_s, filesystem, fsync_ms, peak_rss_mb
from harness.bench.sessions import SessionLoad
from harness.cluster import LocalCluster, open_cluster
from harness.observer import Observer
from harness.placement import placement, spread_leaders
from harness.timing import timing_of
from node.delays import Delay
from node.readers import Readers
from node.settings import Timing

WARM_UP_S: Final = 1.0
"""Sessions are opened, and every path has been walked."""
FIRST_LEADER_PATIENCE_S: Final = 20.0
REQUEST_TIMEOUT_S: Final = 5.0


class BenchError(Exception):
    """There is nothing to measure: what went wrong."""


class BenchOptions(Struct, frozen=True, kw_only=True):
    """What is measured."""

    protocol: str = "multipaxos"
    replicas: int = 3
    shards: int = 1
    coordination: str | None = None
    clients: int = 50
    value_bytes: int = 100
    put_fraction: float = 1.0
    in_flight: int = 1
    fan_out: int = 1
    delay_ms: float = 0.0
    """One way, of every message."""
    delays: tuple[Delay, ...] = ()
    """Of links that are slower or faster than that."""
    time_limit_s: float = 5.0
    waits_for_company: bool = True
    """False: no command waits for others to share a slot with. With slow links and few clients it
    waits for nothing, so a comparison of latencies is fair without."""


class Latency(Struct, frozen=True, kw_only=True):
    """Of application requests, in milliseconds."""

    p50: float
    p99: float
    max: float


class Cpu(Struct, frozen=True, kw_only=True):
    """Processor seconds while it was measured."""

    replicas: float
    client: float
    leader: float


class BenchResult(Struct, frozen=True, kw_only=True):
    """What `gong bench --json` prints."""

    ops_per_s: float
    """Application requests, each of `fan_out` operations."""
    latency_ms: Latency
    errors: int
    operations: int
    """Application requests that were answered while it was measured."""
    seconds: float
    clients: int
    replicas: int
    shards: int
    protocol: str
    coordination: str | None
    in_flight: int
    fan_out: int
    value_bytes: int
    put_fraction: float
    delay_ms: float
    delays: tuple[Delay, ...]
    cpu_s: Cpu
    cpu_us_per_op: Cpu
    leader: int
    """Of shard 0."""
    leaders: dict[str, int]
    """By shard, the process that its leader runs in."""
    peak_rss_mb: float
    """Of the process that used most."""
    filesystem: str
    fsync_ms: float
    load_average: float
    """Of the machine, over the minute before: the load of others is in there, too."""


async def measure(options: BenchOptions, directory: Path) -> BenchResult:
    """Run one cluster below `directory`, load it, and stop it. Raises BenchError or StartError."""
    load_average = os.getloadavg()[0]
    sync_ms = fsync_ms(directory)
    timing = _timing(options)
    async with open_cluster(
        replicas=options.replicas,
        shards=options.shards,
        protocol=options.protocol,
        coordination=options.coordination,
        directory=directory,
        cluster=f"bench-{SystemRandom().getrandbits(64):016x}",
        random=SystemRandom(),
        timing=timing,
        settings=configured(options.delays),
    ) as cluster:
        await cluster.start_all()
        leaders = await _placed(cluster, is_spread=options.shards > 1 or bool(options.delays))
        leading = leaders["0"]
        samples = Samples()
        counted = await _load(options, cluster, samples)
        cluster.check_alive()
        if cluster.unexpected_ends:
            raise BenchError("; ".join(cluster.unexpected_ends))
        if not samples.latencies_ns:
            raise BenchError(f"no request was answered in {options.time_limit_s} s")
        return BenchResult(
            ops_per_s=round(len(samples.latencies_ns) / counted.seconds, 1),
            latency_ms=_latency(samples),
            errors=samples.errors,
            operations=len(samples.latencies_ns),
            seconds=round(counted.seconds, 3),
            clients=options.clients,
            replicas=options.replicas,
            shards=options.shards,
            protocol=options.protocol,
            coordination=(options.coordination or "fast") if options.protocol == "mdl" else None,
            in_flight=options.in_flight,
            fan_out=options.fan_out,
            value_bytes=options.value_bytes,
            put_fraction=options.put_fraction,
            delay_ms=options.delay_ms,
            delays=options.delays,
            cpu_s=counted.cpu(leading, 1.0, digits=2),
            cpu_us_per_op=counted.cpu(leading, 1e6 / len(samples.latencies_ns), digits=1),
            leader=leading,
            leaders=leaders,
            peak_rss_mb=round(max(peak_rss_mb(pid) for pid in cluster.pids.values()), 1),
            filesystem=filesystem(directory),
            fsync_ms=round(sync_ms, 3),
            load_average=round(load_average, 2),
        )


def _timing(options: BenchOptions) -> Timing:
    """As patient as the slowest link asks for."""
    slowest_ms = max([options.delay_ms, *(delay.ms for delay in options.delays)])
    timing = timing_of(
        replicas=options.replicas * options.shards, protocol=options.protocol, delay_ms=slowest_ms
    )
    return msgspec.structs.replace(
        timing,
        delay_ms=options.delay_ms,
        batch_wait_ticks=timing.batch_wait_ticks if options.waits_for_company else 0,
    )


async def _placed(cluster: LocalCluster, *, is_spread: bool) -> dict[str, int]:
    """Wait until every shard is led, if `is_spread` by whoever should; where each leader is."""
    observer = Observer(cluster.config)
    async with trio.open_nursery() as observing:
        observing.start_soon(observer.run)
        with trio.move_on_after(FIRST_LEADER_PATIENCE_S):
            await observer.wait_leaders()
            if not is_spread or await spread_leaders(cluster, observer):
                observing.cancel_scope.cancel()
                return placement(cluster, observer)
        observing.cancel_scope.cancel()
    raise BenchError(f"no leader where it should be within {FIRST_LEADER_PATIENCE_S:.0f} s")


@dataclass(frozen=True, slots=True)
class _Spent:
    """Time and processor time between the two ends of the count."""

    seconds: float
    by_process: dict[int, float]
    client_s: float

    def cpu(self, leader: int, scale: float, *, digits: int) -> Cpu:
        return Cpu(
            replicas=round(sum(self.by_process.values()) * scale, digits),
            client=round(self.client_s * scale, digits),
            leader=round(self.by_process[leader] * scale, digits),
        )


async def _load(options: BenchOptions, cluster: LocalCluster, samples: Samples) -> _Spent:
    """Warm up, count, and let what is in flight finish."""
    readers = Readers()
    async with readers.open(), trio.open_nursery() as loading:
        clients = [_client(options, cluster, readers, samples) for _ in range(options.clients)]
        for client in clients:
            loading.start_soon(client.run)
        await trio.sleep(WARM_UP_S)
        before, began = _cpu_s(cluster), time.perf_counter()
        client_before = time.process_time()
        samples.is_open = True
        await trio.sleep(options.time_limit_s)
        samples.is_open = False
        after, client_after = _cpu_s(cluster), time.process_time()
        seconds = time.perf_counter() - began
        for client in clients:
            client.stopping = True
    by_process = {process: after[process] - before[process] for process in before}
    return _Spent(seconds, by_process, client_after - client_before)


def _client(
    options: BenchOptions, cluster: LocalCluster, readers: Readers, samples: Samples
) -> LoadClient | SessionLoad:
    random = Random(SystemRandom().getrandbits(64))
    if options.shards > 1 or options.protocol == "mdl":
        return SessionLoad(
            samples,
            cluster=cluster.config.cluster,
            shards=cluster.shards,
            is_dispatched=options.protocol == "mdl",
            readers=readers,
            in_flight=options.in_flight,
            fan_out=options.fan_out,
            put_fraction=options.put_fraction,
            value_bytes=options.value_bytes,
            timeout_s=REQUEST_TIMEOUT_S,
            random=random,
        )
    pipeline = Pipeline(
        cluster=cluster.config.cluster,
        replicas=cluster.client_addresses,
        readers=readers,
        random=random,
        timeout_s=REQUEST_TIMEOUT_S,
    )
    return LoadClient(
        pipeline,
        samples,
        in_flight=options.in_flight,
        fan_out=options.fan_out,
        put_fraction=options.put_fraction,
        value_bytes=options.value_bytes,
        random=Random(random.getrandbits(64)),
    )


def _cpu_s(cluster: LocalCluster) -> dict[int, float]:
    return {process: cpu_s(pid) for process, pid in cluster.pids.items()}


def _latency(samples: Samples) -> Latency:
    latencies = sorted(samples.latencies_ns)

    def percentile(share: float) -> float:
        return round(_at(latencies, share) / 1e6, 3)

    return Latency(p50=percentile(0.5), p99=percentile(0.99), max=percentile(1.0))


def _at(ordered: Sequence[int], share: float) -> int:
    """The nearest rank: the smallest value that `share` of all do not exceed."""
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]
