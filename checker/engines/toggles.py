"""One thing that is there or not, such as an element of a set or a lock that is held.

Operations put it there (UP), take it away (DOWN), or observe which is the case. UPs and DOWNs
alternate, so the only choice is which of the pending ones comes next, and when. Choose late and
with foresight: nothing happens until an operation returns that has not taken effect, and then of
the operations of the kind that is needed, the one that returns first takes effect. Observers take
effect whenever what they saw is the case. If some history of the object gives every operation its
result, so does this one: an earlier change can be put off until somebody needs it, and two pending
operations of one kind can be exchanged so that the more urgent one comes first. No distinct values
are needed. Operations that never returned are the least urgent, and may stay undone. O(n log n).

The counterexample is the shortest window that is found to be impossible whether the thing was there
before it or not, where operations that reach out of the window may have taken effect in it or not.

Compared with trying all orders in `tests/property/test_engines_*.py`; the interval scheduling idea
(earliest deadline first) is folklore.
"""

from bisect import bisect_left
from enum import Enum
from heapq import heappop, heappush
from typing import Final

from msgspec import Struct

from checker.engines.interface import Refuted
from checker.engines.wording import FOREVER, end, name, refuted
from checker.model import Model
from checker.patience import watched
from history import Operation

_TRIED_MAX: Final = 100
"""A longer window is shown as it is: leaving out each observer in turn takes its square."""


class Kind(Enum):
    """What an operation does to the thing."""

    UP = 0
    DOWN = 1
    IS_UP = 2
    IS_DOWN = 3


class Use(Struct, eq=False, gc=False):
    """One operation on the thing."""

    operation: Operation
    kind: Kind


class Words(Struct):
    """How to talk about the thing."""

    thing: str
    up: str
    """An operation that puts it there: "add"."""
    down: str
    there: str
    """"there", "held"."""
    absent: str


def decide(
    uses: list[Use], *, is_up: bool, model: Model, words: Words
) -> list[Operation] | Refuted:
    """A linearization, or why there is none."""
    found = _run(uses, is_up, -1, FOREVER)
    if isinstance(found, Use):
        return _refute(uses, found, is_up, model, words)
    return found


def _run(uses: list[Use], is_up: bool, begin: int, last: int) -> list[Operation] | Use:
    """Play the history between two ranks; returns the order, or the use that found no place.

    Operations that were called before `begin` or returned after `last` may take effect or not.
    """
    events: list[tuple[int, int, int]] = []
    for number, use in enumerate(watched(uses)):
        returned = end(use.operation)
        if use.operation.call > last or returned < begin:
            continue
        if use.operation.call < begin or returned > last or returned == FOREVER:
            if use.kind in (Kind.UP, Kind.DOWN):
                events.append((use.operation.call, number, FOREVER))
            continue
        events.append((use.operation.call, number, returned))
        events.append((returned, number, -1))
    events.sort()
    play = _Play(uses, is_up)
    for _, number, deadline in watched(events):
        if deadline != -1:
            play.call(number, deadline)
        elif not play.is_done[number] and not play.settle(number):
            return uses[number]
    return play.order


class _Play:
    def __init__(self, uses: list[Use], is_up: bool) -> None:
        self.order: list[Operation] = []
        self.is_done = [False] * len(uses)
        self._uses = uses
        self._is_up = is_up
        self._pending: dict[Kind, list[tuple[int, int]]] = {Kind.UP: [], Kind.DOWN: []}
        self._waiting: dict[Kind, list[int]] = {Kind.IS_UP: [], Kind.IS_DOWN: []}

    def call(self, number: int, deadline: int) -> None:
        kind = self._uses[number].kind
        if kind in self._pending:
            heappush(self._pending[kind], (deadline, number))
        elif (kind is Kind.IS_UP) is self._is_up:
            self._do(number)
        else:
            self._waiting[kind].append(number)

    def settle(self, number: int) -> bool:
        """Let an operation that returns now take effect; False when that is impossible."""
        kind = self._uses[number].kind
        if kind in (Kind.IS_UP, Kind.IS_DOWN) or (kind is Kind.UP) is not self._is_up:
            return self._flip()
        if not self._flip():
            return False
        flipped = self._flip()
        assert flipped  # the operation itself was pending
        assert self.is_done[number]  # and none was more urgent
        return True

    def _flip(self) -> bool:
        heap = self._pending[Kind.DOWN if self._is_up else Kind.UP]
        if not heap:
            return False
        self._do(heappop(heap)[1])
        self._is_up = not self._is_up
        waiting = self._waiting[Kind.IS_UP if self._is_up else Kind.IS_DOWN]
        for number in waiting:
            self._do(number)
        waiting.clear()
        return True

    def _do(self, number: int) -> None:
        self.is_done[number] = True
        self.order.append(self._uses[number].operation)


