"""A history: the operations of one file or one run, in the order in which they were invoked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from history.columns import Columns
from history.event import Event
from history.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What clients did, ready to be judged, and what was said about it."""

    operations: Sequence[Operation]
    """`operations[i].index == i`. Failed ones are among them: they are counted, not judged."""
    annotations: Sequence[Event] = ()
    """Events of somebody with a name ("nemesis"): for reports, never judged."""
    header: Mapping[str, Any] = field(default_factory=dict)
    """The first line of the file, where the format has one: model, workload, seed, …"""
    warnings: Sequence[str] = ()
    """One sentence each, for the caller to print; a torn last line, for example."""
    source: str | None = None
    """The file, as the caller named it."""
    format: str = "gong"
    """Name of the format it was read from."""
    has_times: bool = True
    """False when `call_time` and `return_time` are positions in the file, not nanoseconds."""
    columns: Columns | None = field(default=None, compare=False, repr=False)
    """The same operations as columns, where something native was built and they fit; `operations` may
    be a view of them."""
