"""Which operation has no place, and in which states the object could have been at its return.

A search that looks ahead gives up as soon as it is certain to fail, which may be long before the
return at which it would fail; and it passes over states that make no difference. People are told
of the first return that no order explains: the history up to just before it is linearizable, and
with it is not. So the search is asked about shorter histories until that return is found, and
then whether a reader at that moment could have seen this state or that; unless a search that does
not look ahead is quick, and answers both at once.
"""

import time
from collections.abc import Iterable
from typing import Final

from checker.budget import Meter
from checker.lowering import OVERWRITE, Answer, Lowered, NativeSearch, contradicted, run
from checker.prepare import Problem
from checker.search import Stuck

_PLAIN_S: Final = 0.1
"""Time for a search that does not look ahead; it tells all at once where it gets to its end."""

_EXTRA_S: Final = 0.3
"""Time for finding out piece by piece, where it does not; a person waits for the verdict."""

_STATES_MAX: Final = 64
"""States that are told where not all of them are known; a person reads the first few."""

_QUESTIONS_MAX: Final = 5_000
"""Transitions that the model is asked about for the explanation: some 5 ms."""


def find_culprit(
    native: NativeSearch, problem: Problem, lowered: Lowered, answer: Answer, meter: Meter
) -> Stuck:
    """What `explain` needs to know about a history that has no linearization."""
    event, states = answer.event, answer.states
    if answer.looked_ahead or lowered.needs_are_known:
        patience = _Patience(meter, _PLAIN_S)
        plain = run(native, problem.table, lowered, patience, look_ahead=False)
        if plain.status == "found":
            raise contradicted(problem.table)
        if plain.status == "stuck":
            answer, event, states = plain, plain.event, plain.states
        else:
            patience = _Patience(meter, _EXTRA_S)
            if answer.looked_ahead:
                event = _first_failure(native, problem, lowered, event, patience)
            states = _reached(native, problem, lowered, event, patience)
    _fill_rows(problem, event, [0, *states, *answer.reached])
    return Stuck({(state, (event,)): [0] for state in states or [0]})


class _Patience(Meter):
    """The limits of the judgement, and a short time of its own."""

    def __init__(self, meter: Meter, seconds: float) -> None:
        self._meter = meter
        self._until = time.monotonic() + seconds

    def exhausted(self) -> str | None:
        if time.monotonic() > self._until:
            return "an explanation takes too long"
        return self._meter.exhausted()


def _first_failure(
    native: NativeSearch, problem: Problem, lowered: Lowered, reached: int, patience: Meter
) -> int:
    """The first return with which the history has no linearization.

    The history up to before `reached` has one. From there in growing strides, then halving. Where
    patience ends, the answer is a later return; that much is certain.
    """
    good, bad, stride = reached, lowered.live_count, 1
    while good + 1 < bad:
        middle = min(good + stride, (good + bad) // 2)
        answer = run(native, problem.table, lowered, patience, end=middle)
        if answer.status == "stopped":
            break
        if answer.status == "found":
            good, stride = middle, stride * 2
        else:
            bad, stride = middle, max(1, stride // 2)
    return bad - 1


def _reached(
    native: NativeSearch, problem: Problem, lowered: Lowered, event: int, patience: Meter
) -> list[int]:
    """The states in which the object can have been as operation `event` returned."""
    if not lowered.needs_are_known:
        # Which states to ask about is not known beforehand, but none makes no difference either:
        # a search that cannot go on from there passes over none. Where it has no time for all,
        # some are told rather than none.
        probed = lowered.with_probe(event, None)
        answer = run(native, problem.table, probed, patience, end=event + 1)
        if answer.event == event:
            return answer.states if answer.status == "stuck" else answer.states[:_STATES_MAX]
    return _possible(native, problem, lowered, event, patience)


def _possible(
    native: NativeSearch, problem: Problem, lowered: Lowered, event: int, patience: Meter
) -> list[int]:
    """The same, by asking for each state by itself.

    Those that cannot be ruled out in time are listed too.
    """
    states: list[int] = []
    for state in _candidates(lowered, event):
        if patience.exhausted() is None:
            probed = lowered.with_probe(event, state)
            answer = run(native, problem.table, probed, patience, end=event + 1)
            if answer.status == "stuck":
                continue
        states.append(state)
    return states


def _candidates(lowered: Lowered, event: int) -> Iterable[int]:
    """States that something called in time leads to and no overwrite ended for certain."""
    arrivals, classes = lowered.arrivals, lowered.classes
    overwritten = max(
        (arrivals[o] for o in range(event) if lowered.kinds[classes[o]] == OVERWRITE), default=0
    )
    late = [*range(overwritten, lowered.live_count), *range(lowered.live_count, len(classes))]
    found = {lowered.targets[classes[o]] for o in late if arrivals[o] <= event and o != event}
    if overwritten == 0:
        found.add(0)
    return sorted(state for state in found if state >= 0)


def _fill_rows(problem: Problem, event: int, states: list[int]) -> None:
    """Ask the model about what the native search knew without asking; the explanation reads it."""
    called = {problem.classes[event]}
    called.update(problem.classes[: event + 1], problem.classes[problem.live_count :])
    for came in problem.arrivals[: event + 1]:
        called.update(problem.classes[operation] for operation in came)
    for state in list(dict.fromkeys(states))[: max(2, _QUESTIONS_MAX // len(called))]:
        row = problem.table.rows[state]
        for kind in called:
            row[kind]
