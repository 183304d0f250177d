"""A lock that one client can hold: also the binary semaphore, where sessions are not recorded.

Without `session` anybody may release it. With one, the session that acquired it is its owner, and
nobody else can release it. A lock that is held at first (`--initial '"held"'`) has an owner that
nobody knows, so any one operation may release it. An `acquire` or `release` that answered false
took place as an observation: the lock was held, or was not there to be released.
"""

from typing import ClassVar, Final

from msgspec import structs

from checker.errors import ModelError
from checker.model import ILLEGAL, UNKNOWN, Action, Model, State
from checker.values import Value, show
from history import Operation

FREE: Final = "free"
HELD: Final = "held"
"""By somebody unknown; by a session, it is the pair of HELD and the session."""


class Mutex(Model):
    """`acquire`; `release`. With sessions, released by its holder only."""

    name = "mutex"
    operations: ClassVar[tuple[str, ...]] = ("acquire", "release")
    initial: State = FREE
    state_noun = "lock"

    def action(self, operation: Operation) -> Action:
        """The session, or None, in the place of the argument."""
        action = super().action(operation)
        output = action.output if action.output is UNKNOWN or action.output is False else True
        return structs.replace(action, value=operation.session, output=output)

    def step(self, state: State, action: Action) -> State:
        """Who holds the lock afterwards."""
        if action.f == "acquire":
            possible = state == FREE
            after = HELD if action.value is None else (HELD, action.value)
        else:
            anybody = state == HELD or (state != FREE and action.value is None)
            possible = anybody or state == (HELD, action.value)
            after = FREE
        if action.output is UNKNOWN:
            return after if possible else state
        if action.output is False:
            return ILLEGAL if possible else state
        return after if possible else ILLEGAL

    def is_observer(self, action: Action) -> bool:
        """An attempt that failed because of the state of the lock."""
        return action.output is False

    def parse_initial(self, value: Value) -> State:
        """`true` or `"held"`; `false`, `"free"` or null."""
        if value is True or value == HELD:
            return HELD
        if value is False or value is None or value == FREE:
            return FREE
        raise ModelError(f'mutex starts "held" (true) or "free" (false), not {show(value)}')

    def describe(self, action: Action) -> str:
        """`acquire by session 7`, `acquire that found it held`."""
        words = action.f if action.value is None else f"{action.f} by session {show(action.value)}"
        if action.output is UNKNOWN:
            return f"{words} (outcome unknown)"
        if action.output is not False:
            return words
        return f"{words} that found it {'held' if action.f == 'acquire' else 'not held'}"

    def describe_state(self, state: State) -> str:
        """`free`, `held`, `held by session 7`."""
        return state if isinstance(state, str) else f"held by session {show(state[1])}"


MODEL: Final = Mutex()
