"""Latency of application requests of n operations: multi-dispatch against one after the other.

    python -m benchmarks.fanout [--shards 1,3,9] [--fan-outs 1,2,4,8,16,32] [--delay 2] [--seconds 4]
                                [--rounds 1] [--coordination fast] [--directory D] [--json FILE] [--svg FILE]
    python -m benchmarks.fanout --wide edge|spread [--seconds 20] ...

For each cell both protocols run one after the other, `--rounds` times, on fresh clusters of three
processes with the leaders spread; one client, so that nothing queues. The ratio of median latencies
stands beside that of the model and the published one (medians of their runs, T = 0.05 to 0.1 ms):

    one after the other   4 n T           request, accept, accepted, answer, n times
    multi-dispatch        6 T + (n-1)(1-1/S) T     request, two rounds, answer, and a hop between
                                                   shards for each pair on different ones
    n = 1, or one shard   4 T             one round

In a wide area (`wide_area/*.toml`) T is another one from client to leader, from leader to follower, and between
leaders. `--coordination durable` is not in the model: there a hop takes a round of the log, too.

`python -m benchmarks.peak` compares rates under load.
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
import trio

from benchmarks.fanout_figure import Line, figure
from harness.bench.delays import read_delays
from harness.bench.runner import BenchOptions, BenchResult, measure
from node.delays import Delay, delay_s

PUBLISHED: Final = {
    1: {1: 1.12, 2: 0.99, 4: 0.89, 8: 0.81, 16: 0.56, 32: 0.54},
    3: {1: 1.19, 2: 0.79, 4: 0.52, 8: 0.37, 16: 0.23, 32: 0.24},
    9: {1: 1.14, 2: 0.77, 4: 0.47, 8: 0.33, 16: 0.33, 32: 0.27},
}
"""By shards and fan-out: the paper's ratios of medians in one data center, read off its figure."""

PUBLISHED_WIDE: Final = {
    "edge": {1: 1.00, 2: 0.75, 10: 0.20, 32: 0.16},
    "spread": {1: 0.95, 2: 1.00, 10: 0.47, 32: 0.42},
}
"""The same in a wide area, with three shards."""

REPLICAS: Final = 3

THRESHOLD: Final = 1.15
"""How much more than the model a ratio may be."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One number of shards, one fan-out."""

    shards: int
    fan_out: int
    multipaxos_ms: float
    mdl_ms: float
    ratio: float
    model: float
    published: float | None
    placement: dict[str, int]
    load_average: float
    fsync_ms: float

    @property
    def over_model(self) -> float:
        """How much more than the model."""
        return self.ratio / self.model


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Where everybody is: how long messages take, one way, in milliseconds."""

    name: str
    client: float
    """Between clients and leaders."""
    follower: float
    """Between a leader and its followers."""
    leader: float
    """Between leaders."""
    delays: tuple[Delay, ...] = ()
    published: dict[int, dict[int, float]]
    """By shards and fan-out."""

    def options(self) -> dict[str, Any]:
        """For `BenchOptions`."""
        return {"delays": self.delays} if self.delays else {"delay_ms": self.client}


def setting(args: argparse.Namespace, shards: int) -> Setting:
    """What was asked for."""
    if args.wide is None:
        return Setting(
            name=f"T = {args.delay:g} ms",
            client=args.delay,
            follower=args.delay,
            leader=args.delay,
            published=PUBLISHED,
        )
    file = Path(__file__).parent / "wide_area" / f"{args.wide}.toml"
    delays = read_delays(file, replicas=REPLICAS, shards=shards)
    # The first shard is led by replica 1, the second by the second of its own.
    leader, follower, other_leader = 1, 2, REPLICAS + 2
    return Setting(
        name=f"wide area, {args.wide}",
        client=1000 * delay_s(delays, "clients", leader, 0),
        follower=1000 * delay_s(delays, leader, follower, 0),
        leader=1000 * delay_s(delays, leader, other_leader, 0),
        delays=delays,
        published={3: PUBLISHED_WIDE[args.wide]},
    )


def model(fan_out: int, shards: int, where: Setting) -> float:
    """The ratio of latencies, when messages take their time and nothing else does."""
    if fan_out == 1:
        return 1.0
    one = 2 * where.client + 2 * where.follower
    if shards == 1:
        return 1 / fan_out
    hops = (fan_out - 1) * (1 - 1 / shards) * where.leader
    return (one + 2 * where.follower + hops) / (fan_out * one)


def run(options: BenchOptions, directory: Path) -> BenchResult:
    """One measurement in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="fanout-", dir=directory) as below:
        return trio.run(measure, options, Path(below))


