"""What the line formats of other tools share: a text whose events stand in the order of its lines."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from history.event import Event
from history.formats.text import decoded
from history.history import History
from history.pairing import pair

Events = Callable[[str, str | None, list[str]], Iterator[tuple[int, Event]]]
"""From text, source, and a list to add warnings to: events, each with its line."""


def read_log(file: BinaryIO, events: Events, *, format: str, source: str | None) -> History:  # noqa: A002 - the field's name
    """Read and pair a whole file; its lines are the order, there is no other clock."""
    warnings: list[str] = []
    paired = pair(
        events(decoded(file.read(), source), source, warnings), source=source, ranked_by_time=False
    )
    return History(
        operations=paired.operations,
        annotations=paired.annotations,
        warnings=warnings,
        source=source,
        format=format,
        has_times=False,
    )
