"""How much memory a flood of clients can take of a replica, and what is left for others.

    python -m benchmarks.flood [--seconds 20] [--connections 15] [--kinds never_read,never_wait]

Four kinds of flooders at once, against every replica: those that ask for large values and read no
answer; those that ask small things without waiting; those that send commands that are too large;
and those that send most of a large frame and stop. Modest clients go on beside them, one request
at a time. None of the flooders writes, so that what grows is what a flood holds and not what it
stores; what is chosen for their reads is the log, which grows with every operation.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec
import trio

from benchmarks.flooders import KINDS, LARGE_VALUE, Flood, Flooder
from clients import ClientError, KvClient, open_client
from history.analysis import nearest_rank
from node.settings import MIB
from node.types import Address
from tests.support.processes import Running, resident_mb, running_cluster
from tests.support.scraping import scrape

LIMITS = f"""
[limits]
command_bytes_max = {MIB - 1}
request_bytes_max = {16 * MIB}
output_bytes_max = {8 * MIB}
output_total_bytes_max = {24 * MIB}
input_total_bytes_max = {16 * MIB}
"""
"""Far below what a flood of a few seconds could take, so that a short run shows whether they hold."""

BOUND_MB = 280.0
"""What a replica may grow by. Output and input may hold 40 MiB here, commands in flight 16, which
these flooders leave nearly empty, and the results of sessions 64: 120 MiB. The allocator keeps some
90 MB in holes between large blocks, and 8 MiB of journal full of small reads are 57 MB of log in
memory: 270 MB. docs/operating.md has what was measured."""


@dataclass(slots=True)
class Outcome:
    """What a flood took, and what it left."""

    flood: Flood
    grown_mb: dict[int, float]
    """By replica, the most that it held beyond what it held before."""
    quiet: "Service"
    flooded: "Service"
    """What the modest clients got."""
    problems: Counter[str]
    """What the modest clients were told instead of an answer."""
    refused: Counter[str]
    """By reason, the connections that the replicas closed."""


async def flood(
    directory: Path, seconds: float, connections: int, kinds: Sequence[str] = KINDS
) -> Outcome:
    """Flood a cluster with `connections` of each kind to each replica."""
    async with running_cluster(directory, metrics=True, settings=LIMITS) as running:
        modest = Modest()
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(modest.work, running, number)
            await trio.sleep(seconds / 4)
            quiet = modest.take_service()
            before = {r: resident_mb(running.pid(r)) for r in running.cluster.replicas}
            most = dict(before)
            flooding: list[Flood] = []
            nursery.start_soon(_flood_elsewhere, running, seconds, connections, kinds, flooding)
            while not flooding:
                await trio.sleep(0.1)
                running.cluster.check_alive()
                assert running.cluster.unexpected_ends == []
                for replica, so_far in most.items():
                    most[replica] = max(so_far, resident_mb(running.pid(replica)))
            flooded = modest.take_service()
            refused = await refusals_by_reason(running)
            nursery.cancel_scope.cancel()
        grown = {int(r): most[r] - before[r] for r in most}
        return Outcome(flooding[0], grown, quiet, flooded, modest.problems, refused)


async def _flood_elsewhere(
    running: Running, seconds: float, connections: int, kinds: Sequence[str], done: list[Flood]
) -> None:
    """In a process of its own: the modest clients must not share a thread with the flooders."""
    addresses = [str(address) for address in running.cluster.client_addresses]
    command = [sys.executable, "-m", "benchmarks.flood", "--attack", *addresses]
    options = ["--seconds", str(seconds), "--connections", str(connections)]
    options += ["--kinds", ",".join(kinds)]
    ended = await trio.run_process([*command, *options], capture_stdout=True)
    done.append(msgspec.json.decode(ended.stdout, type=Flood))


async def attack(
    addresses: list[Address], seconds: float, connections: int, kinds: Sequence[str]
) -> Flood:
    """Flood these replicas with `connections` of each kind to each."""
    flood = Flood()
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as flooders:
            for place, address in enumerate(addresses * connections):
                one = Flooder(address, (1 << 60) + place, flood)
                for kind in kinds:
                    flooders.start_soon(getattr(one, kind))
    return flood


@dataclass(frozen=True, slots=True)
class Service:
    """What clients got done in a while."""

    ops_per_s: float
    p50_ms: float
    p99_ms: float

    def __str__(self) -> str:
        return f"{self.ops_per_s:.0f} ops/s, p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms"


class Modest:
    """Clients that ask one thing at a time."""

    def __init__(self) -> None:
        self.problems: Counter[str] = Counter()
        self._took_ms: list[float] = []
        self._since = time.monotonic()

    def take_service(self) -> Service:
        """Of the time since it was asked last."""
        now = time.monotonic()
        took, seconds = sorted(self._took_ms) or [0.0], now - self._since
        done = len(self._took_ms)
        self._took_ms, self._since = [], now
        return Service(done / seconds, nearest_rank(took, 50), nearest_rank(took, 99))

    async def work(self, running: Running, number: int) -> None:
        """Put until cancelled."""
        async with open_client(
            cluster="test",
            replicas=running.cluster.client_addresses,
            timeout_s=20,
            random=Random(number),
        ) as client:
            store = KvClient(client)
            if number == 0:
                await store.put("large", LARGE_VALUE)
            while True:
                began = time.monotonic()
                try:
                    await store.put(f"modest{number}", "v")
                except ClientError as error:
                    self.problems[f"{type(error).__name__}: {error}"] += 1
                else:
                    self._took_ms.append(1000 * (time.monotonic() - began))


async def refusals_by_reason(running: Running) -> Counter[str]:
    """Connections of clients that ended, over all replicas."""
    found: Counter[str] = Counter()
    for member in running.cluster.config.replicas:
        assert member.metrics_address is not None
        for (name, labels), value in (await scrape(member.metrics_address)).items():
            if name == "gong_connections_ended_total" and dict(labels)["port"] == "client":
                found[dict(labels)["reason"]] += int(value)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=15)
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS))
    parser.add_argument("--attack", nargs="+", metavar="HOST:PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.attack:
        addresses = [Address.parse(text) for text in options.attack]
        done = trio.run(attack, addresses, options.seconds, options.connections, options.kinds)
        print(msgspec.json.encode(done).decode())
        return
    with tempfile.TemporaryDirectory(prefix="gong-flood-") as directory:
        outcome = trio.run(
            flood, Path(directory), options.seconds, options.connections, options.kinds
        )
    flooders = 3 * len(options.kinds) * options.connections
    print(f"flooders   {flooders} connections, {options.seconds:.0f} s: {options.kinds}")
    print(
        f"           sent {outcome.flood.sent_bytes / MIB:.0f} MiB, asked for "
        f"{outcome.flood.asked_bytes / MIB:.0f} MiB, cut {outcome.flood.closed} times"
    )
    print(f"           were told {outcome.flood.answers}")
    print(f"closed     {dict(outcome.refused)}")
    print(f"memory     grew by {[round(mb) for mb in outcome.grown_mb.values()]} MB at most")
    print(f"others     before:    {outcome.quiet}")
    print(f"           meanwhile: {outcome.flooded}")
    print(f"           {dict(outcome.problems)}")
    sys.exit(1 if max(outcome.grown_mb.values()) > BOUND_MB or not outcome.flooded.ops_per_s else 0)


if __name__ == "__main__":
    main()
