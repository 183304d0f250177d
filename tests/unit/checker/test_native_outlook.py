"""Histories at which looking ahead too far would show, and models that lie about what may become."""

import random
from typing import ClassVar

import pytest
from msgspec import structs

from checker import (
    ILLEGAL,
    Action,
    Budget,
    Linearizable,
    Model,
    ModelError,
    NotLinearizable,
    State,
    VerdictKind,
    check,
    find_model,
)
from checker.lowering import native_search
from checker.model import ANYWHERE
from history import Operation
from tests.support.brute_force import brute_force
from tests.support.growing import Tags
from tests.support.strategies import atomic_history, timeline

pytestmark = pytest.mark.skipif(native_search() is None, reason="no native engine in this build")

LIST, KV, COUNTER, SET = map(find_model, ("append-list", "kv", "counter", "set"))
YES, NO = VerdictKind.LINEARIZABLE, VerdictKind.NOT_LINEARIZABLE


def kind(model: Model, *rows: tuple[str, object, object, int, int | None]) -> VerdictKind:
    """The verdict, after making sure that it is the right one."""
    operations = timeline(*rows)
    verdict = check(operations, model, engine="native", shrink=False)
    assert verdict.statistics.engines == {"native": 1}
    assert verdict.kind is brute_force(operations, model)
    return verdict.kind


def test_of_equal_appends_the_order_is_chosen_that_a_later_read_sees() -> None:
    rows = [("append", element, None, 0 + i, 10 + i) for i, element in enumerate((1, 2, 1))]
    assert kind(LIST, *rows, ("read", None, [1, 1, 2], 20, 21)) is YES
    assert kind(LIST, *rows, ("read", None, [2, 2, 1], 20, 21)) is NO


@pytest.mark.parametrize("reset", [("put", "a", None), ("cas", ["b", "a"], True)], ids=str)
def test_a_text_may_come_of_what_replaces_it_in_time(reset: tuple[str, object, object]) -> None:
    """The text is b, and a read of aa returns at 10; what may help is called after the b was put."""
    rows = [("put", "b", None, 0, 1), ("append", "b", None, 2, 20), ("get", None, "aa", 5, 10)]
    help_ = ("append", "a", None, 6, 12)
    assert kind(KV, *rows, help_, (*reset, 7, 11)) is YES
    assert kind(KV, *rows, help_, (*reset, 11, 13)) is NO
    assert kind(KV, *rows, (*reset, 7, 11)) is NO


def test_a_text_may_come_of_a_crashed_put_that_was_called_in_time() -> None:
    rows = [("append", "b", None, 0, 1), ("append", "b", None, 2, 3), ("get", None, "a", 5, 8)]
    assert kind(KV, *rows, ("put", "a", None, 4, None)) is YES
    assert kind(KV, *rows, ("put", "a", None, 9, None)) is NO
    twice = ("append", "b", None, 10, 11), ("get", None, "a", 12, 13)
    assert kind(KV, *rows, *twice, ("put", "a", None, 4, None)) is NO
    both = ("put", "a", None, 4, None), ("put", "a", None, 4, None)
    assert kind(KV, *rows, *twice, *both) is YES


def test_a_cas_that_has_taken_effect_wants_nothing_any_more() -> None:
    rows = [("append", "a", None, 0, 1), ("cas", ["a", "b"], True, 2, 9)]
    assert kind(KV, *rows, ("append", "b", None, 3, 4), ("get", None, "bb", 5, 6)) is YES
    assert kind(KV, *rows, ("append", "b", None, 3, 4), ("get", None, "ab", 5, 6)) is NO


def test_a_crashed_cas_wants_nothing() -> None:
    rows = [("append", "a", None, 0, 1), ("cas", ["x", "b"], None, 2, None)]
    assert kind(KV, *rows, ("append", "b", None, 3, 4), ("get", None, "ab", 5, 6)) is YES


def test_a_sum_may_come_back_by_what_is_taken_from_it() -> None:
    rows = [("add", 5, None, 0, 1), ("add", 2, None, 2, 9), ("read", None, 4, 5, 8)]
    assert kind(COUNTER, *rows, ("add", -3, None, 6, 7)) is YES
    assert kind(COUNTER, *rows, ("add", -3, None, 10, 11)) is NO
    assert kind(COUNTER, *rows, ("add", -3, None, 6, None)) is YES


def test_a_sum_may_come_back_by_what_was_called_already() -> None:
    rows = [("add", -3, None, 0, 20), ("add", 5, None, 1, 5), ("read", None, 5, 6, 7)]
    assert kind(COUNTER, *rows, ("read", None, 2, 8, 9)) is YES
    assert kind(COUNTER, *rows, ("read", None, 3, 8, 9)) is NO


def test_each_of_several_crashed_operations_may_take_from_a_sum_once() -> None:
    rows = [("add", 5, None, 0, 1), ("add", -1, None, 2, None), ("add", -1, None, 3, None)]
    assert kind(COUNTER, *rows, ("read", None, 3, 4, 5)) is YES
    assert kind(COUNTER, *rows, ("read", None, 2, 4, 5)) is NO


def test_a_set_may_lose_what_it_had_where_something_is_removed() -> None:
    rows = [("add", 1, True, 0, 1), ("read", None, [2], 6, 9), ("add", 2, True, 2, 3)]
    assert kind(SET, *rows) is NO
    assert kind(SET, *rows, ("remove", 1, True, 7, 8)) is YES
    assert kind(SET, *rows, ("remove", 1, None, 4, None)) is YES
    assert kind(SET, *rows, ("remove", 1, True, 10, 11)) is NO


