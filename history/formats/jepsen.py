"""What the Jepsen formats share: how their words become events, and what a read of nil means.

In both, the order of the file is the order of the history, and `:fail` means that an operation
did nothing: a cas that failed observed nothing unless its error says mismatch, and a failed read is
an operation that is counted and never judged.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace

from history.event import Event, Fail, Info, Invocation, Ok
from history.operation import MISMATCH, Operation, Outcome

_KINDS: Final[dict[str, Callable[..., Event]]] = {
    ":invoke": Invocation,
    ":ok": Ok,
    ":fail": Fail,
    ":info": Info,
}


def kind(word: object) -> Callable[..., Event] | None:
    """The class of event that a `:type` names; `None` for anything else."""
    return _KINDS.get(word) if isinstance(word, str) else None


def name(word: object) -> str | None:
    """The name of a keyword, symbol or string; `None` for anything else."""
    return word.removeprefix(":") if isinstance(word, str) else None


def error(value: Any) -> Any:  # noqa: ANN401
    """The error as ours says it: anything that says mismatch is `MISMATCH`."""
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, str) and "mismatch" in first:
        return MISMATCH
    return name(value) if isinstance(value, str) else value


def keyed(value: Any) -> tuple[Any, Any] | None:  # noqa: ANN401
    """Split a `[key value]` pair; `None` when `value` is something else."""
    if isinstance(value, list) and len(value) == 2:
        return value[0], value[1]
    return None


def forget_nil_reads(operations: list[Operation]) -> None:
    """Make each read that returned nil one whose result is unknown, as Knossos reads it.

    Its process goes on, and the time of its response stays.
    """
    for position, operation in enumerate(operations):
        if operation.f == "read" and operation.outcome is Outcome.OK and operation.output is None:
            operations[position] = replace(operation, outcome=Outcome.UNKNOWN, return_=None)


def is_nothing(value: object) -> bool:
    """True where a field is absent or nil."""
    return value is UNSET or value is None
