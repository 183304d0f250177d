"""Which values are still needed, and can they still be made: dead ends seen before they are entered.

A register that leaves a value for ever, while somebody must still find that value in it, has no
future. That needs to know which single state an operation needs and which it makes, whatever the
state before; so it is known for the register-like models that come with gong, and other models are
searched without it. It only ever rejects configurations from which no order can be completed.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from checker.model import UNKNOWN, Action, Model, State
from checker.models.cas_register import CasRegister
from checker.models.kv import KeyValue
from checker.models.register import Register
from checker.orders.problem import Problem
from checker.values import token

_REGISTERS: Final = (Register, CasRegister, KeyValue)

_READS: Final = frozenset({"read", "get"})
_WRITES: Final = frozenset({"write", "put"})


class _Place(NamedTuple):
    """Where an operation stands: required ones in their chain, optional ones by their bit."""

    number: int
    chain: int
    place: int
    bit: int

    def is_left(self, positions: Sequence[int], used: int) -> bool:
        return not used & self.bit if self.bit else positions[self.chain] <= self.place


class Lookahead:
    """What each value of each object is needed by and made by, latest call first."""

    def __init__(self, problem: Problem) -> None:
        self._states = [table.states for table in problem.tables]
        self._needed_by: list[dict[State, list[_Place]] | None] = []
        self._made_by: list[dict[State, list[_Place]]] = [{} for _ in problem.tables]
        for table in problem.tables:
            known = all(_is_known(table.model, action) for action in table.actions)
            self._needed_by.append({} if known else None)
        bits = {optional.number: 1 << bit for bit, optional in enumerate(problem.optional)}
        latest_first = sorted(
            range(len(problem.operations)), key=lambda number: -problem.operations[number].call
        )
        for number in latest_first:
            part, bit = problem.parts[number], bits.get(number, 0)
            needed_by = self._needed_by[part]
            if needed_by is None:
                continue
            action = problem.tables[part].actions[problem.kinds[number]]
            place = _Place(number, problem.chain_of[number], problem.place_of[number], bit)
            if not bit:
                for state in _needs(action):
                    needed_by.setdefault(state, []).append(place)
            for state in _makes(action):
                self._made_by[part].setdefault(state, []).append(place)

    def is_lost(
        self, part: int, state: int, number: int, positions: Sequence[int], used: int
    ) -> bool:
        """Whether `part` may not leave `state` by the operation `number`: it would be missed."""
        needed_by = self._needed_by[part]
        if needed_by is None:
            return False
        value = self._states[part][state]
        if not any(
            place.number != number and place.is_left(positions, used)
            for place in needed_by.get(value, ())
        ):
            return False
        return not any(
            place.number != number and place.is_left(positions, used)
            for place in self._made_by[part].get(value, ())
        )


def _is_known(model: Model, action: Action) -> bool:
    return type(model) in _REGISTERS and action.f != "append"


def _needs(action: Action) -> tuple[State, ...]:
    """The only state in which the action is legal; nothing where there are several."""
    if action.output is UNKNOWN:
        return ()
    if action.f in _READS:
        return (token(action.output),)
    if action.f == "cas" and action.output is not False:
        return (token(action.value[0]),)
    return ()


def _makes(action: Action) -> tuple[State, ...]:
    """The state that the action may lead to from another one."""
    if action.f in _WRITES:
        return (token(action.value),)
    if action.f == "cas" and action.output is not False:
        return (token(action.value[1]),)
    return (None,) if action.f == "delete" else ()