def _refute(uses: list[Use], culprit: Use, is_up: bool, model: Model, words: Words) -> Refuted:
    last = end(culprit.operation)
    uses = sorted(
        (use for use in uses if use.operation.call < last),
        key=lambda use: end(use.operation),
        reverse=True,
    )
    ranks = sorted(
        rank for use in uses for rank in (use.operation.call, end(use.operation)) if rank <= last
    )
    size, begin = 2, -1
    while size < len(ranks):
        if _is_impossible_from(ranks[-size], uses, last):
            begin = _latest_impossible(uses, last, ranks[-size:-1])
            break
        size *= 2
    window = _within(uses, begin)
    window = _without_idle_observers(window, culprit, is_up, begin, last)
    if begin == -1 and not any(
        use.kind is _needed(culprit) for use in window if use is not culprit
    ):
        window = [use for use in window if use.operation.return_ is not None]
    others = [use for use in window if use is not culprit]
    text = _explain(others, culprit, begin=begin, is_up=is_up, model=model, words=words)
    return refuted("no alternation", culprit.operation, [u.operation for u in window], text)


def _within(uses: list[Use], begin: int) -> list[Use]:
    """The uses that returned after `begin`; `uses` are sorted so that these come first."""
    return uses[: bisect_left(uses, -begin, key=lambda use: -end(use.operation))]


def _is_impossible_from(begin: int, uses: list[Use], last: int) -> bool:
    """True when no state at `begin` leaves the rest possible."""
    near = _within(uses, begin)
    return all(isinstance(_run(near, state, begin, last), Use) for state in (False, True))


def _latest_impossible(uses: list[Use], last: int, ranks: list[int]) -> int:
    """The latest of `ranks` from which it is impossible; it is from the first.

    A later beginning frees more operations, so what is possible from some rank on is possible
    from every later one.
    """
    low, high = 0, len(ranks)
    while high - low > 1:
        middle = (low + high) // 2
        if _is_impossible_from(ranks[middle], uses, last):
            low = middle
        else:
            high = middle
    return ranks[low]


def _without_idle_observers(
    window: list[Use], culprit: Use, is_up: bool, begin: int, last: int
) -> list[Use]:
    """Leave out observers that the contradiction does not need."""
    states = (is_up,) if begin == -1 else (False, True)
    if len(window) > _TRIED_MAX:
        return window
    for use in [use for use in window if use.kind in (Kind.IS_UP, Kind.IS_DOWN)]:
        if use is culprit:
            continue
        rest = [other for other in window if other is not use]
        if all(isinstance(_run(rest, state, begin, last), Use) for state in states):
            window = rest
    return window


def _needed(culprit: Use) -> Kind:
    """What would have made it possible."""
    return Kind.DOWN if culprit.kind in (Kind.UP, Kind.IS_DOWN) else Kind.UP


def _explain(
    others: list[Use], culprit: Use, *, begin: int, is_up: bool, model: Model, words: Words
) -> str:
    what = name(culprit.operation, model)
    kind = _needed(culprit)
    needed = words.down if kind is Kind.DOWN else words.up
    if begin == -1 and not any(use.kind is kind for use in others):
        at_first = words.there if is_up else words.absent
        changes = [use.operation for use in others if use.kind in (Kind.UP, Kind.DOWN)]
        changes = [change for change in changes if change.return_ is not None][:3]
        beside = "".join(f", {name(change, model)} took effect too" for change in changes)
        return (
            f"{what}, but {words.thing} was {at_first} at first{beside}, "
            f"and no {needed} was called before this one returned."
        )
    if len(others) == 1 and others[0].kind is not kind:
        before = others[0].operation
        if end(before) < culprit.operation.call:
            return (
                f"{what} is impossible after {name(before, model)}, which returned before this "
                f"one was called: no {needed} can have come between them."
            )
    first = min((use.operation for use in others), key=lambda operation: operation.call)
    start = (
        f"whether {words.thing} was {words.there} or {words.absent} before them"
        if begin != -1
        else f"since {words.thing} was {words.there if is_up else words.absent} at first"
    )
    return (
        f"{what}, but no order of the {len(others) + 1} operations on {words.thing} from "
        f"{name(first, model)} on gives each its result, {start}."
    )
