"""Takes whose result nobody knows: they may have taken any item that nobody else did, or nothing.

Three attempts, the first two of which can decide:

1. Without them. If the history is linearizable so, it is.
2. With a take of its own for every item that stayed, from the first call of such a take on. That
   allows more than the history does: if it is not linearizable even so, it is not.
3. The linearization of the second attempt, except that an item is taken only when it stands in the
   way of what comes next. If there are enough takes, called early enough, they are put there.

Otherwise nothing is concluded. Which takes took which items is a matching problem in general.
"""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

from msgspec import structs

from checker.engines.interface import Accepted, Declined, Refuted
from checker.engines.lifetimes import Contents, Event, Item, Role, Span
from checker.engines.wording import FOREVER
from checker.models.priority_queue import rank
from checker.patience import watched

Arrange = Callable[[Contents], list[Event] | Refuted]
"""Decides contents that have no takers."""


class Shelf(Protocol):
    """A collection, played forwards."""

    def insert(self, item: Item) -> None:
        """Put in."""

    def blocker(self, item: Item | None) -> Item | None:
        """What has to leave before `item` is next, or before all is empty."""

    def take(self, item: Item) -> None:
        """Take out an item that nothing blocks."""


def decide(contents: Contents, arrange: Arrange, shelf: Shelf) -> Accepted | Refuted | Declined:
    """Decide contents with takers."""
    without = arrange(contents)
    stayed = [item for item in watched(contents.items) if not item.was_taken]
    if not isinstance(without, Refuted):
        return accepted(without)
    if not contents.takers or not stayed:
        return without
    relaxed = arrange(_relaxed(contents))
    if isinstance(relaxed, Refuted):
        return relaxed
    order = _with_takers(relaxed, contents.takers, shelf)
    if order is None:
        return Declined("it is open which items were taken by takes of unknown outcome")
    return Accepted(order)


def accepted(events: list[Event]) -> Accepted:
    """The operations of a linearization."""
    operations = [event.span.operation for event in watched(events)]
    return Accepted([o.index for o in watched(operations) if o is not None])


def _relaxed(contents: Contents) -> Contents:
    first = contents.takers[0].call
    items = []
    for item in watched(contents.items):
        if item.was_taken:
            items.append(item)
            continue
        call = max(first, *(span.call for span in (item.insert, *item.peeks)))
        items.append(structs.replace(item, take=Span(None, call, contents.horizon + 1)))
    return structs.replace(contents, items=items, takers=[])


def _with_takers(events: list[Event], takers: list[Span], shelf: Shelf) -> list[int] | None:
    """The order with as few takes as it needs, the first called first; None when that fails."""
    real = [
        event for event in events if event.span.operation is not None or event.role is Role.INSERT
    ]
    earliest = [FOREVER]
    for event in watched(reversed(real)):
        earliest.append(min(earliest[-1], event.span.end))
    earliest.reverse()
    order: list[int] = []
    used = 0
    for position, event in enumerate(watched(real)):
        if event.role is Role.INSERT:
            assert event.item is not None
            shelf.insert(event.item)
        else:
            while (blocker := shelf.blocker(event.item)) is not None:
                if blocker.was_taken or used == len(takers):
                    return None
                if takers[used].call > earliest[position]:
                    return None
                taker = takers[used].operation
                assert taker is not None
                order.append(taker.index)
                shelf.take(blocker)
                used += 1
            if event.role is Role.TAKE:
                assert event.item is not None
                shelf.take(event.item)
        if event.span.operation is not None:
            order.append(event.span.operation.index)
    return order


class QueueShelf:
    """First in, first out."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()

    def insert(self, item: Item) -> None:
        """At the end."""
        self._items.append(item)

    def blocker(self, item: Item | None) -> Item | None:
        """The first, if it is another."""
        if not self._items or self._items[0] is item:
            return None
        return self._items[0]

    def take(self, item: Item) -> None:
        """From the front."""
        taken = self._items.popleft()
        assert taken is item


class StackShelf:
    """Last in, first out."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def insert(self, item: Item) -> None:
        """On top."""
        self._items.append(item)

    def blocker(self, item: Item | None) -> Item | None:
        """The top, if it is another."""
        if not self._items or self._items[-1] is item:
            return None
        return self._items[-1]

    def take(self, item: Item) -> None:
        """From the top."""
        taken = self._items.pop()
        assert taken is item


class PriorityShelf:
    """Greatest first; equal ones in any order."""

    def __init__(self) -> None:
        self._items: list[tuple[float, bool, int, Item]] = []
        self._taken: set[int] = set()

    def insert(self, item: Item) -> None:
        """By rank."""
        priority, is_bare = rank(item.value)
        heappush(self._items, (-priority, not is_bare, id(item), item))

    def blocker(self, item: Item | None) -> Item | None:
        """The greatest, if it is greater."""
        while self._items and id(self._items[0][3]) in self._taken:
            heappop(self._items)
        if not self._items:
            return None
        greatest = self._items[0][3]
        if item is not None and rank(greatest.value) <= rank(item.value):
            return None
        return greatest

    def take(self, item: Item) -> None:
        """Wherever it is."""
        self._taken.add(id(item))
