"""`gong master`: the registry of replicas, in the foreground."""

from pathlib import Path

import click

from harness.cli import ExitCode, InputError
from node.cli import run_master
from node.errors import ConfigError, NodeError
from node.runtime.logs import FORMATS


@click.command("master", epilog="Example: gong master --config cluster.toml")
@click.option(
    "--config", type=click.Path(path_type=Path), required=True, help="The cluster's TOML file."
)
@click.option(
    "--until-stdin-closes", is_flag=True, help="Stop also at the end of stdin (for supervisors)."
)
@click.option(
    "--log-format", type=click.Choice(FORMATS), default="text", help="Of the log on stderr."
)
def command(config: Path, *, until_stdin_closes: bool, log_format: str) -> ExitCode:
    """Tell clients where the replicas are and which of them leads, until SIGTERM or SIGINT.

    The master is not a member of the group and never appoints a leader; the cluster goes on
    without it. It counts the leaders: the latest epoch is kept below the data directory.

    Exit status: 0 told to stop, 1 the disk failed, 254 the configuration is wrong, 255 a defect.
    """
    try:
        run_master(config, until_stdin_closes=until_stdin_closes, log_format=log_format)
    except ConfigError as error:
        raise InputError(str(error)) from error
    except NodeError as error:
        click.echo(f"gong: the master stopped: {error}", err=True)
        return ExitCode.NOT_VALID
    return ExitCode.VALID
