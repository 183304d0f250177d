"""The verifier's own answers where operations add up: locks, sets, counters, lists and texts.

As `checker.evidence.conditions`, of which this is a part: written from the rules in
`checker.evidence.steps`, and not from the code that shrinks. The arguments are in
`checker.evidence.counting` and `checker.evidence.texts`.
"""

from collections.abc import Collection, Hashable, Iterable
from math import inf
from typing import Any, Final

from checker.evidence.items import Item
from checker.model import ILLEGAL, UNKNOWN, Action, State
from checker.values import token

_CHANGES: Final = {"acquire": 1, "release": -1, "add": 1, "remove": -1}


def change(action: Action) -> int:
    """1, -1, or 0 for what only looks."""
    return 0 if action.output is False else _CHANGES.get(action.f, 0)


def count_step(count: int, action: Action) -> State:
    """A lock, or an element, as a number that is wrong until what was under way has put it right."""
    delta = change(action)
    if delta:
        if delta * count <= min(delta, 0):  # upwards from 0 or less, downwards from 1 or more
            return count + delta
        return count if action.output is UNKNOWN else ILLEGAL
    match action.f, action.output:
        case "contains", bool(answer):
            is_possible = count == int(answer)
        case "acquire" | "add", _:
            is_possible = count == 1
        case "release", _ if action.value is not None:
            is_possible = True  # another session may hold the lock
        case "release" | "remove", _:
            is_possible = count == 0
        case _:
            is_possible = True
    return count if is_possible else ILLEGAL


def initial_count(kind: str | None, initial: State, items: Iterable[Item]) -> int | None:
    """Of a lock, or a set in which all that is left is about one element; otherwise None."""
    if kind == "mutex":
        return 0 if initial == "free" else 1
    if kind != "set":
        return None
    elements: set[Hashable] = set()
    for item in items:
        if item.action.f == "read":
            return None
        elements.add(token(item.action.value))
    if len(elements) != 1:
        return None
    return 1 if elements <= set(initial) else 0


def count_until(end: float, items: Iterable[Item]) -> tuple[int, list[Item]]:
    """What had returned by `end` adds up to, and what is left."""
    total, left = 0, []
    for item in items:
        if item.end <= end:
            total += change(item.action)
            continue
        if item.call < end and change(item.action) == 0:
            item.end = inf
        left.append(item)
    return total, left


def uncountable(count: int, items: Collection[Item]) -> set[int]:
    """Which optional ones would make it more than 1, or less than 0, whatever else happened."""
    required = count + sum(change(item.action) for item in items if item.is_required)
    optional = [item for item in items if not item.is_required]
    ups = sum(change(item.action) == 1 for item in optional)
    downs = sum(change(item.action) == -1 for item in optional)
    return {
        item.index
        for item in optional
        if (change(item.action) == 1 and required + 1 - downs > 1)
        or (change(item.action) == -1 and required - 1 + ups < 0)
    }


def placed_adds(initial: State, items: Collection[Item]) -> tuple[set[int], dict[int, int]]:
    """Adds to a counter that came after every read, and amounts of those that came before all."""
    adds = {i.index: i for i in items if i.action.f == "add"}
    reads = [i for i in items if i.action.f == "read" and i.action.output is not UNKNOWN]
    numbers = [initial, *(item.action.value for item in adds.values())]
    if not reads or not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
        return set(), {}
    rise = sum(max(item.action.value, 0) for item in adds.values())
    fall = sum(min(item.action.value, 0) for item in adds.values())
    first = min(item.call for item in reads)
    answers = sorted({item.action.output for item in reads})
    after, before = set(), {}
    for item in adds.values():
        amount = item.action.value
        lowest, highest = initial + fall - min(amount, 0), initial + rise - max(amount, 0)
        if amount == 0:
            continue
        if item.end < first or not _is_between(answers, lowest, highest):
            before[item.index] = amount
        elif not _is_between(answers, lowest + amount, highest + amount):
            after.add(item.index)
    return after, before


def _is_between(answers: list[Any], lowest: int, highest: int) -> bool:
    """Whether one of the sorted answers is."""
    low, high = 0, len(answers)
    while low < high:
        middle = (low + high) // 2
        if answers[middle] < lowest:
            low = middle + 1
        else:
            high = middle
    return low < len(answers) and bool(answers[low] <= highest)


