"""An operation: an invocation and what became of it."""

from enum import Enum
from typing import Any, Final

from msgspec import Struct

from history.event import Stamp

MISMATCH: Final = "mismatch"
"""The `error` of a cas that took place and found another value."""


class Outcome(Enum):
    """What the client may conclude."""

    OK = "ok"
    """It happened, and its result is known."""
    FAILED = "fail"
    """It certainly did not happen."""
    UNKNOWN = "info"
    """It may have happened between its call and the end of time."""


class Operation(Struct, frozen=True, kw_only=True):
    """One operation on one object, ready to be judged.

    `call` and `return_` are ranks: distinct integers over the whole history that already carry the
    tie rule of the format the history came from (by default, a call and a return at equal times
    are concurrent, so the call has the smaller rank). `a` precedes `b` iff `a.return_ < b.call`.
    """

    index: int
    """Position among the operations, in file order (by invocation)."""
    process: int | str
    f: str
    key: Any = None
    """The object; `None` when the whole history is one object."""
    value: Any = None
    """The argument: what is written, the `[old, new]` of a cas."""
    output: Any = None
    """The result: what was read. Meaningless unless `outcome` is OK."""
    outcome: Outcome
    call: int
    return_: int | None
    """`None` iff the outcome is UNKNOWN: it may take effect at any time after its call."""
    call_time: int | float
    """As in the file, for people: nanoseconds in our own format."""
    return_time: int | float | None = None
    """When a response came, `info` included; `None` when none ever came."""
    session: int | str | None = None
    seq: int | None = None
    node: str | None = None
    error: Any = None
    stamp: Stamp | None = None
    """Of one that is OK, when the system told it."""
    line: int | None = None
    """Line of the invocation in its file, counted from 1."""

    @property
    def is_mismatch(self) -> bool:
        """True for a cas that took place as the observation of a different value."""
        return self.error == MISMATCH and self.outcome is Outcome.OK and self.output is False
