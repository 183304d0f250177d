"""Histories at which a wrong reduction of the search would show."""

import random
from typing import ClassVar

from checker import (
    ILLEGAL,
    UNKNOWN,
    Action,
    Linearizable,
    Model,
    NotLinearizable,
    State,
    VerdictKind,
    check,
    find_model,
)
from checker.budget import Budget, Meter
from checker.lowering import native_search
from checker.models.cas_register import CasRegister
from checker.prepare import prepare
from checker.search import Found, search
from history import Operation
from tests.support.brute_force import brute_force
from tests.support.strategies import ask_cas_register, atomic_history, timeline

CAS = find_model("cas-register").with_initial(0)

ENGINES_HERE = ("reference", "auto") if native_search() is None else ("reference", "native", "auto")


def kind(operations: list[Operation], model: Model = CAS) -> VerdictKind:
    """The verdict, after making sure that it is the right one."""
    expected = brute_force(operations, model)
    for engine in ENGINES_HERE:
        assert check(operations, model, engine=engine, shrink=False).kind is expected, engine
    return expected


def test_an_empty_history_is_linearizable() -> None:
    assert kind([]) is VerdictKind.LINEARIZABLE


def test_a_write_of_the_present_value_is_not_taken_early() -> None:
    """The second write of 1 changes nothing while the state is 1, but it is needed after the 2.

    An eager search takes it when it is called, and then cannot explain the last read.
    """
    operations = timeline(
        ("write", 1, None, 0, 1),
        ("write", 1, None, 2, 9),
        ("write", 2, None, 3, 4),
        ("read", None, 2, 5, 6),
        ("read", None, 1, 7, 8),
    )
    assert kind(operations) is VerdictKind.LINEARIZABLE


def test_a_read_that_is_possible_when_called_may_not_be_later() -> None:
    """The read of 0 returns last; only at its call was the state still 0."""
    operations = timeline(
        ("read", None, 0, 0, 5),
        ("write", 1, None, 1, 2),
        ("read", None, 1, 3, 4),
    )
    assert kind(operations) is VerdictKind.LINEARIZABLE


def test_an_effect_is_not_lent_to_an_equal_operation_that_was_called_later() -> None:
    """The first write of 1 took effect before the read at 5, long before the second was called.

    Counting "one write of 1 has taken effect" would settle the second write with it when that
    returns at 11, and leave the first one free to explain the last read.
    """
    operations = timeline(
        ("write", 1, None, 0, 20),
        ("read", None, 1, 3, 5),
        ("write", 2, None, 6, 7),
        ("write", 1, None, 8, 11),
        ("read", None, 2, 12, 13),
        ("read", None, 1, 14, 15),
    )
    assert kind(operations) is VerdictKind.NOT_LINEARIZABLE


def test_of_equal_operations_the_one_that_returns_first_goes_first() -> None:
    """Either write of 1 explains the early read, but only one of them lasts for the late read."""
    operations = timeline(
        ("write", 1, None, 0, 20),
        ("write", 1, None, 1, 6),
        ("read", None, 1, 3, 5),
        ("write", 2, None, 7, 8),
        ("read", None, 2, 9, 10),
        ("read", None, 1, 11, 12),
    )
    assert kind(operations) is VerdictKind.LINEARIZABLE


def test_an_operation_about_to_return_may_have_to_let_another_go_first() -> None:
    """The write of 1 could take effect at once, but then the write of 2 would end it too late."""
    operations = timeline(
        ("write", 2, None, 0, 10),
        ("write", 1, None, 1, 3),
        ("read", None, 1, 4, 5),
        ("read", None, 1, 11, 12),
    )
    assert kind(operations) is VerdictKind.LINEARIZABLE


def test_a_crashed_write_may_take_effect_long_after_its_call() -> None:
    operations = timeline(
        ("write", 7, None, 0, None),
        ("write", 1, None, 1, 2),
        ("read", None, 1, 3, 4),
        ("read", None, 7, 5, 6),
    )
    assert kind(operations) is VerdictKind.LINEARIZABLE


def test_a_crashed_write_takes_effect_only_once() -> None:
    operations = timeline(
        ("write", 7, None, 0, None),
        ("read", None, 7, 1, 2),
        ("write", 1, None, 3, 4),
        ("read", None, 7, 5, 6),
    )
    assert kind(operations) is VerdictKind.NOT_LINEARIZABLE
    two_of_them = timeline(
        ("write", 7, None, 0, None),
        ("write", 7, None, 1, None),
        ("read", None, 7, 2, 3),
        ("write", 1, None, 4, 5),
        ("read", None, 7, 6, 7),
    )
    assert kind(two_of_them) is VerdictKind.LINEARIZABLE


