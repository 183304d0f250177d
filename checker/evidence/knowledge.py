"""What shrinking knows of our models: values that operations need and make, states that they tell.

A user's own model is not known here; its histories shrink by the rules that hold for every model.
"""

from collections import Counter
from collections.abc import Hashable
from typing import Final, NamedTuple

from checker.model import ANYWHERE, ILLEGAL, UNKNOWN, Action, Model, Several, State
from checker.values import token

REGISTERS: Final = frozenset({"register", "cas-register", "kv"})
"""One value, replaced as a whole."""
HEAPS: Final = frozenset({"fifo-queue", "stack", "priority-queue"})
"""Values go in once and come out once; which one comes out next is the difference."""

_READS: Final = frozenset({"read", "get"})
_BLIND: Final = frozenset({"write", "put", "delete"})
_PUTS_IN: Final = frozenset({"enqueue", "push", "insert"})
_TAKES_OUT: Final = frozenset({"dequeue", "pop", "poll"})
_OF_SESSIONS: Final = frozenset({"acquire", "release"})
_PER_ELEMENT: Final = frozenset({"add", "remove", "contains"})


class Unsure:
    """The type of `UNSURE`."""


UNSURE: Final = Unsure()
"""No state is certain; compare with `is`. (None may be a state.)"""


class Use(NamedTuple):
    """What an action on a register has to do with its values."""

    is_blind: bool = False
    """Legal in every state, and the state after it is `makes`."""
    makes: tuple[Hashable, ...] = ()
    """The value it leaves where it has an effect; at most one."""
    needs: tuple[Hashable, ...] = ()
    """The value without which it has no effect or is impossible; at most one."""


def name_of(model: Model) -> str:
    """The name of one of our own models; empty for a user's, whatever it calls itself."""
    return model.name if type(model).__module__.startswith("checker.models.") else ""


def use(action: Action) -> Use | None:
    """Of an action on a register; None for one that depends on the state in another way."""
    if action.f in _BLIND:
        return Use(is_blind=True, makes=(token(None if action.f == "delete" else action.value),))
    if action.f in _READS:
        return Use() if action.output is UNKNOWN else Use(needs=(token(action.output),))
    if action.f == "cas" and action.output is not False:
        old, new = action.value
        return Use(makes=(token(new),), needs=(token(old),))
    return None


def element(action: Action) -> tuple[Hashable, ...]:
    """The value that an action on a collection is about; empty when it is about none, or all.

    Of a lock: the session.
    """
    if action.f in _OF_SESSIONS:
        return () if action.value is None else (token(action.value),)
    if action.f in _PUTS_IN or action.f in _PER_ELEMENT or action.f == "append":
        return (token(action.value),)
    if action.output is UNKNOWN or action.output is None or action.f == "read":
        return ()
    return (token(action.output),)


def puts_in(action: Action) -> bool:
    """True when a queue, stack or priority queue holds one value more afterwards."""
    return action.f in _PUTS_IN


def takes_out(action: Action) -> bool:
    """True when it may hold one value less, unless it was empty."""
    return action.f in _TAKES_OUT and action.output is not None


def contents(name: str, state: State) -> Counter[Hashable]:
    """The values in the state of a collection, with their multiplicities."""
    if name == "priority-queue" and isinstance(state, frozenset):
        # Its states are sets of possible contents; the initial one is certain.
        (state,) = state
    return Counter(state)


def is_observer(model: Model, action: Action) -> bool:
    """Whether it may be deleted because it never makes anything possible.

    So may a peek at a priority queue, though it is no observer in the words of the model: it only
    rules out some of the contents that were possible.
    """
    return model.is_observer(action) or (name_of(model) in HEAPS and action.f == "peek")


def told_state(model: Model, action: Action) -> State | Unsure:
    """The state right after a completed action, when it is the same whatever was before."""
    name, empty = name_of(model), type(model).initial
    if name in REGISTERS:
        used = use(action)
        if used is None:
            return UNSURE
        return (used.makes or used.needs)[0]
    if name in HEAPS and not puts_in(action) and action.output is None:
        return empty
    if name in {"set", "counter", "append-list"} and action.f == "read":
        return model.parse_initial(action.output)
    if name == "mutex" and action.output is not False:
        # A lock is taken from nobody, so the state after it does not depend on the one before.
        return empty if action.f == "release" else model.step(empty, action)
    return _declared_state(model, action)


def _declared_state(model: Model, action: Action) -> State | Unsure:
    """The same, when the model itself says where the action is legal, or what it leaves."""
    if model.overwrites(action):
        state = model.step(model.initial, action)
    else:
        only = model.only_in(action)
        state = UNSURE if only is ANYWHERE else model.step(only, action)
    return UNSURE if state is ILLEGAL or isinstance(state, Several) else state
