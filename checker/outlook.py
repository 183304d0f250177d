"""What a state may become, as the model says: asked once for each pair of states, and tried.

A model that is wrong about itself must not make the search give up what it should not. So what it
says is tried on what the search meets: a needed state may become itself; a transition of an action
that grows leads from a state to one that it may become; and where a state may not become another
one, neither may what it grows to. What goes unnoticed here may still show in the end: see
`checker/culprit.py`.
"""

from typing import Final

from checker.errors import ModelError
from checker.model import ILLEGAL, Model, State
from checker.table import Table

_TRIALS_MAX: Final = 10_000
"""Questions for the sake of trying: some 10 ms, where the search itself has far more of them."""


class Outlook:
    """The answers of one model about the states of one table."""

    def __init__(self, table: Table, growing: list[int]) -> None:
        """`growing`: the classes of which the model says that they grow."""
        self._table = table
        self.growing: Final = frozenset(growing)
        self._in_turn = growing
        self._answers: dict[tuple[int, int], bool] = {}
        self._never: dict[int, list[int]] = {}
        """By state: what it may not become."""
        self._trials = 0

    def may_become(self, state: int, wanted: int) -> bool:
        """Whether growing may lead from one state to another one."""
        pair = (state, wanted)
        known = self._answers.get(pair)
        if known is not None:
            return known
        before, after = self._table.states[state], self._table.states[wanted]
        self._answers[pair] = answer = self._ask(before, after)
        if not answer:
            self._never.setdefault(state, []).append(wanted)
            self._try_to_grow(before, after)
        return answer

    def saw(self, state: int, kind: int, successor: int) -> None:
        """Hold the model to its word by a transition that the search asked for."""
        if kind not in self.growing or successor < 0 or self._trials >= _TRIALS_MAX:
            return
        states = self._table.states
        before, after = states[state], states[successor]
        self._trials += 1
        if not self._ask(before, after):
            raise ModelError(
                f"the model says that {before!r} may not become {after!r} by what grows, "
                f"but {self._table.actions[kind]} grows and makes it so"
            )
        for wanted in self._never.get(state, ()):
            self._trials += 1
            if self._ask(after, states[wanted]):
                self._refuse(before, after, states[wanted])

    def _try_to_grow(self, before: State, wanted: State) -> None:
        """One action in turn; the model's own `step`, as the search has not been there."""
        if self._trials >= _TRIALS_MAX:
            return
        self._trials += 1
        kind = self._in_turn[self._trials % len(self._in_turn)]
        try:
            after = self._table.model.step(before, self._table.actions[kind])
        except Exception as why:
            raise ModelError(
                f"the model failed on {self._table.actions[kind]} in the state {before!r}: {why!r}"
            ) from why
        if after is not ILLEGAL and self._ask(after, wanted):
            self._refuse(before, after, wanted)

    def _ask(self, before: State, wanted: State) -> bool:
        if before == wanted:
            return True
        return _ask(self._table.model, before, wanted)

    def _refuse(self, before: State, after: State, wanted: State) -> None:
        raise ModelError(
            f"the model says that {before!r} may not become {wanted!r} by what grows, "
            f"but it may grow to {after!r}, which may"
        )


def outlook_of(table: Table, classes: set[int], needed: set[int]) -> Outlook | None:
    """What the model says of growing, where the search can use it; None where it says nothing.

    `classes` are those that occur and can change a state, and `needed` the states that some
    action is confined to.
    """
    model = table.model
    if type(model).may_become is Model.may_become or model.nondeterministic or not needed:
        return None
    growing = sorted(kind for kind in classes if model.grows(table.actions[kind]))
    if not growing:
        return None
    for state in needed:
        one = table.states[state]
        if not _ask(model, one, one):
            raise ModelError(f"the model says that {one!r} may not become itself, but it is that")
    return Outlook(table, growing)


def _ask(model: Model, before: State, wanted: State) -> bool:
    try:
        return bool(model.may_become(before, wanted))
    except Exception as why:
        raise ModelError(
            f"the model failed on whether {before!r} may become {wanted!r}: {why!r}"
        ) from why
