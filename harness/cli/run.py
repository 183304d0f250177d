"""`gong run`: load a cluster, hurt it, heal it, judge what its clients saw."""

from pathlib import Path
from random import SystemRandom
from typing import Any

import click
import msgspec
import trio

from harness.cli import ExitCode, InputError
from harness.cli.layout import check_layout
from harness.cli.numbers import POSITIVE
from harness.display import show_progress, summary
from harness.nemesis import NEMESES
from harness.options import RunOptions
from harness.report import write_run_report
from harness.runner import Observed, Progress, run_cluster
from harness.store import RunDirectory
from harness.verdicts import judge

_EPILOG = """\b
Example:
  gong run --replicas 5 --nemesis kill-leader --time-limit 20
\b
Exit status: 0 the promise was kept, 1 it was not (or the cluster never served again),
2 undecided, for example when too little happened to prove anything; 254 wrong arguments.
"""


@click.command("run", epilog=_EPILOG)
@click.option(
    "--system",
    type=click.Choice(["gong"]),
    default="gong",
    show_default=True,
    help="What to test; third-party systems come with a later version.",
)
@click.option(
    "--protocol",
    type=click.Choice(["multipaxos", "mdl"]),
    default="multipaxos",
    show_default=True,
    help="How its replicas agree; with mdl, clients work in sessions over all shards.",
)
@click.option(
    "--replicas",
    type=click.IntRange(1, 15),
    default=5,
    show_default=True,
    help="Of each shard; process n runs the n-th of each.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    help="Groups of replicas that share the keys.",
)
@click.option(
    "--coordination",
    type=click.Choice(["fast", "durable"]),
    help="Of mdl: whether shards wait for each other's logs.  [default: fast]",
)
@click.option(
    "--clients",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Concurrent clients, one operation at a time each.",
)
@click.option("--keys", type=click.IntRange(1, 1_000_000), default=10, show_default=True)
@click.option(
    "--workload",
    type=click.Choice(["kv"]),
    default="kv",
    show_default=True,
    help="kv: gets, puts of unique values, cas.",
)
@click.option(
    "--rate",
    type=POSITIVE,
    metavar="OPS",
    help="Operations per second at most.  [default: as fast as they are answered]",
)
@click.option(
    "--time-limit",
    "time_limit_s",
    type=POSITIVE,
    default=20.0,
    show_default=True,
    metavar="S",
    help="Seconds of load.",
)
@click.option(
    "--nemesis",
    default="",
    metavar="A,B,…",
    help=f"Faults, injected in turn: {', '.join(NEMESES)}.  [default: none]",
)
@click.option(
    "--nemesis-interval",
    "interval_s",
    type=POSITIVE,
    default=5.0,
    show_default=True,
    metavar="S",
    help="Seconds from one fault to the next.",
)
@click.option("--seed", type=click.IntRange(min=0), help="[default: drawn]")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where run directories are made.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    *,
    nemesis: str,
    interval_s: float,
    seed: int | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> ExitCode:
    """Start a cluster of real processes, load it, hurt it, heal it, read finally, and judge.

    Everything is kept in a run directory (`runs/latest` is the newest): the history, the verdict,
    the logs and a report to open in a browser.
    """
    nemeses = tuple(name.strip() for name in nemesis.split(",") if name.strip())
    for name in nemeses:
        if name not in NEMESES:
            raise InputError(f"--nemesis: {name!r} is not one of {', '.join(NEMESES)}")
    check_layout(
        options["protocol"], options["replicas"], options["shards"], options["coordination"]
    )
    run_options = RunOptions(
        nemesis=nemeses,
        nemesis_interval_s=interval_s,
        seed=seed if seed is not None else SystemRandom().randrange(1_000_000),
        **options,
    )
    try:
        directory = RunDirectory.create(run_options)
    except OSError as error:
        raise InputError(f"--out: {error.filename}: {error.strerror}") from error
    observed = trio.run(_run, run_options, directory)
    result, code = judge(run_options, directory, observed)
    directory.write_result(result)
    write_run_report(directory.path)
    if code is ExitCode.VALID:
        directory.remove_data()
    if as_json:
        click.echo(msgspec.json.encode(result))
    else:
        click.echo(summary(result))
    return code


async def _run(options: RunOptions, directory: RunDirectory) -> Observed:
    progress = Progress()
    async with trio.open_nursery() as showing:
        showing.start_soon(show_progress, progress)
        observed = await run_cluster(options, directory, progress)
        showing.cancel_scope.cancel()
    return observed
