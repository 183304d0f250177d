"""A space-time diagram of one run: hosts side by side, time downwards, messages as arrows.

After Lamport, "Time, clocks, and the ordering of events in a distributed system", CACM 21 (1978),
turned upside down, since people read and scroll downwards and words are horizontal.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from harness.report.assembly import (
    asset,
    content_hash,
    data_block,
    script_of,
    template,
    write_page,
)
from harness.report.columns import Strings
from harness.report.text import name_text, visible
from harness.simulation.lanes import lines
from harness.simulation.links import FIRST_CLIENT
from harness.simulation.story import Story
from harness.simulation.words import fault_text, moment_text, time_text, world_text
from harness.simulation.world import Fault, Kind

SCRIPTS: Final = tuple(
    f"diagram/{name}" for name in ("data", "lanes", "axis", "ink", "draw", "find", "main")
)

_LASTS_NOT: Final = frozenset(
    {Kind.FAIL_FSYNC, Kind.FAIL_READ, Kind.FLIP_BIT, Kind.CLOCK_STEP, Kind.CRASH_AT_FAILPOINT}
)
"""Faults of a moment; what follows from them is in the events."""

_CONCERNS_ALL: Final = frozenset(
    {
        Kind.RING,
        Kind.CUT_LEADERS,
        Kind.STRAND_LEADER,
        Kind.SUSPEND_LEADER,
        Kind.USURP_LEADER,
        Kind.TURN_BACK,
    }
)
"""Whom they meet shows when they happen."""


def write_diagram(path: Path, story: Story) -> None:
    """A page where the name ends in `.html`, text otherwise.

    Raises:
        ReportError: `path` cannot be written.
    """
    if path.suffix.lower() == ".html":
        write_page(path, page(story))
    else:
        write_page(path, "\n".join(lines(story)) + "\n")


def page(story: Story) -> str:
    """The whole page."""
    world, outcome = story.outcome.world, story.outcome
    script = script_of(SCRIPTS)
    style = asset("page.css") + asset("diagram/diagram.css")
    size, always, *_ = world_text(world)
    failure = outcome.failure
    return template("diagram.html").render(
        version=version("gong"),
        title=visible(story.title),
        end=visible(story.end),
        mood="bad" if failure else "unsure" if outcome.undecided else "good",
        word=_word(story),
        sentence=visible(failure.what if failure else outcome.undecided or size),
        command=visible(story.command),
        note=visible(story.note),
        moment=moment_text(story.moment) if story.moment else "",
        has_turning_point=_turning_point(story) is not None,
        figures=_figures(story),
        always=always,
        faults=[
            {"at": fault.at, "time": time_text(fault.at), "words": fault_text(fault)}
            for fault in world.faults
        ],
        style=Markup(style),  # noqa: S704 - our own files
        script=Markup(script),  # noqa: S704 - our own files
        style_hash=content_hash(style),
        script_hash=content_hash(script),
        data=Markup(data_block(data(story))),  # noqa: S704 - see data_block
    )


def data(story: Story) -> dict[str, Any]:
    """What the script draws: events as columns over one table of texts."""
    strings, kinds, types = Strings(), Strings(), Strings()
    lanes = {host: place for place, host in enumerate(story.hosts)}
    events = story.events
    failure = story.outcome.failure
    return {
        "hosts": [visible(host) for host in story.hosts],
        "at": _differences([event.at for event in events]),
        "host": [lanes[event.host] for event in events],
        "kind": [kinds.number(visible(event.kind)) for event in events],
        "message": [event.message for event in events],
        "peer": [lanes.get(event.peer, -1) for event in events],
        "type": [types.number(visible(story.type_of(event))) for event in events],
        "words": [strings.number(visible(story.words(event))) for event in events],
        "detail": [strings.number(name_text(event.detail or event.text)) for event in events],
        "kinds": kinds.table,
        "types": types.table,
        "strings": strings.table,
        "faults": [_band(fault, story, lanes) for fault in story.outcome.world.faults],
        "horizon": story.outcome.world.horizon,
        "failure": {"at": failure.at, "words": visible(failure.rule)} if failure else None,
        "moment": _turning_point(story),
    }


def _turning_point(story: Story) -> list[int] | None:
    """From when to when the failure became likely, unless it was from the beginning."""
    moment = story.moment
    if moment is None or moment.is_the_beginning:
        return None
    return [moment.before.at, moment.after.at]


def _differences(times: list[int]) -> list[int]:
    return [now - before for before, now in zip([0, *times], times, strict=False)]


def _band(fault: Fault, story: Story, lanes: dict[str, int]) -> dict[str, Any]:
    """Beside which lanes a fault is drawn, and for how long."""
    kind = fault.kind
    targets = [fault.target]
    if kind in {Kind.CUT, Kind.CUT_BOTH}:
        targets.append(fault.other)
    elif kind in _CONCERNS_ALL:
        targets = list(range(1, story.outcome.world.replicas + 1))
    numbers = {_number(host): place for host, place in lanes.items() if host != "world"}
    end = fault.at if kind in _LASTS_NOT else max(fault.until, fault.at)
    return {
        "kind": kind.value,
        "lanes": [numbers[target] for target in targets if target in numbers],
        "start": fault.at,
        "end": end,
        "words": fault_text(fault),
        "isClient": fault.target >= FIRST_CLIENT,
    }


def _number(host: str) -> int:
    """3 for replica 3."""
    digits = "".join(character for character in host if character.isdigit())
    return int(digits) if digits else -1


def _word(story: Story) -> str:
    failure = story.outcome.failure
    if failure is not None:
        return f"{failure.kind.value}: {visible(failure.rule)}"
    return "Undecided" if story.outcome.undecided else "Nothing failed"


def _figures(story: Story) -> list[tuple[str, str]]:
    """The size of the run in numbers."""
    outcome = story.outcome
    return [
        ("virtual time", time_text(outcome.virtual)),
        ("events", f"{len(story.events):,}"),
        ("messages", f"{outcome.messages:,}"),
        ("crashes", f"{outcome.crashes:,}"),
        ("operations", f"{outcome.operations:,}"),
        ("trace", outcome.trace_hash[:12]),
    ]
