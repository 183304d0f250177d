"""A run as text: one line an event, a column a host, for `less -S` and `diff`.

       time       w  c1  r1  r2  r3
    1.204311 s    │   │   ●   │   │   replica 1 → 2   Accept 1.1 slot=7
    1.206020 s    │   │   ├──▶│   │   replica 2 ← 1   Accept 1.1 slot=7   after 1.71 ms
    1.300000 s    │   │   ┴   │   │   replica 1       crash: power

A dotted lane is a host that is down. Everything after the lanes can be searched for.
"""

from collections.abc import Iterator
from typing import Final

from harness.report.text import visible
from harness.simulation.story import Story
from harness.simulation.trace import Event
from harness.simulation.words import moment_text, time_text, world_text

HEADING_EVERY: Final = 60
"""Lines; about a screen."""

TEXT_MAX: Final = 160

_MARKS: Final = {
    "send": "●",
    "crash": "┴",
    "refuse": "┴",
    "start": "┬",
    "restart": "┬",
    "invoke": "○",
    "done": "◎",
    "ok": "◎",
    "lose": "✕",
    "failure": "✗",
}
_UPS: Final = ("start", "restart", "send", "invoke")
_DOWNS: Final = ("crash", "refuse")


def lines(story: Story) -> Iterator[str]:
    """The head, and one line for each event."""
    yield f"# {story.title}"
    yield f"# {visible(story.end)}"
    yield f"# {story.command}"
    if story.note:
        yield f"# {story.note}"
    if story.moment is not None:
        yield f"# {moment_text(story.moment)}"
    for line in world_text(story.outcome.world):
        yield f"#   {line}"
    wide = 1 + max((len(_short(host)) for host in story.hosts), default=0)
    heading = f"#{'time':>13}   {''.join(f'{_short(host):>{wide}}' for host in story.hosts)}"
    down: set[str] = set()
    for number, event in enumerate(story.events):
        if number % HEADING_EVERY == 0:
            yield heading
        if event.kind in _UPS:
            down.discard(event.host)
        lanes = _lanes(story, event, down, wide)
        yield f"{event.at / 1e9:12.6f} s   {lanes}   {_words(story, event)}".rstrip()
        if event.kind in _DOWNS:
            down.add(event.host)


def _short(host: str) -> str:
    """`r3` for replica 3, `c101` for client 101."""
    name, _, number = visible(host).rpartition(" ")
    return f"{name[:1]}{number}" if name else number[:3] if host != "world" else "w"


def _lanes(story: Story, event: Event, down: set[str], wide: int) -> str:
    """`wide` characters a host; an arrow from the lane of the sender to that of the receiver."""
    hosts = story.hosts
    cells = [*" " * (wide - 1), "│"] * len(hosts)
    for host in down:
        cells[wide * (hosts.index(host) + 1) - 1] = "·"
    at = wide * (hosts.index(event.host) + 1) - 1
    sending = story.sent.get(event.message)
    if event.kind in {"deliver", "lose"} and sending is not None and sending.host != event.host:
        source = wide * (hosts.index(sending.host) + 1) - 1
        step = 1 if at > source else -1
        for i in range(source + step, at, step):
            cells[i] = "┼" if cells[i] == "│" else "─"
        cells[source] = "├" if step > 0 else "┤"
        cells[at - step] = "✕" if event.kind == "lose" else "▶" if step > 0 else "◀"
    else:
        cells[at] = _MARKS.get(event.kind, "◆")
    return "".join(cells)


def _words(story: Story, event: Event) -> str:
    sending = story.sent.get(event.message)
    what = visible(story.words(event))
    what = what if len(what) <= TEXT_MAX else f"{what[:TEXT_MAX]}…"
    host = visible(event.host)
    if event.kind == "send":
        return f"{host} → {visible(event.peer)}: {what}"
    if sending is not None and event.kind in {"deliver", "lose"}:
        end = "is lost" if event.kind == "lose" else f"after {time_text(event.at - sending.at)}"
        return f"{host} ← {visible(sending.host)}: {what}, {end}"
    return f"{host}  {visible(event.kind)}{f': {what}' if what else ''}"
