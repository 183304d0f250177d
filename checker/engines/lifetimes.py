"""Items of a queue, stack or priority queue: when each was surely inside.

Each item was inserted once and taken at most once. What is certain of one item alone:

- it was inserted before anything else happened to it, and taken after everything else: intervals
  are *tightened* so, and one that becomes empty refutes the history;
- from the (tightened) return of its insert to the call of its take it was surely inside: the item
  *covers* that time. An item that nobody took is taken by nobody after the end of the history.

An operation that found the collection empty needs a moment that no item covers. Nothing else is
asked of it: at such a moment the history splits into items that can be gone by then and items that
can come later. This holds of the collection as an abstraction, whatever order it keeps.

A *gap* is the moment between two neighbouring ranks, and bears the number of the first. Ranks are
renumbered from zero for one part; items of the initial state come first, one after the other.

After P. A. Abdulla, S. Atig, S. Krishna et al., "Efficient linearizability monitoring", OOPSLA 2025
(arXiv 2410.04581), and "Efficient linearizability monitoring for stacks and queues", PLDI 2025
(arXiv 2509.17795), derived anew; both leave operations open that never returned.
"""

from bisect import bisect_right
from collections.abc import Hashable
from enum import Enum
from typing import ClassVar

from msgspec import Struct

from checker.engines.interface import Declined, Refuted
from checker.engines.wording import FOREVER, end, name, precedence, refuted
from checker.model import Model
from checker.patience import watched
from checker.values import show, token
from history import Operation


class Span(Struct, gc=False):
    """An operation on one item, with the ranks between which it took effect."""

    operation: Operation | None
    """None for what is only imagined: inserting initial items, taking those that stayed."""
    call: int
    end: int


class Item(Struct, eq=False, gc=False):
    """What happened to one item."""

    value: Hashable
    insert: Span
    take: Span
    peeks: list[Span]
    was_taken: bool

    def spans(self) -> list[Span]:
        """In an order in which they can take effect."""
        return [self.insert, *self.peeks, self.take]

    def first_return(self) -> Span:
        """The span whose end tells since when it was surely inside."""
        # Tightened times are borrowed: of equal ones, the operation that they come from is first.
        return min([self.take, *self.peeks, self.insert], key=lambda span: span.end)

    def last_call(self) -> Span:
        """The span whose call tells until when it was surely inside."""
        return max([*self.peeks, self.take], key=lambda span: span.call)

    def operations(self) -> list[Operation]:
        """Those that bound the item: two peeks at most are among them."""
        peeks = self.peeks
        if len(peeks) > 2:
            peeks = [min(peeks, key=_end), max(peeks, key=_call)]
        spans = [self.insert, *peeks, self.take]
        return [span.operation for span in spans if span.operation is not None]


def _end(span: Span) -> int:
    return FOREVER if span.operation is None else end(span.operation)


def _call(span: Span) -> int:
    return -1 if span.operation is None else span.operation.call


class Role(Enum):
    """What an operation does to its item."""

    INSERT = 0
    PEEK = 1
    TAKE = 2
    EMPTY = 3


class Event(Struct, eq=False, gc=False):
    """A place in a linearization."""

    role: Role
    span: Span
    item: Item | None = None
    """None for an operation that found nothing."""


class Contents(Struct):
    """One part of a history, item by item."""

    items: list[Item]
    empties: list[Span]
    """Operations that found nothing."""
    takers: list[Span]
    """Takes whose result nobody knows, by call."""
    horizon: int
    """A rank after all of the history; those that nobody took leave after it."""


class Names(Struct):
    """What a model calls its operations."""

    insert: str
    take: str
    peek: ClassVar[str] = "peek"


def gather(
    part: list[Operation], model: Model, names: Names, initial: list[Hashable]
) -> Contents | Refuted | Declined:
    """Sort operations by item and tighten them."""
    calls = [operation.call for operation in watched(part)]
    calls += [o.return_ for o in watched(part) if o.return_ is not None]
    order = sorted(calls)
    first = 2 * len(initial)
    rank = {at: number for number, at in enumerate(watched(order), start=first)}
    rank[FOREVER] = FOREVER
    horizon = first + len(order)
    imagined = Span(None, horizon, horizon + 1)
    items = {
        value: Item(value, Span(None, 2 * position, 2 * position + 1), imagined, [], False)
        for position, value in enumerate(initial)
    }
    if len(items) < len(initial):
        return Declined("an item is in the initial state twice")
    empties: list[Span] = []
    takers: list[Span] = []
    looks: dict[Hashable, list[Span]] = {}
    for operation in watched(part):
        span = Span(operation, rank[operation.call], rank[end(operation)])
        if operation.f == names.insert:
            value = token(operation.value)
            if value in items:
                return Declined(f"{show(value)} is inserted more than once")
            items[value] = Item(value, span, imagined, [], False)
        elif operation.return_ is None:
            if operation.f == names.take:
                takers.append(span)
        elif operation.output is None:
            empties.append(span)
        else:
            looks.setdefault(token(operation.output), []).append(span)
    wrong = _attach(items, looks, model, names)
    if wrong is not None:
        return wrong
    # An insert that never returned, of an item that nobody saw, makes nothing possible.
    kept = [
        item for item in watched(items.values()) if item.insert.end < FOREVER or item.value in looks
    ]
    for item in watched(kept):
        wrong = _tighten(item, model)
        if wrong is not None:
            return wrong
    takers.sort(key=lambda span: span.call)
    return Contents(kept, empties, takers, horizon)


