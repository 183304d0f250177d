"""What the native search is told, and how a model is held to what it says about itself."""

import sys

import pytest

from checker import Action, Model, ModelError, State, UnsupportedError, check, find_model, lowering
from checker.lowering import (
    NO_STATE,
    OBSERVER,
    OTHER,
    OVERWRITE,
    Lowered,
    lower,
    missed_by,
    native_search,
)
from checker.model import ANYWHERE, ILLEGAL
from checker.prepare import prepare
from history import Operation
from tests.support.strategies import timeline


def lowered(operations: list[Operation], model: Model) -> Lowered:
    problem = prepare(operations, model)
    return lower(problem)


def test_operations_arrive_at_the_first_return_after_their_call() -> None:
    """By return: the write of 2 (0), the write of 1 (1), the read (2); then those that crashed."""
    low = lowered(
        timeline(
            ("write", 1, None, 0, 5),
            ("write", 2, None, 1, 2),
            ("write", 3, None, 3, None),
            ("read", None, 1, 6, 7),
            ("write", 4, None, 8, None),
        ),
        find_model("register"),
    )
    assert low.live_count == 3
    assert low.arrivals == [0, 0, 2, 1, 3]


def test_what_a_model_says_beforehand_becomes_kinds_states_and_targets() -> None:
    low = lowered(
        timeline(
            ("write", 1, None, 0, 1),
            ("cas", [1, 2], True, 2, 3),
            ("read", None, 2, 4, 5),
            ("cas", [1, 3], False, 6, 7),
        ),
        find_model("cas-register"),
    )
    one, two = low.targets[0], low.targets[1]
    assert low.kinds == [OVERWRITE, OTHER, OBSERVER, OBSERVER]
    assert low.only_in == [NO_STATE, one, two, NO_STATE]
    assert low.targets == [one, two, two, lowering.NOT_ASKED]
    assert not low.needs_are_known  # a cas that missed may have found any other value


class Boaster(Model):
    """Says of every action what the test wants."""

    name = "boaster"
    initial = 0

    def __init__(self, *, overwrites: bool = False, not_in: State = ANYWHERE) -> None:
        self._overwrites = overwrites
        self._not_in = not_in

    def step(self, state: State, action: Action) -> State:
        return state + 1 if action.f in ("add", "miss") else ILLEGAL

    def overwrites(self, action: Action) -> bool:
        del action
        return self._overwrites

    def only_in(self, action: Action) -> State:
        return ANYWHERE if action.f == "miss" else 7

    def not_in(self, action: Action) -> State:
        del action
        return self._not_in


def test_a_model_is_held_to_what_it_says_of_overwrites() -> None:
    with pytest.raises(ModelError, match="overwrites any state, but it does not"):
        lowered(timeline(("add", None, None, 0, 1)), Boaster(overwrites=True))
    with pytest.raises(ModelError, match="overwrites any state, but it does not"):
        lowered(timeline(("other", None, None, 0, 1)), Boaster(overwrites=True))


def test_a_model_is_held_to_what_it_says_of_only_states() -> None:
    with pytest.raises(ModelError, match="matters in the state 7 only, but it changes 0 too"):
        lowered(timeline(("add", None, None, 0, 1)), Boaster())


def test_a_model_is_held_to_what_it_says_of_states_that_were_missed() -> None:
    table = prepare(timeline(("cas", [1, 2], False, 0, 1)), find_model("cas-register")).table
    assert table.states[missed_by(table, 0)] == 1
    found = prepare(timeline(("cas", [1, 2], True, 0, 1)), find_model("cas-register")).table
    assert missed_by(found, 0) == NO_STATE
    confined = prepare(timeline(("add", None, None, 0, 1)), Boaster(not_in=0)).table
    assert missed_by(confined, 0) == NO_STATE
    boasting = prepare(timeline(("miss", None, None, 0, 1)), Boaster(not_in=3)).table
    with pytest.raises(ModelError, match="is illegal in the state 3, but it is not"):
        missed_by(boasting, 0)


def test_a_native_engine_that_does_not_load_is_an_error_and_never_a_silent_fallback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    native_search.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr("importlib.util.find_spec", lambda _name: object())
        patched.setitem(sys.modules, "checker._native", None)
        for engine in ("auto", "native"):
            with pytest.raises(UnsupportedError, match="was built but does not load"):
                check(timeline(("push", 1, None, 0, 1)), Pushing(), engine=engine)
        verdict = check(timeline(("push", 1, None, 0, 1)), Pushing(), engine="reference")
        assert verdict.statistics.engines == {"reference": 1}
    native_search.cache_clear()


def test_without_a_native_engine_auto_takes_the_reference_and_native_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    native_search.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr("importlib.util.find_spec", lambda _name: None)
        verdict = check(timeline(("push", 1, None, 0, 1)), Pushing())
        assert verdict.statistics.engines == {"reference": 1}
        with pytest.raises(UnsupportedError, match="this build has no native engine"):
            check([], Pushing(), engine="native")
    native_search.cache_clear()


class Pushing(Model):
    """A user's own, for which there is only the general search."""

    name = "pushing"
    initial: State = ()

    def step(self, state: State, action: Action) -> State:
        return (*state, action.value)
