"""A counterexample in words: what came back, what could have come back, and why not this.

The search got stuck at the return of one operation, the culprit, and left every configuration it
had reached there. Their states are everything the object could have been at that time, and the
culprit is impossible in each of them. Two questions of a reader are answered from the table:

- what could have made the culprit's result? (operations that lead to a state that allows it)
- and why did it not last? (operations that lead away, between those and the culprit)
"""

from typing import Final

from msgspec import Struct

from checker.engines.wording import one_of
from checker.prepare import Problem
from checker.search import Stuck
from checker.table import IMPOSSIBLE
from checker.values import show
from checker.verdict import Counterexample
from history import Operation

_NEIGHBOURS_MAX: Final = 12
"""Operations around the culprit that are pointed at; a report can show more of the surroundings."""


class _Evidence(Struct, frozen=True):
    """Numbers of operations that bear on the culprit's result."""

    sources: list[int]
    """Those whose effect would allow it and that were called in time; by return, crashed last."""
    alive: list[int]
    """The sources that were not undone for certain before the culprit was called."""
    burial: int | None
    """What undid the last source, and so every one before it; None while some are alive."""


def explain(problem: Problem, stuck: Stuck) -> Counterexample:
    """Say why the operation that could not be placed has no place."""
    assert stuck.failures
    event = max(pending[0] for _, pending in stuck.failures)
    states = {state for state, pending in stuck.failures if pending[0] == event}
    culprit = problem.operations[event]
    evidence = _gather(problem, event)
    noun = problem.table.model.state_noun
    on_key = "" if culprit.key is None else f"On key {show(culprit.key)}, "
    sentences = (
        f"{on_key}{name_operation(problem, event)}, but no order of the operations allows it.",
        f"When it returned, the {noun} could only be {_in_words(problem, states)}.",
        _fate_of_the_result(problem, event, evidence),
    )
    shown = {event}
    if evidence.burial is None:
        shown.update(evidence.alive[-_NEIGHBOURS_MAX:], _neighbours(problem, event))
    else:
        shown.update(evidence.sources[-1:], [evidence.burial])
    indices = sorted(problem.operations[number].index for number in shown)
    return Counterexample(culprit.index, tuple(indices), " ".join(sentences), culprit.key)


def name_operation(problem: Problem, number: int) -> str:
    """`read returned 7 (process 3, line 45)`."""
    operation = problem.operations[number]
    words = problem.table.model.describe(problem.table.actions[problem.classes[number]])
    where = f"operation {operation.index}"
    if operation.line is not None:
        where = f"line {operation.line}"
    return f"{words} (process {operation.process}, {where})"


def _in_words(problem: Problem, states: set[int]) -> str:
    table = problem.table
    return one_of({table.model.describe_states(table.states[state]) for state in states})


def _gather(problem: Problem, event: int) -> _Evidence:
    """Find what would allow the culprit, and whether anything undid that for certain.

    An undoing operation that was called after a source had returned, and returned before the
    culprit was called, took effect between the two. It buries every source that returned no
    later, so only the last source counts.
    """
    culprit = problem.operations[event]
    assert culprit.return_ is not None
    makes, undoes = _classes_that_matter(problem, problem.classes[event])
    called = [
        number
        for number, operation in enumerate(problem.operations)
        if operation.call < culprit.return_ and number != event
    ]
    sources = [number for number in called if problem.classes[number] in makes]
    undoing = [
        number
        for number in called
        if problem.classes[number] in undoes and _precedes(problem, number, culprit)
    ]
    undoing.sort(
        key=lambda number: (not problem.observers[number], problem.operations[number].call)
    )
    if not sources:
        return _Evidence(
            [], [], undoing[-1] if undoing and _fits_at_first(problem, event) else None
        )
    latest = max((problem.operations[number].call for number in undoing), default=-1)
    alive = [number for number in sources if (_end(problem, number) or latest) >= latest]
    if alive:
        return _Evidence(sources, alive, None)
    last_end = _end(problem, sources[-1])
    assert last_end is not None
    over = [number for number in undoing if problem.operations[number].call > last_end]
    changes = [number for number in over if not problem.observers[number]]
    return _Evidence(sources, [], (changes or over)[0])


def _classes_that_matter(problem: Problem, wanted: int) -> tuple[set[int], set[int]]:
    """Actions after which `wanted` may become legal; actions after which it never was.

    Read off the part of the table that the search filled: the states that it reached.
    """
    rows = list(problem.table.rows)
    allows = [row[wanted] != IMPOSSIBLE for row in rows]
    allows += [False] * (len(problem.table.rows) - len(rows))  # reached by nobody but this question
    makes: set[int] = set()
    leaves: set[int] = set()
    for state, row in enumerate(rows):
        for kind, after in row.items():
            if after >= 0 and allows[after]:
                leaves.add(kind)
                if not allows[state]:
                    makes.add(kind)
    legal_somewhere = {kind for row in rows for kind, after in row.items() if after >= 0}
    return makes, legal_somewhere - leaves


def _fits_at_first(problem: Problem, event: int) -> bool:
    return problem.table.rows[0][problem.classes[event]] >= 0


def _end(problem: Problem, number: int) -> int | None:
    return problem.operations[number].return_


def _precedes(problem: Problem, number: int, culprit: Operation) -> bool:
    end = _end(problem, number)
    return end is not None and end < culprit.call


def _fate_of_the_result(problem: Problem, event: int, evidence: _Evidence) -> str:
    """Where the culprit's result could have come from, and what became of that."""
    table, burial = problem.table, evidence.burial
    if not evidence.sources:
        if not _fits_at_first(problem, event):
            return "Nothing that was called before it returned would have made it possible."
        initial = table.model.describe_states(table.states[0])
        if burial is None:
            return f"It fits the initial {initial} only, and nothing brought that back."
        return (
            f"It fits the initial {initial} only; that was gone by {name_operation(problem, burial)}, "
            f"which returned before this one was called, and nothing brought it back."
        )
    if burial is None:
        names = "; ".join(name_operation(problem, number) for number in evidence.alive[-3:])
        return (
            f"It would have been possible right after {names}, but the results of the "
            f"other operations leave no room for that."
        )
    source = name_operation(problem, evidence.sources[-1])
    verb = "no longer held at" if problem.observers[burial] else "was undone by"
    return (
        f"What made it possible last, {source}, {verb} {name_operation(problem, burial)}, "
        f"which was called after that had returned, and returned before this one was called."
    )


def _neighbours(problem: Problem, event: int) -> list[int]:
    """Operations concurrent with the culprit, and the last that had returned when it was called."""
    culprit = problem.operations[event]
    end = culprit.return_
    assert end is not None
    before = [number for number in range(event) if _precedes(problem, number, culprit)]
    concurrent = [
        number
        for number, operation in enumerate(problem.operations)
        if number != event and operation.call < end and not _precedes(problem, number, culprit)
    ]
    half = _NEIGHBOURS_MAX // 2
    return before[-half:] + concurrent[:half]
