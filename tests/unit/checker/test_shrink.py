"""Cores: what is left of a violation, and what it says."""

import random
import statistics
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from checker import (
    ILLEGAL,
    UNKNOWN,
    Action,
    Budget,
    Counterexample,
    Model,
    NotLinearizable,
    State,
    check,
    cut_down,
    find_model,
)
from checker.budget import Meter
from checker.evidence.certificate import certify
from checker.evidence.shrink import READABLE_MAX, shrink
from checker.evidence.steps import Rule
from checker.evidence.verify import verify
from checker.model import ANYWHERE
from history import Operation, Outcome
from tests.support.strategies import (
    ask_cas_register,
    ask_unique_register,
    atomic_history,
    operation,
    timeline,
)

REGISTER = find_model("register")
CAS_REGISTER = find_model("cas-register")


def counterexample(operations: list[Operation], model: str = "register") -> Counterexample:
    verdict = check(operations, find_model(model))
    assert isinstance(verdict, NotLinearizable)
    return verdict.counterexample


def rules(found: Counterexample) -> list[Rule]:
    return [step.rule for step in found.steps]


def test_a_stale_read_keeps_what_was_read_and_what_replaced_it() -> None:
    found = counterexample(
        timeline(
            ("write", 1, None, 0, 1),
            ("write", 7, None, 2, 3),
            ("read", None, 7, 4, 5),
            ("write", 9, None, 6, 7),
            ("read", None, 9, 8, 9),
            ("read", None, 7, 10, 11),
            ("write", 3, None, 12, 13),
        )
    )
    assert found.core == (1, 3, 5)
    assert found.operations == found.core
    assert found.is_minimal
    assert "read returned 7 (process 5, operation 5)" in found.explanation
    assert "write 9 (process 3, operation 3)" in found.explanation


def test_a_value_that_nobody_wrote_needs_one_operation() -> None:
    found = counterexample(
        timeline(
            ("write", 1, None, 0, 9),
            ("read", None, 5, 1, 2),
            ("write", 2, None, 3, None),
        )
    )
    assert found.core == (1,)


def test_only_the_failing_key_stays() -> None:
    history = [
        operation(0, "write", 1, call=0, return_=1, key="x"),
        operation(1, "read", None, 2, call=2, return_=3, key="y"),
        operation(2, "read", None, 1, call=4, return_=5, key="x"),
    ]
    found = counterexample(history)
    assert (found.core, found.key) == ((1,), "y")
    assert found.steps[0].rule is Rule.KEY
    assert found.steps[0].key == "y"


def test_a_write_in_a_chain_of_cas_stays() -> None:
    """Without it the cas, and the read of what the cas wrote, would look guilty."""
    found = counterexample(
        timeline(
            ("write", 1, None, 0, 1),
            ("cas", [1, 2], True, 2, 3),
            ("write", 4, None, 4, 5),
            ("read", None, 2, 6, 7),
        ),
        "cas-register",
    )
    assert found.core == (0, 1, 2, 3)


def test_words_that_are_true_of_a_few_operations_only_are_not_kept() -> None:
    """On columns the few that contradict each other may lack what made the first value."""
    history = timeline(
        ("write", 1, None, 0, 1),
        ("cas", [1, 2], True, 2, 3),
        ("cas", [2, 3], True, 4, 5),
        ("read", None, 2, 6, 7),
    )
    few = check(history, CAS_REGISTER, shrink=False)
    assert isinstance(few, NotLinearizable)
    assert "nothing ever made" not in few.counterexample.explanation
    found = cut_down(history, few, CAS_REGISTER).counterexample
    assert "read returned 2" in found.explanation
    assert "nothing ever made" not in found.explanation
    assert found.core == (0, 1, 2, 3)


def test_queue_values_that_have_nothing_to_do_with_it_go() -> None:
    found = counterexample(
        timeline(
            ("enqueue", 5, None, 0, 1),
            ("enqueue", 1, None, 2, 3),
            ("dequeue", None, 5, 4, 5),
            ("enqueue", 2, None, 6, 7),
            ("peek", None, 1, 8, 9),
            ("dequeue", None, 2, 10, 11),
            ("dequeue", None, 1, 12, 13),
            ("dequeue", None, None, 14, None),
        ),
        "fifo-queue",
    )
    assert found.core in {(1, 3, 5, 6), (1, 3, 5)}
    assert found.is_minimal


