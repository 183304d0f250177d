"""A priority queue: the greatest comes out first, whatever the order in which it went in.

An item is a number, or a pair `[priority, payload]`. Pairs of one priority come out in any order,
and a bare number just before the pairs of its priority.

With such ties a `poll` of unknown outcome may have taken any of several items. The state is
therefore the set of all contents that are possible, each a sorted tuple, and a result keeps those
in which it is possible. All of them have equal priorities, so all are empty together.
"""

from bisect import insort
from collections.abc import Hashable
from typing import ClassVar, Final

from checker.errors import ModelError
from checker.model import ILLEGAL, UNKNOWN, Action, Running, State
from checker.models.collection import Collection
from checker.values import Token, Value, show, token

Rank = tuple[float, bool]
"""Greater comes out earlier: the priority, and whether the item is a bare number."""


def rank(item: Hashable) -> Rank:
    """The rank of an item, given as its token."""
    if isinstance(item, Token):
        assert isinstance(item.content, tuple)
        return item.content[0], False
    assert isinstance(item, int | float)
    return item, True


def _sorting(item: Hashable) -> tuple[Rank, str]:
    return rank(item), repr(item)


class PriorityQueue(Collection):
    """`insert v`; `poll` → greatest v or null; `peek` → v or null."""

    name = "priority-queue"
    operations: ClassVar[tuple[str, ...]] = ("insert", "poll", "peek")
    initial: State = frozenset([()])
    insert = "insert"
    take = "poll"
    next_at = -1

    def step(self, state: State, action: Action) -> State:
        """What each possible content may become, all together."""
        after: set[tuple[Hashable, ...]] = set()
        for content in state:
            after.update(self._after(content, action))
        return frozenset(after) if after else ILLEGAL

    def _after(self, content: tuple[Hashable, ...], action: Action) -> list[tuple[Hashable, ...]]:
        if action.f == self.insert:
            items = list(content)
            insort(items, token(action.value), key=_sorting)
            return [tuple(items)]
        if action.output is UNKNOWN:
            if action.f == "peek" or not content:
                return [content]
            return [_without(content, item) for item in content if rank(item) == rank(content[-1])]
        found = token(action.output)
        if not content:
            return [content] if found is None else []
        if found not in content or rank(found) != rank(content[-1]):
            return []
        return [content if action.f == "peek" else _without(content, found)]

    def running(self) -> Running:
        """By `step`: there may be several contents, and they are kept in order."""
        return Running(self)

    def is_observer(self, action: Action) -> bool:
        """Finding it empty. A peek may tell which of several items an unknown poll left behind."""
        return action.f != self.insert and action.output is None

    def problem(self, action: Action) -> str | None:
        """An item is a number or a pair that begins with one."""
        if action.f != self.insert or _is_item(action.value):
            return None
        return f"insert takes a number or [priority, payload], not {show(action.value)}"

    def parse_initial(self, value: Value) -> State:
        """A list of items in any order."""
        items = super().parse_initial(value)
        for item in value or ():
            if not _is_item(item):
                raise ModelError(
                    f"{self.name} holds numbers or [priority, payload], not {show(item)}"
                )
        return frozenset([tuple(sorted(items, key=_sorting))])

    def describe_state(self, state: State) -> str:
        """The contents that are possible."""
        return " or ".join(sorted(super(PriorityQueue, self).describe_state(c) for c in state))


def _is_item(value: Value) -> bool:
    if isinstance(value, list | tuple):
        return len(value) == 2 and _is_number(value[0])
    return _is_number(value)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _without(content: tuple[Hashable, ...], item: Hashable) -> tuple[Hashable, ...]:
    at = content.index(item)
    return content[:at] + content[at + 1 :]


MODEL: Final = PriorityQueue()
