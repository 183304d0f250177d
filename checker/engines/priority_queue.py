"""Priority queues whose items are distinct; priorities may tie.

A peek or poll of an item needs a moment at which no greater item is surely inside (times tightened,
see `checker.engines.lifetimes`). That is sufficient as well. Give each item the shortest life that
its moments allow: its poll comes at the first moment after it had to, a peek at the last one before
that, its insert just before the first of these. Such a life reaches beyond what the item covers
only over moments that greater items cover; there no lesser item can have its moment either. So
these lives are in nobody's way, and operations at one moment can be put in order:

    1. peeks and polls of items that were inserted earlier, the greatest first
    2. operations that found it empty
    3. items whose insert and some peek or poll share the moment, the least first
    4. other inserts

O(n log n), and for the least rank over a long operation O(square root of n). The condition is that
of the OOPSLA 2025 paper named in `lifetimes`, the construction is ours; compared with trying all
orders in `tests/property`.
"""

from heapq import heappop, heappush
from typing import Final

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
    shortest_cover,
    words_of_cover,
)
from checker.engines.wording import misfit, name, refuted
from checker.model import Model
from checker.models.priority_queue import Rank, rank
from checker.patience import watched
from history import Operation

_BLOCK: Final = 256
"""Moments whose least rank is kept; near the square root of the histories that take long."""

_NOTHING: Final[Rank] = (float("-inf"), False)


class DistinctPriorityQueue:
    """For `priority-queue`."""

    name = "priority-queue"

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide when no item was inserted twice; with polls of unknown outcome, often."""
        declined = misfit(part, model)
        if declined is not None:
            return declined
        (initial,) = model.initial
        contents = gather(part, model, Names("insert", "poll"), list(initial))
        if not isinstance(contents, Contents):
            return contents
        return takers.decide(
            contents, lambda contents: _arrange(contents, model), takers.PriorityShelf()
        )


def _arrange(contents: Contents, model: Model) -> list[Event] | Refuted:
    placed = place_empties(contents, model)
    if isinstance(placed, Refuted):
        return placed
    ceiling = _Ceiling(contents)
    keyed: list[tuple[int, int, Rank, int, int, Event]] = []
    for number, item in enumerate(watched(contents.items)):
        life = _life(item, ceiling)
        if isinstance(life, Span):
            return _refute(contents, item, life, model)
        keyed += _keyed(item, life, number)
    # Phase 2 of the list above; no two entries are equal before their events would be compared.
    keyed += [
        (gap, 2, _NOTHING, number, 0, Event(Role.EMPTY, span))
        for number, (gap, span) in enumerate(placed)
    ]
    keyed.sort(key=lambda entry: entry[:5])
    return [entry[5] for entry in keyed]


def _life(item: Item, ceiling: "_Ceiling") -> list[int] | Span:
    """Moments of the insert, the peeks in order, and the poll; or the span that has none."""
    own = rank(item.value)
    polled = ceiling.first(item.take, own)
    if polled is None:
        return item.take
    moments: list[int] = []
    for peek in item.peeks:
        moment = ceiling.last(peek, own, polled)
        if moment is None:
            return peek
        moments.append(moment)
    return [min([item.insert.end - 1, polled, *moments]), *moments, polled]


def _keyed(
    item: Item, life: list[int], number: int
) -> list[tuple[int, int, Rank, int, int, Event]]:
    """Events with what to sort them by: moment, phase, rank, item, place within the item."""
    priority, is_bare = rank(item.value)
    inserted, fronts = life[0], life[1:]
    is_burst = inserted in fronts
    keyed: list[tuple[int, int, Rank, int, int, Event]] = []
    insert = Event(Role.INSERT, item.insert, item)
    keyed.append((inserted, 3 if is_burst else 4, (priority, is_bare), number, 0, insert))
    for place, (moment, span) in enumerate(zip(fronts, [*item.peeks, item.take], strict=True), 1):
        role = Role.TAKE if span is item.take else Role.PEEK
        if moment == inserted:
            key = (moment, 3, (priority, is_bare))
        else:
            key = (moment, 1, (-priority, not is_bare))
        is_take = len(fronts) if role is Role.TAKE else place
        keyed.append((*key, number, is_take, Event(role, span, item)))
    return keyed


class _Ceiling:
    """The greatest rank that is surely inside, by moment."""

    def __init__(self, contents: Contents) -> None:
        covers = [item for item in contents.items if item.insert.end < item.take.call]
        starts = sorted((item.insert.end, number) for number, item in enumerate(covers))
        self._ranks: list[Rank] = []
        heap: list[tuple[float, bool, int]] = []
        following = 0
        for moment in watched(range(contents.horizon + 1)):
            while following < len(starts) and starts[following][0] == moment:
                item = covers[starts[following][1]]
                priority, is_bare = rank(item.value)
                heappush(heap, (-priority, not is_bare, item.take.call))
                following += 1
            while heap and heap[0][2] <= moment:
                heappop(heap)
            self._ranks.append((-heap[0][0], not heap[0][1]) if heap else _NOTHING)
        ranks = self._ranks
        self._least = [min(ranks[at : at + _BLOCK]) for at in range(0, len(ranks), _BLOCK)]

    def first(self, span: Span, own: Rank) -> int | None:
        """The first moment of a span with nothing greater than `own`."""
        ranks = self._ranks
        moment, end = span.call, min(span.end, len(ranks))
        while moment < end:
            if moment % _BLOCK == 0 and self._least[moment // _BLOCK] > own:
                moment += _BLOCK
            elif ranks[moment] <= own:
                return moment
            else:
                moment += 1
        return None

    def last(self, span: Span, own: Rank, limit: int) -> int | None:
        """The last such moment that is no later than `limit`."""
        ranks = self._ranks
        moment = min(span.end - 1, limit)
        while moment >= span.call:
            if moment % _BLOCK == _BLOCK - 1 and self._least[moment // _BLOCK] > own:
                moment -= _BLOCK
            elif ranks[moment] <= own:
                return moment
            else:
                moment -= 1
        return None


def _refute(contents: Contents, item: Item, span: Span, model: Model) -> Refuted:
    own = rank(item.value)
    greater = [
        other
        for other in contents.items
        if rank(other.value) > own and other.insert.end < other.take.call
    ]
    chain = shortest_cover(greater, span)
    operation = span.operation
    assert operation is not None, "after the end nothing is surely inside"
    evidence = [*item.operations(), *(o for other in chain for o in other.operations())]
    return refuted(
        "covered by greater items",
        operation,
        evidence,
        f"{name(operation, model)}, but something greater was inside all the time at which it can "
        f"have taken effect: {words_of_cover(chain, model)}.",
    )
