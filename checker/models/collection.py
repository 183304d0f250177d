"""What queues, stacks and priority queues share: three operations, and null for "empty".

The state is a tuple, the item that leaves next at its end or its beginning as the model says. An
item is never null, because null is what an empty collection answers. Looking, and taking from an
empty collection, change nothing in any state: observers. A take whose outcome is unknown took the
item that was next, if there was one.
"""

from collections import deque
from collections.abc import Hashable
from typing import ClassVar

from checker.errors import ModelError
from checker.model import ILLEGAL, UNKNOWN, Action, Model, Running, State
from checker.values import Value, show, token, value_of


class _RunningCollection(Running):
    def __init__(self, model: "Collection") -> None:
        self._collection = model
        self._items: deque[Hashable] = deque(model.initial)

    def play(self, action: Action) -> bool:
        """As `Collection.step`, in place."""
        items, model = self._items, self._collection
        if action.f == model.insert:
            items.append(token(action.value))
            return True
        next_item = items[model.next_at] if items else None
        if action.f == model.take and items:
            items.popleft() if model.next_at == 0 else items.pop()
        return action.output is UNKNOWN or token(action.output) == next_item


class Collection(Model):
    """An ordered collection; a subclass says how items enter and which one is next."""

    initial: State = ()
    state_noun = "content"
    insert: ClassVar[str]
    take: ClassVar[str]
    next_at: ClassVar[int]
    """Position in the state of the item that leaves next."""

    def step(self, state: State, action: Action) -> State:
        """Insert at the end; take and peek at `next_at`."""
        if action.f == self.insert:
            return (*state, token(action.value))
        next_item = state[self.next_at] if state else None
        if action.output is not UNKNOWN and token(action.output) != next_item:
            return ILLEGAL
        if action.f == "peek" or not state:
            return state
        return state[1:] if self.next_at == 0 else state[:-1]

    def running(self) -> Running:
        """Without a copy of all items for each that comes or goes."""
        return _RunningCollection(self)

    def is_observer(self, action: Action) -> bool:
        """Looking, and finding nothing to take."""
        return action.f == "peek" or (action.f == self.take and action.output is None)

    def problem(self, action: Action) -> str | None:
        """Null is no item."""
        if action.f == self.insert and action.value is None:
            return f"{self.insert} takes a value other than null, which means empty"
        return None

    def parse_initial(self, value: Value) -> State:
        """A list of items, the first inserted first; null is the empty list."""
        if value is not None and not isinstance(value, list | tuple):
            raise ModelError(f"{self.name} starts from a list of items, not {show(value)}")
        return tuple(token(item) for item in value or ())

    def describe(self, action: Action) -> str:
        """`push 1`, `pop returned 1`, `pop found it empty`."""
        if action.output is UNKNOWN:
            return super().describe(Action(action.f, self._argument(action), UNKNOWN))
        if action.f == self.insert:
            return f"{action.f} {show(action.value)}"
        if action.output is None:
            return f"{action.f} found it empty"
        return f"{action.f} returned {show(action.output)}"

    def _argument(self, action: Action) -> Value:
        return action.value if action.f == self.insert else None

    def describe_state(self, state: State) -> str:
        """`[1, 2]`, or `empty`."""
        return show([value_of(item) for item in state]) if state else "empty"
