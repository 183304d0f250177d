"""`gong master`: the registry of replicas, in the foreground."""

from pathlib import Path

import click

from harness.cli import ExitCode, InputError
from node.cli import run_master
from node.errors import ConfigError


@click.command("master", epilog="Example: gong master --config cluster.toml")
@click.option(
    "--config", type=click.Path(path_type=Path), required=True, help="The cluster's TOML file."
)
@click.option(
    "--until-stdin-closes", is_flag=True, help="Stop also at the end of stdin (for supervisors)."
)
def command(config: Path, *, until_stdin_closes: bool) -> ExitCode:
    """Tell clients where the replicas are and which of them leads, until SIGTERM or SIGINT.

    The master is not a member of the group and never appoints a leader; the cluster goes on
    without it.
    """
    try:
        run_master(config, until_stdin_closes=until_stdin_closes)
    except ConfigError as error:
        raise InputError(str(error)) from error
    return ExitCode.VALID
