"""From a part that is not linearizable to a core that a person can read and a verifier can try out.

Deletions are sound (`checker.evidence.deletions`), so what is illegal after one was illegal before.
Two things follow, and make shrinking fast. To delete a group it is enough to look at the end: the
steps between need no look. And an operation that was needed once is needed for ever: when the
history without it is legal, so is every smaller one without it.

First the largest strides: only the values that the engine pointed at, or a window that ends with
the culprit and begins where the state was certain. Then groups of operations go, halves first, down
to single ones, until no single deletion keeps it illegal.

Rules that leave a reader wondering where a value came from (`AFTER`, and `UNOBSERVED` of what was
only overwritten in time) are used only where the others leave too much to read.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from checker import general
from checker.budget import Meter
from checker.engines.interface import Refuted
from checker.evidence import knowledge
from checker.evidence.deletions import (
    Facts,
    Work,
    apply,
    is_optional,
    is_unobserved,
    state_after,
)
from checker.evidence.knowledge import REGISTERS, Unsure
from checker.evidence.remembering import remembering
from checker.evidence.steps import Rule, Step
from checker.model import ILLEGAL, Model
from checker.verdict import Counterexample
from history import Operation

READABLE_MAX: Final = 12
"""A core of so many operations is taken in at a glance; of larger ones, more is taken away."""

_SMALL: Final = 64
"""In so few operations every beginning is tried; in more, bisection finds one."""

_REFERENCE_MAX: Final = 100
"""So few operations are judged by the reference search: to prepare the native one takes longer."""

_SHARE: Final = 8
"""One look may take an eighth of the time that is left, so that a hard one leaves some for others."""

_WINDOW_FIRST: Final = 8
"""Beginnings that the first window skips, counted from the culprit; the next skips four times as many."""


class Core(Struct, frozen=True):
    """What is left, and how it came about."""

    operations: tuple[int, ...]
    """Indices, in file order."""
    steps: tuple[Step, ...]
    """From the whole part to the core, in order."""
    is_minimal: bool
    """False when time or memory ran out before every single deletion had been tried."""
    counterexample: Counterexample
    """Of the core alone; its words know nothing of what was deleted."""


def shrink(
    part: Sequence[Operation], model: Model, found: Counterexample, meter: Meter
) -> Core | None:
    """The smallest core that the time allows; None when not even the first look came to an end.

    `part` is one object's operations without failed ones, and is not linearizable; `found` says
    where to begin, and is a hint only.
    """
    shrinker = _Shrinker(part, model, meter)
    if not shrinker.begin(found):
        return None
    shrinker.reduce()
    if len(shrinker.work.operations) > READABLE_MAX:
        shrinker.try_harder()
    assert shrinker.counterexample is not None
    return Core(
        operations=tuple(operation.index for operation in shrinker.work.operations),
        steps=tuple(shrinker.steps),
        is_minimal=not shrinker.is_out_of_budget,
        counterexample=shrinker.counterexample,
    )


class _Shrinker:
    """The history that is left, which is illegal, and the steps that led to it."""

    def __init__(self, part: Sequence[Operation], model: Model, meter: Meter) -> None:
        self._facts = Facts(model, part)
        self._meter = meter
        self._is_trying_hard = False
        self.work = Work(list(part), model.initial)
        self.steps: list[Step] = []
        self.counterexample: Counterexample | None = None
        self.is_out_of_budget = False
        """True when a look in the present round had no answer."""

    def begin(self, found: Counterexample) -> bool:
        """Make the first strides; False when nothing could be shown to be illegal."""
        first = self._facts.originals.get(found.operation)
        until = []
        if first is not None and not is_optional(first):
            until.append(Step(rule=Rule.UNTIL, operation=first.index))
        culprit = (found.operation,)
        hinted = tuple(index for index in found.operations if index in self._facts.originals)
        if len(self.work.operations) > READABLE_MAX:
            for strides in (
                [*_only(Rule.OBSERVERS, culprit), *_only(Rule.VALUES, culprit)],
                [*_only(Rule.OBSERVERS, hinted), *_only(Rule.VALUES, hinted)],
                [*_only(Rule.VALUES, hinted)],
            ):
                if self._try([*until, *strides]):
                    return True
            if self._try_windows(until) or self._try([*until, *_only(Rule.OBSERVERS, culprit)]):
                return True
        return self._try(until) or self._try([])

    def reduce(self) -> None:
        """Delete groups and single operations until no single deletion keeps it illegal."""
        before = -1
        while before != len(self.work.operations):
            before = len(self.work.operations)
            self.is_out_of_budget = False
            self._delete(self._value_groups(), Rule.VALUES)
            observers = [o.index for o in self.work.operations if self._facts.is_observer(o)]
            self._delete([[index] for index in observers], Rule.OBSERVERS)
            self._delete(self._value_groups(), Rule.VALUES)
            self._delete_single(Rule.IDLE)
            self._delete_single(Rule.UNOBSERVED)
            if self._is_trying_hard:
                self._try_beginnings()

    def try_harder(self) -> None:
        """The same with all rules."""
        self._is_trying_hard = True
        self._try_beginnings()
        self.reduce()

    def _try(self, steps: Iterable[Step]) -> bool:
        """Keep the result of `steps` if it is illegal."""
        work = self.work
        taken = []
        for step in steps:
            if self._is_out_of_time():
                return False
            after = apply(step, work, self._facts)
            if after != work:
                taken.append(_exactly(step, work, after))
            work = after
        if self.counterexample is not None and not taken:
            return False
        refuted = self._refute(work)
        if refuted is None:
            return False
        self.work, self.counterexample = work, refuted
        self.steps += taken
        self._cut_at_culprit(refuted)
        return True

    def _cut_at_culprit(self, refuted: Counterexample) -> None:
        """End the history where the search got stuck first; that needs no look to be illegal."""
        culprit = next((o for o in self.work.operations if o.index == refuted.operation), None)
        if culprit is None or is_optional(culprit):
            return
        step = Step(rule=Rule.UNTIL, operation=culprit.index)
        work = apply(step, self.work, self._facts)
        if work != self.work:
            self.work = work
            self.steps.append(step)

    def _refute(self, work: Work) -> Counterexample | None:
        """Why `work` is illegal; None when it is legal, or when nobody could tell in time."""
        if self._is_out_of_time():
            return None
        self._meter.share(_SHARE)
        is_small = len(work.operations) <= _REFERENCE_MAX
        _, found = general.judge(
            work.operations,
            remembering(self._facts, work.initial),
            self._meter,
            general.REFERENCE if is_small else "auto",
        )
        if isinstance(found, Refuted):
            return found.counterexample
        if isinstance(found, general.OutOfBudget):
            self.is_out_of_budget = True
        return None

    def _is_out_of_time(self) -> bool:
        """Look at the budget, all of it; deleting from a long history takes time too."""
        self._meter.share(1)
        if self._meter.exhausted() is None:
            return False
        self.is_out_of_budget = True
        return True

    def _try_windows(self, until: list[Step]) -> bool:
        """Begin shortly before the culprit, or earlier and earlier, until that is illegal."""
        work = self.work
        for step in until:
            work = apply(step, work, self._facts)
        beginnings = self._beginnings(work)
        position = _WINDOW_FIRST
        while position < len(beginnings):
            if self._try([*until, beginnings[position]]):
                return True
            position *= 4
        return False

    def _try_beginnings(self) -> None:
        """Find the latest beginning that keeps it illegal.

        A later window is a part of an earlier one, so bisection finds it, or nearly so.
        """
        beginnings = self._beginnings(self.work)
        if len(beginnings) <= _SMALL:
            any(self._try([step]) for step in beginnings)
            return
        low, high = 0, len(beginnings) - 1
        while low <= high:
            middle = (low + high) // 2
            if self._try([beginnings[middle]]):
                remaining = self.work.indices()
                beginnings = [b for b in beginnings[:middle] if b.operation in remaining]
                low, high = 0, len(beginnings) - 1
            else:
                low = middle + 1

    def _beginnings(self, work: Work) -> list[Step]:
        """The latest, which take most away, first.

        Those that are possible in the initial state come before all others: with one of them, the
        operations to look at make a history of their own.
        """
        initial = self._facts.model.initial
        rated = [
            (
                self._facts.model.step(initial, self._facts.action(operation)) is ILLEGAL,
                -operation.call,
                operation.index,
            )
            for operation in work.operations
            if not isinstance(state_after(work, operation, self._facts), Unsure)
        ]
        return [Step(rule=Rule.AFTER, operation=index) for _, _, index in sorted(rated)]

    def _value_groups(self) -> list[list[int]]:
        """What goes together or not at all: all about one value, or values that a cas links."""
        links: dict[Hashable, Hashable] = {}
        for operation in self.work.operations:
            values = self._values_of(operation)
            for value in values:
                links.setdefault(value, value)
            if len(values) == 2:
                links[_root(links, values[0])] = _root(links, values[1])
        members: dict[Hashable, list[int]] = {}
        for operation in self.work.operations:
            values = self._values_of(operation)
            if values:
                members.setdefault(_root(links, values[0]), []).append(operation.index)
        return list(members.values())

    def _values_of(self, operation: Operation) -> tuple[Hashable, ...]:
        action = self._facts.action(operation)
        if self._facts.name in REGISTERS:
            used = knowledge.use(action)
            return () if used is None else used.makes + used.needs
        return knowledge.element(action)

    def _delete(self, groups: list[list[int]], rule: Rule) -> None:
        """Delete as many groups as go, halves first; each group is tried alone at the end."""

        def attempt(chosen: list[list[int]]) -> bool:
            gone = [index for group in chosen for index in group]
            return self._try([_shorter(rule, gone, self.work)])

        size = len(groups)
        while size >= 1:
            groups = _without(groups, size, attempt)
            size = min(size // 2, len(groups))

    def _delete_single(self, rule: Rule) -> None:
        """Delete one by one, the latest first: of a chain of cas nobody has seen the last."""
        for operation in sorted(self.work.operations, key=lambda o: -o.call):
            if operation.index not in self.work.indices():
                continue
            if (
                rule is Rule.UNOBSERVED
                and not self._is_trying_hard
                and not is_unobserved(
                    operation, self.work.operations, self._facts, separated=float("inf")
                )
            ):
                continue
            self._try([Step(rule=rule, operations=(operation.index,))])


def _only(rule: Rule, keep: tuple[int, ...]) -> list[Step]:
    """Delete by a rule all that it may, but these."""
    return [Step(rule=rule, keep=keep)]


def _without(
    groups: list[list[int]], size: int, attempt: Callable[[list[list[int]]], bool]
) -> list[list[int]]:
    """The groups that stayed, after trying to delete each run of `size` of them."""
    stay = []
    for position in range(0, len(groups), size):
        chosen = groups[position : position + size]
        if not attempt(chosen):
            stay += chosen
    return stay


def _shorter(rule: Rule, gone: list[int], work: Work) -> Step:
    """Name what goes or what stays, whichever is less."""
    if 2 * len(gone) <= len(work.operations):
        return Step(rule=rule, operations=tuple(gone))
    names = set(gone)
    return Step(rule=rule, keep=tuple(i for o in work.operations if (i := o.index) not in names))


def _exactly(step: Step, before: Work, after: Work) -> Step:
    """A step that names what goes, naming what went."""
    if step.operations is None:
        return step
    gone = before.indices() - after.indices()
    return replace(step, operations=tuple(index for index in step.operations if index in gone))


def _root(links: dict[Hashable, Hashable], value: Hashable) -> Hashable:
    while links[value] != value:
        links[value] = value = links[links[value]]
    return value
