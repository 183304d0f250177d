"""The wall clock of a machine: what it shows, and who looked at it while it was wrong."""

from collections import Counter


class WallClock:
    """A clock that faults turn. A fault that turned it bites whenever somebody looks."""

    def __init__(self, bites: Counter[str]) -> None:
        self.offset = 0
        """Nanoseconds by which it is ahead."""
        self._bites = bites
        self._turned: dict[str, int] = {}
        """By kind of fault, by how much."""

    def turn(self, amount: int, kind: str = "clock-step") -> None:
        """Put it forward by `amount` nanoseconds, or back."""
        self.offset += amount
        self._turned[kind] = self._turned.get(kind, 0) + amount

    def read(self, true: int) -> int:
        """What it shows when the time is `true`."""
        for kind, amount in self._turned.items():
            self._bites[kind] += amount != 0
        return true + self.offset
