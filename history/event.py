"""The two events of an operation: a client asks (invocation), the system answers (response).

A history is a sequence of these in the order in which they happened. A response is one of three,
sorted by what a client may conclude from it:

    Ok      it happened; `value` is the result
    Fail    it certainly did not happen
    Info    nobody knows; the process that asked is never used again

An invocation without a response is as unknown as one with an `Info`. Events whose `process` is a
name ("nemesis") are annotations: shown in reports, never judged.

The classes are msgspec structs, and the tags are the `type` field of the history file, so a line
of a file decodes straight into one of them.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

Value = Any
"""What an operation carries or returns: any JSON value. `None` means empty or absent."""

Stamp = tuple[int | str, int]
"""A shard, and a number that grows in the order in which the shard executed: (2, 17) is behind (2, 9).

A claim of the system's, never evidence: whoever judges may look whether it leads to an order of all.
"""


def stamp_of(value: Value) -> Stamp | None:
    """What stands as `stamp` in a file; None for anything else, which others may call so."""
    match value:
        case [shard, number] if type(number) is int and type(shard) in (int, str):
            return shard, number
        case _:
            return None


class Event(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What an invocation and a response have in common."""

    index: int | None = None
    """Position in the history; 0, 1, 2, … in our own files, free to be absent in others'."""
    time: int | None = None
    """Nanoseconds on one monotonic clock. Equal times count as concurrent."""
    process: int | str | None = None
    """A sequential client identity, or the name of somebody who annotates."""
    f: str | None = None
    """The operation's name in its model: `read`, `write`, `cas`, `get`, …"""
    value: Value | UnsetType = UNSET
    key: Value | UnsetType = UNSET
    """The object that is operated on; unset when the whole history is one object."""
    session: int | str | None = None
    seq: int | None = None
    """With `session`: the issue order of operations that may overlap within one process."""
    node: str | None = None
    error: Value = None
    stamp: Value = None
    """What the system told with an answer, if it tells such things; see `stamp_of`."""


class Invocation(Event, frozen=True, kw_only=True, tag="invoke"):
    """A client asks. `value` is the argument."""


class Response(Event, frozen=True, kw_only=True):
    """The answer to one invocation."""


class Ok(Response, frozen=True, kw_only=True, tag="ok"):
    """It happened; `value` is the result (what was read, written, or compared and set)."""


class Fail(Response, frozen=True, kw_only=True, tag="fail"):
    """It certainly did not happen, except for a cas with `error` "mismatch", which observed."""


class Info(Response, frozen=True, kw_only=True, tag="info"):
    """Unknown: it may have happened, may still happen, or may never happen."""
