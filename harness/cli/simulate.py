"""`gong simulate`: whole clusters in worlds that seeds decide."""

import shlex
import time
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from harness.campaign_display import (
    FAILURES_MAX,
    failure_lines,
    print_lines,
    print_tally,
    showing_progress,
)
from harness.cli import ExitCode, InputError
from harness.cli.numbers import POSITIVE, Seeds
from harness.cli.simulated import read_world, refuse_what_is_not_there, write
from harness.mutants import MUTANTS
from harness.report.assembly import ReportError
from harness.simulation.book import Book, BookError
from harness.simulation.campaign import Campaign, Plan, run_campaigns
from harness.simulation.diagram import write_diagram
from harness.simulation.floors import FLOORS, Floor, UnknownFloor, find_floor
from harness.simulation.likely import Moment, find_moment
from harness.simulation.pool import open_executor, processors
from harness.simulation.seeds import run_world
from harness.simulation.shrink import Shrunk, shrink
from harness.simulation.story import tell
from harness.simulation.tally import Finished, Tally
from harness.simulation.words import moment_text, world_text
from harness.simulation.world import Size, World

_EPILOG: Final = """\b
Example:
  gong simulate --seeds 1000
  gong simulate --seeds 17:18 --trace run.html
\b
Exit status: 0 no seed failed, 1 one did, 2 undecided, for example when no fault did anything in
any run; 254 wrong arguments.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The options, once they make sense."""

    floor: Floor
    size: Size
    seeds: range
    world_path: Path | None
    world: World | None
    """Instead of seeds."""
    keep_going: bool
    resume: Path | None
    jobs: int
    trace: Path | None
    cuts_down: bool
    shrink_s: float
    shrunk: Path | None
    wants_moment: bool
    as_json: bool

    def world_of(self, seed: int) -> World:
        """What the seed means here."""
        return self.world or self.floor.draw_world(seed, self.size)


@dataclass(slots=True, kw_only=True)
class _Findings:
    """What is known of the first failure beyond its outcome."""

    shrunk: Shrunk | None = None
    moment: Moment | None = None


@click.command("simulate", epilog=_EPILOG)
@click.option(
    "--protocol", type=click.Choice(["multipaxos", "mdl"]), default="multipaxos", show_default=True
)
@click.option(
    "--seeds",
    type=Seeds(),
    default="100",
    show_default=True,
    metavar="N|A:B",
    help="The first N seeds, or A to B - 1: 17:18 is the single seed 17.",
)
@click.option("--replicas", type=click.IntRange(1, 15), help="[default: drawn]")
@click.option(
    "--shards",
    type=click.IntRange(1, 9),
    help="More than one only with mdl.  [default: drawn with mdl, otherwise 1]",
)
@click.option(
    "--coordination",
    type=click.Choice(["durable", "fast"]),
    help="How shards agree on an order; only with mdl.  [default: drawn]",
)
@click.option(
    "--operations", type=click.IntRange(1, 100_000), help="Over all clients.  [default: drawn]"
)
@click.option(
    "--mutant",
    type=click.Choice(list(MUTANTS)),
    metavar="NAME",
    help="With a planted bug; `gong mutants` lists them.",
)
@click.option(
    "--floor",
    "floor_name",
    type=click.Choice(list(FLOORS)),
    default="core",
    show_default=True,
    help="core: cores on an event loop; runtime: whole replicas and clients on a fake clock.",
)
@click.option("--keep-going", is_flag=True, help="Run all seeds, whatever fails.")
@click.option(
    "--resume",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write finished seeds there, and do not run again those that are in it.",
)
@click.option("--jobs", type=click.IntRange(1, 512), help="Processes.  [default: one a processor]")
@click.option(
    "--trace",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Diagram of the first failure, cut down, or of the only seed: .html a page, else text.",
)
@click.option("--no-shrink", is_flag=True, help="Do not cut a failing world down.")
@click.option(
    "--shrink-limit",
    "shrink_s",
    type=POSITIVE,
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds for cutting down, and as many for --moment.",
)
@click.option(
    "--shrunk",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the world that is left, for --world.",
)
@click.option(
    "--moment", "wants_moment", is_flag=True, help="Look for when the failure became likely."
)
@click.option(
    "--world",
    "world_path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run the one world that --shrunk wrote; seeds and sizes are its own.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    *,
    protocol: str,
    seeds: range,
    replicas: int | None,
    shards: int | None,
    coordination: str | None,
    operations: int | None,
    mutant: str | None,
    floor_name: str,
    jobs: int | None,
    no_shrink: bool,
    world_path: Path | None,
    **options: Any,  # noqa: ANN401
) -> ExitCode:
    """Run clusters in simulated worlds, one for each seed: equal seeds, equal runs.

    A seed decides the size of the cluster, what the network and the disks do, when replicas and
    clients crash, and what the clients ask. What they were answered is judged, promises are looked
    at after every step, and a healed cluster must finish what is pending.
    """
    refuse_what_is_not_there(protocol, shards, coordination, mutant=mutant, floor=floor_name)
    try:
        floor = find_floor(floor_name)
    except UnknownFloor as why:
        raise InputError(f"--floor: {why}") from why
    world = None if world_path is None else read_world(world_path)
    asked = _Asked(
        floor=floor,
        size=Size(
            protocol=protocol,
            replicas=replicas,
            shards=None if protocol != "mdl" else shards,
            coordination=coordination,
            operations=operations,
            mutant=mutant or "",
        ),
        seeds=seeds if world is None else range(world.seed, world.seed + 1),
        world_path=world_path,
        world=world,
        jobs=processors() if jobs is None else jobs,
        cuts_down=not no_shrink,
        **options,
    )
    begun = time.perf_counter()
    with open_executor(asked.jobs, floor=asked.floor.name) as executor:
        tally = _run_seeds(asked, executor) if world is None else _run_world(asked, world)
        seconds = time.perf_counter() - begun
        findings = _look_closer(asked, tally, executor)
    _write_trace(asked, tally, findings)
    if asked.as_json:
        click.echo(msgspec.json.encode(_as_json(asked, tally, seconds, findings)))
    else:
        print_tally(tally, seconds, is_whole=asked.keep_going or not tally.failures)
        print_lines(_in_words(asked, tally, findings))
    return _exit_code(tally)


