"""Counterexamples in words, and what all engines refuse to look at.

A sentence states precedences that can be checked in the file ("returned before … was called") and
what the model concludes from them, and nothing else: it has to be true of every history.
"""

from collections.abc import Iterable
from typing import Final

from checker.engines.interface import Declined, Refuted
from checker.model import Model
from checker.patience import watched
from checker.values import Value, show
from checker.verdict import Counterexample
from history import Operation

FOREVER: Final = 1 << 62
"""The rank of a return that never came: after every other."""


_CHOICES_MAX: Final = 8
"""Choices that are listed before "and n more"; a reader compares a handful at most."""


def one_of(choices: Iterable[str]) -> str:
    """`3`, `3 or 4`, or `one of 1, 2, … and 5 more`."""
    words = sorted(choices)
    more = len(words) - _CHOICES_MAX
    if more > 0:
        return f"one of {', '.join(words[:_CHOICES_MAX])} and {more} more"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def on_key(key: Value) -> str:
    """`On key "x": `, or nothing where there are no keys."""
    return "" if key is None else f"On key {show(key)}: "


def end(operation: Operation) -> int:
    """The rank of its return, or `FOREVER`."""
    return FOREVER if operation.return_ is None else operation.return_


def name(operation: Operation, model: Model) -> str:
    """`read returned 7 (process 3, line 45)`."""
    words = model.describe(model.action(operation))
    where = f"operation {operation.index}" if operation.line is None else f"line {operation.line}"
    return f"{words} (process {operation.process}, {where})"


def precedence(earlier: Operation, later: Operation, model: Model) -> str:
    """`write 1 (…) returned before read returned 2 (…) was called`."""
    assert end(earlier) < later.call, (earlier, later)
    return f"{name(earlier, model)} returned before {name(later, model)} was called"


def refuted(
    rule: str, culprit: Operation, operations: Iterable[Operation], explanation: str
) -> Refuted:
    """The verdict, with the evidence in file order."""
    indices = sorted({culprit.index, *(operation.index for operation in operations)})
    counterexample = Counterexample(
        operation=culprit.index,
        operations=tuple(indices),
        explanation=f"{on_key(culprit.key)}{explanation}",
        key=culprit.key,
    )
    return Refuted(counterexample, rule)


def misfit(part: list[Operation], model: Model) -> Declined | None:
    """Declines what is no operation of the model; the general search says what is wrong with it."""
    known = frozenset(model.operations)
    for operation in watched(part):
        if operation.f not in known:
            return Declined(f"{operation.f!r} is no operation of {model.name}")
    if type(model).problem is not Model.problem:
        for operation in watched(part):
            problem = model.problem(model.action(operation))
            if problem is not None:
                return Declined(problem)
    return None