def cell(args: argparse.Namespace, shards: int, fan_out: int) -> Cell:
    """Both protocols, in turns."""
    where = setting(args, shards)
    found: dict[str, list[BenchResult]] = {"multipaxos": [], "mdl": []}
    for _ in range(args.rounds):
        for protocol, results in found.items():
            options = BenchOptions(
                protocol=protocol,
                replicas=REPLICAS,
                shards=shards,
                coordination=args.coordination if protocol == "mdl" else None,
                clients=1,
                fan_out=fan_out,
                time_limit_s=args.seconds,
                waits_for_company=False,
                **where.options(),
            )
            results.append(run(options, args.directory))
    one_by_one = median(result.latency_ms.p50 for result in found["multipaxos"])
    at_once = median(result.latency_ms.p50 for result in found["mdl"])
    return Cell(
        shards=shards,
        fan_out=fan_out,
        multipaxos_ms=round(one_by_one, 2),
        mdl_ms=round(at_once, 2),
        ratio=round(at_once / one_by_one, 3),
        model=round(model(fan_out, shards, where), 3),
        published=where.published.get(shards, {}).get(fan_out),
        placement=found["mdl"][-1].leaders,
        load_average=found["mdl"][-1].load_average,
        fsync_ms=found["mdl"][-1].fsync_ms,
    )


def table(cells: list[Cell]) -> str:
    """As the docs show it."""
    rows = [
        "| shards | fan-out | multipaxos ms | mdl ms | ratio | model | ratio / model | published |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in cells:
        told = "" if each.published is None else f"{each.published:.2f}"
        rows.append(
            f"| {each.shards} | {each.fan_out} | {each.multipaxos_ms} | {each.mdl_ms} | "
            f"{each.ratio:.2f} | {each.model:.2f} | {each.over_model:.2f} | {told} |"
        )
    return "\n".join(rows)


def lines(cells: list[Cell]) -> list[Line]:
    """Measured, model and published, for each number of shards."""
    found: list[Line] = []
    for shards in dict.fromkeys(each.shards for each in cells):
        own = [each for each in cells if each.shards == shards]
        name = f"{shards} shard{'' if shards == 1 else 's'}"
        known = [(each.fan_out, each.published) for each in own if each.published is not None]
        found += [
            Line(name, shards, "measured", [(c.fan_out, c.ratio) for c in own]),
            Line(name, shards, "model", [(c.fan_out, c.model) for c in own]),
            Line(name, shards, "published", known),
        ]
    return found


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wide", choices=[*PUBLISHED_WIDE])
    parser.add_argument("--shards")
    parser.add_argument("--fan-outs")
    parser.add_argument("--coordination", default="fast", choices=["fast", "durable"])
    parser.add_argument("--delay", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"))  # noqa: S108
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    args = parser.parse_args()
    is_wide = args.wide is not None
    shards = _numbers(args.shards or ("3" if is_wide else "1,3,9"))
    fan_outs = _numbers(args.fan_outs or ("1,2,10,32" if is_wide else "1,2,4,8,16,32"))
    cells: list[Cell] = []
    for count in shards:
        for fan_out in fan_outs:
            cells.append(cell(args, count, fan_out))
            print(json.dumps(msgspec.to_builtins(cells[-1])), flush=True)
    print(table(cells))
    if args.json is not None:
        args.json.write_bytes(msgspec.json.encode(cells))
    if args.svg is not None:
        args.svg.write_text(figure(lines(cells), setting(args, shards[0]).name))
    slow = [each for each in cells if each.over_model > THRESHOLD]
    print(f"more than {THRESHOLD} of the model: {len(slow)} of {len(cells)} cells")


def _numbers(words: str) -> list[int]:
    return [int(word) for word in words.split(",")]


if __name__ == "__main__":
    main()
