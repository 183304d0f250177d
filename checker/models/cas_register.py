"""A register with compare-and-set: `cas [old, new]` writes `new` where it finds `old`.

A cas that found another value (its output is false) took place too, as the observation that the
state was not `old`. Both a failed cas and `cas [a, a]` change nothing in any state: observers.
"""

from typing import ClassVar, Final

from checker.model import ANYWHERE, ILLEGAL, UNKNOWN, Action, State
from checker.models.register import Register
from checker.values import show, token


def cas_step(state: State, action: Action) -> State:
    """What a cas does to a value; also of use to other models."""
    old, new = action.value
    found = token(old) == state
    if action.output is UNKNOWN:
        return token(new) if found else state
    if action.output is False:
        return ILLEGAL if found else state
    return token(new) if found else ILLEGAL


def is_cas_observer(action: Action) -> bool:
    """True when this cas can never change anything: it missed, or it writes what it found."""
    old, new = action.value
    return action.output is False or token(old) == token(new)


def cas_only_in(action: Action) -> State:
    """The value that a cas found, or would have to find to matter."""
    return ANYWHERE if action.output is False else token(action.value[0])


def cas_not_in(action: Action) -> State:
    """The value that a cas did not find."""
    return token(action.value[0]) if action.output is False else ANYWHERE


def cas_problem(action: Action) -> str | None:
    """What is wrong with a cas, or None."""
    if not isinstance(action.value, list | tuple) or len(action.value) != 2:
        return f"cas takes a pair [old, new], not {show(action.value)}"
    return None


def describe_cas(action: Action) -> str:
    """A cas in words."""
    old, new = action.value
    words = f"cas from {show(old)} to {show(new)}"
    if action.output is UNKNOWN:
        return f"{words} (outcome unknown)"
    return f"{words} that found another value" if action.output is False else words


class CasRegister(Register):
    """`write v`; `read` → v; `cas [old, new]` → true or false."""

    name = "cas-register"
    operations: ClassVar[tuple[str, ...]] = ("read", "write", "cas")

    def step(self, state: State, action: Action) -> State:
        """As a register; a cas replaces `old` by `new`, and says whether it did."""
        return cas_step(state, action) if action.f == "cas" else super().step(state, action)

    def is_observer(self, action: Action) -> bool:
        """Reads, and every cas that cannot change anything."""
        return is_cas_observer(action) if action.f == "cas" else super().is_observer(action)

    def only_in(self, action: Action) -> State:
        """A cas needs its old value, unless it missed."""
        return cas_only_in(action) if action.f == "cas" else super().only_in(action)

    def not_in(self, action: Action) -> State:
        """A cas that missed is not legal where it would have found its old value."""
        return cas_not_in(action) if action.f == "cas" else super().not_in(action)

    def problem(self, action: Action) -> str | None:
        """The argument of a cas is a pair."""
        return cas_problem(action) if action.f == "cas" else None

    def describe(self, action: Action) -> str:
        """`cas from 1 to 2`, or as a register."""
        return describe_cas(action) if action.f == "cas" else super().describe(action)


MODEL: Final = CasRegister()