def test_a_crashed_write_cannot_take_effect_before_its_call() -> None:
    operations = timeline(("read", None, 7, 0, 1), ("write", 7, None, 2, None))
    assert kind(operations) is VerdictKind.NOT_LINEARIZABLE


def test_a_crashed_cas_can_succeed_or_miss() -> None:
    misses = timeline(("cas", [5, 6], None, 0, None), ("read", None, 0, 1, 2))
    succeeds = timeline(("cas", [0, 6], None, 0, None), ("read", None, 6, 1, 2))
    cannot = timeline(("cas", [5, 6], None, 0, None), ("read", None, 6, 1, 2))
    assert kind(misses) is VerdictKind.LINEARIZABLE
    assert kind(succeeds) is VerdictKind.LINEARIZABLE
    assert kind(cannot) is VerdictKind.NOT_LINEARIZABLE


def test_a_way_that_failed_with_other_crashed_operations_used_is_tried_again() -> None:
    """Either crashed operation makes the 1 for the first cas; only the write can do so again.

    So the same state with the same operations pending fails after the write, and not after the
    other.
    """
    operations = timeline(
        ("write", 1, None, 0, None),
        ("cas", [0, 1], None, 1, None),
        ("cas", [1, 2], True, 2, 6),
        ("cas", [1, 2], True, 3, 7),
    )
    assert kind(operations) is VerdictKind.LINEARIZABLE


def test_a_way_that_failed_with_more_crashed_operations_used_is_tried_with_fewer() -> None:
    """The crashed write can serve the cas before the write of 5, or after it; only then 4 stays."""
    operations = timeline(
        ("write", 5, None, 0, 10),
        ("write", 3, None, 1, None),
        ("cas", [3, 4], True, 2, 4),
        ("read", None, 4, 11, 12),
    )
    assert kind(operations) is VerdictKind.LINEARIZABLE


def test_a_witness_names_the_crashed_operations_that_took_effect() -> None:
    verdict = check(
        timeline(("write", 7, None, 0, None), ("write", 8, None, 1, None), ("read", None, 7, 2, 3)),
        CAS,
    )
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == (0, 2)


def test_a_long_history_needs_no_recursion() -> None:
    """Far more operations than Python allows calls, and as many open at once."""
    rows = [("write", number, None, number, 10_000 + number) for number in range(1_200)]
    verdict = check(timeline(*rows, ("read", None, 1_199, 30_000, 30_001)), CAS)
    assert verdict.kind is VerdictKind.LINEARIZABLE


def test_a_search_that_never_turns_back_asks_the_model_once_a_pair() -> None:
    """3,000 operations, but few distinct states and actions: the table remembers the rest."""
    calls = 0

    class Counting(CasRegister):
        def step(self, state: State, action: Action) -> State:
            nonlocal calls
            calls += 1
            return super().step(state, action)

    operations = atomic_history(
        random.Random(3), CAS, ask_cas_register, operations=3_000, processes=4
    )
    problem = prepare(operations, Counting().with_initial(0))
    assert isinstance(search(problem, Meter(Budget())), Found)
    distinct_states, distinct_actions = 6, len(problem.table.actions)
    assert calls <= distinct_states * distinct_actions


def test_states_of_a_users_own_model_are_searched_alike() -> None:
    class Counter(Model):
        name = "counter"
        operations: ClassVar[tuple[str, ...]] = ("add", "read")
        initial = 0

        def step(self, state: State, action: Action) -> State:
            if action.f == "add":
                return state + action.value
            return state if action.output in (state, UNKNOWN) else ILLEGAL

        def is_observer(self, action: Action) -> bool:
            return action.f == "read"

    rows = [("add", 2, None, 0, 9), ("add", 3, None, 1, 8), ("read", None, 3, 2, 3)]
    assert kind(timeline(*rows, ("read", None, 5, 10, 11)), Counter()) is VerdictKind.LINEARIZABLE
    verdict = check(timeline(*rows, ("read", None, 4, 10, 11)), Counter())
    assert isinstance(verdict, NotLinearizable)
    assert verdict.counterexample.operation == 3
