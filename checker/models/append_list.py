"""A list that only grows: `append v` adds at its end, `read` returns all of it."""

from typing import ClassVar, Final

from checker.errors import ModelError
from checker.model import ANYWHERE, ILLEGAL, UNKNOWN, Action, Model, Running, State
from checker.values import Value, show, token, value_of


class _RunningList(Running):
    def __init__(self, model: Model) -> None:
        self._items = list(model.initial)

    def play(self, action: Action) -> bool:
        """As `AppendList.step`, in place."""
        if action.f == "append":
            self._items.append(token(action.value))
            return True
        seen = action.output
        return seen is UNKNOWN or (
            len(seen or ()) == len(self._items) and [*map(token, seen or ())] == self._items
        )


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
        seen = action.output or ()
        # Most lists differ in length, and asking for that costs nothing.
        return state if len(seen) == len(state) and _tokens(seen) == state else ILLEGAL

    def running(self) -> Running:
        """Without a copy of the list for each append."""
        return _RunningList(self)

    def is_observer(self, action: Action) -> bool:
        """Reads."""
        return action.f == "read"

    def only_in(self, action: Action) -> State:
        """A read tells the whole list."""
        known = action.f == "read" and action.output is not UNKNOWN
        return _tokens(action.output) if known else ANYWHERE

    def grows(self, action: Action) -> bool:
        """Appends."""
        return action.f == "append"

    def may_become(self, state: State, wanted: State) -> bool:
        """What is there stays, at the beginning."""
        return bool(wanted[: len(state)] == state)

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
        return _tokens(value)

    def describe(self, action: Action) -> str:
        """Recorders differ in what they answer to an append, and it does not matter."""
        if action.f == "append" and action.output is not UNKNOWN:
            return f"append {show(action.value)}"
        return super().describe(action)

    def describe_state(self, state: State) -> str:
        """`[1, 2]`."""
        return show([value_of(item) for item in state])


def _tokens(value: Value) -> State:
    return tuple(map(token, value or ()))


MODEL: Final = AppendList()
