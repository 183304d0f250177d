"""A list that only grows: `append v` adds at its end, `read` returns all of it."""

from typing import ClassVar, Final

from checker.errors import ModelError
from checker.model import ILLEGAL, UNKNOWN, Action, Model, State
from checker.values import Value, show, token, value_of


class AppendList(Model):
    """`append v`; `read` → list. Null is the empty list."""

    name = "append-list"
    operations: ClassVar[tuple[str, ...]] = ("append", "read")
    initial: State = ()
    state_noun = "list"

    def step(self, state: State, action: Action) -> State:
        """A longer list; a read must return the whole of it."""
        if action.f == "append":
            return (*state, token(action.value))
        if action.output is UNKNOWN:
            return state
        return state if tuple(map(token, action.output or ())) == state else ILLEGAL

    def is_observer(self, action: Action) -> bool:
        """Reads."""
        return action.f == "read"

    def problem(self, action: Action) -> str | None:
        """A read answers a list."""
        if action.f == "append" or action.output is UNKNOWN or action.output is None:
            return None
        if isinstance(action.output, list | tuple):
            return None
        return f"read answers a list, not {show(action.output)}"

    def parse_initial(self, value: Value) -> State:
        """A list; null is the empty one."""
        if value is not None and not isinstance(value, list | tuple):
            raise ModelError(f"append-list starts from a list, not {show(value)}")
        return tuple(map(token, value or ()))

    def describe(self, action: Action) -> str:
        """Recorders differ in what they answer to an append, and it does not matter."""
        if action.f == "append" and action.output is not UNKNOWN:
            return f"append {show(action.value)}"
        return super().describe(action)

    def describe_state(self, state: State) -> str:
        """`[1, 2]`."""
        return show([value_of(item) for item in state])


MODEL: Final = AppendList()
