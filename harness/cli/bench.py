"""`gong bench`: load on a real local cluster, its throughput and latency, and what they cost."""

import tempfile
from pathlib import Path
from typing import Final

import click
import msgspec
import trio

from clients.ordered import WINDOW_MAX
from harness.bench.delays import DelaysError, read_delays
from harness.bench.meter import MEMORY_FILESYSTEMS, filesystem
from harness.bench.runner import BenchError, BenchOptions, BenchResult, measure
from harness.cli import ExitCode, InputError
from harness.cli.layout import check_layout
from harness.cli.numbers import POSITIVE
from harness.cluster import StartError

_EPILOG = """\b
Example:
  gong bench --clients 50 --time-limit 10
\b
Exit status: 0 measured, 1 the cluster did not serve, 254 wrong arguments.
"""

_LATER: Final = ("epaxos", "spaxos")
_DEFAULT_DIRECTORIES: Final = (Path("runs"), Path("/var/tmp"))  # noqa: S108 - of our own making


@click.command("bench", epilog=_EPILOG)
@click.option(
    "--protocol",
    type=click.Choice(["multipaxos", "mdl", *_LATER]),
    default="multipaxos",
    show_default=True,
    help="How the replicas agree; with mdl, clients work in sessions over all shards.",
)
@click.option(
    "--replicas",
    type=click.IntRange(1, 15),
    default=3,
    show_default=True,
    help="Of each shard; process n runs the n-th of each.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    help="Groups of replicas that share the keys; their leaders are spread over the processes.",
)
@click.option(
    "--coordination",
    type=click.Choice(["fast", "durable"]),
    help="Of mdl: whether shards wait for each other's logs.  [default: fast]",
)
@click.option(
    "--clients",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Connections, each a closed loop.",
)
@click.option("--value-bytes", type=click.IntRange(0, 1_000_000), default=100, show_default=True)
@click.option(
    "--put-fraction",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="The rest are gets.",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Requests outstanding on each connection.",
)
@click.option(
    "--fan-out",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Operations of one application request: one after the other with multipaxos, all issued at "
    "once with mdl; rate and latency are those of application requests.",
)
@click.option(
    "--delay",
    "delay_ms",
    type=click.FloatRange(0, 10_000),
    default=0.0,
    show_default=True,
    metavar="MS",
    help="One-way delay of every message between replicas, and between client and replica.",
)
@click.option(
    "--delays",
    "delays_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A delay of its own for each link: see docs/internals/performance.md.",
)
@click.option(
    "--time-limit",
    "time_limit_s",
    type=POSITIVE,
    default=5.0,
    show_default=True,
    metavar="S",
    help="Seconds to measure, after one to warm up.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the replicas' journals are, until the end.  [default: runs, or /var/tmp where runs "
    "would be in memory]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    *, data_dir: Path | None, delays_file: Path | None, as_json: bool, **options: object
) -> ExitCode:
    """Measure a cluster of real processes on this machine under closed-loop load.

    Every acknowledged put was saved with fsync by a majority before. The clients share the machine
    with the replicas; the processor time of both is reported.
    """
    bench = msgspec.convert(options, BenchOptions)
    if bench.protocol in _LATER:
        raise InputError(f"--protocol: {bench.protocol} comes with a later version; use multipaxos")
    check_layout(bench.protocol, bench.replicas, bench.shards, bench.coordination)
    if bench.protocol == "mdl" and bench.in_flight * bench.fan_out > WINDOW_MAX:
        raise InputError(
            f"--in-flight, --fan-out: {bench.in_flight} requests of {bench.fan_out} operations; a "
            f"session has at most {WINDOW_MAX} in flight"
        )
    if delays_file is not None:
        bench = _with_delays(bench, delays_file)
    try:
        with tempfile.TemporaryDirectory(
            prefix="gong-bench-", dir=_directory(data_dir), ignore_cleanup_errors=True
        ) as directory:
            result = trio.run(measure, bench, Path(directory))
    except (BenchError, StartError) as error:
        click.echo(f"gong: {error}", err=True)
        return ExitCode.NOT_VALID
    click.echo(msgspec.json.encode(result) if as_json else _text(result))
    return ExitCode.VALID


def _with_delays(bench: BenchOptions, path: Path) -> BenchOptions:
    try:
        delays = read_delays(path, replicas=bench.replicas, shards=bench.shards)
    except DelaysError as error:
        raise InputError(f"--delays: {error}") from error
    return msgspec.structs.replace(bench, delays=delays)


def _directory(wanted: Path | None) -> Path:
    """Where to keep journals: on a real disk, unless somebody says otherwise."""
    if wanted is not None:
        return _made(wanted)
    for directory in _DEFAULT_DIRECTORIES:
        if filesystem(_made(directory)) not in MEMORY_FILESYSTEMS:
            return directory
    places = " and ".join(str(directory) for directory in _DEFAULT_DIRECTORIES)
    raise InputError(f"{places} are in memory, where fsync costs nothing: choose a --data-dir")


def _made(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--data-dir: {error.filename}: {error.strerror}") from error
    return directory


def _text(result: BenchResult) -> str:
    latency, cpu = result.latency_ms, result.cpu_us_per_op
    requests = "requests" if result.fan_out == 1 else f"requests of {result.fan_out} operations"
    return "\n".join(
        [
            (
                f"{result.ops_per_s:,.{0 if result.ops_per_s >= 100 else 1}f} {requests} a second: "
                f"{result.clients} connections with {result.in_flight} in flight, "
                f"{result.replicas} replicas, {result.value_bytes}-byte values"
            ),
            f"latency: p50 {latency.p50} ms, p99 {latency.p99} ms, longest {latency.max} ms",
            *_sharding(result),
            *_delays(result),
            f"errors: {result.errors}",
            (
                f"processor time of a request: {cpu.replicas} µs of the replicas "
                f"({cpu.leader} µs of the leader), {cpu.client} µs of the clients"
            ),
            f"memory: at most {result.peak_rss_mb} MB resident in a replica",
            (
                f"disk: {result.filesystem}, fsync {result.fsync_ms} ms; "
                f"load of the machine before: {result.load_average}"
            ),
        ]
    )


def _delays(result: BenchResult) -> list[str]:
    """How slow links were made to be, if they were."""
    if not (result.delay_ms or result.delays):
        return []
    some = [f"{delay.ms:g}" for delay in result.delays]
    own = f"; {len(some)} links have their own: {', '.join(dict.fromkeys(some))} ms" if some else ""
    return [f"each message takes {result.delay_ms:g} ms more{own}"]


def _sharding(result: BenchResult) -> list[str]:
    """Where the leaders are, if there is more than one."""
    if result.shards == 1:
        return []
    leaders = ", ".join(f"{shard} in {process}" for shard, process in result.leaders.items())
    return [f"{result.protocol} on {result.shards} shards, led in processes: {leaders}"]
