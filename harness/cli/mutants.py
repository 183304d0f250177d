"""`gong mutants`: does the simulator find the bugs that were planted?"""

import time
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from harness.campaign_display import showing_progress
from harness.cli import ExitCode, InputError
from harness.mutants import MUTANTS, Mutant
from harness.simulation.campaign import Campaign, Plan, run_campaigns
from harness.simulation.floors import FLOORS, UnknownFloor, find_floor
from harness.simulation.pool import open_executor, processors
from harness.simulation.seeds import run_world
from harness.simulation.tally import Finished
from harness.simulation.trials import is_same_class
from harness.simulation.world import Size

_EPILOG: Final = """\b
Example:
  gong mutants --budget 200
\b
Exit status: 0 every planted bug was found, 1 one survived; 254 wrong arguments.
"""

WIDTH: Final = 150
"""Of the table in a file or a pipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Score:
    """What became of one mutant."""

    mutant: Mutant
    floor: str
    first: Finished | None
    """The seed that found it."""
    seeds: int
    seconds: float
    """Of processors."""
    fails_without: bool
    """The same seed fails in the same way without the mutant: what was found is something else."""

    @property
    def is_found(self) -> bool:
        return self.first is not None and not self.fails_without

    @property
    def by(self) -> str | None:
        failure = None if self.first is None else self.first.failure
        return None if failure is None else failure.kind.value

    @property
    def rule(self) -> str:
        failure = None if self.first is None else self.first.failure
        return "" if failure is None else failure.rule

    @property
    def repeat(self) -> str:
        seed = 0 if self.first is None else self.first.seed
        protocol = self.mutant.protocol
        other = f" --protocol {protocol}" if protocol != "multipaxos" else ""
        other += f" --floor {self.floor}" if self.floor != "core" else ""
        return f"gong simulate --seeds {seed}:{seed + 1}{other} --mutant {self.mutant.name}"


@click.command("mutants", epilog=_EPILOG)
@click.option(
    "--protocol",
    type=click.Choice(sorted({mutant.protocol for mutant in MUTANTS.values()})),
    help="Only its mutants.  [default: all]",
)
@click.option(
    "--budget",
    type=click.IntRange(1, 10_000_000),
    default=1000,
    show_default=True,
    metavar="SEEDS",
    help="For each mutant.",
)
@click.option(
    "--mutant",
    "names",
    multiple=True,
    type=click.Choice(list(MUTANTS)),
    metavar="NAME",
    help="Only this one; may be given several times.",
)
@click.option("--floor", type=click.Choice(list(FLOORS)), default="core", show_default=True)
@click.option("--jobs", type=click.IntRange(1, 512), help="Processes.  [default: one a processor]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    *,
    protocol: str | None,
    budget: int,
    names: tuple[str, ...],
    floor: str,
    jobs: int | None,
    as_json: bool,
) -> ExitCode:
    """Run the default worlds with each planted bug until one fails.

    A simulator that finds no bugs may be a bad simulator. Each of these bugs removes one rule of the
    protocol, of storage or of a client; the seed that finds it is run without it as well, and must
    then end well. Bugs of clients are those of the simulated ones, on floor core.
    """
    try:
        find_floor(floor)
    except UnknownFloor as why:
        raise InputError(f"--floor: {why}") from why
    chosen = [
        mutant
        for mutant in MUTANTS.values()
        if protocol in {None, mutant.protocol} and (not names or mutant.name in names)
    ]
    if floor == "runtime":  # its clients are real ones
        chosen = [mutant for mutant in chosen if not mutant.client_name]
    if not chosen:
        asked = f"is of protocol {protocol}" if protocol else "can be planted"
        raise click.UsageError(f"none of the given mutants {asked} on floor {floor}")
    jobs = processors() if jobs is None else jobs
    begun = time.perf_counter()
    with open_executor(jobs, floor=floor) as executor:
        scores = _run(chosen, floor, executor, budget=budget, jobs=jobs)
    seconds = time.perf_counter() - begun
    survivors = [score.mutant.name for score in scores if not score.is_found]
    if as_json:
        click.echo(msgspec.json.encode(_as_json(scores, survivors, seconds, floor, budget)))
    else:
        _print(scores, survivors, seconds)
    return ExitCode.NOT_VALID if survivors else ExitCode.VALID


def _run(
    mutants: list[Mutant], floor: str, executor: Executor, *, budget: int, jobs: int
) -> list[_Score]:
    campaigns = [
        Campaign(Plan(floor=floor, size=Size(protocol=each.protocol, mutant=each.name), end=budget))
        for each in mutants
    ]

    def count() -> tuple[int, str]:
        done = [campaign for campaign in campaigns if campaign.is_done]
        found = sum(bool(campaign.tally.failures) for campaign in done)
        seeds = sum(campaign.finished for campaign in campaigns)
        return len(done), f"mutants, {found} found, {seeds:,} seeds"

    with showing_progress(len(mutants), count) as show:
        run_campaigns(campaigns, executor, jobs=jobs, on_progress=show)
    return [
        _score(mutant, campaign, floor, executor)
        for mutant, campaign in zip(mutants, campaigns, strict=True)
    ]


def _score(mutant: Mutant, campaign: Campaign, floor: str, executor: Executor) -> _Score:
    tally = campaign.tally
    first = tally.failures[0] if tally.failures else None
    fails_without = False
    if first is not None and first.failure is not None:
        world = find_floor(floor).draw_world(first.seed, Size(protocol=mutant.protocol))
        without = executor.submit(run_world, floor, world).result()
        fails_without = is_same_class(without.failure, first.failure)
    return _Score(
        mutant=mutant,
        floor=floor,
        first=first,
        seeds=tally.seeds,
        seconds=tally.worker_seconds,
        fails_without=fails_without,
    )


def _as_json(
    scores: list[_Score], survivors: list[str], seconds: float, floor: str, budget: int
) -> dict[str, Any]:
    return {
        "mutants": [
            {
                "name": score.mutant.name,
                "protocol": score.mutant.protocol,
                "found": score.is_found,
                "seeds": score.seeds,
                "by": score.by,
                "number": score.mutant.number,
                "removes": score.mutant.removes,
                "rule": score.rule,
                "fails_without": score.fails_without,
                "seconds": round(score.seconds, 3),
                "repeat": score.repeat if score.first is not None else None,
            }
            for score in scores
        ],
        "survivors": survivors,
        "seconds": round(seconds, 3),
        "floor": floor,
        "budget": budget,
    }


def _print(scores: list[_Score], survivors: list[str], seconds: float) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("mutant", no_wrap=True)
    table.add_column("rule removed")
    table.add_column("found by")
    table.add_column("seeds", justify="right")
    table.add_column("seconds", justify="right")
    for score in scores:
        by = f"{score.by}: {score.rule}" if score.first is not None else "SURVIVED"
        if score.fails_without:
            by += " (without the mutant, too)"
        table.add_row(
            score.mutant.number,
            score.mutant.name,
            score.mutant.removes,
            by,
            f"{score.seeds:,}",
            f"{score.seconds:.1f}",
        )
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)
    found = len(scores) - len(survivors)
    console.print(f"\n{found} of {len(scores)} found in {seconds:.1f} s")
    if survivors:
        console.print(f"survivors: {', '.join(survivors)}", style="bold red")
