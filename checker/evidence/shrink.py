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

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from checker import general
from checker.budget import Meter
from checker.evidence.counting import is_countable
from checker.evidence.deletions import apply, is_unobserved, state_after
from checker.evidence.grouping import value_groups
from checker.evidence.knowledge import HEAPS, REGISTERS, Unsure
from checker.evidence.looking import Guilty, look
from checker.evidence.naming import exactly, only, shorter
from checker.evidence.steps import Rule, Step
from checker.evidence.work import Facts, Work, is_optional
from checker.model import ILLEGAL, Model
from checker.verdict import Counterexample
from history import Operation

READABLE_MAX: Final = 9
"""A core of so many operations is taken in at a glance; of larger ones, more is taken away."""

_SMALL: Final = 64
"""In so few operations every beginning is tried; in more, bisection finds one."""

_UNSEEN_MAX: Final = 1_000
"""In more operations it takes too long to look for each whether anybody saw its effect."""

_SHARE: Final = 8
"""One look may take an eighth of the time that is left, so that a hard one leaves some for others."""

_FIRST_STUCK: Final = ("search", "no alternation")
"""Who names the first operation that has no place."""

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
        culprit = (found.operation,)
        hinted = tuple(index for index in found.operations if index in self._facts.originals)
        # Where the search got stuck it had seen enough; of what an engine names all may be needed.
        needed = culprit if found.rule in _FIRST_STUCK else (*culprit, *hinted)
        ends = [
            (o.return_, index)
            for index in needed
            if (o := self._facts.originals.get(index)) is not None and not is_optional(o)
        ]
        until = [Step(rule=Rule.UNTIL, operation=max(ends)[1])] if ends else []
        if len(self.work.operations) > READABLE_MAX:
            strides = (
                [*until, *only(Rule.OBSERVERS, culprit), *only(Rule.VALUES, culprit)],
                [*until, *only(Rule.OBSERVERS, hinted), *only(Rule.VALUES, hinted)],
                [*until, *only(Rule.VALUES, hinted)],
                [*until, *only(Rule.OBSERVERS, culprit), *self._unobserved()],
                [*until, *only(Rule.OBSERVERS, hinted), *self._unobserved()],
            )
            # What can be read is tried first, and what is known to make little of much before
            # the much is looked at.
            if (
                any(self._try(steps, most=READABLE_MAX) for steps in strides)
                or self._try_added_up(until, culprit, hinted)
                or any(self._try(steps, most=_SMALL) for steps in strides)
                or self._try_windows(until)
                or any(self._try(steps) for steps in strides)
                or self._try([*until, *only(Rule.OBSERVERS, culprit)])
            ):
                return True
        return self._try(until) or self._try([])

    def reduce(self) -> None:
        """Delete groups and single operations until no single deletion keeps it illegal."""
        before = -1
        while before != len(self.work.operations):
            before = len(self.work.operations)
            self.is_out_of_budget = False
            self._delete(value_groups(self.work, self._facts), Rule.VALUES)
            observers = [o.index for o in self.work.operations if self._facts.is_observer(o)]
            self._delete([[index] for index in observers], Rule.OBSERVERS)
            self._delete(value_groups(self.work, self._facts), Rule.VALUES)
            self._delete_idle()
            self._delete([[index] for index in self._unseen()], Rule.UNOBSERVED)
            if self._is_trying_hard or self._is_added_up():
                self._delete(self._added(), Rule.SETTLED)
            if self._is_trying_hard:
                self._try_beginnings()

    def try_harder(self) -> None:
        """The same with all rules."""
        self._is_trying_hard = True
        self._try_beginnings()
        if len(self.work.operations) > READABLE_MAX:
            self._try_counted([])
        self.reduce()

    def _try(self, steps: Iterable[Step], most: int | None = None) -> bool:
        """Keep the result of `steps` if it is illegal, and of no more than `most` operations."""
        work = self.work
        taken = []
        for step in steps:
            if self._is_out_of_time():
                return False
            after = apply(step, work, self._facts)
            if after != work:
                taken.append(exactly(step, work, after))
            work = after
        if self.counterexample is not None and not taken:
            return False
        if most is not None and len(work.operations) > most:
            return False
        found = self._refute(work)
        if found is None:
            return False
        self.work, self.counterexample = work, found.counterexample
        for step in taken:
            self._note(step)
        self._cut_at_culprit(found)
        return True

    def _note(self, step: Step) -> None:
        """Add a step; what goes unobserved goes one by one, so two such steps are one."""
        last = self.steps[-1] if self.steps else None
        if last is not None and step.rule is last.rule is Rule.UNOBSERVED:
            assert last.operations is not None
            assert step.operations is not None
            self.steps[-1] = replace(last, operations=last.operations + step.operations)
        else:
            self.steps.append(step)

    def _cut_at_culprit(self, found: Guilty) -> None:
        """End the history where the search got stuck first; that needs no look to be illegal.

        An engine names one of those that contradict each other, which need not be the first.
        """
        culprit = next(
            (o for o in self.work.operations if o.index == found.counterexample.operation), None
        )
        if culprit is None or is_optional(culprit):
            return
        step = Step(rule=Rule.UNTIL, operation=culprit.index)
        work = apply(step, self.work, self._facts)
        if work == self.work:
            return
        if found.is_first:
            self.work = work
            self.steps.append(step)
        else:
            self._try([step])

    def _refute(self, work: Work) -> Guilty | None:
        """Why `work` is illegal; None when it is legal, or when nobody could tell in time."""
        if self._is_out_of_time():
            return None
        self._meter.share(_SHARE)
        found = look(work, self._facts, self._meter)
        if isinstance(found, general.OutOfBudget):
            self.is_out_of_budget = True
            return None
        return found

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

    def _try_added_up(
        self, until: list[Step], culprit: tuple[int, ...], hinted: tuple[int, ...]
    ) -> bool:
        """Where operations add up, let their sum stand for those before the culprit."""
        is_sum = self._facts.name in {"counter", "append-list"}
        for shown in (culprit, hinted):
            looking = [*until, *only(Rule.OBSERVERS, shown)]
            if is_sum and self._try([*looking, *only(Rule.SETTLED, ())]):
                return True
            if not is_sum and self._try_counted([*looking, *only(Rule.VALUES, hinted)]):
                return True
        return False

    def _try_counted(self, steps: list[Step]) -> bool:
        """Begin at the latest moment at which the number alone keeps it illegal.

        What begins later is a part of what begins earlier: so strides that double, then bisection.
        """
        work = self.work
        for step in steps:
            work = apply(step, work, self._facts)
        if not is_countable(work, self._facts):
            return False
        ends = [(o.return_, o.index) for o in work.operations if not is_optional(o)]
        moments = [Step(rule=Rule.COUNTED, operation=i) for _, i in sorted(ends, reverse=True)]
        good, bad, position = len(moments), 0, 1
        while bad + 1 < good:
            middle = min(position, (bad + good) // 2)
            if self._refute(apply(moments[middle], work, self._facts)) is not None:
                good = middle
            else:
                bad, position = middle, position * 2
        return good < len(moments) and self._try([*steps, moments[good]])

    def _is_added_up(self) -> bool:
        """Whether a sum stands for some operations already."""
        return any(step.rule in (Rule.COUNTED, Rule.SETTLED) for step in self.steps)

    def _added(self) -> list[list[int]]:
        """What `SETTLED` might delete, one by one."""
        may = apply(Step(rule=Rule.SETTLED, keep=()), self.work, self._facts).indices()
        return [[o.index] for o in self.work.operations if o.index not in may]

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

    def _delete(self, groups: list[list[int]], rule: Rule) -> None:
        """Delete as many groups as go, halves first; each group is tried alone at the end."""

        def attempt(chosen: list[list[int]]) -> bool:
            gone = [index for group in chosen for index in group]
            if rule is Rule.UNOBSERVED:
                return self._try([Step(rule=rule, operations=tuple(gone))])
            return self._try([shorter(rule, gone, self.work)])

        size = len(groups)
        while size >= 1:
            groups = _without(groups, size, attempt)
            size = min(size // 2, len(groups))

    def _delete_idle(self) -> None:
        """Delete one by one, the latest first."""
        if self._facts.name not in HEAPS:
            return
        candidates = [(-o.call, o.index) for o in self.work.operations if is_optional(o)]
        for _, index in sorted(candidates):
            if self._is_out_of_time():
                return
            if index in self.work.indices():
                self._try([Step(rule=Rule.IDLE, operations=(index,))])

    def _unobserved(self) -> list[Step]:
        """Delete as unobserved all that may be; the latest first, and not in a long history."""
        if self._facts.name not in REGISTERS or len(self.work.operations) > _UNSEEN_MAX:
            return []
        latest_first = sorted(self.work.operations, key=lambda o: -o.call)
        return [Step(rule=Rule.UNOBSERVED, operations=tuple(o.index for o in latest_first))]

    def _unseen(self) -> list[int]:
        """What might be deleted as unobserved, the latest first: nobody saw the end of a chain."""
        if self._facts.name not in REGISTERS:
            return []
        if len(self.work.operations) > _UNSEEN_MAX:
            self.is_out_of_budget = True
            return []
        separated = None if self._is_trying_hard else float("inf")
        return [
            operation.index
            for operation in sorted(self.work.operations, key=lambda o: -o.call)
            if is_unobserved(operation, self.work, self._facts, separated=separated)
        ]


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
