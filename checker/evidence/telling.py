"""A counterexample told by its core: the few operations that matter, and a sentence that fits them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Final

from checker.budget import Budget, Meter
from checker.engines.interface import Refuted
from checker.evidence import knowledge
from checker.evidence.counting import effect
from checker.evidence.shrink import Core, shrink
from checker.evidence.steps import Rule, Step
from checker.model import Model
from checker.patience import LimitReached, limited, watched
from checker.spread import judge_part
from checker.values import show
from checker.verdict import Counterexample, NotLinearizable
from history import Operation, Outcome

SHRINKING_S_MAX: Final = 10.0
"""Shrinking ends then even when the judgement may take longer: a smaller core is a convenience."""

_BEGINNINGS: Final = frozenset({Rule.AFTER, Rule.COUNTED})

_NOTHING: Final = "Nothing that was called before it returned would have made it possible."


def cut_down(
    operations: Iterable[Operation],
    verdict: NotLinearizable,
    model: Model,
    *,
    budget: Budget | None = None,
    started: float | None = None,
) -> NotLinearizable:
    """Cut the violation down to a core, as far as the time allows; as it was when it allows nothing.

    `operations` and `model` are those that were judged, in the initial state that was. `started`
    (`time.monotonic`) is when the budget began to run, if it was not now.
    """
    budget = budget or Budget()
    left = SHRINKING_S_MAX
    if budget.time_limit_s is not None:
        left = min(left, budget.time_limit_s - (0 if started is None else monotonic() - started))
    if left <= 0:
        return verdict
    meter = Meter(Budget(time_limit_s=left, memory_limit_mb=budget.memory_limit_mb))
    try:
        with limited(meter):
            return _cut_down(operations, verdict, model, meter)
    except LimitReached:
        return verdict


def _cut_down(
    operations: Iterable[Operation], verdict: NotLinearizable, model: Model, meter: Meter
) -> NotLinearizable:
    found = verdict.counterexample
    by_index = {operation.index: operation for operation in watched(operations)}
    name = model.partition(by_index[found.operation])
    part = [
        operation
        for operation in watched(by_index.values())
        if operation.outcome is not Outcome.FAILED and model.partition(operation) == name
    ]
    if found.is_brief:
        _, told = judge_part(part, model, "auto", meter)
        if isinstance(told, Refuted):
            found = replace(told.counterexample, rule=told.rule)
            verdict = replace(verdict, counterexample=found)
    core = shrink(part, model, found, meter)
    if core is None:
        return verdict
    return replace(verdict, counterexample=_told(found, core, model, part))


def _told(
    found: Counterexample, core: Core, model: Model, part: Sequence[Operation]
) -> Counterexample:
    key = Step(rule=Rule.KEY, operation=found.operation, key=found.key)
    begun = [step.operation for step in core.steps if step.rule in _BEGINNINGS]
    shown = {*core.operations, *(index for index in begun[-1:] if index is not None)}
    return replace(
        found,
        operation=core.counterexample.operation,
        operations=tuple(sorted(shown)),
        explanation=_explanation(found, core, model, part),
        core=core.operations,
        steps=(key, *core.steps),
        is_minimal=core.is_minimal,
    )


def _explanation(found: Counterexample, core: Core, model: Model, part: Sequence[Operation]) -> str:
    """The words of whoever knows best.

    A polynomial engine words its own structure, if that is what the core consists of. What the
    search says of the core is shorter than what it says of the whole, and as true, unless
    operations were deleted that may have made the culprit's result: then only the whole can tell
    where that came from.
    """
    told = core.counterexample
    begun = [step.operation for step in core.steps if step.rule in _BEGINNINGS]
    rules = {step.rule for step in core.steps}
    is_partial = Rule.UNOBSERVED in rules or (Rule.SETTLED in rules and Rule.COUNTED not in rules)
    is_engines = found.rule != "search" and set(found.operations) <= {*core.operations, *begun}
    if is_engines or (is_partial and found.operation == told.operation):
        return found.explanation
    if Rule.COUNTED in rules:
        return _counted(core, model, part)
    words = told.explanation
    if len(core.operations) < len(part):
        words = words.replace("When it returned, the ", "By these operations alone, the ")
    if begun:
        last = next(o for o in part if o.index == begun[-1])
        then = f"after {_name(last, model)}"
        words = words.replace("By these operations alone, ", f"Told from right {then}: ")
        words = words.replace(_NOTHING, "Nothing since then would have made it possible.")
        words = words.replace("It fits the initial ", "It fits what was there then, ")
    if Rule.SETTLED in rules:
        words = words.replace("By these operations alone, ", "With what was added before them, ")
    return words


def _counted(core: Core, model: Model, part: Sequence[Operation]) -> str:
    """What a reader can count in the file, and that nothing else makes up for it."""
    by_index = {operation.index: operation for operation in part}
    last = next(
        by_index[s.operation]
        for s in core.steps
        if s.rule is Rule.COUNTED
        if s.operation is not None
    )
    culprit = by_index[core.counterexample.operation]
    assert last.return_ is not None
    done = [
        effect(model.action(o))
        for o in part
        if o.return_ is not None
        and o.return_ <= last.return_
        and (
            model.name != "set"
            or knowledge.element(model.action(o)) == knowledge.element(model.action(culprit))
        )
    ]
    up, down = ("acquires", "releases") if model.name == "mutex" else ("adds", "removes")
    key = "" if culprit.key is None else f"On key {show(culprit.key)}: "
    return (
        f"{key}{_name(culprit, model)}, but no order of the operations allows it. Right after "
        f"{_name(last, model)} returned, {done.count(1)} {up} and {done.count(-1)} {down} had taken "
        f"effect and returned, and what was under way then, or called since, cannot make up for that."
    )


def _name(operation: Operation, model: Model) -> str:
    where = f"operation {operation.index}" if operation.line is None else f"line {operation.line}"
    return f"{model.describe(model.action(operation))} (process {operation.process}, {where})"
