"""Stacks whose items are distinct.

An item can be *peeled* when each of its operations has a moment that no other item covers (times
tightened, see `checker.engines.lifetimes`): its push, its pop and its peeks then cut the history
into stretches, and each of the other items fits into one of them, above it or beside it. A
linearizable history always has such an item, one that was pushed on the empty stack, and peeling
one changes nothing for the rest. So the history is linearizable iff its items can be peeled one by
one, in whatever order they become free. Items that cover nothing are in nobody's way.

The linearization is built on the way: moments of peeled items stay uncovered for the others, so an
item lies between two neighbouring moments, and its own are chosen between these.

Items are tried in rounds, long covers first. A round costs O(n log n) and, for covers longer than a
block, O(square root of n) each. Legal histories take one or two rounds, and never more than items.

The characterization is that of the PLDI 2025 paper named in `lifetimes`, proved anew; compared with
trying all orders in `tests/property`.
"""

from checker.engines import takers
from checker.engines.cover import Cover
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
from checker.engines.line import Line
from checker.engines.stack_evidence import refute
from checker.engines.wording import misfit
from checker.model import Model
from checker.patience import watched
from history import Operation


class DistinctStack:
    """For `stack`."""

    name = "stack"

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide when no item was pushed twice; with pops of unknown outcome, often."""
        declined = misfit(part, model)
        if declined is not None:
            return declined
        contents = gather(part, model, Names("push", "pop"), list(model.initial))
        if not isinstance(contents, Contents):
            return contents
        return takers.decide(
            contents, lambda contents: _arrange(contents, model), takers.StackShelf()
        )


def _arrange(contents: Contents, model: Model) -> list[Event] | Refuted:
    placed = place_empties(contents, model)
    if isinstance(placed, Refuted):
        return placed
    length = contents.horizon + 2
    line = Line(length)
    for gap, span in sorted(placed, key=lambda entry: entry[0]):
        line.append(gap, Event(Role.EMPTY, span))
    covering = [item for item in watched(contents.items) if item.insert.end < item.take.call]
    cover = Cover(length, [(item.insert.end, item.take.call) for item in watched(covering)])
    left = sorted(covering, key=lambda item: item.insert.end - item.take.call)
    while left:
        stuck = [item for item in watched(left) if not _peel(item, cover, line)]
        if len(stuck) == len(left):
            return refute(stuck, model)
        left = stuck
    bursts = [
        (item.take.call, item)
        for item in watched(contents.items)
        if item.insert.end > item.take.call
    ]
    return line.with_bursts(
        [
            (moment, _events(item))
            for moment, item in watched(sorted(bursts, key=lambda burst: burst[0]))
        ]
    )


def _events(item: Item) -> list[Event]:
    peeks = [Event(Role.PEEK, peek, item) for peek in item.peeks]
    return [Event(Role.INSERT, item.insert, item), *peeks, Event(Role.TAKE, item.take, item)]


def _peel(item: Item, cover: Cover, line: Line) -> bool:
    """Place the operations of an item at moments that no other covers, if they have such."""
    insert, take = item.insert, item.take
    if cover.first(insert.call, insert.end) is None or cover.first(take.call, take.end) is None:
        return False
    if not all(_is_free(peek, item, cover) for peek in item.peeks):
        return False
    cover.lift(insert.end, take.call)
    low, high = line.around(insert.end, take.call)
    pushed = cover.first(max(insert.call, low), insert.end)
    popped = cover.last(take.call, min(take.end, high + 1))
    assert pushed is not None
    assert popped is not None
    moments = [pushed]
    for peek in item.peeks:
        moment = cover.first(max(peek.call, pushed), min(peek.end, popped + 1))
        assert moment is not None
        moments.append(moment)
    events = _events(item)
    line.insert(insert.end, sorted(zip([*moments, popped], events, strict=True), key=_moment))
    return True


def _moment(placed: tuple[int, Event]) -> int:
    return placed[0]


def _is_free(peek: Span, item: Item, cover: Cover) -> bool:
    first, last = item.insert.end, item.take.call
    return (
        cover.first(max(peek.call, first), min(peek.end, last), 1) is not None
        or cover.first(peek.call, min(peek.end, first)) is not None
        or cover.first(max(peek.call, last), peek.end) is not None
    )
