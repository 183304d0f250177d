"""The counterexample as a small picture and a table: order and overlap, not seconds.

Each operation gets a line of its own, from its call to its return; the horizontal axis counts
the calls and returns of these operations only. Whether A precedes B is then plain to see, however
far apart they lie in the run. It is drawn on the server's side, so it prints and needs no script.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.report.text import name_text, value_text
from history import Operation, Outcome

DRAWN_MAX: Final = 24
"""More lines than this are not taken in at a glance; the table below the picture goes on."""
LISTED_MAX: Final = 200

LINE: Final = 24
LEFT: Final = 150
WIDTH: Final = 1300
CHARACTER: Final = 7.3
"""Width of a character of the picture's font, about."""
LABEL_MAX: Final = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One operation in the picture; lengths in pixels."""

    index: int
    name: str
    label: str
    x: float
    y: int
    width: float
    is_open: bool

    @property
    def label_x(self) -> float:
        """Inside the bar where the label fits, behind it otherwise, or before it near the edge."""
        need = len(self.label) * CHARACTER
        if self.is_open or need + 10 < self.width:
            return self.x + 6
        behind = self.x + self.width + 6
        return behind if behind + need < WIDTH else max(self.x - need - 6, LEFT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All bars, and the size of the drawing."""

    bars: list[Bar]
    width: int
    height: int
    ticks: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One operation in the table."""

    index: int
    process: str
    f: str
    key: str
    value: str
    result: str
    call: str
    return_: str
    line: str


def label(operation: Operation) -> str:
    """What happened, in a few characters: `put 5`, `get → 3`, `cas [1,2] → ?`."""
    words = name_text(operation.f)
    if operation.value is not None:
        words += f" {value_text(operation.value)}"
    result = _result(operation)
    return f"{words} → {result}" if result else words


def picture(operations: Sequence[Operation]) -> Picture | None:
    """The last operations of a counterexample; None when there are none."""
    chosen = sorted(operations, key=lambda o: o.call)[-DRAWN_MAX:]
    if not chosen:
        return None
    ranks = sorted({o.call for o in chosen} | {o.return_ for o in chosen if o.return_ is not None})
    step = (WIDTH - LEFT - 40) / (len(ranks) + 1)
    place = {rank: LEFT + (number + 0.5) * step for number, rank in enumerate(ranks)}
    bars = [
        Bar(
            index=o.index,
            name=f"#{o.index} · {_process(o)}",
            label=_cut(label(o)),
            x=place[o.call],
            y=6 + number * LINE,
            width=(WIDTH - 10 if o.return_ is None else place[o.return_]) - place[o.call],
            is_open=o.return_ is None,
        )
        for number, o in enumerate(chosen)
    ]
    return Picture(
        bars=bars, width=WIDTH, height=12 + len(bars) * LINE, ticks=sorted(place.values())
    )


def table(operations: Sequence[Operation], origin: float, *, has_times: bool) -> list[Line]:
    """The operations in words, by call."""

    def moment(time: float | None) -> str:
        if time is None:
            return "never"
        return f"{(time - origin) / 1e9:.6f} s" if has_times else str(time)

    return [
        Line(
            index=o.index,
            process=_process(o),
            f=name_text(o.f),
            key="" if o.key is None else name_text(o.key),
            value="" if o.value is None else value_text(o.value),
            result=_result(o),
            call=moment(o.call_time),
            return_="open" if o.outcome is Outcome.UNKNOWN else moment(o.return_time),
            line="" if o.line is None else str(o.line),
        )
        for o in sorted(operations, key=lambda o: o.call)[:LISTED_MAX]
    ]


def _cut(words: str) -> str:
    return words if len(words) <= LABEL_MAX else f"{words[: LABEL_MAX - 1]}…"


def _process(operation: Operation) -> str:
    process: Any = operation.process
    return f"process {process}" if isinstance(process, int) else name_text(process)


def _result(operation: Operation) -> str:
    if operation.outcome is Outcome.UNKNOWN:
        return "?"
    if operation.outcome is Outcome.FAILED:
        return "failed"
    if operation.is_mismatch:
        return "mismatch"
    if operation.output is None and operation.f not in {"read", "get", "peek"}:
        return ""
    if operation.output == operation.value and operation.value is not None:
        return ""
    return value_text(operation.output)
