"""A set: `add` and `remove` say whether they changed anything, `contains` and `read` look.

An `add` that answered false found the element there, and a `remove` that answered false did not:
both are observations. Any other answer of a completed one counts as true, since many recorders
answer to an add what was added.
"""

from collections.abc import Hashable, Set as AbstractSet
from typing import ClassVar, Final

from checker.errors import ModelError
from checker.model import ANYWHERE, ILLEGAL, UNKNOWN, Action, Model, Running, State
from checker.values import Value, show, token, value_of


class _RunningSet(Running):
    def __init__(self, model: Model) -> None:
        self._elements = set(model.initial)

    def play(self, action: Action) -> bool:
        """As `Set.step`, in place."""
        elements, f, output = self._elements, action.f, action.output
        if f == "read":
            return output is UNKNOWN or _same(output, elements)
        element = token(action.value)
        present = element in elements
        if f == "contains":
            return output is UNKNOWN or output is present
        does_change = present is (f == "remove")
        if does_change and f == "add":
            elements.add(element)
        elif does_change:
            elements.remove(element)
        return output is UNKNOWN or does_change is not (output is False)


class Set(Model):
    """`add v` → true or false; `remove v` → true or false; `contains v`; `read` → sorted list."""

    name = "set"
    operations: ClassVar[tuple[str, ...]] = ("add", "remove", "contains", "read")
    initial: State = frozenset()
    state_noun = "content"

    def step(self, state: State, action: Action) -> State:
        """The elements after the action."""
        f, output = action.f, action.output
        if f == "read":
            return state if output is UNKNOWN or _same(output, state) else ILLEGAL
        element = token(action.value)
        present = element in state
        if f == "contains":
            return state if output is UNKNOWN or output is present else ILLEGAL
        does_change = present is (f == "remove")
        if output is not UNKNOWN and does_change is (output is False):
            return ILLEGAL
        if not does_change:
            return state
        return state | {element} if f == "add" else state - {element}

    def running(self) -> Running:
        """Without a copy of all elements for each that comes or goes."""
        return _RunningSet(self)

    def is_observer(self, action: Action) -> bool:
        """Looking, and every add or remove that changed nothing."""
        return action.f in ("contains", "read") or action.output is False

    def only_in(self, action: Action) -> State:
        """A read tells all elements."""
        known = action.f == "read" and action.output is not UNKNOWN
        return frozenset(map(token, action.output)) if known else ANYWHERE

    def grows(self, action: Action) -> bool:
        """Adds."""
        return action.f == "add"

    def may_become(self, state: State, wanted: State) -> bool:
        """Elements come, and without a remove none goes."""
        return bool(state <= wanted)

    def problem(self, action: Action) -> str | None:
        """`contains` answers true or false, `read` a list."""
        if action.output is UNKNOWN:
            return None
        if action.f == "contains" and not isinstance(action.output, bool):
            return f"contains answers true or false, not {show(action.output)}"
        if action.f == "read" and not isinstance(action.output, list | tuple):
            return f"read answers a list of all elements, not {show(action.output)}"
        return None

    def parse_initial(self, value: Value) -> State:
        """A list of elements; null is the empty list."""
        if value is not None and not isinstance(value, list | tuple):
            raise ModelError(f"set starts from a list of elements, not {show(value)}")
        return frozenset(token(element) for element in value or ())

    def describe(self, action: Action) -> str:
        """`add 1`, `add 1 found it there`, `contains 1 returned true`."""
        if action.f in ("contains", "read") or action.output is UNKNOWN:
            return super().describe(action)
        words = f"{action.f} {show(action.value)}"
        if action.output is not False:
            return words
        return f"{words} found it {'there' if action.f == 'add' else 'absent'}"

    def describe_state(self, state: State) -> str:
        """`[1, 2]`."""
        return show([value_of(element) for element in sorted(state, key=repr)])


def _same(output: Value, state: AbstractSet[Hashable]) -> bool:
    return len(output) == len(state) and frozenset(map(token, output)) == state


MODEL: Final = Set()
