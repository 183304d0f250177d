"""Why no order will do, where the native search found out: circles, and values without a maker.

Before it searches, it collects what must come before what (`native/orders_clocks.hpp`). When that
goes round in a circle there is no order, and the circle is short evidence that a person can follow.
"""

from dataclasses import replace
from enum import IntEnum
from typing import Final

from checker.lowering import NO_STATE, missed_by
from checker.orders.explain import (
    KEPT,
    name_operation,
    stuck_looking_ahead,
    stuck_nowhere_in_time,
)
from checker.orders.native import Answer, Edge
from checker.orders.problem import Order, Problem
from checker.verdict import Counterexample

_SHOWN_MAX: Final = 8
"""Steps of a circle that are told; a longer one is told in part."""


class Why(IntEnum):
    """Why one operation comes before another; as in native/orders_clocks.hpp."""

    ISSUED = 0
    RETURNED = 1
    MADE = 2
    HIDDEN = 3
    FOUND = 4
    COMMON = 5
    MISSED = 6
    GONE = 7
    DESTROYED = 8
    ONLY_THEN = 9
    CLEARED = 10


def explain_answer(problem: Problem, answer: Answer) -> Counterexample:
    """Say what the native search knows."""
    if answer.cycle:
        return _circle(problem, answer.cycle)
    if answer.without_source >= 0:
        return _without_source(problem, answer.without_source)
    placed = sum(answer.fronts)
    if problem.order is Order.MDL:
        waiting = first_waiting(problem, answer.fronts)
        return stuck_looking_ahead(problem, placed, waiting)
    next_ones = [
        chain[front]
        for chain, front in zip(problem.chains, answer.fronts, strict=True)
        if front < len(chain)
    ]
    return stuck_nowhere_in_time(problem, placed, next_ones, answer.states.__getitem__)


def with_circle(words: Counterexample, problem: Problem, answer: Answer) -> Counterexample:
    """The words of another search, and the circle, where there is one."""
    if not 0 < len(answer.cycle) <= _SHOWN_MAX:
        return words
    circle = _circle(problem, answer.cycle)
    return replace(
        words,
        operations=tuple(sorted({*words.operations, *circle.operations})),
        explanation=f"{words.explanation} {circle.explanation}",
    )


def first_waiting(problem: Problem, fronts: list[int]) -> int:
    """The first return that an order which came as far as `fronts` does not have."""
    for number in problem.returns:
        if problem.place_of[number] >= fronts[problem.chain_of[number]]:
            return number
    return problem.returns[-1]


def _circle(problem: Problem, cycle: list[Edge]) -> Counterexample:
    told = "; ".join(_edge(problem, edge) for edge in cycle[:_SHOWN_MAX])
    more = len(cycle) - _SHOWN_MAX
    rest = f"; and {more} more steps lead back to the first" if more > 0 else ""
    words = f"No order keeps {KEPT[problem.order]}, for these go round in a circle: {told}{rest}."
    numbers = {number for edge in cycle for number in (edge.before, edge.after, edge.about)} - {-1}
    indices = sorted(problem.operations[number].index for number in numbers)
    culprit = problem.operations[max(numbers, key=lambda number: problem.operations[number].call)]
    return Counterexample(culprit.index, tuple(indices), words, culprit.key)


def _edge(problem: Problem, edge: Edge) -> str:
    before, after = name_operation(problem, edge.before), name_operation(problem, edge.after)
    match edge.why:
        case Why.ISSUED:
            issuer = problem.names[problem.chain_of[edge.before]]
            return f"{before} comes before {after}, as {issuer} issued them so"
        case Why.RETURNED:
            return f"{before} had returned before {after} was called"
        case Why.MADE:
            return f"only {before} can have made what {after} found"
        case Why.HIDDEN:
            reader = name_operation(problem, edge.about)
            return (
                f"{before} comes before {reader}, so it comes before {after} too, "
                f"the only one that can have made what that found"
            )
        case Why.FOUND:
            return (
                f"{after} comes after all who can have made what {before} found, and destroys it, "
                f"so {before} comes before {after}"
            )
        case Why.COMMON:
            return f"whoever made what {after} found is {before} or comes later"
        case _:
            return _edge_of_miss(problem, edge, before, after)


def _edge_of_miss(problem: Problem, edge: Edge, before: str, after: str) -> str:
    about = "" if edge.about < 0 else name_operation(problem, edge.about)
    there_first = f"what {about} made" if about else "what was there at first"
    match edge.why:
        case Why.MISSED if about:
            return (
                f"{before} comes before {about}, which found what only {after} can have made, "
                f"so it comes before {after} too"
            )
        case Why.MISSED:
            return (
                f"nobody can have destroyed, before {before}, what only {after} can have made, "
                f"so that comes later"
            )
        case Why.GONE:
            return (
                f"{after} comes when {there_first} is gone, and so after {before}, which found it"
            )
        case Why.ONLY_THEN:
            return f"only {after} can have destroyed what {before} made before {about}"
        case Why.DESTROYED:
            return f"only {before} can have destroyed {there_first} before {after}"
        case _:
            return f"whoever destroyed {there_first} before {after} is {before} or comes later"


def _without_source(problem: Problem, number: int) -> Counterexample:
    operation = problem.operations[number]
    why = "Whoever leads to that comes after it, or is overwritten before it."
    if missed_by(problem.tables[problem.parts[number]], problem.kinds[number]) != NO_STATE:
        why = "Whoever destroys what was there at first comes after it."
    words = f"{name_operation(problem, number)}: no order that keeps {KEPT[problem.order]} has it. {why}"
    return Counterexample(operation.index, (operation.index,), words, operation.key)
