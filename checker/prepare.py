"""From the operations of one object to the integers that the search works on.

Operations with a known result are numbered by their return, those of unknown outcome after them,
by their call. So the number of an operation is also the number of the return event at which it
must have taken effect, and "the earliest return among these" is just the least number.

Left out, because it cannot matter:
- operations that failed (they did not happen);
- observers of unknown outcome: dropping one from a linearization leaves a linearization, and none
  is ever required.
"""

from collections.abc import Hashable, Iterable

from msgspec import Struct

from checker.errors import OperationError
from checker.model import UNKNOWN, Action, Model
from checker.patience import watched
from checker.table import Table
from checker.values import token
from history import Operation, Outcome


class Problem(Struct, frozen=True):
    """One object's history, ready to be searched."""

    operations: list[Operation]
    """By number: first the live ones in the order of their returns, then the crashed ones."""
    live_count: int
    classes: list[int]
    """The action number of each operation; operations of one class are interchangeable."""
    observers: list[bool]
    """By operation: whether it is a pure observer."""
    arrivals: list[list[int]]
    """`arrivals[i]`: the live operations called after return i - 1 and before return i."""
    crashed_before: list[int]
    """`crashed_before[i]`: how many crashed operations were called before return i."""
    table: Table


def prepare(part: list[Operation], model: Model) -> Problem:
    """Number one object's operations and intern what they did.

    Raises:
        LimitReached: see `checker.patience`.
        OperationError: an operation that the model does not know, or a malformed argument.
    """
    classes = _Classes(model)
    live: list[tuple[int, int, Operation, int]] = []  # the return, first, decides the order
    crashed: list[tuple[int, Operation, int]] = []
    for operation in watched(part):
        kind = classes.of(operation)
        if operation.return_ is not None and operation.outcome is Outcome.OK:
            live.append((operation.return_, operation.call, operation, kind))
        elif not classes.observers[kind]:
            crashed.append((operation.call, operation, kind))
    live.sort(key=lambda entry: entry[0])
    crashed.sort(key=lambda entry: entry[0])
    kinds = [entry[3] for entry in live] + [entry[2] for entry in crashed]
    arrivals, crashed_before = _between_returns(
        [(call, return_) for return_, call, _, _ in live], [call for call, _, _ in crashed]
    )
    return Problem(
        operations=[entry[2] for entry in live] + [entry[1] for entry in crashed],
        live_count=len(live),
        classes=kinds,
        observers=[classes.observers[kind] for kind in kinds],
        arrivals=arrivals,
        crashed_before=crashed_before,
        table=Table(model, classes.actions, classes.observers),
    )


def refuse_what_does_not_fit(operations: Iterable[Operation], model: Model) -> None:
    """Look at what happened, all objects together.

    Raises:
        LimitReached: see `checker.patience`.
        OperationError: an operation that the model does not know, or a malformed argument.
    """
    classes = _Classes(model)
    for operation in watched(operations):
        if operation.outcome is not Outcome.FAILED:
            classes.of(operation)


def _between_returns(
    live: list[tuple[int, int]], crashed_calls: list[int]
) -> tuple[list[list[int]], list[int]]:
    """Which calls fall between which returns; both arguments come sorted."""
    calls = sorted((call, number) for number, (call, _) in enumerate(watched(live)))
    arrivals: list[list[int]] = []
    crashed_before: list[int] = []
    position = crashed = 0
    for _, return_ in watched(live):
        came: list[int] = []
        while position < len(calls) and calls[position][0] < return_:
            came.append(calls[position][1])
            position += 1
        while crashed < len(crashed_calls) and crashed_calls[crashed] < return_:
            crashed += 1
        arrivals.append(came)
        crashed_before.append(crashed)
    return arrivals, crashed_before


class _Classes:
    """Actions by number; equal ones share a number."""

    def __init__(self, model: Model) -> None:
        self.actions: list[Action] = []
        self.observers: list[bool] = []
        self._model = model
        self._numbers: dict[Hashable, int] = {}

    def of(self, operation: Operation) -> int:
        action = self._model.action(operation)
        output = action.output if action.output is UNKNOWN else token(action.output)
        name = (action.f, token(action.value), output, token(action.key))
        known = self._numbers.get(name)
        if known is not None:
            return known
        self._refuse_what_does_not_fit(operation, action)
        self._numbers[name] = number = len(self.actions)
        self.actions.append(action)
        model = self._model
        self.observers.append(not model.nondeterministic and model.is_observer(action))
        return number

    def _refuse_what_does_not_fit(self, operation: Operation, action: Action) -> None:
        model = self._model
        where = f"operation {operation.index}"
        if operation.line is not None:
            where = f"line {operation.line}"
        if model.operations and action.f not in model.operations:
            expected = ", ".join(model.operations)
            raise OperationError(
                f"{where}: the model {model.name} has no operation {action.f!r}; expected {expected}"
            )
        problem = model.problem(action)
        if problem is not None:
            raise OperationError(f"{where}: {problem}")