def test_reads_that_overlap_may_be_in_either_order() -> None:
    adds = [("add", 1, None, 0, 20), ("add", 2, None, 1, 21)]
    assert kind(COUNTER, *adds, ("read", None, 3, 2, 8), ("read", None, 1, 3, 9)) is YES
    assert kind(COUNTER, *adds, ("read", None, 3, 2, 4), ("read", None, 1, 5, 9)) is NO


def test_sets_that_contradict_each_other_are_found_without_trying_all() -> None:
    """Forty adds make 2^40 sets; each of the two readers could have seen what it says."""
    adds = [("add", number, None, number, 1000 + number) for number in range(40)]
    rows = timeline(
        *adds,
        ("read", None, [*range(10)], 500, 510),
        ("read", None, [*range(9)], 502, 512),
        ("read", None, [*range(5), *range(20, 30)], 501, 513),
    )
    verdict = check(rows, Tags(), engine="native", shrink=False, budget=Budget(time_limit_s=20))
    assert isinstance(verdict, NotLinearizable)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [10, 50])
def test_a_thousand_appends_of_few_elements_are_decided(processes: int) -> None:
    """Nobody could without looking ahead: the orders of as many appends are as many states."""

    def ask(rng: random.Random) -> tuple[str, object]:
        return ("read", None) if rng.random() < 0.3 else ("append", rng.randrange(5))

    rng, budget = random.Random(processes), Budget(time_limit_s=20)
    history = atomic_history(rng, LIST, ask, operations=1_000, processes=processes, crashed=0.02)
    verdict = check(history, LIST, engine="native", budget=budget)
    assert isinstance(verdict, Linearizable)
    late = next(o for o in history if o.f == "read" and o.return_ is not None and o.index > 800)
    assert isinstance(late.output, tuple)
    at = next(i for i in range(300, 500) if late.output[i] != late.output[i + 1])
    swapped = (*late.output[:at], late.output[at + 1], late.output[at], *late.output[at + 2 :])
    history[late.index] = structs.replace(late, output=swapped)
    assert check(history, LIST, engine="native", budget=budget, shrink=False).kind is NO


class Liar(Tags):
    """Tags that can be cleared, of which the test says what may become what."""

    operations: ClassVar[tuple[str, ...]] = ("add", "clear", "read")

    def __init__(self, said: str) -> None:
        self._said = said

    def step(self, state: State, action: Action) -> State:
        if action.f == "clear":
            return frozenset()
        return super().step(state, action)

    def grows(self, action: Action) -> bool:
        return action.f != "read"

    def may_become(self, state: State, wanted: State) -> bool:
        match self._said:
            case "backwards":
                return bool(wanted <= state)
            case "strictly":
                return bool(state < wanted)
            case "failing":
                raise ZeroDivisionError
            case "never from one":
                return bool(state <= wanted) and not (len(state) == 1 and len(wanted) == 3)
            case _:
                return bool(state <= wanted)


ADDS: list[Operation] = timeline(
    ("add", 1, None, 0, 1),
    ("add", 2, None, 2, 3),
    ("add", 3, None, 4, 5),
    ("read", None, [1, 2, 3], 6, 7),
)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("backwards", "may not become frozenset.* grows and makes it so"),
        ("strictly", "may not become itself"),
        ("failing", "the model failed on whether"),
        ("never from one", "but it may grow to"),
    ],
)
def test_a_model_is_held_to_what_it_says_of_becoming(said: str, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        check(ADDS, Liar(said), engine="native")


def test_a_model_is_held_to_what_it_says_of_growing() -> None:
    """To clear is not to grow."""
    rows = timeline(
        ("add", 1, None, 0, 1),
        ("clear", None, None, 2, 3),
        ("add", 2, None, 4, 5),
        ("read", None, [2], 6, 7),
    )
    with pytest.raises(ModelError, match="may not become frozenset"):
        check(rows, Liar("truth"), engine="native")


class Secretive(Model):
    """Products, of which it says that none becomes 12."""

    name, initial = "secretive", 1

    def step(self, state: State, action: Action) -> State:
        if action.f == "times":
            return state * action.value
        return state if action.output == state else ILLEGAL

    def is_observer(self, action: Action) -> bool:
        return action.f == "read"

    def only_in(self, action: Action) -> State:
        return action.output if action.f == "read" else ANYWHERE

    def grows(self, action: Action) -> bool:
        return action.f == "times"

    def may_become(self, state: State, wanted: State) -> bool:
        return bool(wanted == state or (wanted % state == 0 and wanted != 12))


@pytest.mark.parametrize("is_tried", [True, False])
def test_a_lie_shows_at_last_in_a_search_that_does_not_listen(
    is_tried: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a transition that contradicts it, or, with all trials used up, by an order that fits."""
    if not is_tried:
        monkeypatch.setattr("checker.outlook._TRIALS_MAX", 0)
    rows = timeline(
        ("times", 2, None, 0, 1),
        ("times", 3, None, 2, 3),
        ("read", None, 6, 4, 5),
        ("times", 2, None, 6, 7),
        ("read", None, 12, 8, 9),
    )
    complaint = "may not become 12 by what grows" if is_tried else "contradicts itself"
    with pytest.raises(ModelError, match=complaint):
        check(rows, Secretive(), engine="native")
