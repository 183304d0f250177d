"""When may an operation be deleted? The verifier's own answers, for one history after the other.

Written from the rules in `checker.evidence.steps` and the sequential specifications, and not from the
code that shrinks: a mistake would have to be made twice. For every rule there is one function; it
returns a sentence where the step is not allowed, and otherwise takes the operations away.
"""

from collections.abc import Hashable, Iterator
from math import inf
from typing import Final

from checker.evidence import additions
from checker.evidence.items import Item
from checker.evidence.steps import Rule, Step
from checker.model import ANYWHERE, ILLEGAL, UNKNOWN, Action, Model, Several, State
from checker.values import token
from history import Operation, Outcome

_HOLDS_ONE_VALUE: Final = ("register", "cas-register", "kv")
_HOLDS_MANY: Final = ("fifo-queue", "stack", "priority-queue")
_BLIND: Final = ("write", "put", "delete")
_PUTS_IN: Final = ("enqueue", "push", "insert")


class Rest:
    """What is left of a history while one step after the other is taken."""

    def __init__(self, operations: list[Operation], model: Model) -> None:
        self.model: Final = model
        self.kind: Final = model.name if _is_ours(model) else None
        self.initial: State = model.initial
        self.is_counted = False
        """Whether the state is a number only: `additions.count_step`."""
        self.items: dict[int, Item] = {
            o.index: Item(
                o.index,
                o.call,
                o.return_ if o.outcome is Outcome.OK and o.return_ is not None else inf,
                model.action(o),
            )
            for o in operations
            if o.outcome is not Outcome.FAILED
        }

    def take(self, step: Step) -> str | None:
        """Check one step and carry it out; says why not."""
        if step.rule in (Rule.UNTIL, Rule.AFTER, Rule.COUNTED):
            item = None if step.operation is None else self.items.get(step.operation)
            if item is None or not item.is_required:
                return f"{step.rule.value} names operation {step.operation}, which is not there"
            if step.rule is Rule.COUNTED:
                return self._count(item)
            return self._until(item) if step.rule is Rule.UNTIL else self._after(item)
        if step.rule is Rule.UNOBSERVED:
            return self._unobserved(step)
        if step.rule is Rule.SETTLED:
            return self._settle(step)
        allowed = self._allowed(step)
        if allowed is None:
            return f"a step {step.rule.value} stands in the wrong place"
        wanted = set(step.operations or ())
        if step.operations is None:
            wanted = allowed.difference(step.keep or ())
        if not wanted <= allowed:
            return f"operation {min(wanted - allowed)} may not be deleted as {step.rule.value}"
        for index in wanted:
            del self.items[index]
        return None

    def after(self, state: State, action: Action) -> State:
        """The state after an action, from a state of what is left."""
        if self.is_counted:
            return additions.count_step(state, action)
        return self.model.after(state, action)

    def _allowed(self, step: Step) -> set[int] | None:
        """Everything that the rule of the step may delete; None for a rule that deletes nothing."""
        match step.rule:
            case Rule.OBSERVERS:
                return {i for i, item in self.items.items() if self._is_observer(item.action)}
            case Rule.VALUES:
                return self._of_values_that_may_go(self._staying(step))
            case Rule.IDLE:
                return self._idle()
            case _:
                return None

    def _staying(self, step: Step) -> set[int]:
        return (
            set(step.keep or ())
            if step.operations is None
            else self.items.keys() - set(step.operations)
        )

    # A cut at the end, and one at the beginning.

    def _until(self, last: Item) -> str | None:
        end = last.end
        self.items = {i: item for i, item in self.items.items() if item.call < end}
        for item in self.items.values():
            if item.end > end:
                item.end = inf
        return None

    def _after(self, first: Item) -> str | None:
        states = self._states_after(first)
        if len(states) != 1:
            return f"the state after operation {first.index} is not certain"
        (self.initial,) = states
        del self.items[first.index]
        for item in list(self.items.values()):
            if item.end < first.call:
                del self.items[item.index]
            elif item.call < first.end:
                item.end = inf
        return None

    def _count(self, first: Item) -> str | None:
        if not self.is_counted:
            count = additions.initial_count(self.kind, self.initial, self.items.values())
            if count is None:
                return "only a lock, or one element of a set, can be counted"
            self.initial, self.is_counted = count, True
        total, left = additions.count_until(first.end, self.items.values())
        self.initial += total
        self.items = {item.index: item for item in left}
        return None

    def _states_after(self, item: Item) -> list[State]:  # noqa: PLR0911 - a table of cases
        """The one state that there can be after it, or nothing when there may be several."""
        f, value, output = item.action.f, item.action.value, item.action.output
        empty = type(self.model).initial
        if self.is_counted:
            return []
        if self.kind in _HOLDS_ONE_VALUE and (f in _BLIND or f in ("read", "get")):
            return [_left_behind(item.action) if f in _BLIND else token(output)]
        if self.kind in _HOLDS_ONE_VALUE and f == "cas" and output is not False:
            return [token(value[1])]
        if self.kind in _HOLDS_MANY and f not in _PUTS_IN and output is None:
            return [empty]
        if self.kind == "set" and f != "read":
            return self._set_of_one(item)
        match self.kind, f:
            case "counter", "read":
                return [output]
            case "append-list", "read":
                return [tuple(token(element) for element in output or ())]
            case "set", "read":
                return [frozenset(token(element) for element in output)]
            case "mutex", _ if output is not False:
                # Whoever gets the lock, found it free.
                return [empty if f == "release" else self.model.step(empty, item.action)]
            case _:
                return self._declared_states(item.action)

    def _declared_states(self, action: Action) -> list[State]:
        """Taken from what the model says of itself."""
        if self.model.overwrites(action):
            states = [self.model.step(self.initial, action)]
        elif self.model.only_in(action) is not ANYWHERE:
            states = [self.model.step(self.model.only_in(action), action)]
        else:
            states = []
        return [s for s in states if s is not ILLEGAL and not isinstance(s, Several)]

    def _set_of_one(self, item: Item) -> list[State]:
        element = token(item.action.value)
        for other in self.items.values():
            if other.action.f == "read" or token(other.action.value) != element:
                return []
        without = frozenset(e for e in self.initial if e != element)
        is_out = item.action.f == "remove" or (
            item.action.f == "contains" and item.action.output is False
        )
        return [without if is_out else without | {element}]

    # What goes because nothing rests on it.

    def _is_observer(self, action: Action) -> bool:
        return self.model.is_observer(action) or (self.kind in _HOLDS_MANY and action.f == "peek")

    def _of_values_that_may_go(self, stay: set[int]) -> set[int]:
        if self.is_counted:
            return set()
        if self.kind in _HOLDS_ONE_VALUE:
            return self._of_replaced_values(stay)
        if self.kind in (*_HOLDS_MANY, "set", "append-list"):
            return self._of_elements(stay)
        if self.kind == "mutex":
            return self._of_sessions(stay)
        return set()

    def _of_sessions(self, stay: set[int]) -> set[int]:
        """What sessions did with a lock that nobody else can tell of."""
        fixed: set[Hashable] = {self.initial[1]} if isinstance(self.initial, tuple) else set()
        refused = set()
        """Sessions that found the lock held, be it by one that goes."""
        for item in self.items.values():
            if item.action.value is None:
                return set()
            if item.index in stay:
                fixed.add(token(item.action.value))
            if item.action.f == "acquire" and item.action.output is False and item.is_required:
                refused.add(token(item.action.value))
        if not fixed.isdisjoint(refused):
            return set()
        if self.initial == "held":
            return set()
        return {i for i, item in self.items.items() if token(item.action.value) not in fixed}

    def _settle(self, step: Step) -> str | None:
        """What can only have come after every read goes; what came first, into the initial state."""
        after, before = self._placed()
        wanted = set(step.operations or ())
        if step.operations is None:
            wanted = (after | {index for index, _ in before}) - set(step.keep or ())
        for index, state in before:
            if index not in wanted and self.kind != "counter":
                break  # what came behind it cannot be in the initial state without it
            if index in wanted:
                self.initial = self.initial + state if self.kind == "counter" else state
                after.add(index)
        if step.operations is None:
            wanted &= after
        if not wanted <= after:
            return f"operation {min(wanted - after)} may not be deleted as {step.rule.value}"
        for index in wanted:
            del self.items[index]
        return None

    def _placed(self) -> tuple[set[int], list[tuple[int, State]]]:
        items = self.items.values()
        if self.is_counted:
            return additions.uncountable(self.initial, items), []
        if self.kind == "counter":
            late, early = additions.placed_adds(self.initial, items)
            return late, list(early.items())
        if self.kind in ("kv", "append-list"):
            return additions.placed_appends(self.kind, self.initial, items)
        return set(), []

    def _of_elements(self, stay: set[int]) -> set[int]:
        initial = self._initial_elements()
        fixed = set() if self.kind == "set" else set(initial)
        fixed |= {e for i in stay if i in self.items for e in _elements(self.items[i].action)}
        reads = [
            {token(element) for element in item.action.output or ()}
            for item in self.items.values()
            if item.is_required and item.action.f == "read"
        ]

        def may_go(element: Hashable) -> bool:
            if element in fixed:
                return False
            is_in = self.kind == "set" and element in initial
            return all((element in seen) == is_in for seen in reads)

        return {
            item.index
            for item in self.items.values()
            if any(may_go(element) for element in _elements(item.action))
        }

    def _initial_elements(self) -> list[Hashable]:
        state = self.initial
        if self.kind == "priority-queue" and isinstance(state, frozenset):
            (state,) = state  # all contents that are possible; at first there is one
        return list(state)

    def _of_replaced_values(self, stay: set[int]) -> set[int]:
        fixed: set[Hashable] = set()
        """Values about which something stays, or from which something leads to one of them."""
        back: dict[Hashable, set[Hashable]] = {}
        misses: set[Hashable] = set()
        strings_are_fixed = False
        everything = list(self._register_uses())
        for item, before, after in everything:
            if item.action.f == "append":
                strings_are_fixed = True
            elif item.action.f == "cas" and item.action.output is False:
                misses.add(token(item.action.value[0]))
            elif before and after:
                back.setdefault(after[0], set()).add(before[0])
            if item.index in stay:
                fixed.update(before, after)
        if misses:
            fixed.add(self.initial)
        todo = list(fixed)
        if strings_are_fixed:
            todo += [v for after in back for v in (after,) if v is None or isinstance(v, str)]
        while todo:
            value = todo.pop()
            fixed.add(value)
            todo += [old for old in back.get(value, ()) if old not in fixed]

        def may_go(value: Hashable) -> bool:
            is_string = value is None or isinstance(value, str)
            return value not in fixed and not (strings_are_fixed and is_string)

        if not all(may_go(old) for old in misses):
            return set()  # without the values that go, a miss might hit
        return {
            item.index
            for item, before, after in everything
            if (after or before) and may_go((after or before)[0])
        }

    def _register_uses(self) -> Iterator[tuple[Item, list[Hashable], list[Hashable]]]:
        """Each operation with the value it must find, and the one it leaves."""
        for item in self.items.values():
            f, value, output = item.action.f, item.action.value, item.action.output
            if f in _BLIND:
                yield item, [], [_left_behind(item.action)]
            elif f in ("read", "get") and output is not UNKNOWN:
                yield item, [token(output)], []
            elif f == "cas" and output is not False:
                yield item, [token(value[0])], [token(value[1])]
            else:
                yield item, [], []

    def _unobserved(self, step: Step) -> str | None:
        if self.kind not in _HOLDS_ONE_VALUE or step.operations is None:
            return f"{step.rule.value} is a rule for registers, and names what goes"
        for index in step.operations:
            item = self.items.pop(index, None)
            if item is None or not self._has_no_effect(item):
                return f"operation {index} may not be deleted as {step.rule.value}"
        return None

    def _has_no_effect(self, gone: Item) -> bool:
        """Whether no other operation can tell that `gone` took place."""
        f, value, output = gone.action.f, gone.action.value, gone.action.output
        if self.kind == "kv" and additions.is_of_texts(gone, self.items.values()):
            return additions.is_unseen_text(gone, self.items.values(), self.initial)
        if f not in _BLIND and (f != "cas" or output is False):
            return False
        left = token(value[1]) if f == "cas" else _left_behind(gone.action)
        replaced = inf
        """When the value that it left had been replaced at the latest."""
        telling = []
        for other in self.items.values():
            fits = self._fits(other, left)
            if fits and not (other.end < gone.call):
                telling.append(other)
            if not fits and other.is_required and other.call > gone.end:
                replaced = min(replaced, other.end)
        return all(other.call > replaced for other in telling)

    def _fits(self, item: Item, state: State) -> bool:
        """Whether it can stand directly behind an operation that left `state`, and must not go."""
        if item.action.f in _BLIND:
            return False
        after = self.model.step(state, item.action)
        return after is not ILLEGAL and (item.is_required or after != state)

    def _idle(self) -> set[int]:
        """Removals that need not have taken effect, and found nothing that they could remove."""
        if self.kind not in _HOLDS_MANY:
            return set()
        surplus: dict[Hashable, int] = {}
        for element in self._initial_elements():
            surplus[element] = surplus.get(element, 0) + 1
        removals = []
        for item in self.items.values():
            action = item.action
            if action.f in _PUTS_IN:
                element = token(action.value)
                surplus[element] = surplus.get(element, 0) + 1
            elif action.f != "peek" and action.output is not None:
                if item.is_required:
                    element = token(action.output)
                    surplus[element] = surplus.get(element, 0) - 1
                else:
                    removals.append(item)
        spare = {element for element, count in surplus.items() if count > 0}
        return {
            item.index
            for item in removals
            if not spare
            or (item.action.output is not UNKNOWN and token(item.action.output) not in spare)
        }


def _left_behind(action: Action) -> Hashable:
    """The value after a write, put or delete."""
    return None if action.f == "delete" else token(action.value)


def _elements(action: Action) -> list[Hashable]:
    """The value that an operation on a collection is about."""
    if action.f in (*_PUTS_IN, "add", "remove", "contains", "append"):
        return [token(action.value)]
    is_about_none = action.f == "read" or action.output is None or action.output is UNKNOWN
    return [] if is_about_none else [token(action.output)]


def _is_ours(model: Model) -> bool:
    return type(model).__module__.startswith("checker.models.")