def test_a_removal_of_unknown_result_that_could_explain_it_stays_or_it_is_no_violation() -> None:
    rows: list[tuple[str, Any, Any, int, int | None]] = [
        ("enqueue", 1, None, 0, 1),
        ("enqueue", 2, None, 2, 3),
        ("dequeue", None, None, 4, None),
        ("dequeue", None, 2, 5, 6),
    ]
    assert not isinstance(check(timeline(*rows), find_model("fifo-queue")), NotLinearizable)
    found = counterexample(timeline(*rows, ("dequeue", None, 1, 7, 8)), "fifo-queue")
    assert found.core == (0, 1, 3)
    assert Rule.IDLE in rules(found)  # what came back later had not been removed before


def test_a_long_history_is_cut_to_a_window_where_its_values_repeat() -> None:
    """Hundreds of writes of five values: where the state was certain, history can begin anew."""
    history, found = broken_history(random.Random(2), "cas-register", ask_cas_register, 400)
    assert len(history) == 400
    assert len(found.core) <= 2 * READABLE_MAX
    assert found.is_minimal


def broken_history(
    rng: random.Random, name: str, ask: Callable[..., Any], count: int, crashed: float = 0.02
) -> tuple[list[Operation], Counterexample]:
    """An atomic history in which one read was altered to another value that was written."""
    model = find_model(name)
    while True:
        history = atomic_history(rng, model, ask, operations=count, processes=5, crashed=crashed)
        history = [replace(o, key=None) for o in history]
        written = [o.value for o in history if o.f == "write"]
        at = rng.choice([o.index for o in history if o.f == "read" and o.outcome is Outcome.OK])
        history[at] = replace(history[at], output=rng.choice(written))
        verdict = check(history, model, budget=Budget(time_limit_s=20))
        if isinstance(verdict, NotLinearizable):
            return history, verdict.counterexample


@pytest.mark.slow
def test_with_distinct_values_a_core_has_under_ten_operations() -> None:
    rng = random.Random(7)
    sizes = []
    for count in (20, 100, 300):
        for _ in range(10):
            _, found = broken_history(rng, "register", ask_unique_register, count)
            assert found.is_minimal
            sizes.append(len(found.core))
    assert max(sizes) < 10


@pytest.mark.slow
def test_with_repeated_values_half_of_the_cores_are_readable() -> None:
    rng = random.Random(8)
    sizes = []
    for count in (20, 100, 200):
        for _ in range(8):
            _, found = broken_history(rng, "cas-register", ask_cas_register, count)
            sizes.append(len(found.core))
    assert statistics.median(sizes) <= READABLE_MAX


class Tickets(Model):
    """A user's own: `next` answers 1, then 2, and so on."""

    name = "tickets"
    initial = 0

    def step(self, state: State, action: Action) -> State:
        return state + 1 if action.output in (UNKNOWN, state + 1) else ILLEGAL

    def only_in(self, action: Action) -> State:
        return ANYWHERE if action.output is UNKNOWN else action.output - 1


def test_a_users_model_that_says_where_an_action_is_legal_gets_a_window() -> None:
    history = timeline(*(("next", None, n + 1, 2 * n, 2 * n + 1) for n in range(40)))
    history[30] = replace(history[30], output=30)
    verdict = check(history, Tickets())
    assert isinstance(verdict, NotLinearizable)
    found = verdict.counterexample
    assert found.core == (30,)
    assert found.operations == (29, 30)
    certificate = certify(history, verdict, model="tickets")
    assert verify(history, certificate, Tickets()) is None


def test_without_time_there_is_no_core_and_the_verdict_stands() -> None:
    history = timeline(("write", 1, None, 0, 1), ("read", None, 2, 2, 3))
    plain = check(history, REGISTER, engine="reference", shrink=False)
    assert isinstance(plain, NotLinearizable)
    assert plain.counterexample.core == ()
    meter = Meter(Budget(time_limit_s=1e-9))
    assert shrink(history, REGISTER, plain.counterexample, meter) is None


def test_when_time_runs_out_the_smallest_core_so_far_is_kept_and_says_so() -> None:
    history = timeline(
        ("write", 1, None, 0, 1),
        ("write", 2, None, 2, 3),
        ("read", None, 2, 4, 5),
        ("read", None, 1, 6, 7),
    )
    plain = check(history, REGISTER, shrink=False)
    assert isinstance(plain, NotLinearizable)
    core = shrink(history, REGISTER, plain.counterexample, _LooksMeter(2))
    assert core is not None
    assert not core.is_minimal
    assert len(core.operations) == 4


class _LooksMeter(Meter):
    """Runs out after so many looks at it."""

    def __init__(self, looks: int) -> None:
        super().__init__(Budget())
        self._looks = looks

    def exhausted(self) -> str | None:
        self._looks -= 1
        return None if self._looks >= 0 else "enough"
