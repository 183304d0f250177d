"""The reference search: short, slow, obviously right. It stays for ever, to judge faster ones.

Just-in-time linearization (Lowe 2017, "Testing for linearizability", section 5, after Wing & Gong
1993): nothing needs to take effect before somebody relies on it, so a configuration moves only
when an operation is about to return and has not taken effect yet. A configuration is

    the next such return, the state, the live operations that have not taken effect yet
    (`pending`), and the crashed operations that have (`used`)

and does not grow with the history. Operations are numbered by return, so `pending` is an
increasing tuple, and its first member is the operation about to return, which names the event.

The search goes depth first and remembers every configuration from which no way led on. It does
not recurse. Four reductions, each with the exchange argument that allows it; "the plan" is any
linearization of the rest of the history that continues the configuration:

1. Observers at once. A pending observer that is legal in the state is taken right away: it is
   called and has not returned; moving it from its place in the plan to here changes no state, as
   it changes none in ANY state, and all others keep their order. This needs a pure observer: an
   action that merely changes nothing in this state may be needed later for its effect.
2. Equals by return. Of pending operations of one class only the one that returns first is tried.
   If the plan takes y here and its equal x, x < y, later, exchange them: x is already called, as
   it is pending, and y moves to a place before x's return, hence before its own.
3. Crashed ones count. Of unused crashed operations of one class, the one called first is tried: it
   may stand wherever a later one may. One that changes nothing is not tried: leave it out of the
   plan.
4. Dominance. If no way led on with the crashed operations F used, none does with a superset
   U used and all else equal: a plan after U uses no member of F, so it would do after F as well.

A counter of taken operations a class instead of `pending` would be wrong: of two equal writes with
one taken, it matters which one returns first (see the tests).
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from checker.budget import Meter
from checker.prepare import Problem

_POLL_EVERY: Final = 512
"""Moves between two looks at the budget: some 5 ms with many pending operations."""

Failures = dict[tuple[int, tuple[int, ...]], list[int]]
"""By state and pending operations: the sets of used crashed operations (as bits) that led nowhere."""


class Found(Struct, frozen=True):
    """A linearization: numbers of operations, in order."""

    order: list[int]


class Stuck(Struct, frozen=True):
    """There is no linearization; every configuration that could be reached is in `failures`."""

    failures: Failures


class Stopped(Struct, frozen=True):
    """The budget ran out: `why`, after having reached the return of operation `event`."""

    why: str
    event: int


class _Frame(Struct):
    """A configuration on the way, and what is left to try from it."""

    state: int
    pending: tuple[int, ...]
    used: int
    order_length: int
    moves: Iterator[tuple[int, int]]


def search(problem: Problem, meter: Meter) -> Found | Stuck | Stopped:
    """Find an order in which every live operation takes effect between its call and its return."""
    order: list[int] = []
    failures: Failures = {}
    pending = _settle(problem, order, 0, 0, [])
    if not pending:
        return Found(order)
    stack = [_Frame(0, pending, 0, len(order), moves(problem, 0, pending, 0))]
    furthest = pending[0]
    polls = 0
    while stack:
        polls += 1
        if polls % _POLL_EVERY == 0 and (why := meter.exhausted()) is not None:
            return Stopped(why, furthest)
        frame = stack[-1]
        move = next(frame.moves, None)
        if move is None:
            failures.setdefault((frame.state, frame.pending), []).append(frame.used)
            stack.pop()
            continue
        chosen, state = move
        del order[frame.order_length :]
        order.append(chosen)
        pending = _take(problem, order, frame, chosen, state)
        if not pending:
            return Found(order)
        furthest = max(furthest, pending[0])
        used = frame.used
        if chosen >= problem.live_count:
            used |= 1 << (chosen - problem.live_count)
        known = failures.get((state, pending))
        if known is not None and any(failed & ~used == 0 for failed in known):
            continue
        stack.append(_Frame(state, pending, used, len(order), moves(problem, state, pending, used)))
    return Stuck(failures)


def _take(
    problem: Problem, order: list[int], frame: _Frame, chosen: int, state: int
) -> tuple[int, ...]:
    """Let `chosen` take effect, and with it the observers that the new state satisfies."""
    left = [operation for operation in frame.pending if operation != chosen]
    if state != frame.state:
        observers, classes, row = problem.observers, problem.classes, problem.table.rows[state]
        satisfied = [o for o in left if observers[o] and row[classes[o]] >= 0]
        if satisfied:
            order += satisfied
            left = [operation for operation in left if operation not in satisfied]
    event = frame.pending[0]
    if left and left[0] == event:
        return tuple(left)
    return _settle(problem, order, event + 1, state, left)


def _settle(
    problem: Problem, order: list[int], event: int, state: int, pending: list[int]
) -> tuple[int, ...]:
    """Go on to the next return of an operation that is pending; empty at the end of the history.

    New calls become pending, except observers that are legal now: they take effect at once.
    """
    observers, classes, row = problem.observers, problem.classes, problem.table.rows[state]
    while event < problem.live_count:
        came = problem.arrivals[event]
        if came:
            for operation in came:
                if observers[operation] and row[classes[operation]] >= 0:
                    order.append(operation)
                else:
                    pending.append(operation)
            pending.sort()
        if pending and pending[0] == event:
            return tuple(pending)
        event += 1
    assert not pending, pending
    return ()


def moves(
    problem: Problem, state: int, pending: tuple[int, ...], used: int
) -> Iterator[tuple[int, int]]:
    """What may take effect next, and the state after it; the most promising first.

    The order does not matter to the verdict: first the operation about to return itself, then
    what makes it legal, then the others; crashed operations after live ones.
    """
    rows, classes = problem.table.rows, problem.classes
    row = rows[state]
    event = pending[0]
    wanted = classes[event]
    if row[wanted] >= 0:
        yield event, row[wanted]
    others: list[tuple[int, int]] = []
    for operation in _candidates(problem, pending, used):
        after = row[classes[operation]]
        if after < 0 or (after == state and operation >= problem.live_count):
            continue
        if row[wanted] < 0 <= rows[after][wanted]:
            yield operation, after
        else:
            others.append((operation, after))
    yield from others


def _candidates(problem: Problem, pending: tuple[int, ...], used: int) -> Iterator[int]:
    """Of each class, the pending operation that returns first, then the unused one called first."""
    seen = {problem.classes[pending[0]]}
    for operation in pending:
        kind = problem.classes[operation]
        if kind not in seen:
            seen.add(kind)
            yield operation
    seen_crashed: set[int] = set()
    for number in range(problem.crashed_before[pending[0]]):
        kind = problem.classes[problem.live_count + number]
        if not used >> number & 1 and kind not in seen_crashed:
            seen_crashed.add(kind)
            yield problem.live_count + number
