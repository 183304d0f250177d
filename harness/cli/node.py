"""`gong node`: one replica, in the foreground."""

from pathlib import Path

import click

from harness.cli import ExitCode, InputError
from node.cli import run_replica
from node.errors import ConfigError, NodeError


@click.command(
    "node",
    epilog="Example: gong node --config cluster.toml --id 1",
)
@click.option(
    "--config", type=click.Path(path_type=Path), required=True, help="The cluster's TOML file."
)
@click.option("--id", "replica", type=int, required=True, help="Which replica of that file to be.")
@click.option(
    "--until-stdin-closes", is_flag=True, help="Stop also at the end of stdin (for supervisors)."
)
@click.option(
    "--lost-disk",
    is_flag=True,
    help="What this replica had stored is gone: learn it from the others, all of which must answer, "
    "before voting again.",
)
def command(config: Path, replica: int, *, until_stdin_closes: bool, lost_disk: bool) -> ExitCode:
    """Run one replica until SIGTERM or SIGINT.

    It serves when it says so on stderr, and keeps its journal below the data directory of the
    file. A disk that fails stops it: a replica that cannot save must not speak.
    """
    try:
        run_replica(config, replica, until_stdin_closes=until_stdin_closes, lost_disk=lost_disk)
    except ConfigError as error:
        raise InputError(str(error)) from error
    except NodeError as error:
        click.echo(f"gong: replica {replica} stopped: {error}", err=True)
        return ExitCode.NOT_VALID
    return ExitCode.VALID
