"""What comes before what, and whether all of it fits in one order."""

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import Final, Generic, TypeVar

from checker.patience import check_limits

_BETWEEN_LOOKS: Final = 4096
"""At the limits: some milliseconds."""

Name = TypeVar("Name", bound=Hashable)
"""Of an operation."""


class _Moment:
    """Between two events; known by nothing but itself."""

    __slots__ = ()


class Precedence(Generic[Name]):
    """Pairs of which one comes before the other. Takes linear time, and is as deterministic as its user."""

    def __init__(self) -> None:
        self._after: Final[dict[Name | _Moment, list[Name | _Moment]]] = {}
        """Those that come right after each."""

    def add(self, first: Name | _Moment, second: Name | _Moment) -> None:
        """`first` comes before `second`."""
        after = self._after
        following = after.get(first)
        if following is None:
            after[first] = [second]
        else:
            following.append(second)
        if second not in after:
            after[second] = []

    def add_chain(self, names: Sequence[Name]) -> None:
        """Each comes before the next."""
        for name in names[:1]:
            self._after.setdefault(name, [])
        for first, second in pairwise(names):
            self.add(first, second)

    def add_real_time(self, events: Iterable[tuple[bool, Name]]) -> None:
        """What was answered (True) comes before what is called (False) after that.

        Not each pair is kept: answers are moments, one behind the other, and every operation stands
        between two of them.
        """
        latest = None
        for is_answer, name in events:
            if is_answer:
                moment = _Moment()
                if latest is not None:
                    self.add(latest, moment)
                self.add(name, moment)
                latest = moment
            elif latest is not None:
                self.add(latest, name)

    def order(self) -> list[Name] | None:
        """All of them in an order that keeps every pair; None when there is none."""
        found, left = self._sorted()
        return None if left else [node for node in found if not isinstance(node, _Moment)]

    def cycle(self) -> list[Name]:
        """Operations that each come before the next, and the last before the first; empty: none."""
        _, left = self._sorted()
        if not left:
            return []
        # Who is left has a predecessor that is left: go back until somebody comes twice.
        predecessor = {
            following: node for node in left for following in self._after[node] if following in left
        }
        node = next(iter(left))
        path: dict[Name | _Moment, None] = {}
        while node not in path:
            path[node] = None
            node = predecessor[node]
        places = list(path)
        circle = reversed(places[places.index(node) :])
        return [node for node in circle if not isinstance(node, _Moment)]

    def _sorted(self) -> tuple[list[Name | _Moment], dict[Name | _Moment, int]]:
        """Those that can be put in order, and the others. After Kahn (1962)."""
        left = dict.fromkeys(self._after, 0)
        for nodes in self._after.values():
            for node in nodes:
                left[node] += 1
        free = deque(node for node, count in left.items() if count == 0)
        found: list[Name | _Moment] = []
        while free:
            if len(found) % _BETWEEN_LOOKS == 0:
                check_limits()
            node = free.popleft()
            del left[node]
            found.append(node)
            for following in self._after[node]:
                left[following] -= 1
                if left[following] == 0:
                    free.append(following)
        return found, left
