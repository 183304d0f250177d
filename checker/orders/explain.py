"""Why no order will do, in words: where the furthest one got stuck, and on what.

With real time the search proves that no order gets past one return, so that operation is the
culprit, as in `checker.explain`. Without real time nothing says which operation is to blame: the
words then describe the order that came furthest, and every operation that could be next in it.
"""

from collections.abc import Callable
from typing import Final

from checker.orders.problem import LostPredecessor, Order, Problem
from checker.orders.search import Search, Stuck
from checker.values import show
from checker.verdict import Counterexample
from history import Operation

_SHOWN_MAX: Final = 8
"""States, and operations that could be next, that are listed; more help nobody."""

KEPT: Final = {
    Order.SEQUENTIAL: "the order in which each process issued",
    Order.MDL: "real time and the order in which each session issued",
}


def explain(search: Search, stuck: Stuck) -> Counterexample:
    """Name the operation on which the furthest order got stuck."""
    problem = search.problem
    waiting = problem.returns[stuck.event]
    next_ones = [
        chain[position]
        for chain, position in zip(problem.chains, stuck.positions, strict=True)
        if position < len(chain) and problem.calls[chain[position]] < problem.deadlines[stuck.event]
    ]
    if problem.order is Order.MDL:
        return _stuck_at_a_return(search, stuck, waiting, next_ones)
    return stuck_nowhere_in_time(
        problem, stuck.placed, next_ones, lambda part: search.store.state(stuck.store, part)
    )


def explain_lost_predecessor(lost: LostPredecessor) -> Counterexample:
    """The suffix rule alone is broken."""
    words = (
        f"In {lost.session}, {_plainly(lost.completed)} took place, but {_plainly(lost.failed)}, "
        f"which the session issued before it, certainly did not."
    )
    pair = sorted((lost.failed.index, lost.completed.index))
    return Counterexample(lost.completed.index, tuple(pair), words, lost.completed.key)


def name_operation(problem: Problem, number: int) -> str:
    """`read returned 7 on key "x" (process 3, line 45)`."""
    operation = problem.operations[number]
    table = problem.tables[problem.parts[number]]
    words = table.model.describe(table.actions[problem.kinds[number]])
    on_key = "" if operation.key is None else f" on key {show(operation.key)}"
    return f"{words}{on_key} ({_issuer(operation)}, {_where(operation)})"


def _stuck_at_a_return(
    search: Search, stuck: Stuck, waiting: int, next_ones: list[int]
) -> Counterexample:
    problem = search.problem
    culprit = problem.operations[waiting]
    states = _states_in_words(problem, problem.parts[waiting], stuck.states)
    noun = problem.tables[problem.parts[waiting]].model.state_noun
    chain, place = problem.chain_of[waiting], problem.place_of[waiting]
    if search.has_looked_ahead:
        return stuck_looking_ahead(problem, stuck.placed, waiting)
    sentences = [
        f"{name_operation(problem, waiting)}: no order that keeps {KEPT[problem.order]} has it.",
        f"In all orders of what was called before it returned, the {noun} could then be {states}.",
    ]
    behind = problem.chains[chain][stuck.positions[chain] : place]
    if behind:
        first = name_operation(problem, behind[0])
        sentences.append(
            f"In the furthest of these orders it has to wait for {first}, "
            f"which {problem.names[chain]} issued before it."
        )
    shown = sorted({waiting, *behind[:_SHOWN_MAX], *next_ones[:_SHOWN_MAX]})
    indices = sorted(problem.operations[number].index for number in shown)
    return Counterexample(culprit.index, tuple(indices), " ".join(sentences), culprit.key)


def stuck_looking_ahead(problem: Problem, placed: int, waiting: int) -> Counterexample:
    """With real time, where nobody has searched without looking ahead."""
    culprit = problem.operations[waiting]
    total = sum(len(chain) for chain in problem.chains)
    words = (
        f"No order keeps {KEPT[problem.order]}. The furthest one has {placed} of {total} "
        f"operations: {name_operation(problem, waiting)} returns then, and every way to have it "
        f"by that time ends a value that a later operation must still find."
    )
    return Counterexample(culprit.index, (culprit.index,), words, culprit.key)


def stuck_nowhere_in_time(
    problem: Problem, placed: int, next_ones: list[int], state_of: Callable[[int], int]
) -> Counterexample:
    """Without real time: the order that came furthest, and what could be next in it."""
    total = sum(len(chain) for chain in problem.chains)
    next_ones.sort(key=lambda number: problem.operations[number].call)
    blocked = []
    for number in next_ones[:_SHOWN_MAX]:
        part = problem.parts[number]
        model = problem.tables[part].model
        state = _states_in_words(problem, part, {state_of(part)})
        blocked.append(f"{name_operation(problem, number)} while the {model.state_noun} is {state}")
    more = len(next_ones) - len(blocked)
    others = f"; and {more} more" if more else ""
    words = (
        f"Every order that keeps {KEPT[problem.order]} gets stuck. The furthest one has "
        f"{placed} of {total} operations; next would be {'; or '.join(blocked)}{others}, "
        f"and from there no way leads on."
    )
    culprit = problem.operations[next_ones[0]]
    indices = sorted(problem.operations[number].index for number in next_ones[:_SHOWN_MAX])
    return Counterexample(culprit.index, tuple(indices), words, culprit.key)


def _states_in_words(problem: Problem, part: int, states: set[int]) -> str:
    table = problem.tables[part]
    words = sorted({table.model.describe_state(table.states[state]) for state in states})
    more = len(words) - _SHOWN_MAX
    if more > 0:
        return f"one of {', '.join(words[:_SHOWN_MAX])} and {more} more"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _plainly(operation: Operation) -> str:
    """An operation in words that need no model: a failed one may fit none."""
    value = "" if operation.value is None else f" {show(operation.value)}"
    on_key = "" if operation.key is None else f" on key {show(operation.key)}"
    return f"{operation.f}{value}{on_key} ({_where(operation)})"


def _issuer(operation: Operation) -> str:
    if operation.session is not None and operation.seq is not None:
        return f"session {show(operation.session)}, seq {operation.seq}"
    return f"process {operation.process}"


def _where(operation: Operation) -> str:
    return f"operation {operation.index}" if operation.line is None else f"line {operation.line}"
