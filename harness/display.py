"""What a person sees while a run goes on, and the summary at its end. All of it on stderr."""

from collections.abc import Mapping
from typing import Any, Final

import click
import trio
from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.runner import Progress

REFRESH_S: Final = 0.25
LINE_EVERY_S: Final = 5.0
"""Where stderr is no terminal, one line this often."""


async def show_progress(progress: Progress) -> None:
    """Show `progress` until cancelled: a live line on a terminal, else a line now and then."""
    console = Console(stderr=True)
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(Text(progress_line(progress, trio.current_time())), refresh=True)
                await trio.sleep(REFRESH_S)
    while True:
        click.echo(progress_line(progress, trio.current_time()), err=True)
        await trio.sleep(LINE_EVERY_S)


def progress_line(progress: Progress, now: float) -> str:
    """`  12.3 s  loading   4,321 ok  3 failed  5 unknown   kills 4   leader: …`."""
    if not progress.started_at:
        return f"{progress.phase} …"
    faults = "  ".join(f"{name} {count}" for name, count in progress.toll.faults.items())
    return (
        f"{now - progress.started_at:6.1f} s  {progress.phase:<11}  {progress.ok:,} ok  "
        f"{progress.failed:,} failed  {progress.unknown:,} unknown  {faults}  "
        f"leader: {progress.leader}"
    )


def summary(result: Mapping[str, Any]) -> str:
    """The end of a run in a few lines: verdict first, then how hard it was won."""
    latency = result["latency_ms"] or {"p50": 0.0, "p99": 0.0, "max": 0.0}
    kills = result["kills"]
    lines = [
        _headline(result),
        (
            f"  operations   {result['operations']:,} ({result['ok']:,} ok, {result['fail']:,} failed, "
            f"{result['info']:,} unknown), {result['retries']:,} retries"
        ),
        f"  throughput   {result['throughput']:,.0f} per second for {result['seconds']:.1f} s",
        (
            f"  latency      p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms, "
            f"max {latency['max']:.0f} ms"
        ),
    ]
    if result["faults"]:
        faults = ", ".join(f"{name} {count}" for name, count in result["faults"].items())
        lines.append(
            f"  faults       {faults}; the leader changed {result['leader_changes']} times"
        )
    if kills:
        fewest = min(kill["in_flight"] for kill in kills)
        lines.append(
            f"  each kill    hit {fewest} or more operations in flight; a new leader was seen "
            f"within {result['slowest_election_s'] or float('nan'):.2f} s"
        )
    lines.append(
        f"  unavailable  {result['unavailable_s']:.1f} s in all, "
        f"{result['longest_unavailable_s']:.1f} s at most at a time"
    )
    if result["counterexample"]:
        lines += ["", result["counterexample"]["explanation"]]
    lines += ["", f"  report       {result['run']}/report.html"]
    return "\n".join(lines)


def _headline(result: Mapping[str, Any]) -> str:
    verdict, reason = _HEADLINES[result["verdict"]], result["reason"]
    promise = "linearizable"
    if result.get("consistency") == "mdl":
        promise = "multi-dispatch linearizable"
        verdict = verdict.replace("LINEARIZABLE", promise.upper())
    if reason is None:
        return verdict
    if result["verdict"] == "linearizable":
        return f"FAILED: {reason}\n  what clients saw was {promise}"
    return f"{verdict}: {reason}"


_HEADLINES: Final = {
    "linearizable": "LINEARIZABLE",
    "not-linearizable": "NOT LINEARIZABLE",
    "undecided": "UNDECIDED",
}