def _run_seeds(asked: _Asked, executor: Executor) -> Tally:
    plan = Plan(
        floor=asked.floor.name,
        size=asked.size,
        first=asked.seeds.start,
        end=asked.seeds.stop,
        keep_going=asked.keep_going,
    )
    with ExitStack() as stack:
        book = None
        if asked.resume is not None:
            try:
                book = stack.enter_context(Book(asked.resume, plan.floor, plan.size))
            except BookError as why:
                raise InputError(f"--resume: {why}") from why
        campaign = Campaign(plan, book=book)
        tally = campaign.tally

        def count() -> tuple[int, str]:
            failed = f", {len(tally.failures)} failed" if tally.failures else ""
            return campaign.finished, f"seeds{failed}"

        show = stack.enter_context(showing_progress(len(asked.seeds), count))
        run_campaigns([campaign], executor, jobs=asked.jobs, on_progress=show)
    return tally


def _run_world(asked: _Asked, world: World) -> Tally:
    begun = time.perf_counter()
    tally, outcome = Tally(), run_world(asked.floor.name, world)
    tally.add(Finished.of(world.seed, outcome, time.perf_counter() - begun))
    return tally


def _look_closer(asked: _Asked, tally: Tally, executor: Executor) -> _Findings:
    """Cut the first failure down, and look for its moment, as far as that was asked for."""
    findings = _Findings()
    if not tally.failures or not (asked.cuts_down or asked.wants_moment):
        return findings
    first = tally.failures[0]
    world = asked.world_of(first.seed)
    click.echo(f"seed {first.seed} fails; looking closer …", err=True)
    outcome = executor.submit(run_world, asked.floor.name, world).result()
    if outcome.failure != first.failure or outcome.trace_hash != first.trace_hash:
        raise AssertionError(f"seed {first.seed} did not end as before: {outcome.failure}")
    if asked.cuts_down:
        findings.shrunk = shrink(
            outcome, asked.floor.name, executor, jobs=asked.jobs, time_limit_s=asked.shrink_s
        )
        outcome = findings.shrunk.outcome
        if asked.shrunk is not None:
            write(asked.shrunk, outcome.world.to_json() + b"\n")
    if asked.wants_moment:
        assert outcome.failure is not None
        findings.moment = find_moment(
            outcome.world, outcome.failure, asked.floor.name, executor, jobs=asked.jobs,
            time_limit_s=asked.shrink_s,
        )  # fmt: skip
    return findings


