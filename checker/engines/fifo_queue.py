"""Queues whose items are distinct.

Item a comes before item b in the queue iff it is inserted before and in front before. So a must
come before b when a was inserted, surely, before b was (`in`), or was in front, surely, before b
was (`out`): an operation of a returned before b's insert was called, or a peek or take of a
returned before one of b was called, times being tightened (`checker.engines.lifetimes`). The
history is linearizable iff this relation has no cycle. Operations that found the queue empty are
placed at moments that no item covers, as an item that comes and goes at that moment.

Items are removed one at a time when nothing must come before them: its insert is called before all
others have surely been inserted, and its front operations are called before all others have surely
been in front. That order is the order of the queue. Where no item can be removed, everyone is kept
by the item inserted first, or by that in front first, or (that one itself) by the second; so
following who is kept by whom leads to a cycle of at most three. O(n log n).

The condition on two items alone, without peeks, is that of Henzinger, Sezgin and Vafeiadis,
"Aspect-oriented linearizability proofs" (CONCUR 2013); peeks and the monitor after the OOPSLA 2025
paper named in `lifetimes`. Compared with trying all orders in `tests/property`.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from msgspec import Struct

from checker.engines import takers
from checker.engines.interface import Accepted, Declined, Refuted
from checker.engines.lifetimes import (
    Contents,
    Event,
    Item,
    Names,
    Role,
    Span,
    gather,
    place_empties,
)
from checker.engines.wording import misfit, name, precedence, refuted
from checker.model import Model
from checker.patience import watched
from checker.values import show
from history import Operation


class DistinctQueue:
    """For `fifo-queue`."""

    name = "fifo-queue"

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide when no item was inserted twice; with takes of unknown outcome, often."""
        declined = misfit(part, model)
        if declined is not None:
            return declined
        contents = gather(part, model, Names("enqueue", "dequeue"), list(model.initial))
        if not isinstance(contents, Contents):
            return contents
        return takers.decide(
            contents, lambda contents: _arrange(contents, model), takers.QueueShelf()
        )


class _Entry(Struct, eq=False, gc=False):
    """An item, or a moment at which the queue is empty, with its certain times."""

    item: Item | None
    events: list[Event]
    """Front operations in order."""
    insert_call: float
    insert_end: float
    front_call: float
    """The latest call of a front operation."""
    front_end: float
    """The earliest return of one."""


def _entry(item: Item) -> _Entry:
    events = [Event(Role.PEEK, peek, item) for peek in item.peeks]
    events.append(Event(Role.TAKE, item.take, item))
    ends = [event.span.end for event in events]
    return _Entry(item, events, item.insert.call, item.insert.end, item.take.call, min(ends))


def _arrange(contents: Contents, model: Model) -> list[Event] | Refuted:
    placed = place_empties(contents, model)
    if isinstance(placed, Refuted):
        return placed
    entries = [_entry(item) for item in watched(contents.items)]
    order = _sorted(entries)
    if isinstance(order, _Removal):
        return _refute(order.cycle(), model)
    if placed:
        for gap, span in placed:
            moment = gap + 0.5
            events = [Event(Role.EMPTY, span)]
            entries.append(_Entry(None, events, moment, moment, moment, moment))
        order = _sorted(entries)
        assert not isinstance(order, _Removal), "a moment that no item covers splits the history"
    return _merged(order)


def _sorted(entries: list[_Entry]) -> "list[_Entry] | _Removal":
    """The order of the queue, or the state in which no item can be removed."""
    removal = _Removal(entries)
    order: list[_Entry] = []
    for _ in watched(range(len(entries))):
        position = removal.next()
        if position is None:
            return removal
        order.append(entries[position])
    return order


