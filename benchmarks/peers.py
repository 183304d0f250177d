"""etcd and PySyncObj beside gong: `python -m benchmarks.peers DIRECTORY`.

Each system runs with three members as processes of this machine, their data below DIRECTORY, and is
asked to put 100-byte values under random 16-byte keys, in closed loops. Runs alternate; the median
of each figure over the rounds is shown. Put DIRECTORY on a real disk.

The load shares the processors with the servers, so it is said what it is: for gong, `gong bench`;
for etcd, the raw sockets of `benchmarks.etcd_load` against the JSON gateway that etcd serves (which
costs etcd more than gRPC would); for PySyncObj calls in the process of its leader, which is how it
is used. Systems that are not installed are left out: etcd is looked for on PATH, PySyncObj in this
environment. PySyncObj without its journal keeps nothing, and is shown for scale only.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from harness.bench.meter import filesystem, fsync_ms

LOADS = ((1, 1), (50, 1), (50, 20))
"""Connections, and requests in flight on each."""


@dataclass(frozen=True, slots=True)
class Figures:
    ops_per_s: float
    p50_ms: float
    p99_ms: float
    server_us: float
    """Processor time of all members for one operation; for PySyncObj, its load is in there."""


Run = Callable[[Path, int, int, float], Figures]


def python(module: str, *arguments: object) -> dict[str, float]:
    """The one JSON object that a module prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    report: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


def gong(directory: Path, clients: int, in_flight: int, seconds: float) -> Figures:
    report: dict[str, object] = python(  # type: ignore[assignment]
        "harness",
        *("bench", "--json", "--data-dir", directory, "--time-limit", seconds),
        *("--clients", clients, "--in-flight", in_flight),
    )
    latency, cpu = report["latency_ms"], report["cpu_us_per_op"]
    assert isinstance(latency, dict)
    assert isinstance(cpu, dict)
    rate = report["ops_per_s"]
    assert isinstance(rate, float)
    return Figures(rate, latency["p50"], latency["p99"], cpu["replicas"])


def peer(command: tuple[str, ...], /, directory: Path, *load: float) -> Figures:
    with tempfile.TemporaryDirectory(dir=directory) as data:
        return Figures(**python(*command, data, *load))


def systems() -> dict[str, Run]:
    found: dict[str, Run] = {"gong": gong}
    if shutil.which("etcd"):
        found["etcd"] = partial(peer, ("benchmarks.etcd_load",))
    if find_spec("pysyncobj"):
        load = "benchmarks.pysyncobj_load"
        found["PySyncObj, journal"] = partial(peer, (load, "--journal"))
        found["PySyncObj, no disk"] = partial(peer, (load,))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    print(
        f"{filesystem(options.directory)}, fsync {fsync_ms(options.directory):.3f} ms, "
        f"{os.cpu_count()} processors, load before {os.getloadavg()[0]:.1f}"
    )
    print(
        f"{'':12}{'system':22}{'ops/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'server µs/op':>14}{'of ours':>8}"
    )
    for clients, in_flight in LOADS:
        runs: dict[str, list[Figures]] = {}
        for _ in range(options.rounds):
            for name, run in systems().items():
                figures = run(options.directory, clients, in_flight, options.seconds)
                runs.setdefault(name, []).append(figures)
        ours = median(figures.ops_per_s for figures in runs["gong"])
        for name, several in runs.items():
            rate = median(figures.ops_per_s for figures in several)
            print(
                f"{f'{clients} x {in_flight}':12}{name:22}{rate:9,.0f}"
                f"{median(figures.p50_ms for figures in several):9.2f}"
                f"{median(figures.p99_ms for figures in several):9.2f}"
                f"{median(figures.server_us for figures in several):14.1f}{rate / ours:8.2f}"
            )


if __name__ == "__main__":
    main()