def _attach(
    items: dict[Hashable, Item], looks: dict[Hashable, list[Span]], model: Model, names: Names
) -> Refuted | None:
    """Give each item the operations that returned it."""
    for value, spans in watched(looks.items()):
        item = items.get(value)
        for span in spans:
            operation = span.operation
            assert operation is not None
            if item is None:
                text = f"{name(operation, model)}, but nobody ever inserted {show(value)}."
                return refuted("never inserted", operation, [], text)
            if operation.f != names.take:
                item.peeks.append(span)
                continue
            if item.was_taken:
                other = item.take.operation
                assert other is not None
                return refuted(
                    "taken twice",
                    max(operation, other, key=lambda taken: taken.call),
                    [operation, other, *item.operations()],
                    f"{name(other, model)} and {name(operation, model)}, but {show(value)} was "
                    f"inserted only once.",
                )
            item.take, item.was_taken = span, True
    return None


def _tighten(item: Item, model: Model) -> Refuted | None:
    """Leave to each operation only the time at which the item alone allows it."""
    insert, take = item.insert, item.take
    spans = item.spans()
    first = min(spans, key=lambda span: span.end)
    if first.end < insert.call:
        return _refute_order(insert, first, item, model)
    last = max(spans[:-1], key=lambda span: span.call)
    if take.end < last.call:
        return _refute_order(last, take, item, model)
    item.insert = Span(insert.operation, insert.call, min(insert.end, first.end))
    item.take = Span(take.operation, max(take.call, last.call), take.end)
    item.peeks = [
        Span(peek.operation, max(peek.call, insert.call), min(peek.end, take.end))
        for peek in sorted(item.peeks, key=lambda peek: peek.call)
    ]
    return None


def _refute_order(needed: Span, early: Span, item: Item, model: Model) -> Refuted:
    """`early` returned before `needed` was called, which must come before it."""
    assert early.operation is not None
    assert needed.operation is not None
    inserted = needed.operation is item.insert.operation
    why = "" if inserted else f", and {show(item.value)} was inserted only once"
    return refuted(
        "item out of order",
        early.operation,
        [needed.operation, *item.operations()],
        f"{precedence(early.operation, needed.operation, model)}{why}.",
    )


def covered(items: list[Item]) -> list[tuple[int, int, list[Item]]]:
    """The time at which something is surely inside: disjoint [first, last) gaps, in order.

    With each the items that cover it, the next always reaching further than the one before.
    """
    ordered = sorted(
        (item for item in watched(items) if item.insert.end < item.take.call),
        key=lambda item: item.insert.end,
    )
    stretches: list[tuple[int, int, list[Item]]] = []
    for item in watched(ordered):
        begin, last = item.insert.end, item.take.call
        if not stretches or begin > stretches[-1][1]:
            stretches.append((begin, last, [item]))
        elif last > stretches[-1][1]:
            chain = stretches[-1][2]
            chain.append(item)
            stretches[-1] = (stretches[-1][0], last, chain)
    return stretches


def place_empties(contents: Contents, model: Model) -> list[tuple[int, Span]] | Refuted:
    """For each operation that found nothing, a gap that nothing covers; or the item that is there."""
    stretches = covered(contents.items)
    begins = [begin for begin, _, _ in stretches]
    placed: list[tuple[int, Span]] = []
    for span in watched(contents.empties):
        gap = span.call
        at = bisect_right(begins, gap) - 1
        if at >= 0 and gap < stretches[at][1]:
            gap = stretches[at][1]  # the first after the stretch; stretches do not touch
        if gap >= span.end:
            chain = shortest_cover(stretches[at][2], span)
            assert span.operation is not None
            return refuted(
                "covered by items",
                span.operation,
                [operation for item in chain for operation in item.operations()],
                f"{name(span.operation, model)}, but it was never empty between its call and its "
                f"return: {words_of_cover(chain, model)}.",
            )
        placed.append((gap, span))
    return placed


def shortest_cover(items: list[Item], span: Span) -> list[Item]:
    """The fewest items that together cover all gaps of `span`; they do cover it."""
    chain: list[Item] = []
    gap = span.call
    while gap < span.end:
        best = max(
            (item for item in watched(items) if item.insert.end <= gap),
            key=lambda item: item.take.call,
        )
        chain.append(best)
        gap = best.take.call
    return chain


def words_of_cover(chain: list[Item], model: Model) -> str:
    """`7 was surely inside from the return of push 7 (…) to the call of pop returned 7 (…)`."""
    return ", ".join(_words_of_item(item, model) for item in chain)


def _words_of_item(item: Item, model: Model) -> str:
    first, last = item.first_return().operation, item.last_call()
    words = show(item.value)
    since = "from the beginning" if first is None else f"from the return of {name(first, model)}"
    if last.operation is None:
        until = "for as long as nobody can have taken it"
    else:
        until = f"to the call of {name(last.operation, model)}"
    return f"{words} was inside {since} {until}"
