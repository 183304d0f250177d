"""One page out of a history and its verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from harness.report.assembly import asset, content_hash, data_block, script_of, template
from harness.report.columns import Strings, columns, processes
from harness.report.counterexample import picture, table
from harness.report.faults import Band, Faults, read_faults
from harness.report.figures import extent, read_figures, read_verdict
from harness.report.text import name_text, visible
from history.analysis import NS_PER_S, Unavailability, unavailability
from history.history import History

SCRIPTS: Final = ("data", "view", "ink", "faults", "rows", "timeline", "charts", "details", "main")
EVENTS_LISTED_MAX: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a page is about, beside the history and its verdict."""

    title: str
    subtitle: str
    model: str
    command: str
    """Judges the history again."""
    blocks: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """Tables of names and values at the foot of the page."""
    files: Sequence[str] = ()
    """Neighbours of the report, as relative paths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the script draws."""

    history: History
    faults: Faults
    outages: Unavailability
    suspects: Sequence[int]
    """Indices of the operations of the counterexample."""
    culprit: int | None = None
    """The one that no order has a place for."""
    origin: float = field(init=False)
    end: float = field(init=False)
    """The first and the last time of anything that is drawn; pages count from `origin`."""

    def __post_init__(self) -> None:
        faults = self.faults
        times: list[float] = [band.start for band in faults.bands]
        times += [band.end for band in faults.bands if band.end is not None]
        times += [mark.time for mark in faults.marks]
        times += [leader.time for leader in faults.leaders]
        if self.history.operations:
            times += extent(self.history.operations)
        object.__setattr__(self, "origin", min(times, default=0))
        object.__setattr__(self, "end", max(times, default=1))

    def since(self, time: float) -> int:
        """Nanoseconds (or steps) since `origin`."""
        return round(time - self.origin)


def render(history: History, judged: Mapping[str, Any], subject: Subject) -> str:
    """The whole page."""
    operations = history.operations
    faults = read_faults(history.annotations if history.has_times else ())
    shown = Shown(
        history=history,
        faults=faults,
        outages=unavailability(operations if history.has_times else ()),
        suspects=_counterexample(judged, len(operations)),
        culprit=_culprit(judged),
    )
    script, style = script_of(SCRIPTS), asset("page.css")
    events = _events(faults, shown.origin)
    suspects = [operations[i] for i in shown.suspects]
    return template("report.html").render(
        version=version("gong"),
        title=visible(subject.title),
        subtitle=visible(subject.subtitle),
        command=visible(subject.command),
        blocks=subject.blocks,
        files=subject.files,
        verdict=read_verdict(judged, subject.model),
        figures=read_figures(history, faults, judged, shown.outages),
        warnings=[visible(warning) for warning in history.warnings],
        picture=picture(suspects),
        lines=table(suspects, shown.origin, has_times=history.has_times),
        listed_of=len(suspects),
        culprit=shown.culprit,
        count=len(operations),
        unavailable_count=len(shown.outages.windows),
        events=events[:EVENTS_LISTED_MAX],
        events_left_out=max(len(events) - EVENTS_LISTED_MAX, 0),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own files
        style_hash=content_hash(style),
        script_hash=content_hash(script),
        data=Markup(data_block(_data(shown))),  # noqa: S704
    )


def _data(shown: Shown) -> dict[str, Any]:
    history, faults = shown.history, shown.faults
    operations = history.operations
    strings = Strings()
    names, column = processes(operations)
    since = shown.since
    first_call = since(extent(operations)[0]) if operations else 0
    return {
        "unit": "ns" if history.has_times else "step",
        "origin": str(round(shown.origin)),
        "end": since(shown.end),
        "source": visible(Path(history.source).name) if history.source else "the history",
        "concurrency": _concurrency(history.header),
        "processes": names,
        "operations": columns(operations, strings, shown.origin) | {"process": column},
        "strings": strings.table,
        "counterexample": shown.suspects,
        "culprit": shown.culprit,
        "bands": [
            {
                "kind": visible(band.kind),
                "target": band.target,
                "start": since(band.start),
                "end": None if band.end is None else since(band.end),
                "detail": band.detail,
            }
            for band in faults.bands
        ],
        "marks": [
            {
                "f": visible(mark.f),
                "target": mark.target,
                "time": since(mark.time),
                "detail": mark.detail,
            }
            for mark in faults.marks
        ],
        "leaders": [
            {"name": each.name, "time": since(each.time), "detail": each.detail}
            for each in faults.leaders
        ],
        "unavailable": [
            [first_call + round(time * NS_PER_S) for time in (window.begin_s, window.end_s)]
            for window in shown.outages.windows
        ],
    }


def _counterexample(judged: Mapping[str, Any], count: int) -> list[int]:
    """Indices of the operations in the verdict's counterexample, as far as they exist."""
    evidence = judged.get("counterexample")
    indices = evidence.get("operations") if isinstance(evidence, Mapping) else None
    if not isinstance(indices, list):
        return []
    return [i for i in indices if isinstance(i, int) and 0 <= i < count]


def _culprit(judged: Mapping[str, Any]) -> int | None:
    evidence = judged.get("counterexample")
    index = evidence.get("operation") if isinstance(evidence, Mapping) else None
    return index if isinstance(index, int) else None


def _concurrency(header: Mapping[str, Any]) -> int | None:
    """How many clients there were: process `p` belongs to client `p` modulo this."""
    value = header.get("concurrency")
    return value if isinstance(value, int) and value > 0 else None


def _events(faults: Faults, origin: float) -> list[dict[str, Any]]:
    """Faults and events for the table, by time."""

    def line(start: int, what: str, target: str, lasted: str, detail: str) -> dict[str, Any]:
        offset = round(start - origin)
        at = f"{offset / 1e9:.3f} s"
        return {
            "offset": offset, "at": at, "what": visible(what), "target": target,
            "lasted": lasted, "detail": detail,
        }  # fmt: skip

    found = [line(b.start, b.kind, b.target, _lasted(b), b.detail) for b in faults.bands]
    found += [line(m.time, m.f, m.target, "", m.detail) for m in faults.marks]
    found += [line(each.time, "leads", each.name, "", each.detail) for each in faults.leaders]
    return sorted(found, key=lambda each: int(each["offset"]))


def _lasted(band: Band) -> str:
    return "to the end" if band.end is None else f"{(band.end - band.start) / 1e9:.3f} s"


def table_block(title: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """A table for the foot of the page; nested mappings become dotted names."""
    return {"title": title, "rows": _flat(values)}


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        dotted = f"{prefix}{visible(str(name))}"
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{dotted}.")
        else:
            rows.append((dotted, name_text(value)))
    return rows
