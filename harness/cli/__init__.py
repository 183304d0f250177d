"""The console script `gong`: one module a command, loaded when it is called.

Every command keeps to the same exit codes: 0 valid, 1 not valid, 2 undecided, 254 wrong arguments
or input (one line on stderr), 255 a defect of gong itself.
"""

import importlib
import os
import sys
import traceback
from enum import IntEnum
from typing import Final

import click

_COMMANDS: Final = {
    "run": "Load a cluster, hurt it, heal it, judge what its clients saw.",
    "check": "Judge a stored history.",
    "verify": "Check a certificate against its history.",
    "convert": "Translate a history into another format.",
    "simulate": "Run clusters in worlds that seeds decide, and repeat them.",
    "mutants": "The scoreboard: every planted bug, found or not, after how many seeds.",
    "bench": "Load on a real local cluster: throughput, latency, processor time.",
    "report": "Rebuild the report of a run.",
    "node": "One replica, in the foreground.",
    "master": "The registry of replicas, in the foreground.",
    "admin": "Look at a running cluster, or change its members.",
    "kv": "One operation against a running cluster.",
}


class ExitCode(IntEnum):
    """What a script may rely on."""

    VALID = 0
    NOT_VALID = 1
    UNDECIDED = 2
    WRONG_INPUT = 254
    DEFECT = 255


class InputError(Exception):
    """The arguments or an input file are wrong: one sentence that says what, where, what was expected."""


class _LazyGroup(click.Group):
    """Imports a command's module when the command is called, so that each starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"harness.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, name="gong", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gong", prog_name="gong")
def group() -> None:
    """Did my system keep its promise while its leaders crashed?"""


def main(arguments: list[str] | None = None) -> None:
    """Run one command and leave with its exit code; commands return an `ExitCode`."""
    if not __debug__:
        click.echo("gong: assertions are part of gong; do not run it under python -O", err=True)
        sys.exit(ExitCode.WRONG_INPUT)
    try:
        code = group.main(arguments, prog_name="gong", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as question:
        click.echo(question.format_message())
        code = ExitCode.VALID
    except (click.UsageError, InputError) as error:
        message = error.format_message() if isinstance(error, click.UsageError) else str(error)
        click.echo(f"gong: {message}", err=True)
        code = ExitCode.WRONG_INPUT
    except click.exceptions.Abort:
        code = ExitCode.UNDECIDED  # Ctrl-C: nothing was judged
    except BrokenPipeError:
        # Whoever read our output has gone; silence the flush at exit as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.DEFECT
    except (Exception, BaseExceptionGroup) as error:
        if isinstance(error, BaseExceptionGroup) and error.subgroup(KeyboardInterrupt):
            sys.exit(ExitCode.UNDECIDED)  # Ctrl-C in the middle of a nursery
        traceback.print_exc()
        click.echo("gong: this is a defect of gong itself; please report it", err=True)
        code = ExitCode.DEFECT
    sys.exit(code if code is not None else ExitCode.VALID)
