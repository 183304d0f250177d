"""The sequential specifications, one step at a time."""

import pytest

from checker import ILLEGAL, UNKNOWN, Action, Model, ModelError, State, find_model
from checker.values import show, token, value_of

REGISTER, CAS, KV = (find_model(name) for name in ("register", "cas-register", "kv"))


class Own(Model):
    name = "own"

    def step(self, state: State, action: Action) -> State:
        return state


def test_a_read_must_return_what_is_there() -> None:
    assert REGISTER.step(7, Action("read", None, 7)) == 7
    assert REGISTER.step(7, Action("read", None, 8)) is ILLEGAL
    assert REGISTER.step(7, Action("read", None, UNKNOWN)) == 7
    assert REGISTER.step(7, Action("write", 9)) == 9


def test_one_and_true_are_different_values() -> None:
    """They are in JSON; Python says that they are equal."""
    written = REGISTER.step(None, Action("write", 1))
    assert REGISTER.step(written, Action("read", None, True)) is ILLEGAL
    assert REGISTER.step(written, Action("read", None, 1)) == written
    assert token([1]) != token([True])


def test_lists_and_objects_can_be_stored_and_are_shown_as_they_were() -> None:
    for value in ([1, [2, None]], {"b": [True], "a": 1}, "é", True, None, 1.5):
        written = REGISTER.step(None, Action("write", value))
        assert REGISTER.step(written, Action("read", None, value)) == written
        assert value_of(written) == value
    assert REGISTER.describe_state(token([1, {"a": False}])) == '[1, {"a": false}]'


def test_a_long_value_is_cut_in_the_middle() -> None:
    shown = show("x" * 500)
    assert len(shown) < 70
    assert "…" in shown


def test_a_cas_replaces_what_it_finds() -> None:
    assert CAS.step(1, Action("cas", [1, 2], True)) == 2
    assert CAS.step(3, Action("cas", [1, 2], True)) is ILLEGAL
    assert CAS.step(1, Action("cas", [1, 2], UNKNOWN)) == 2
    assert CAS.step(3, Action("cas", [1, 2], UNKNOWN)) == 3


def test_a_cas_that_found_another_value_is_an_observation() -> None:
    missed = Action("cas", [1, 2], False)
    assert CAS.step(3, missed) == 3
    assert CAS.step(1, missed) is ILLEGAL
    assert CAS.is_observer(missed)
    assert CAS.is_observer(Action("cas", [1, 1], True))
    assert CAS.is_observer(Action("cas", [1, 1], UNKNOWN))
    assert not CAS.is_observer(Action("cas", [1, 2], UNKNOWN))
    assert not CAS.is_observer(Action("write", 1))


def test_an_absent_key_is_null_and_append_makes_it() -> None:
    assert KV.step(None, Action("get", None, None)) is None
    assert KV.step(None, Action("append", "ab")) == "ab"
    assert KV.step("ab", Action("append", "c")) == "abc"
    assert KV.step("abc", Action("delete")) is None
    assert KV.step(None, Action("cas", [None, 5], True)) == 5
    assert KV.step(5, Action("append", "c")) is ILLEGAL
    assert KV.step(5, Action("append", "c", UNKNOWN)) == 5


def test_read_and_write_are_names_for_get_and_put() -> None:
    assert KV.step(None, Action("write", 5)) == KV.step(None, Action("put", 5)) == 5
    assert KV.step(5, Action("read", None, 5)) == KV.step(5, Action("get", None, 5)) == 5
    assert KV.is_observer(Action("read", None, 5))


@pytest.mark.parametrize("model", [REGISTER, CAS, KV], ids=lambda model: model.name)
def test_observers_change_nothing_in_any_state(model: Model) -> None:
    values = [None, 1, 2, "a", True]
    actions = [
        Action(f, value, output)
        for f in model.operations
        for value in ([[1, 2], [1, 1]] if f == "cas" else ["a"])
        for output in (*values, False, UNKNOWN)
    ]
    for action in filter(model.is_observer, actions):
        for state in map(token, values):
            assert model.step(state, action) in (state, ILLEGAL)


@pytest.mark.parametrize("model", [REGISTER, CAS, KV], ids=lambda model: model.name)
def test_an_action_of_unknown_outcome_is_possible_in_every_state(model: Model) -> None:
    for f in model.operations:
        action = Action(f, [1, 2] if f == "cas" else "a", UNKNOWN)
        for state in map(token, [None, 1, "a", True]):
            assert model.step(state, action) is not ILLEGAL


def test_actions_and_states_are_described_in_words() -> None:
    assert REGISTER.describe(Action("read", None, 7)) == "read returned 7"
    assert REGISTER.describe(Action("read", None, None)) == "read returned null"
    assert REGISTER.describe(Action("write", 7, 7)) == "write 7"
    assert REGISTER.describe(Action("write", 7, UNKNOWN)) == "write 7 (outcome unknown)"
    assert CAS.describe(Action("cas", [1, 2], True)) == "cas from 1 to 2"
    assert CAS.describe(Action("cas", [1, 2], False)) == "cas from 1 to 2 that found another value"
    assert CAS.describe(Action("cas", [1, 2], UNKNOWN)) == "cas from 1 to 2 (outcome unknown)"
    assert KV.describe(Action("delete", None, None)) == "delete"
    assert KV.describe(Action("append", "x", None)) == 'append "x"'
    assert KV.describe(Action("cas", [1, 2], True)) == "cas from 1 to 2"
    assert KV.describe_state(None) == "null (absent)"


def test_a_users_own_model_is_found_by_module_and_name() -> None:
    here = "tests.unit.checker.test_models"
    assert isinstance(find_model(f"{here}:Own"), Model)
    assert find_model(f"{here}:KV").name == "kv"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("regster", "expected one of register, cas-register, kv, .*, or package.module:NAME"),
        ("nowhere:MODEL", "cannot import nowhere"),
        ("checker:NOTHING", "checker has no NOTHING"),
        ("checker:ILLEGAL", "expected a checker.Model, found ILLEGAL"),
        (":X", "expected one of"),
    ],
)
def test_a_model_that_is_not_there_is_refused_with_what_was_expected(
    name: str, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        find_model(name)
