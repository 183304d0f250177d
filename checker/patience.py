"""Work that ends when the limits of the judgement are reached.

Long loops go over `watched(items)`, which looks at the meter in force every few thousand items and
raises `LimitReached` when time or memory ran out. As with Trio's cancel scopes, the limit belongs to
the work and is not handed from function to function: `with limited(meter)` puts it in force, and
whoever began the work turns the exception into "undecided".

Without a meter in force, or with one that has no limits, nothing is looked at and nothing costs.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

from checker.budget import Meter

T = TypeVar("T")

_EVERY: Final = 4096
"""Items between two looks: some 10 ms where an item is an operation to be taken apart."""

_in_force: ContextVar[Meter | None] = ContextVar("meter", default=None)


class LimitReached(Exception):
    """Time or memory ran out; the words say which."""


@contextmanager
def limited(meter: Meter) -> Iterator[None]:
    """Let `meter` watch what is done inside, instead of the one that watched so far."""
    token = _in_force.set(meter)
    try:
        yield
    finally:
        _in_force.reset(token)


def check_limits() -> None:
    """Raise `LimitReached` when a limit is reached; a microsecond or two."""
    meter = _in_force.get()
    if meter is not None and (why := meter.exhausted()) is not None:
        raise LimitReached(why)


def is_over() -> bool:
    """For native code, which asks and stops by itself."""
    meter = _in_force.get()
    return meter is not None and meter.exhausted() is not None


def watched(items: Iterable[T]) -> Iterable[T]:
    """The items, as long as no limit is reached."""
    meter = _in_force.get()
    return items if meter is None or not meter.has_limits else _watched(items)


def _watched(items: Iterable[T]) -> Iterator[T]:
    for number, item in enumerate(items):
        if number % _EVERY == 0:
            check_limits()
        yield item
