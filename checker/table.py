"""What a model does, as a table of small integers that fills itself.

Equal states get one number (hash-consing) and so do equal actions, so the model's `step` is
called once for each pair of them, however many configurations the search visits. Filled on
demand: the states that a history can reach are few, those that a model can reach may not be.
"""

from collections.abc import Hashable
from typing import Final

from checker.errors import ModelError
from checker.model import ILLEGAL, Action, Model, Several, State

IMPOSSIBLE: Final = -1
"""The successor of a state under an action that is illegal there; every real one is >= 0."""


class Row(dict[int, int]):
    """The successors of one state by action number; asks the model on the first look."""

    __slots__ = ("_state", "_table")

    def __init__(self, table: "Table", state: int) -> None:
        super().__init__()
        self._table = table
        self._state = state

    def __missing__(self, action: int) -> int:
        self[action] = successor = self._table.step(self._state, action)
        return successor


class Table:
    """Transitions of `model` between numbered states, under the numbered `actions`."""

    def __init__(self, model: Model, actions: list[Action], observers: list[bool]) -> None:
        self.model: Final = model
        self.actions: Final = actions
        self.observers: Final = observers
        self.states: Final[list[State]] = []
        self.rows: Final[list[Row]] = []
        """`rows[state][action]` is the next state, or `IMPOSSIBLE`."""
        self._numbers: Final[dict[Hashable, int]] = {}
        self.number(model.initial)

    def number(self, state: State) -> int:
        """The number of a state; the initial one is 0."""
        try:
            known = self._numbers.get(state)
        except TypeError as why:
            raise ModelError(f"the state {state!r} cannot be hashed: {why}") from why
        if known is not None:
            return known
        self._numbers[state] = number = len(self.states)
        self.states.append(state)
        self.rows.append(Row(self, number))
        return number

    def step(self, state: int, action: int) -> int:
        """Ask the model, and hold it to its declaration of observers."""
        before, letter = self.states[state], self.actions[action]
        try:
            after = self.model.after(before, letter)
        except Exception as why:
            raise ModelError(
                f"the model failed on {letter} in the state {before!r}: {why!r}"
            ) from why
        if after is ILLEGAL:
            return IMPOSSIBLE
        if isinstance(after, Several) and not self.model.nondeterministic:
            raise ModelError(f"{letter} led to several states: set `nondeterministic` to True")
        successor = self.number(after)
        if self.observers[action] and successor != state:
            raise ModelError(
                f"the model calls {letter} an observer, but it changes {before!r} to {after!r}"
            )
        return successor
