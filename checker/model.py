"""A model: what one object does when its operations come one after the other.

A model is an initial state and `step`, a pure function from a state and an action to the next
state, or to `ILLEGAL` when the action cannot have had that result in that state. The search asks
`step` once for each pair of a distinct state and a distinct action, and remembers the answer in a
table, so `step` may be slow but must not depend on anything else.

A model of one's own is short:

    class Counter(Model):
        name = "counter"
        operations = ("add", "read")
        initial = 0

        def step(self, state: State, action: Action) -> State:
            if action.f == "add":
                return state + action.value
            return state if action.output in (state, UNKNOWN) else ILLEGAL

        def is_observer(self, action: Action) -> bool:
            return action.f == "read"
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from typing import Any, ClassVar, Final, final

from msgspec import Struct

from checker.values import Value, show, token
from history import Operation, Outcome

State = Any
"""Any hashable value; equal states must behave alike for ever after."""


@final
class _Marker:
    """A value that no history holds; compare with `is`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ILLEGAL: Final = _Marker("ILLEGAL")
"""What `step` returns when the action, with its result, is impossible in the state."""

UNKNOWN: Final = _Marker("UNKNOWN")
"""The output of an action whose outcome nobody knows: `step` must accept any result for it."""


ANYWHERE: Final = _Marker("ANYWHERE")
"""What `Model.only_in` answers when an action is not confined to one state."""


class Several(Struct, frozen=True):
    """What an object may be, when its model leaves a choice: any one of these states."""

    states: frozenset[Hashable]


def several(states: Iterable[Hashable]) -> State:
    """What `step` returns when any of some states may follow; none of them: `ILLEGAL`."""
    found = frozenset(states)
    if not found:
        return ILLEGAL
    return Several(found) if len(found) > 1 else next(iter(found))


class Action(Struct, frozen=True):
    """What an operation asked and got, without when and by whom: the letter that `step` reads."""

    f: str
    value: Value = None
    """The argument, as in the history."""
    output: Value = None
    """The result, as in the history, or `UNKNOWN`."""
    key: Value = None
    """The object; only of interest to a model that judges several objects together."""


class Running:
    """One object, while actions are played on it one after the other."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._state = model.initial

    def play(self, action: Action) -> bool:
        """Take the step; False when the action, with its result, is impossible now."""
        after = self._model.after(self._state, action)
        if after is ILLEGAL:
            return False
        self._state = after
        return True


class Model(ABC):
    """A sequential specification. Instances are immutable values."""

    name: ClassVar[str]
    """What `--model` calls it."""
    operations: ClassVar[tuple[str, ...]] = ()
    """The names that `step` understands; others are wrong input. Empty: `step` looks itself."""
    state_noun: ClassVar[str] = "state"
    """What people call the state: "the *value* could only be 7"."""
    initial: State = None
    """The state before the first operation."""
    nondeterministic: ClassVar[bool] = False
    """True when `step` may return `several` states. Then there are no observers to the search: a
    result that is seen tells which state it is, and so does change what is known."""

    @abstractmethod
    def step(self, state: State, action: Action) -> State:
        """The state after `action`, or `ILLEGAL`.

        With the output `UNKNOWN` any result is acceptable: the state if it took effect, or the
        unchanged state where it could not have any.
        """

    def is_observer(self, action: Action) -> bool:
        """True when in EVERY state `action` is either illegal or changes nothing.

        The search takes observers as early as it can and never branches over them. It is not
        enough that an action happens to change nothing in one state: `write 1` does so when the
        state is 1, and yet must stay free to come later. The search holds the model to its word.
        """
        del action
        return False

    def only_in(self, action: Action) -> State:
        """The only state in which `action` can be legal and matter, or `ANYWHERE`.

        A read that returned 7 is legal in the state 7 only; a cas of unknown outcome matters only
        where it finds the old value. Saying so is never needed. It saves the search questions,
        and lets it see that a value somebody still has to read is lost for ever.
        """
        del action
        return ANYWHERE

    def not_in(self, action: Action) -> State:
        """A state in which `action` is illegal, though it is not confined to one; or `ANYWHERE`.

        A cas that missed is legal wherever the value is not the one that it expected. Saying so is
        never needed. Where several objects are judged together (`checker/orders`), it lets the
        search see that such an action comes before a value is there, or when it is gone again.
        """
        del action
        return ANYWHERE

    def overwrites(self, action: Action) -> bool:
        """True when `action` is legal in EVERY state and always leaves the same one behind.

        Saying so is never needed, but spares the search many orders of writes that nobody sees.
        """
        del action
        return False

    def grows(self, action: Action) -> bool:
        """True when `may_become` speaks for `action`: what it makes of a state, that may become.

        Appending to a list grows it, and so does adding to a set of which nothing is removed.
        """
        del action
        return False

    def may_become(self, state: State, wanted: State) -> bool:
        """False only when NO sequence of actions that grow leads from `state` to `wanted`.

        No list becomes another one by appending unless it is the beginning of it. Saying so is
        never needed. Together with `only_in` it lets the search give up an order of appends as
        soon as a list that somebody still has to read cannot come of it.
        """
        del state, wanted
        return True

    def running(self) -> Running:
        """An object in the initial state, to replay an order on.

        Worth overriding where states grow: `step` makes a new one each time, so n operations on a
        set of n elements would take n squared. What is played there must be what `step` allows.
        """
        return Running(self)

    def partition(self, operation: Operation) -> Hashable:
        """The object that `operation` works on; objects are judged one by one.

        By default each `key` of the history is one object, whatever the model: keys are
        independent, and a history is linearizable exactly when each object's part is (locality,
        Herlihy & Wing 1990, section 3.3). A model whose operations couple several keys returns
        None here and reads `action.key`.
        """
        return token(operation.key)

    def action(self, operation: Operation) -> Action:
        """What `step` may see of an operation; equal actions are interchangeable."""
        unknown = operation.outcome is Outcome.UNKNOWN
        output = UNKNOWN if unknown else operation.output
        return Action(operation.f, operation.value, output, operation.key)

    def problem(self, action: Action) -> str | None:
        """What is wrong with an action's argument or result ("cas takes …"), or None."""
        del action
        return None

    def parse_initial(self, value: Value) -> State:
        """The state that `--initial` means by a JSON value."""
        return token(value)

    def describe(self, action: Action) -> str:
        """The action in words, such as `read returned 7`."""
        words = action.f if action.value is None else f"{action.f} {show(action.value)}"
        if action.output is UNKNOWN:
            return f"{words} (outcome unknown)"
        if action.output is None and not self.is_observer(action):
            return words
        return f"{words} returned {show(action.output)}"

    def describe_state(self, state: State) -> str:
        """The state in words, such as `7`."""
        return show(state)

    @final
    def after(self, state: State, action: Action) -> State:
        """`step`, also from a state that is `several`: what may be after `action`, or `ILLEGAL`."""
        if not isinstance(state, Several):
            return self.step(state, action)
        found: set[Hashable] = set()
        for one in state.states:
            following = self.step(one, action)
            if isinstance(following, Several):
                found |= following.states
            elif following is not ILLEGAL:
                found.add(following)
        return several(found)

    @final
    def describe_states(self, state: State) -> str:
        """`describe_state`, also of a state that is `several`."""
        if not isinstance(state, Several):
            return self.describe_state(state)
        return " or ".join(sorted(self.describe_state(one) for one in state.states))

    @final
    def with_initial(self, value: Value) -> Model:
        """This model, started from the state that the JSON value means."""
        model = copy.copy(self)
        model.initial = self.parse_initial(value)
        return model
