"""`gong node`: one replica, or all that share a process, in the foreground."""

from pathlib import Path

import click

from harness.cli import ExitCode, InputError
from node.cli import run_process
from node.errors import ConfigError, NodeError, Removed
from node.runtime.logs import FORMATS


@click.command(
    "node",
    epilog="Example: gong node --config cluster.toml --id 1",
)
@click.option(
    "--config", type=click.Path(path_type=Path), required=True, help="The cluster's TOML file."
)
@click.option(
    "--id",
    "process",
    type=int,
    required=True,
    help="Which replica of that file to be; all that have this number as their process.",
)
@click.option(
    "--until-stdin-closes", is_flag=True, help="Stop also at the end of stdin (for supervisors)."
)
@click.option(
    "--lost-disk",
    is_flag=True,
    help="What this replica had stored is gone: learn it from the others, all of which must answer, "
    "before voting again.",
)
@click.option(
    "--join",
    "joins",
    is_flag=True,
    help="This replica is no member yet: it learns, and votes when `gong admin add` has made it one.",
)
@click.option(
    "--metrics", metavar="HOST:PORT", help="Metrics for Prometheus, at /metrics of this address."
)
@click.option(
    "--log-format", type=click.Choice(FORMATS), default="text", help="Of the log on stderr."
)
def command(
    config: Path,
    process: int,
    *,
    until_stdin_closes: bool,
    lost_disk: bool,
    joins: bool,
    metrics: str | None,
    log_format: str,
) -> ExitCode:
    """Run one replica, or all of one process, until SIGTERM or SIGINT; a second ends it at once.

    It serves when it says so on stderr, and keeps its journal below the data directory of the
    file. A disk that fails stops it: a replica that cannot save must not speak.

    Exit status: 0 told to stop, or removed from the cluster, 1 the disk failed, 254 the configuration is wrong, 255 a defect.
    """
    if lost_disk and joins:
        raise InputError("--lost-disk and --join: a replica that joins has lost nothing")
    try:
        run_process(
            config,
            process,
            until_stdin_closes=until_stdin_closes,
            lost_disk=lost_disk,
            joins=joins,
            metrics=metrics,
            log_format=log_format,
        )
    except ConfigError as error:
        raise InputError(str(error)) from error
    except Removed as error:
        click.echo(f"gong: {error}", err=True)
    except NodeError as error:
        click.echo(f"gong: replica {process} stopped: {error}", err=True)
        return ExitCode.NOT_VALID
    return ExitCode.VALID