def placed_appends(
    kind: str | None, initial: State, items: Collection[Item]
) -> tuple[set[int], list[tuple[int, State]]]:
    """Appends that came after every read, and those that came first: in order, with the state then.

    Nothing, when anything else was done.
    """
    if not all(item.action.f in ("append", "read", "get") for item in items):
        return set(), []
    try:
        start = _sequence(kind, initial)
        pieces = {i.index: _piece(kind, i.action.value) for i in items if i.action.f == "append"}
    except TypeError:
        return set(), []
    rests = []
    for item in items:
        if item.action.f == "append" or item.action.output is UNKNOWN:
            continue
        try:
            seen = _sequence(kind, item.action.output)
        except TypeError:
            continue
        if seen[: len(start)] == start:
            rests.append(seen[len(start) :])
    if not rests:
        return set(), []
    after = {i for i, piece in pieces.items() if all(not _holds(rest, piece) for rest in rests)}
    waiting = {i: piece for i, piece in pieces.items() if i not in after}
    chain: list[tuple[int, State]] = []
    while all(len(rest) > 0 for rest in rests):
        openers = {i for rest in rests for i, p in waiting.items() if rest[: len(p)] == p}
        if len(openers) != 1:
            break
        (first,) = openers
        piece = waiting.pop(first)
        if len(piece) == 0 or not all(rest[: len(piece)] == piece for rest in rests):
            break
        start = start + piece
        rests = [rest[len(piece) :] for rest in rests]
        chain.append((first, start))
    return after, chain


def _sequence(kind: str | None, value: Any) -> Any:  # noqa: ANN401 - a text or a tuple
    if kind == "kv":
        if value is None:
            return ""
        if not isinstance(value, str):
            raise TypeError
        return value
    return tuple(token(element) for element in value or ())


def _piece(kind: str | None, value: Any) -> Any:  # noqa: ANN401 - a text or a tuple
    return _sequence(kind, value) if kind == "kv" else (token(value),)


def _holds(rest: Any, piece: Any) -> bool:  # noqa: ANN401 - two texts or two tuples
    return any(rest[at : at + len(piece)] == piece for at in range(len(rest) - len(piece) + 1))


def is_of_texts(gone: Item, items: Collection[Item]) -> bool:
    """Whether it appends, or writes what may be appended to where something is."""
    action = gone.action
    if action.f == "append":
        return True
    if action.f not in ("write", "put", "delete", "cas") or action.output is False:
        return False
    made = _written(action)
    is_text = made is None or isinstance(made, str)
    return is_text and any(item.action.f == "append" for item in items)


def is_unseen_text(gone: Item, items: Collection[Item], initial: State) -> bool:
    """Whether no other operation can tell that `gone` wrote a text, or appended to one."""
    action = gone.action
    if action.f == "append":

        def fits(value: Any) -> bool:  # noqa: ANN401 - any value
            return isinstance(value, str) and action.value in value
    else:
        made = _written(action)

        def fits(value: Any) -> bool:  # noqa: ANN401 - any value
            is_longer = isinstance(value, str) and value[: len(made or "")] == (made or "")
            return is_longer or (value is None and made is None)

        values = [initial, *(_written(item.action) for item in items)]
        if not all(value is None or isinstance(value, str) for value in values):
            return False
    telling, replaced = [], inf
    for item in items:
        f, value, output = item.action.f, item.action.value, item.action.output
        is_over = f in ("write", "put", "delete")
        is_telling = False
        if f in ("read", "get") and output is not UNKNOWN:
            is_over = not fits(output)
            is_telling = item.is_required and not is_over
        elif f == "cas" and output is not False:
            is_telling = fits(value[0])
            is_over = not is_telling
            is_telling = is_telling and (item.is_required or token(value[0]) != token(value[1]))
        elif f == "cas":
            is_telling = item.is_required
        if is_telling and not item.end < gone.call:
            telling.append(item)
        if is_over and item.is_required and item.call > gone.end:
            replaced = min(replaced, item.end)
    return all(item.call > replaced for item in telling)


def _written(action: Action) -> Any:  # noqa: ANN401 - any value
    """What it leaves; null for what leaves nothing of its own."""
    if action.f in ("write", "put"):
        return token(action.value)
    is_cas = action.f == "cas" and action.output is not False
    return token(action.value[1]) if is_cas else None
