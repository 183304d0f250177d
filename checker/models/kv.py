"""A key-value store, one key at a time: `put`, `get`, `cas`, `delete`, `append`.

Keys are independent objects, so the state is the value of one key, and null means that the key is
absent. `read` and `write` are other names for `get` and `put`. `append s` makes a string longer,
and on an absent key it makes the string; `cas [null, v]` creates a key that is absent.
"""

from typing import ClassVar, Final

from checker.model import ANYWHERE, ILLEGAL, UNKNOWN, Action, Model, State
from checker.models.cas_register import (
    cas_not_in,
    cas_only_in,
    cas_problem,
    cas_step,
    describe_cas,
    is_cas_observer,
)
from checker.values import show, token

_GET: Final = frozenset({"get", "read"})
_PUT: Final = frozenset({"put", "write"})


class KeyValue(Model):
    """`put v`; `get` → v; `cas [old, new]`; `delete`; `append s`. Null is an absent key."""

    name = "kv"
    operations: ClassVar[tuple[str, ...]] = (
        "put",
        "get",
        "cas",
        "delete",
        "append",
        "read",
        "write",
    )
    state_noun = "value"

    def step(self, state: State, action: Action) -> State:
        """The value of the key after the action."""
        if action.f in _GET:
            return state if action.output is UNKNOWN or token(action.output) == state else ILLEGAL
        if action.f in _PUT:
            return token(action.value)
        if action.f == "cas":
            return cas_step(state, action)
        if action.f == "delete":
            return None
        assert action.f == "append", action
        if state is None or isinstance(state, str):
            return (state or "") + action.value
        # No store appends text to a number: one that says so lies, one that is silent did not.
        return state if action.output is UNKNOWN else ILLEGAL

    def is_observer(self, action: Action) -> bool:
        """Gets, and every cas that cannot change anything."""
        return action.f in _GET or (action.f == "cas" and is_cas_observer(action))

    def only_in(self, action: Action) -> State:
        """A get tells the value; a cas needs its old one, unless it missed."""
        if action.f == "cas":
            return cas_only_in(action)
        known = action.f in _GET and action.output is not UNKNOWN
        return token(action.output) if known else ANYWHERE

    def not_in(self, action: Action) -> State:
        """A cas that missed is not legal where it would have found its old value."""
        return cas_not_in(action) if action.f == "cas" else ANYWHERE

    def overwrites(self, action: Action) -> bool:
        """Puts and deletes."""
        return action.f in _PUT or action.f == "delete"

    def grows(self, action: Action) -> bool:
        """Appends."""
        return action.f == "append"

    def may_become(self, state: State, wanted: State) -> bool:
        """A text that begins with it, and any text where there was nothing."""
        if isinstance(wanted, str) and (state is None or isinstance(state, str)):
            return wanted.startswith(state or "")
        return bool(state == wanted)

    def problem(self, action: Action) -> str | None:
        """A cas takes a pair, an append takes a string."""
        if action.f == "cas":
            return cas_problem(action)
        if action.f == "append" and not isinstance(action.value, str):
            return f"append takes a string, not {show(action.value)}"
        return None

    def describe(self, action: Action) -> str:
        """`put 9`, `get returned 7`, `cas from 1 to 2`."""
        if action.f == "cas":
            return describe_cas(action)
        if self.is_observer(action) or action.output is UNKNOWN:
            return super().describe(action)
        return action.f if action.f == "delete" else f"{action.f} {show(action.value)}"

    def describe_state(self, state: State) -> str:
        """`7`, or that the key is absent."""
        return "null (absent)" if state is None else show(state)


MODEL: Final = KeyValue()