def _write_trace(asked: _Asked, tally: Tally, findings: _Findings) -> None:
    if asked.trace is None:
        return
    if not tally.failures and len(asked.seeds) > 1:
        click.echo("no seed failed: there is no diagram to write", err=True)
        return
    seed = tally.failures[0].seed if tally.failures else asked.seeds.start
    world, note = asked.world_of(seed), ""
    if findings.shrunk is not None:
        whole, world = world, findings.shrunk.world
        note = (
            f"Cut down from {len(whole.faults)} faults, {whole.operations} operations and "
            f"{whole.replicas} replicas by {findings.shrunk.runs} runs; the command repeats the "
            "whole run."
        )
    story = tell(world, asked.floor.name, _repeat(asked, seed), note=note, moment=findings.moment)
    try:
        write_diagram(asked.trace, story)
    except ReportError as why:
        raise InputError(str(why)) from why


def _repeat(asked: _Asked, seed: int) -> str:
    """The command that runs exactly this seed again."""
    size = asked.size
    words = ["gong", "simulate"]
    if asked.world_path is not None:
        words += ["--world", str(asked.world_path)]
    else:
        words += ["--seeds", f"{seed}:{seed + 1}"]
    words += ["--protocol", size.protocol] if size.protocol != "multipaxos" else []
    words += ["--replicas", str(size.replicas)] if size.replicas is not None else []
    words += ["--shards", str(size.shards)] if size.shards is not None else []
    words += ["--coordination", size.coordination] if size.coordination is not None else []
    words += ["--operations", str(size.operations)] if size.operations is not None else []
    words += ["--mutant", size.mutant] if size.mutant else []
    words += ["--floor", asked.floor.name] if asked.floor.name != "core" else []
    return shlex.join(words)


def _as_json(asked: _Asked, tally: Tally, seconds: float, findings: _Findings) -> dict[str, Any]:
    failures: list[dict[str, Any]] = [
        {
            "seed": each.seed,
            "kind": each.failure.kind.value,
            "rule": each.failure.rule,
            "what": each.failure.what,
            "at": each.failure.at,
            "repeat": _repeat(asked, each.seed),
        }
        for each in tally.failures
        if each.failure is not None
    ]
    if findings.shrunk is not None:
        failures[0]["shrunk"] = findings.shrunk.world
    if findings.moment is not None:
        failures[0]["moment"] = findings.moment
    return {
        "seeds": tally.seeds,
        "failures": failures,
        "seconds": round(seconds, 3),
        "virtual_seconds": tally.virtual / 1e9,
        "messages": tally.messages,
        "crashes": tally.crashes,
        "trace_hash": tally.trace_hash,
        "floor": asked.floor.name,
        "first_seed": asked.seeds.start,
        "operations": tally.operations,
        "completed": tally.completed,
        "undecided": [{"seed": e.seed, "reason": e.undecided} for e in tally.undecided],
        "quiet": tally.quiet,
        "unavailable": tally.unavailable,
        "bites": {
            kind: {"seeds": tally.bite_seeds[kind], "times": times}
            for kind, times in sorted(tally.bite_times.items())
        },
        "marks_never_passed": tally.marks_never_passed,
        "reason": None if tally.failures else tally.too_quiet or None,
    }


def _in_words(asked: _Asked, tally: Tally, findings: _Findings) -> list[str]:
    """Failures, each with the command that repeats it; the first one cut down."""
    lines = []
    for each in tally.failures[:FAILURES_MAX]:
        assert each.failure is not None
        lines += ["", *failure_lines(each.seed, each.failure, _repeat(asked, each.seed))]
        if each is tally.failures[0]:
            lines += _closer_words(findings)
    if len(tally.failures) > FAILURES_MAX:
        seeds = ", ".join(str(each.seed) for each in tally.failures[FAILURES_MAX:])
        lines += ["", f"and seeds {seeds}"]
    lines += [f"seed {each.seed} is undecided: {each.undecided}" for each in tally.undecided[:5]]
    if not tally.failures:
        lines.append(f"undecided: {tally.too_quiet}" if tally.too_quiet else "")
    if asked.trace is not None and asked.trace.exists():
        lines.append(f"diagram: {asked.trace}")
    return lines or [""]


def _closer_words(findings: _Findings) -> list[str]:
    lines = []
    if findings.shrunk is not None:
        runs, is_complete = findings.shrunk.runs, findings.shrunk.is_complete
        rest = "nothing of it can go" if is_complete else "there was no time to try more"
        lines.append(f"  what it takes, after {runs:,} runs ({rest}):")
        lines += [f"    {line}" for line in world_text(findings.shrunk.world)]
    if findings.moment is not None:
        lines.append(f"  {moment_text(findings.moment)}")
    return lines


def _exit_code(tally: Tally) -> ExitCode:
    if tally.failures:
        return ExitCode.NOT_VALID
    return ExitCode.UNDECIDED if tally.undecided or tally.too_quiet else ExitCode.VALID
