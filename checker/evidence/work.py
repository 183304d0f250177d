"""A history on its way to a core: what is left of it, and what stays true of it meanwhile."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from checker.evidence import knowledge
from checker.model import Action, Model, State
from history import Operation, Outcome


class Tally(Struct, frozen=True):
    """A state of which only a number is known: of `checker.evidence.counting`."""

    count: int


class Work(Struct, frozen=True):
    """A history on the way to its core."""

    operations: list[Operation]
    """In file order. What a cut made optional has the outcome UNKNOWN and no return."""
    initial: State

    def indices(self) -> set[int]:
        """Which operations are left."""
        return {operation.index for operation in self.operations}


class Facts:
    """What stays true of one object's operations, however many are deleted."""

    def __init__(self, model: Model, part: Iterable[Operation]) -> None:
        self.model: Final = model
        self.name: Final = knowledge.name_of(model)
        self.originals: Final = {operation.index: operation for operation in part}
        self._actions: dict[int, Action] = {}

    def action(self, operation: Operation) -> Action:
        """What it did, with the result that it had before any cut."""
        action = self._actions.get(operation.index)
        if action is None:
            action = self.model.action(self.originals[operation.index])
            self._actions[operation.index] = action
        return action

    def is_observer(self, operation: Operation) -> bool:
        """Whether the rule `OBSERVERS` may delete it."""
        return knowledge.is_observer(self.model, self.action(operation))


def is_optional(operation: Operation) -> bool:
    """True when a linearization may lack it."""
    return operation.return_ is None or operation.outcome is Outcome.UNKNOWN


def cut(operation: Operation) -> Operation:
    """The same, optional; `Facts` remembers its result."""
    return replace(operation, outcome=Outcome.UNKNOWN, return_=None)
