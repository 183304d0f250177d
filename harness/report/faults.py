"""What the nemesis did, out of a history's annotations: bands, single events, who led when.

Nothing is known about the names that a nemesis uses, so words are recognised: an annotation named
`kill-…` on a target opens a band that `restart` on the same target closes; `pause` and `resume`,
`start-X` and `stop-X`, `partition` and `heal` likewise. A closing word without a target closes
every band; but a killed replica is down until its own restart, if there is one. Whatever opens or
closes nothing is a single event. `leader` annotations become stretches of leadership.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import UNSET

from harness.report.text import detail_text, name_text
from history import Event, Invocation

CRASHES: Final = frozenset({"kill", "crash", "terminate"})
PAUSES: Final = frozenset({"pause", "suspend", "freeze", "hang", "stall"})
OPENING: Final = (
    CRASHES
    | PAUSES
    | {"block", "clog", "corrupt", "cut", "delay", "drop", "fill", "flaky", "isolate", "lose"}
    | {"partition", "skew", "slow", "strobe"}
)
CLOSING: Final = {
    **dict.fromkeys(("restart", "start", "recover", "join"), CRASHES),
    **dict.fromkeys(("resume", "continue", "cont", "thaw", "unpause"), PAUSES),
    **dict.fromkeys(("heal", "restore", "reset", "repair", "reconnect", "unblock", "fast"), None),
    **dict.fromkeys(("stop", "end"), None),
}
"""What a closing word ends; None for whatever is in effect."""
LEADERS: Final = frozenset({"leader", "leader-change", "new-leader", "elected"})
TARGETS: Final = ("replica", "node", "target", "id", "replicas", "nodes", "targets")
CLUSTER: Final = "cluster"
"""The target of a fault that names none."""


@dataclass(slots=True, kw_only=True)
class Band:
    """A fault in effect from `start` to `end`; `end` is None when nothing ended it."""

    kind: str
    target: str
    start: int
    end: int | None = None
    detail: str = ""
    heal: int | None = field(default=None, repr=False)
    """A general heal during a crash: its end, unless the replica's own restart follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A single event."""

    f: str
    target: str
    time: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """`name` leads from `time` on."""

    name: str
    time: int
    detail: str = ""


@dataclass(slots=True)
class Faults:
    """Everything an annotation can become; times as in the history."""

    bands: list[Band] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    leaders: list[Leader] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Replicas killed, by the words of the annotations."""
        return sum(_words(band.kind)[0] in CRASHES for band in self.bands)


def read_faults(annotations: Iterable[Event]) -> Faults:
    """Sort annotations into bands, events and leaders; those without a time are left out."""
    faults = Faults()
    opened: list[Band] = []
    asked: set[tuple[object, str]] = set()
    for event in annotations:
        if event.time is None or event.f is None:
            continue
        who = (event.process, event.f)
        if not isinstance(event, Invocation) and who in asked:
            asked.discard(who)  # the completion of what was already drawn at its invocation
            _confirm(event, opened)
            continue
        if isinstance(event, Invocation):
            asked.add(who)
        _read(event, event.f, event.time, faults, opened)
    for band in faults.bands:
        band.end = band.heal if band.end is None else band.end
    return faults


def _read(event: Event, f: str, time: int, faults: Faults, opened: list[Band]) -> None:
    target, detail = _target(event), _detail(event)
    if f in LEADERS:
        if target is not None and (not faults.leaders or faults.leaders[-1].name != target):
            faults.leaders.append(Leader(name=target, time=time, detail=detail))
        return
    if closed := _closed(f, target, opened):
        for band in closed:
            if target is None and _words(band.kind)[0] in CRASHES:
                band.heal = time
            else:
                band.end = time
                opened.remove(band)
        return
    where = target or CLUSTER
    verb, *rest = _words(f)
    if verb in OPENING or verb == "start":
        kind = f if verb in OPENING else "-".join(rest) or "fault"
        twin = next((b for b in opened if b.kind == kind and b.target == where), None)
        if twin is None or twin.heal is not None:
            if twin is not None:
                opened.remove(twin)
            opened.append(Band(kind=kind, target=where, start=time, detail=detail))
            faults.bands.append(opened[-1])
        return
    faults.marks.append(Mark(f=f, target=where, time=time, detail=detail))


def _closed(f: str, target: str | None, opened: list[Band]) -> list[Band]:
    """The bands that an annotation named `f` closes."""
    verb, *rest = _words(f)
    if verb not in CLOSING:
        return []
    kinds = CLOSING[verb]
    here = [band for band in opened if target is None or band.target in {target, CLUSTER}]
    if kinds is not None:
        return [band for band in here if _words(band.kind)[0] in kinds]
    subject = "-".join(rest) or ("fault" if verb in {"stop", "end"} else "")
    return [band for band in here if subject in band.kind]


def _confirm(event: Event, opened: list[Band]) -> None:
    """A completion may know more than its invocation: what exactly was hurt."""
    target = _target(event)
    for band in opened:
        if band.kind == event.f and band.target == CLUSTER and target is not None:
            band.target, band.detail = target, _detail(event)


def _detail(event: Event) -> str:
    """What the value says beside the target."""
    value = event.value
    if isinstance(value, Mapping):
        value = {name: each for name, each in value.items() if name not in TARGETS}
        return detail_text(value)
    return "" if event.node is None and _target(event) is not None else detail_text(value)


def _words(f: str) -> list[str]:
    return f.replace("_", "-").replace(":", "-").lower().split("-")


def _target(event: Event) -> str | None:
    """Who was hurt: the annotation's node, or what its value names."""
    if event.node is not None:
        return name_text(event.node)
    value: Any = event.value
    if value is UNSET or value is None or isinstance(value, bool | float):
        return None
    if isinstance(value, Mapping):
        for name in TARGETS:
            if value.get(name) is not None:
                return _target_name(name, value[name])
        return None
    return _target_name("replica", value) if isinstance(value, int | str) else None


def _target_name(field_name: str, value: object) -> str:
    if isinstance(value, list):
        return ", ".join(name_text(each) for each in value) or CLUSTER
    if isinstance(value, int):
        return f"{'node' if field_name == 'node' else 'replica'} {value}"
    return name_text(value)
