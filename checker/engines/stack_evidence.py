"""Why items of a stack cannot be peeled: a few that keep each other.

Each of the items that are left has an operation all moments of which others cover. Start from one,
add a few that cover its operation, then such as cover an operation of each of these, and so on:
what this closes on is illegal alone. Items that it can do without are left out.
"""

from collections.abc import Iterable
from typing import Final

from checker.engines.interface import Refuted
from checker.engines.lifetimes import Item, Span, words_of_cover
from checker.engines.wording import name, refuted
from checker.model import Model
from checker.patience import watched
from checker.values import show

_STARTS: Final = 12
"""Items to start from; the smallest result is kept. Most of them lead to the same one."""


def refute(stuck: list[Item], model: Model) -> Refuted:
    """Say what is wrong with items none of which can be peeled."""
    by_begin = sorted(stuck, key=lambda item: item.insert.end)
    step = max(1, len(stuck) // _STARTS)
    cores = [_closure(item, by_begin) for item in stuck[::-1][::step]]
    core = _least(min(cores, key=len))
    operations = [operation for item in core for operation in item.operations()]
    sentences = []
    for item in core:
        span, cover = _kept(item, core)
        if span.operation is not None:
            what = name(span.operation, model)
        elif span is item.insert:
            what = f"{show(item.value)} went in before the history began"
        else:
            what = f"nobody is known to have taken {show(item.value)}"
        sentences.append(f"{what} while {words_of_cover(cover, model)}")
    items = " and ".join(show(item.value) for item in core)
    later = [operation for operation in operations if operation.f != "push"] or operations
    return refuted(
        "items in each other's way",
        max(later, key=lambda operation: operation.call),
        operations,
        f"None of {items} can have been below the others: {'; '.join(sentences)}.",
    )


def _closure(start: Item, items: list[Item]) -> list[Item]:
    """Items from `start` on, each with an operation that others among them cover."""
    closed: dict[int, Item] = {id(start): start}
    todo = [start]
    for item in todo:
        found = _keeping(item, list(closed.values()))
        if found is None:
            found = _keeping(item, items)
        assert found is not None, "an item that is left is kept by those that are left"
        for other in found[1]:
            if id(other) not in closed:
                closed[id(other)] = other
                todo.append(other)
    return list(closed.values())


def _keeping(item: Item, items: Iterable[Item]) -> tuple[Span, list[Item]] | None:
    """The operation of `item` that the fewest others cover, and these; None if none is covered."""
    best: tuple[Span, list[Item]] | None = None
    for span in item.spans():
        chain = _chain(span, item, items)
        if chain is not None and (best is None or len(chain) < len(best[1])):
            best = span, chain
    return best


def _chain(span: Span, item: Item, items: Iterable[Item]) -> list[Item] | None:
    """The fewest other items that together cover all moments of `span`."""
    near = [
        other
        for other in watched(items)
        if other is not item and other.take.call > span.call and other.insert.end < span.end
    ]
    chain: list[Item] = []
    moment = span.call
    while moment < span.end:
        reach = [other for other in near if other.insert.end <= moment]
        if not reach:
            return None
        chain.append(max(reach, key=lambda other: other.take.call))
        if chain[-1].take.call <= moment:
            return None
        moment = chain[-1].take.call
    return chain


def _kept(item: Item, items: list[Item]) -> tuple[Span, list[Item]]:
    found = _keeping(item, items)
    assert found is not None
    return found


def _least(core: list[Item]) -> list[Item]:
    """Leave out items as long as each of the others stays kept."""
    for item in list(core):
        rest = _stuck([other for other in core if other is not item])
        if rest:
            core = rest
    return core


def _stuck(items: list[Item]) -> list[Item]:
    """Those that are left when no more can be peeled."""
    while True:
        kept = [item for item in items if _keeping(item, items) is not None]
        if len(kept) == len(items):
            return kept
        items = kept
