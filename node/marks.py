"""Marks in the code: what must always hold, what must happen at some time, what must be reached.

    _FILLS_A_HOLE = sometimes("a new leader fills a hole with a no-op")
    ...
    _FILLS_A_HOLE.hit()

A mark costs an addition. Simulation adds up the counts of its runs and lists the marks that a whole
campaign never passed: a test that never gets there proves nothing about it.

After the "sometimes assertions" of Antithesis and the "test macros" of FoundationDB (Zhou et al.,
"FoundationDB: a distributed unbundled transactional key value store", SIGMOD 2021, section 4).
"""

from typing import Final


class Mark:
    """One place in the code, with how often it was passed in this process."""

    __slots__ = ("count", "name")

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.count = 0

    def hit(self) -> None:
        """The code is here."""
        self.count += 1

    def check(self, holds: bool) -> None:
        """The code is here, and this must hold: AssertionError otherwise."""
        self.count += 1
        assert holds, self.name


_MARKS: Final[dict[str, Mark]] = {}


def _mark(name: str) -> Mark:
    assert name not in _MARKS, f"two marks are called {name!r}"
    mark = _MARKS[name] = Mark(name)
    return mark


def always(name: str) -> Mark:
    """A mark to `check`: what must hold whenever the code is there, and be tried at some time."""
    return _mark(name)


def sometimes(name: str) -> Mark:
    """A mark to `hit` where something rare has happened that a good test makes happen."""
    return _mark(name)


def reachable(name: str) -> Mark:
    """A mark to `hit` at a place that some run must reach."""
    return _mark(name)


def counts() -> dict[str, int]:
    """How often each mark was passed, those never passed included; sorted by name."""
    return {name: _MARKS[name].count for name in sorted(_MARKS)}


def reset() -> None:
    """Count from zero."""
    for mark in _MARKS.values():
        mark.count = 0
