"""What was lost and yet happened: its place among operations whose order is known.

Nobody was told the place of an operation of unknown outcome. Where each object's other operations are
given in their order, its steps show it: a step that is impossible comes behind something lost.

    object x   put x 1    get x → 2         object y   put y 1    get y → 1    get y → 4
    lost of one session   put x 2   put y 3   put y 4
    so                    put x 1 < put x 2 < get x → 2,   get y → 1 < put y 4 < get y → 4

What was seen so (`seen`) is ordered with all the rest. What stands before it in its session has happened
as well (the suffix rule), and nobody saw it: it goes (`unseen`) where it makes no difference.

This is no search. Of several that make a step possible, the one is taken with which most of the following
steps on that object are possible too, and that is not looked at again: what comes out may be no order
where there is one, and is to be verified.
"""

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from typing import Final, NamedTuple

from checker.errors import ModelError
from checker.model import ILLEGAL, Model, State
from checker.patience import watched
from history import Operation

_LOOK_AHEAD: Final = 16
"""Steps of one object by which candidates are compared: a few writes and their readers."""

_TRIES_MIN: Final = 1_000
"""How often something lost is tried for the sake of one object, however few operations it has."""

_TRIES_SEEN: Final = 1
"""And for each of its operations, to find out what was seen: a try takes up to 17 steps."""

_TRIES_UNSEEN: Final = 10
"""And where what was not seen may stand: a try takes two."""


class Place(NamedTuple):
    """Something lost, and between which two operations on its object it stands."""

    before: Operation | None
    """None: it is the first."""
    lost: Operation
    after: Operation | None
    """None: it is the last."""


def seen(
    certain: Sequence[Operation], lost: Sequence[Sequence[Operation]], model: Model
) -> list[Place] | None:
    """The lost operations without which the `certain` ones are impossible.

    `certain` has the operations of each object in their order. None: a step is impossible whatever
    was lost, or too much was lost to be looked through. Objects whose states are too large to be
    copied at each step are not looked at.
    """
    if not any(lost) or type(model).running is not Model.running:
        return []
    objects: dict[Hashable, list[int]] = {}
    begun: dict[Hashable, int] = {}
    for place, operation in enumerate(watched(certain)):
        objects.setdefault(model.partition(operation), []).append(place)
        if operation.session is not None:
            begun[operation.session] = place
    candidates: dict[Hashable, list[_Candidate]] = {}
    for tail in lost:
        for depth, one in enumerate(tail):
            lot = candidates.setdefault(model.partition(one), [])
            lot.append(_Candidate(one, begun.get(one.session, -1), depth))
    found: list[Place] = []
    for part, places in objects.items():
        of_object = _seen_of_object(certain, places, candidates.get(part, []), model)
        if of_object is None:
            return None
        found += of_object
    return found


class _Candidate(NamedTuple):
    """Something lost."""

    operation: Operation
    begins: int
    """The place of the last certain operation of its session: before that it cannot have been."""
    depth: int
    """How many of its session must have happened before it, unseen or not."""


def _seen_of_object(
    certain: Sequence[Operation], places: Sequence[int], candidates: list[_Candidate], model: Model
) -> list[Place] | None:
    found: list[Place] = []
    returns = [_returned(certain[place]) for place in places]
    ends = list(accumulate(reversed(returns), min))[::-1]
    state, latest = model.initial, None
    left = _TRIES_MIN + _TRIES_SEEN * len(places)
    for number, place in enumerate(watched(places)):
        step = certain[place]
        after = _after(model, state, step)
        if after is ILLEGAL:
            ahead = [certain[at] for at in places[number : number + _LOOK_AHEAD]]
            called = [one for one in candidates if one.operation.call < ends[number]]
            left -= len(called)
            if not called or left < 0:
                return None
            merits = [_merit(one, state, ahead, place, model) for one in called]
            best = called[merits.index(max(merits))]
            candidates.remove(best)
            found.append(Place(latest, best.operation, step))
            state = _after(model, state, best.operation)
            after = ILLEGAL if state is ILLEGAL else _after(model, state, step)
            if after is ILLEGAL:
                return None
        state, latest = after, step
    return found


def _after(model: Model, state: State, operation: Operation) -> State:
    action = model.action(operation)
    try:
        return model.after(state, action)
    except Exception as why:
        raise ModelError(f"the model failed on {action} in the state {state!r}: {why!r}") from why


def _returned(operation: Operation) -> float:
    return inf if operation.return_ is None else operation.return_


