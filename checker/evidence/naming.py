"""Steps that name what goes, or what stays, whichever is less."""

from msgspec.structs import replace

from checker.evidence.steps import Rule, Step
from checker.evidence.work import Work


def only(rule: Rule, keep: tuple[int, ...]) -> list[Step]:
    """Delete by a rule all that it may, but these."""
    return [Step(rule=rule, keep=keep)]


def shorter(rule: Rule, gone: list[int], work: Work) -> Step:
    """Name what goes or what stays, whichever is less."""
    if 2 * len(gone) <= len(work.operations):
        return Step(rule=rule, operations=tuple(gone))
    names = set(gone)
    return Step(rule=rule, keep=tuple(i for o in work.operations if (i := o.index) not in names))


def exactly(step: Step, before: Work, after: Work) -> Step:
    """A step that names what goes, naming what went."""
    if step.operations is None:
        return step
    gone = before.indices() - after.indices()
    return replace(step, operations=tuple(index for index in step.operations if index in gone))
