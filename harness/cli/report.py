"""`gong report RUN`: rebuild the report of a run from what is on disk."""

from pathlib import Path

import click

from harness.cli import ExitCode, InputError
from harness.report import ReportError, write_run_report


@click.command(name="report", epilog="Example: gong report runs/latest")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
def command(run: Path) -> ExitCode:
    """Rebuild report.html in the run directory RUN from its history, options and verdict.

    Nothing is judged again; prints the path of the report.
    """
    try:
        report = write_run_report(run)
    except ReportError as error:
        raise InputError(str(error)) from error
    click.echo(str(report))
    return ExitCode.VALID
