"""A counter: `add n` adds, `read` returns the sum."""

from typing import ClassVar, Final

from checker.errors import ModelError
from checker.model import ANYWHERE, ILLEGAL, UNKNOWN, Action, Model, State
from checker.values import Value, show


class Counter(Model):
    """`add n`; `read` → n. Zero at first."""

    name = "counter"
    operations: ClassVar[tuple[str, ...]] = ("add", "read")
    initial: State = 0
    state_noun = "value"

    def step(self, state: State, action: Action) -> State:
        """The sum; a read must return it."""
        if action.f == "add":
            return state + action.value
        return state if action.output is UNKNOWN or action.output == state else ILLEGAL

    def is_observer(self, action: Action) -> bool:
        """Reads, and adding nothing."""
        return action.f == "read" or action.value == 0

    def only_in(self, action: Action) -> State:
        """A read tells the sum."""
        known = action.f == "read" and action.output is not UNKNOWN
        return action.output if known else ANYWHERE

    def grows(self, action: Action) -> bool:
        """Adding more than nothing."""
        return bool(action.f == "add" and action.value > 0)

    def may_become(self, state: State, wanted: State) -> bool:
        """A greater sum; rounding keeps the order."""
        return bool(state <= wanted)

    def problem(self, action: Action) -> str | None:
        """Numbers go in and come out."""
        if action.f == "add" and not _is_number(action.value):
            return f"add takes a number, not {show(action.value)}"
        if action.f == "read" and action.output is not UNKNOWN and not _is_number(action.output):
            return f"read answers a number, not {show(action.output)}"
        return None

    def parse_initial(self, value: Value) -> State:
        """A number; null is zero."""
        if value is not None and not _is_number(value):
            raise ModelError(f"counter starts from a number, not {show(value)}")
        return value or 0

    def describe(self, action: Action) -> str:
        """Recorders differ in what they answer to an add, and it does not matter."""
        if action.f == "add" and action.output is not UNKNOWN:
            return f"add {show(action.value)}"
        return super().describe(action)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


MODEL: Final = Counter()