def _merit(
    one: _Candidate, state: State, ahead: Sequence[Operation], place: int, model: Model
) -> tuple[bool, int, int]:
    """Steps that are possible behind it count most; then that little else must have happened."""
    possible = _possible(_after(model, state, one.operation), ahead, model)
    return possible > 0 and one.begins < place, possible, -one.depth


def _possible(state: State, steps: Sequence[Operation], model: Model) -> int:
    """How many steps can be taken."""
    for number, step in enumerate(steps):
        state = ILLEGAL if state is ILLEGAL else _after(model, state, step)
        if state is ILLEGAL:
            return number
    return len(steps)


def unseen(
    order: Sequence[Operation], lost: Sequence[Sequence[Operation]], model: Model
) -> list[Place] | None:
    """Of each sequence of `lost` ones, those that stand before one that is in the `order`, and are not in it.

    Each before the first operation that it makes no difference to, from where it may stand on. That may be
    behind the one for whose sake it must have happened; then the order has to be sorted anew. None: the
    `order` is impossible.
    """
    bounds = _Bounds(order)
    waiting: dict[Hashable, list[_Unseen]] = {}
    for tail in lost:
        for one in bounds.unseen(tail):
            waiting.setdefault(model.partition(one.operation), []).append(one)
    lines = {part: _Line(ones) for part, ones in waiting.items()}
    found: list[Place] = []
    states: dict[Hashable, State] = {}
    latest: dict[Hashable, Operation] = {}
    for place, operation in enumerate(watched(order)):
        part = model.partition(operation)
        before = states.get(part, model.initial)
        after = _after(model, before, operation)
        if after is ILLEGAL:
            return None  # what bears no stamp was moved since it was looked for
        for one in lines[part].next_before(place) if part in lines else ():
            between = _after(model, before, one.operation)
            if between is not ILLEGAL and _after(model, between, operation) == after:
                one.place = place
                found.append(Place(latest.get(part), one.operation, operation))
        states[part], latest[part] = after, operation
    for part, ones in waiting.items():
        found += [Place(latest.get(part), one.operation, None) for one in ones if one.place is None]
    return found


@dataclass(slots=True)
class _Unseen:
    operation: Operation
    first: int
    """Before this place it cannot stand, by real time and by its session."""
    upper: int
    """That of the one for whose sake it must have happened."""
    previous: "_Unseen | None"
    """Of the same session, and for the sake of the same."""
    place: int | None = None
    """Which it was given."""

    def may_stand_before(self, place: int) -> bool:
        """Whoever must come before it has a place, or is late."""
        previous = self.previous
        return previous is None or previous.place is not None or place >= previous.upper


class _Line:
    """Those that wait for a place on one object."""

    def __init__(self, ones: list[_Unseen]) -> None:
        self._later = sorted(ones, key=lambda one: one.first)[::-1]
        self._now: list[_Unseen] = []
        self._tries = _TRIES_MIN

    def next_before(self, place: int) -> Iterator[_Unseen]:
        """Those that may stand there. None any more when too many were tried: then all stand at the end."""
        while self._later and self._later[-1].first <= place:
            self._now.append(self._later.pop())
        self._now = [one for one in self._now if one.place is None]
        self._tries += _TRIES_UNSEEN
        for one in self._now:
            self._tries -= 1
            if self._tries < 0:
                return
            if one.may_stand_before(place):
                yield one


class _Bounds:
    """Where a lost operation may stand in an order."""

    def __init__(self, order: Sequence[Operation]) -> None:
        self._places: Final = {operation.index: place for place, operation in enumerate(order)}
        returned = [(one, place) for place, one in enumerate(order) if one.return_ is not None]
        self._begun: Final = {one.session: place for one, place in returned}
        returned.sort(key=lambda entry: _returned(entry[0]))
        self._returns: Final = [_returned(one) for one, _ in returned]
        self._latest: Final = list(accumulate((place for _, place in returned), max))

    def unseen(self, tail: Sequence[Operation]) -> list[_Unseen]:
        """Those of a session that the order lacks, as far as it has a later one."""
        found: list[_Unseen] = []
        waiting: list[Operation] = []
        floor = self._begun.get(tail[0].session, -1) if tail else -1
        for one in tail:
            upper = self._places.get(one.index)
            if upper is None:
                waiting.append(one)
                continue
            previous = None
            for each in waiting:
                previous = _Unseen(each, 1 + max(floor, self._last_before(each)), upper, previous)
                found.append(previous)
            waiting, floor = [], upper
        return found

    def _last_before(self, one: Operation) -> int:
        """The last place of those that had returned when it was called."""
        count = bisect_left(self._returns, one.call)
        return self._latest[count - 1] if count else -1
