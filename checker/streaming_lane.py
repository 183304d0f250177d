"""One object of a stream: events that wait for results, and the frontier that those have moved.

An event can be judged for good once the results of all operations called before it are known: a
configuration must know what an operation returned when that takes effect. So events queue, in
order, behind the first call without a result.

A client that hangs would hold up everything behind it. So now and then the queue is judged on
trial, with every open operation taken for one of unknown outcome, which allows all results that it
may still have: when even that has no linearization, no result can save the history. Trials come
when the queue has doubled, so all of them cost no more than judging it twice.
"""

from collections import deque
from typing import Any, Final

from msgspec import Struct

from checker.errors import OperationError
from checker.model import UNKNOWN, Action, Model
from checker.streaming_frontier import Frontier, TooMany
from checker.streaming_pairing import Call
from checker.values import show
from history import Outcome

_SHOWN_MAX: Final = 8
"""States, and operations to look at, in an alarm."""


class Alarm(Struct, frozen=True):
    """The history so far has no linearization, whatever comes."""

    key: Any
    """The object that misbehaved; None when the history is one object."""
    operation: int
    """Index, by invocation, of the operation by whose return nothing was possible any more."""
    operations: tuple[int, ...]
    """It, and the operations of the object that were in flight when it returned."""
    explanation: str
    """For a reader who knows the system but not the checker."""


class Lane:
    """What is known of one object."""

    def __init__(
        self,
        model: Model,
        *,
        configurations_max: int,
        counts_max: int,
        lag_max: int,
        trial_min: int,
        trial_growth: int,
    ) -> None:
        self._model = model
        self._frontier = Frontier(model, configurations_max, counts_max)
        self._lag_max = lag_max
        self._trial_min = self._next_trial = trial_min
        self._trial_growth = trial_growth
        self._queue: deque[tuple[Call, bool]] = deque()
        """Calls, and returns (True), in order."""
        self.alarm: Alarm | None = None
        self.doubt: str | None = None
        """Why the object is not judged any further."""
        self.bound: str | None = None
        """Since when, and why, silence is no proof any more; an alarm still is."""

    @property
    def is_over(self) -> bool:
        """No event changes anything any more."""
        return self.alarm is not None or self.doubt is not None

    @property
    def lag(self) -> int:
        """Events that wait for a result."""
        return len(self._queue)

    @property
    def size(self) -> int:
        """Configurations, waiting events, and what the table remembers: a measure of memory."""
        return len(self._frontier) + len(self._queue) + self._frontier.table_size

    def call(self, call: Call) -> None:
        """An operation begins."""
        if not self.is_over:
            self._queue.append((call, False))

    def return_(self, call: Call) -> None:
        """An operation ends, of which the result is known and the rank given."""
        if not self.is_over:
            self._queue.append((call, True))

    def advance(self) -> Alarm | None:
        """Judge what can be judged."""
        if self.is_over:
            return None
        try:
            return self._advance()
        except TooMany:
            self._give_up(
                f"more than {self._frontier.configurations_max} configurations are possible"
            )
            return None

    def _advance(self) -> Alarm | None:
        queue, frontier = self._queue, self._frontier
        while queue:
            call, is_return = queue[0]
            if call.outcome is None:
                break
            if not is_return:
                call.name = _begin(frontier, call)
            elif not frontier.return_(call.name):
                return self._ring(call, frontier)
            if frontier.is_coarse and self.bound is None:
                self.bound = self._since(
                    call,
                    "there are too many ways to explain it by operations of unknown outcome, so "
                    "it is only known how many of these were used at least: an alarm would be "
                    "certain, silence is not",
                )
            queue.popleft()
            self._next_trial = max(
                self._trial_min, min(self._next_trial, self._trial_growth * len(queue))
            )
        frontier.forget()
        if len(queue) >= self._next_trial:
            self._next_trial = self._trial_growth * len(queue)
            return self._try()
        return None

    def _try(self) -> Alarm | None:
        """Judge all of the queue as if what is open were lost."""
        if len(self._queue) > self._lag_max:
            first = self._queue[0][0].operation
            self._give_up(
                f"{_in_words(self._model, self._queue[0][0])} has had no result while "
                f"{len(self._queue)} events came after it (operation {first.index})"
            )
            return None
        frontier = self._frontier.copy()
        names: dict[int, int] = {}
        try:
            for call, is_return in self._queue:
                if not is_return:
                    names[call.operation.index] = _begin(frontier, call)
                elif not frontier.return_(names.get(call.operation.index, call.name)):
                    return self._ring(call, frontier)
        except TooMany:
            pass  # nothing is lost: the events are still there
        return None

    def _ring(self, call: Call, frontier: Frontier) -> Alarm:
        key = call.operation.key
        on_key = "" if key is None else f"On key {show(key)}, "
        states = frontier.reached
        listed = ", ".join(states[:_SHOWN_MAX])
        if len(states) > _SHOWN_MAX:
            listed = f"{listed} and {len(states) - _SHOWN_MAX} more"
        could = f"{'one of ' if len(states) > 1 else ''}{listed}"
        words = (
            f"{on_key}{_in_words(self._model, call)}, but no order of the operations allows it. "
            f"When it returned, the {self._model.state_noun} could only be {could}."
        )
        around = {call.operation.index}
        around.update(other.operation.index for other, _ in list(self._queue)[:_SHOWN_MAX])
        self.alarm = Alarm(key, call.operation.index, tuple(sorted(around)), words)
        self._drop()
        return self.alarm

    def _give_up(self, why: str) -> None:
        self.doubt = self._since(self._queue[0][0], why)
        self._drop()

    def _since(self, call: Call, why: str) -> str:
        asked = call.operation
        on_key = "" if asked.key is None else f"on key {show(asked.key)}, "
        return f"{on_key}from operation {asked.index} on: {why}"

    def _drop(self) -> None:
        self._queue.clear()
        self._frontier = Frontier(self._model, 0, 1)


def _begin(frontier: Frontier, call: Call) -> int:
    """Tell the frontier of a call, and say its name there; one without a result counts as lost."""
    if call.outcome is Outcome.FAILED:
        return 0
    try:
        if call.outcome is Outcome.OK:
            assert call.action is not None
            return frontier.call(call.action, call.rank)
        frontier.crash(call.action or _lost(call))
    except OperationError as why:
        raise OperationError(f"operation {call.operation.index}: {why}") from why
    return 0


def _lost(call: Call) -> Action:
    asked = call.operation
    return Action(asked.f, asked.value, UNKNOWN, asked.key)


def _in_words(model: Model, call: Call) -> str:
    words = model.describe(call.action or _lost(call))
    return f"{words} (process {call.operation.process}, operation {call.operation.index})"
