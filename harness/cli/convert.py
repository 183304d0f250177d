"""`gong convert`: translate a history from one format into another, and say what gets lost."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import click
from msgspec.structs import replace

from harness.cli import ExitCode, InputError
from history import FORMAT_NAMES, History, HistoryError, Operation, Outcome, file as gong, load
from history.formats import jepsen_edn, operations as finished
from history.unpairing import events_of
from history.whole import written_whole

_TARGETS: Final = (gong.FORMAT, finished.NAME, jepsen_edn.NAME)

_EPILOG: Final = """\b
Examples:
  gong convert history.edn history.jsonl
  gong convert --to operations history.jsonl finished.jsonl
\b
Without --to, OUT ends in .edn for jepsen-edn, in .operations.jsonl for operations, and in
.jsonl for gong.
\b
Exit status: 0 written, 254 wrong arguments or input, and nothing was written.
"""


@click.command("convert", epilog=_EPILOG)
@click.argument(
    "source", metavar="IN", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("auto", *FORMAT_NAMES)),
    default="auto",
    show_default=True,
    help="How IN is written.",
)
@click.option("--to", "target_name", type=click.Choice(_TARGETS), help="How to write OUT.")
@click.option("--keyed", is_flag=True, help="IN is jepsen-edn with [key value] pairs as values.")
@click.option(
    "--lossy", is_flag=True, help="Write it even where that may change what can be judged."
)
def command(
    *,
    source: Path,
    target: Path,
    format_name: str,
    target_name: str | None,
    keyed: bool,
    lossy: bool,
) -> ExitCode:
    """Translate the history IN into another format, as the file OUT.

    What OUT cannot hold is told on stderr. When that could change a verdict nothing is written,
    unless --lossy says so.
    """
    name = target_name or _by_ending(target)
    try:
        history = load(source, format=format_name, keyed=keyed)
    except HistoryError as why:
        raise InputError(str(why)) from why
    for warning in history.warnings:
        click.echo(f"{source}: warning: {warning}", err=True)
    decisive = list(_decisive_losses(history, name))
    if decisive and not lossy:
        raise InputError(f"{source}: {'; '.join(decisive)}; --lossy writes it all the same")
    for loss in (*decisive, *_losses(history, name)):
        click.echo(f"{source}: lost: {loss}", err=True)
    try:
        with written_whole(target) as file:
            _WRITERS[name](file, history)
    except OSError as why:
        raise InputError(f"{target}: {why.strerror}") from why
    click.echo(f"{target}: {len(history.operations)} operations as {name}", err=True)
    return ExitCode.VALID


def _by_ending(target: Path) -> str:
    if target.suffix == ".edn":
        return jepsen_edn.NAME
    if target.suffix == ".jsonl":
        return finished.NAME if ".operations" in target.suffixes else gong.FORMAT
    raise click.UsageError(
        f"cannot tell the format from the name {target.name}; expected --to with one of "
        f"{', '.join(_TARGETS)}"
    )


def _write_gong(file: BinaryIO, history: History) -> None:
    gong.write(file, events_of(history.operations), header=history.header)


def _write_finished(file: BinaryIO, history: History) -> None:
    finished.write(file, history.operations)


def _write_jepsen(file: BinaryIO, history: History) -> None:
    # Jepsen pairs by process alone: without their sessions, operations that overlap get numbers
    # of their own.
    jepsen_edn.write(file, [replace(o, session=None, seq=None) for o in history.operations])


_WRITERS: Final[dict[str, Callable[[BinaryIO, History], None]]] = {
    gong.FORMAT: _write_gong,
    finished.NAME: _write_finished,
    jepsen_edn.NAME: _write_jepsen,
}


def _decisive_losses(history: History, name: str) -> Iterator[str]:
    """What could change a verdict."""
    if name != jepsen_edn.NAME:
        return
    empty = [
        o
        for o in history.operations
        if o.f == "read" and o.outcome is Outcome.OK and o.output is None
    ]
    if empty:
        yield (
            f"{name} cannot say that a read found nothing ({_places(empty)}), only that its "
            f"result is unknown"
        )
    sessions = [o for o in history.operations if o.session is not None]
    if sessions:
        yield f"{name} has no sessions ({_places(sessions)}), on which owners and orders rest"
    keys = {o.key is None for o in history.operations}
    if len(keys) == 2:
        without = [o for o in history.operations if o.key is None]
        yield f"{name} has keys for all operations or none ({_places(without)} without)"


def _losses(history: History, name: str) -> Iterator[str]:
    """What a verdict does not depend on."""
    if history.annotations:
        yield f"{len(history.annotations)} annotations (faults and the like)"
    if name != gong.FORMAT and len(history.header) > 1:
        yield f"the header: {', '.join(key for key in history.header if key != 'history')}"
    failed = [o for o in history.operations if o.outcome is Outcome.FAILED]
    if name == finished.NAME and failed:
        yield f"operations that failed ({_places(failed)}): they did not happen"
    named = [o for o in history.operations if isinstance(o.process, str)]
    if name != finished.NAME and named:
        yield f"names of processes ({_places(named)}), which become numbers"
    nodes = [o for o in history.operations if o.node is not None]
    if name == jepsen_edn.NAME and nodes:
        yield f"nodes ({_places(nodes)})"
    stamps = [o for o in history.operations if o.stamp is not None]
    if name == jepsen_edn.NAME and stamps:
        yield f"stamps ({_places(stamps)}), which save a search"


def _places(operations: Sequence[Operation]) -> str:
    first = operations[0]
    where = f"operation {first.index}" if first.line is None else f"line {first.line}"
    more = len(operations) - 1
    return f"{where} and {more} more" if more else where
