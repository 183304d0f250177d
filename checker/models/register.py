"""A register: it holds one value; `write` replaces it and `read` returns it."""

from typing import ClassVar, Final

from checker.model import ANYWHERE, ILLEGAL, UNKNOWN, Action, Model, State
from checker.values import show, token


class Register(Model):
    """`write v`; `read` → v. Null until the first write."""

    name = "register"
    operations: ClassVar[tuple[str, ...]] = ("read", "write")
    state_noun = "value"

    def step(self, state: State, action: Action) -> State:
        """A read must return the state; a write replaces it."""
        if action.f == "write":
            return token(action.value)
        return state if action.output is UNKNOWN or token(action.output) == state else ILLEGAL

    def is_observer(self, action: Action) -> bool:
        """Reads."""
        return action.f == "read"

    def only_in(self, action: Action) -> State:
        """A read tells the state."""
        known = action.f == "read" and action.output is not UNKNOWN
        return token(action.output) if known else ANYWHERE

    def overwrites(self, action: Action) -> bool:
        """Writes."""
        return action.f == "write"

    def describe(self, action: Action) -> str:
        """Recorders differ in what they answer to a write, and it does not matter."""
        if action.f == "write" and action.output is not UNKNOWN:
            return f"write {show(action.value)}"
        return super().describe(action)


MODEL: Final = Register()