class _Removal:
    def __init__(self, entries: list[_Entry]) -> None:
        self._entries = entries
        self._alive = [True] * len(entries)
        self._passed = [0] * len(entries)
        """How many of the two conditions hold for good."""
        self._ready: list[tuple[bool, int]] = []
        self._insert_ends = _heap(entries, lambda entry: entry.insert_end)
        self._front_ends = _heap(entries, lambda entry: entry.front_end)
        self._insert_calls = _heap(entries, lambda entry: entry.insert_call)
        self._front_calls = _heap(entries, lambda entry: entry.front_call)

    def next(self) -> int | None:
        """Remove an entry that nothing must precede."""
        inserted = self._least(self._insert_ends)
        fronted = self._least(self._front_ends)
        self._pass(self._insert_calls, inserted[0])
        self._pass(self._front_calls, fronted[0])
        if self._ready:
            position = heappop(self._ready)[1]
        else:
            # What keeps the one in front first may be itself alone.
            position = fronted[1]
            entry = self._entries[position]
            if entry.insert_call > inserted[0] or entry.front_call > self._second(fronted)[0]:
                return None
        self._alive[position] = False
        return position

    def _pass(self, calls: list[tuple[float, int]], limit: float) -> None:
        while calls and calls[0][0] <= limit:
            position = heappop(calls)[1]
            self._passed[position] += 1
            if self._passed[position] == 2 and self._alive[position]:
                item = self._entries[position].item
                stays = item is not None and not item.was_taken
                heappush(self._ready, (stays, position))

    def _least(self, heap: list[tuple[float, int]]) -> tuple[float, int]:
        while not self._alive[heap[0][1]]:
            heappop(heap)
        return heap[0]

    def _second(self, first: tuple[float, int]) -> tuple[float, int]:
        top = heappop(self._front_ends)
        assert top == first
        while self._front_ends and not self._alive[self._front_ends[0][1]]:
            heappop(self._front_ends)
        second = self._front_ends[0] if self._front_ends else (float("inf"), -1)
        heappush(self._front_ends, top)
        return second

    def cycle(self) -> list[tuple[Item, bool, Item]]:
        """Pairs of items, one before the other, and whether by insertion; a cycle."""
        inserted = self._least(self._insert_ends)
        fronted = self._least(self._front_ends)
        second = self._second(fronted)
        position = self._alive.index(True)
        path: list[tuple[int, bool, int]] = []
        seen: dict[int, int] = {}
        while position not in seen:
            seen[position] = len(path)
            if self._entries[position].insert_call > inserted[0]:
                keeper, by_insertion = inserted[1], True
            else:
                keeper = fronted[1] if fronted[1] != position else second[1]
                by_insertion = False
            path.append((keeper, by_insertion, position))
            position = keeper
        items = [entry.item for entry in self._entries]
        cycle: list[tuple[Item, bool, Item]] = []
        for before, by_insertion, after in path[seen[position] :]:
            one, other = items[before], items[after]
            assert one is not None
            assert other is not None
            cycle.append((one, by_insertion, other))
        return cycle


def _heap(entries: list[_Entry], key: Callable[[_Entry], float]) -> list[tuple[float, int]]:
    heap = [(key(entry), position) for position, entry in enumerate(watched(entries))]
    heapify(heap)
    return heap


def _merged(order: list[_Entry]) -> list[Event]:
    """Weave inserts, and front operations, both in the order of the queue, by time.

    Whichever can come next without anything behind it having returned before its call does; fronts
    go first, so that an empty moment finds the queue empty.
    """
    fronts = [
        (position, event, entry)
        for position, entry in enumerate(watched(order))
        for event in entry.events
    ]
    inserts_left = _suffix_minima([entry.insert_end for entry in watched(order)])
    fronts_left = _suffix_minima([_end(event, entry) for _, event, entry in watched(fronts)])
    events: list[Event] = []
    inserted = done = 0
    for _ in watched(range(len(order) + len(fronts))):
        if done == len(fronts):
            break
        limit = min(inserts_left[inserted], fronts_left[done])
        position, event, entry = fronts[done]
        if position < inserted and _call(event, entry) <= limit:
            events.append(event)
            done += 1
            continue
        entry = order[inserted]
        assert entry.insert_call <= limit
        inserted += 1
        if entry.item is not None:
            events.append(Event(Role.INSERT, entry.item.insert, entry.item))
    return events


def _end(event: Event, entry: _Entry) -> float:
    return event.span.end if event.item is not None else entry.front_end


def _call(event: Event, entry: _Entry) -> float:
    return event.span.call if event.item is not None else entry.front_call


def _suffix_minima(ends: list[float]) -> list[float]:
    minima = [float("inf")]
    for end in watched(reversed(ends)):
        minima.append(min(minima[-1], end))
    minima.reverse()
    return minima


def _refute(cycle: list[tuple[Item, bool, Item]], model: Model) -> Refuted:
    cycle.reverse()
    operations = [operation for item, _, _ in cycle for operation in item.operations()]
    sentences = [_words(one, by_insertion, other, model) for one, by_insertion, other in cycle]
    fronts = [operation for operation in operations if operation.f != "enqueue"]
    return refuted(
        "order cycle",
        max(fronts, key=lambda operation: operation.call),
        operations,
        f"{'; '.join(sentences)}. A queue gives items back in the order in which they went in.",
    )


def _words(one: Item, by_insertion: bool, other: Item, model: Model) -> str:
    a, b = show(one.value), show(other.value)
    early: Span
    if by_insertion:
        early, late = one.first_return(), other.insert
        what = f"{a} went in before {b}"
    else:
        early = min([one.take, *one.peeks], key=lambda span: span.end)
        late = max(other.spans(), key=lambda span: span.call)
        what = f"{a} was in front before {b}"
    if early.operation is None:
        return f"{what} (it was there at first)"
    if late.operation is None:
        returned = f"{name(early.operation, model)} returned"
        return f"{what} ({returned} before anybody can have taken {b})"
    return f"{what} ({precedence(early.operation, late.operation, model)})"
