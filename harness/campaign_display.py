"""What a person sees of a campaign: a progress line on stderr, tables and failures on stdout."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from harness.display import LINE_EVERY_S
from harness.simulation.outcome import Failure
from harness.simulation.tally import Tally
from harness.simulation.words import share_text, time_text

MARKS_MAX: Final = 12
"""Marks never passed that are named; a short campaign passes few."""

FAILURES_MAX: Final = 10
"""That are told in full."""


@contextmanager
def showing_progress(
    total: int, count: Callable[[], tuple[int, str]]
) -> Iterator[Callable[[], None]]:
    """Gives what to call whenever `count()`, units done and words about them, may have changed."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(total, count)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)

        def show() -> None:
            done, words = count()
            progress.update(task, completed=done, description=words)

        show()
        yield show


def _lines(total: int, count: Callable[[], tuple[int, str]]) -> Callable[[], None]:
    last = time.monotonic()

    def show() -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            done, words = count()
            click.echo(f"{done:,} of {total:,}  {words}", err=True)

    return show


def print_tally(tally: Tally, seconds: float, *, is_whole: bool) -> None:
    """The campaign in numbers: what was run, what bit, what was never reached."""
    console = Console(highlight=False)
    console.print(_figures(tally, seconds))
    if tally.bite_times:
        console.print(_bites(tally))
    never = tally.marks_never_passed
    if never and is_whole:
        more = f"\n  and {len(never) - MARKS_MAX} more" if len(never) > MARKS_MAX else ""
        names = "".join(f"\n  {name}" for name in never[:MARKS_MAX])
        console.print(
            f"never reached: {len(never)} of {len(tally.marks)} marks{names}{more}", markup=False
        )


def _figures(tally: Tally, seconds: float) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    per_s = tally.messages / seconds if seconds > 0 else 0.0
    virtual_s = tally.virtual / 1e9
    rows = [
        ("seeds", f"{tally.seeds:,} in {seconds:.1f} s"),
        ("failures", f"{len(tally.failures):,}"),
        (
            "virtual time",
            f"{virtual_s:,.1f} s, {virtual_s / max(seconds, 1e-9):,.0f} times as fast",
        ),
        ("messages", f"{tally.messages:,}, {per_s:,.0f} per second"),
        ("operations", f"{tally.operations:,}, {tally.completed:,} with a known outcome"),
        ("crashes", f"{tally.crashes:,}"),
        ("trace hash", tally.trace_hash),
    ]
    for name, number in (
        ("undecided", len(tally.undecided)),
        ("nothing bit", tally.quiet),
        ("no quorum left", tally.unavailable),
    ):
        if number:
            rows.append((name, f"{number:,} of the seeds"))
    for row in rows:
        table.add_row(*row)
    return table


def _bites(tally: Tally) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("what bit")
    table.add_column("in seeds", justify="right")
    table.add_column("share", justify="right")
    table.add_column("times", justify="right")
    for kind, times in tally.bite_times.most_common():
        seeds = tally.bite_seeds[kind]
        share = share_text(round(seeds * 1_000_000 / tally.seeds))
        table.add_row(kind, f"{seeds:,}", share, f"{times:,}")
    return table


def failure_lines(seed: int, failure: Failure, repeat: str) -> list[str]:
    """What went wrong, and how to see it again."""
    return [
        f"seed {seed}: {failure.kind.value}: {failure.rule}",
        *(f"  {line}" for line in failure.what.splitlines()),
        f"  at {time_text(failure.at)}",
        f"  {repeat}",
    ]


def print_lines(lines: Sequence[str]) -> None:
    """Plain text."""
    click.echo("\n".join(lines))
