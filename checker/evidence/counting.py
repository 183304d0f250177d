"""Deletions where only a number matters: a lock, an element of a set, a counter.

- COUNTED o, of a lock or of one element of a set. Acquires and releases alternate, and each has its
  effect once, so the state is the initial one, and one more for each acquire, and one less for each
  release. Let r be the return of o. L is A B, where A took effect before r, and holds all that had
  returned by then and some of what was under way. The state after A is the number that those which
  had returned make, and what those of A that were under way add to it, and is 0 or 1. So B is a
  linearization from there. Of A keep those that were under way: they overlap each other, so they
  can stand in any order, and start from a number that may be none of a lock. Let what lowers it
  do so while it is 1 or more, and what raises it while it is 0 or less; as they end in 0 or 1 there
  is an order in which none has to wait for ever. What only looks, and was under way, may
  have looked in A, where its state is forgotten: it becomes optional. With sessions the same is true
  of a lock when one forgets who holds it.
- SETTLED, of a counter. With an add before a read, and the others each before it or not, the read
  returns at least one sum and at most another; without the add before it, between two others. What
  a read in L returned tells, where it fits only the latter, that the add came after it; where it
  fits only the former, that it came before. An add that came after all reads can be left out; one
  that came before all is as well a part of the initial number. So is one that returned before any
  read was called. Only of whole numbers: others add up differently in another order.
- SETTLED, after COUNTED. Once anything raised it the number is at most 1 from then on. Were it more at the
  end with one that may be left out, as all that must happen is counted and whatever may lower it, then none of
  those that raise it and may be left out is in L. The same for those that lower it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable
from typing import Final

from checker.evidence import knowledge
from checker.evidence.steps import Step
from checker.evidence.work import Facts, Tally, Work, cut, is_optional
from checker.model import ILLEGAL, UNKNOWN, Action, Model, State
from checker.models.mutex import FREE
from history import Operation

_TOGGLES: Final = frozenset({"mutex", "set"})

_UPS: Final = frozenset({"acquire", "add"})
_DOWNS: Final = frozenset({"release", "remove"})


def effect(action: Action) -> int:
    """By how much it changes the number, where it does."""
    if action.output is False:
        return 0
    return (action.f in _UPS) - (action.f in _DOWNS)


def _seen(action: Action) -> int | None:
    """The number that it tells, if it changes none."""
    if action.f == "contains":
        return None if action.output is UNKNOWN else int(action.output is not False)
    if action.f == "release" and action.value is not None:
        return None  # of a session: somebody else may have held it
    return int(action.f in _UPS)


class Tallied(Model):
    """A lock, or an element of a set, of which the number is known that its operations leave."""

    def __init__(self, part: Model, initial: Tally, actions: Facts) -> None:
        self.name = part.name  # type: ignore[misc]  # as its part is called
        self.operations = part.operations  # type: ignore[misc]
        self.state_noun = part.state_noun  # type: ignore[misc]
        self.initial = initial
        self._part = part
        self._actions = actions

    def action(self, operation: Operation) -> Action:
        """With the result that it had before any cut."""
        return self._actions.action(operation)

    def step(self, state: State, action: Action) -> State:
        """What raises the number does so from 0 or less, what lowers it from 1 or more."""
        change, count = effect(action), state.count
        if change == 0:
            seen = _seen(action)
            return state if seen is None or seen == count else ILLEGAL
        if (change > 0) is (count <= 0):
            return Tally(count + change)
        return state if action.output is UNKNOWN else ILLEGAL

    def is_observer(self, action: Action) -> bool:
        """As for the part."""
        return self._part.is_observer(action)

    def describe(self, action: Action) -> str:
        """As for the part."""
        return self._part.describe(action)

    def describe_state(self, state: State) -> str:
        """`held`, or `held by 2 at once` where only what is under way can have put it right."""
        up, down = ("held", "free") if self.name == "mutex" else ("there", "absent")
        if state.count in (0, 1):
            return up if state.count else down
        if state.count > 1:
            return f"{up} {state.count} times over"
        return f"{down}, and {-state.count} more gone than there can have been"


def counted(work: Work, facts: Facts, step: Step) -> Work:
    """What the rule `COUNTED` leaves; the same where it may not be applied."""
    last = next(o for o in work.operations if o.index == step.operation)
    count = _number(work, facts)
    end = last.return_
    if count is None or end is None or is_optional(last):
        return work
    left = []
    for operation in work.operations:
        change = effect(facts.action(operation))
        if operation.call > end or is_optional(operation):
            left.append(operation)
        elif operation.return_ is not None and operation.return_ <= end:
            count += change
        else:
            left.append(operation if change else cut(operation))
    return Work(left, Tally(count))


def is_countable(work: Work, facts: Facts) -> bool:
    """Whether the rule `COUNTED` may be applied."""
    return _number(work, facts) is not None


def _number(work: Work, facts: Facts) -> int | None:
    """The initial number; None where there is none."""
    if facts.name not in _TOGGLES or not work.operations:
        return None
    state = work.initial
    if facts.name == "mutex":
        return state.count if isinstance(state, Tally) else int(state != FREE)
    elements: set[Hashable] = set()
    for operation in work.operations:
        elements.add(next(iter(knowledge.element(facts.action(operation))), None))
    if len(elements) != 1 or any(facts.action(o).f == "read" for o in work.operations):
        return None
    return state.count if isinstance(state, Tally) else int(not elements.isdisjoint(state))


def settled_tally(work: Work, facts: Facts) -> set[int]:
    """After COUNTED: what cannot have taken effect."""
    count, spare = work.initial.count, {1: 0, -1: 0}
    for operation in work.operations:
        change = effect(facts.action(operation))
        if not is_optional(operation):
            count += change
        elif change:
            spare[change] += 1
    gone = set()
    if count + 1 - spare[-1] > 1:
        gone.add(1)
    if count - 1 + spare[1] < 0:
        gone.add(-1)
    return {o.index for o in work.operations if is_optional(o) and effect(facts.action(o)) in gone}


def settled_sum(work: Work, facts: Facts, chosen: set[int]) -> tuple[set[int], State]:
    """Of a counter: which of the chosen adds go, and the number with those that came first."""
    adds = [o for o in work.operations if facts.action(o).f == "add"]
    reads = [
        (o.call, output)
        for o in work.operations
        if (action := facts.action(o)).f == "read" and (output := action.output) is not UNKNOWN
    ]
    initial = work.initial
    amounts = {o.index: facts.action(o).value for o in adds}
    if not reads or type(initial) is not int or any(type(v) is not int for v in amounts.values()):
        return set(), initial
    first_read = min(call for call, _ in reads)
    sums = sorted(output for _, output in reads)
    most = initial + sum(value for value in amounts.values() if value > 0)
    least = initial + sum(value for value in amounts.values() if value < 0)

    def is_seen(low: int, high: int) -> bool:
        return bisect_left(sums, low) < bisect_right(sums, high)

    gone, total = set(), initial
    for operation in adds:
        value = amounts[operation.index]
        if operation.index not in chosen or value == 0:
            continue
        is_early = not is_optional(operation) and (operation.return_ or 0) < first_read
        # Without it the sums end earlier at the side to which it leads; with it, begin later.
        if is_early or not is_seen(least - min(value, 0), most - max(value, 0)):
            total += value
        elif is_seen(least + max(value, 0), most + min(value, 0)):
            continue
        gone.add(operation.index)
    return gone, total
