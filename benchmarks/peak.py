"""Peak rates of application requests of n operations: multi-dispatch against one after the other.

    python -m benchmarks.peak [--shards 3] [--fan-out 16] [--clients 16,64,256,512] [--seconds 4] [--rounds 1]
                              [--directory D]

Both protocols in turns, on fresh clusters of three processes, without delays; more clients until the rate
does not grow any more. What a request costs is the processor time of all replicas, and of the clients.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Final

import trio

from harness.bench.runner import BenchError, BenchOptions, BenchResult, measure

PROTOCOLS: Final = ("multipaxos", "mdl")


def run(args: argparse.Namespace, protocol: str, clients: int) -> BenchResult:
    """The median of the rounds."""
    options = BenchOptions(
        protocol=protocol,
        shards=args.shards,
        clients=clients,
        fan_out=args.fan_out,
        time_limit_s=args.seconds,
    )
    found = []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory(prefix="peak-", dir=args.directory) as below:
            found.append(trio.run(measure, options, Path(below)))
    return sorted(found, key=lambda each: each.ops_per_s)[len(found) // 2]


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--fan-out", type=int, default=16)
    parser.add_argument("--clients", default="16,64,256,512")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"))  # noqa: S108
    args = parser.parse_args()
    peaks = dict.fromkeys(PROTOCOLS, 0.0)
    print("| clients | protocol | requests/s | p50 ms | replicas, µs | clients, µs | errors |")
    print("|---|---|---|---|---|---|---|")
    for clients in map(int, args.clients.split(",")):
        for protocol in PROTOCOLS:
            try:
                result = run(args, protocol, clients)
            except BenchError as error:
                print(f"| {clients} | {protocol} | {error} |", flush=True)
                continue
            peaks[protocol] = max(peaks[protocol], result.ops_per_s)
            cost, latency = result.cpu_us_per_op, result.latency_ms
            print(
                f"| {clients} | {protocol} | {result.ops_per_s} | {latency.p50} | "
                f"{cost.replicas:.0f} | {cost.client:.0f} | {result.errors} |",
                flush=True,
            )
    one_by_one, at_once = (peaks[protocol] for protocol in PROTOCOLS)
    ratio = f"ratio {at_once / one_by_one:.2f}" if one_by_one else "no ratio"
    print(f"peaks: {one_by_one} and {at_once} requests/s, {ratio}")


if __name__ == "__main__":
    main()
