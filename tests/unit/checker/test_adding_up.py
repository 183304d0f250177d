"""What adds up: numbers, texts and sessions stand for operations, and only where they may."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from benchmarks.cores import alterations, model_of, valid
from checker import Budget, NotLinearizable, VerdictKind, check, find_model
from checker.evidence.certificate import certify
from checker.evidence.shrink import READABLE_MAX
from checker.evidence.steps import Rule, Step
from checker.evidence.verify import verify
from history import Operation
from tests.support.strategies import timeline
from tests.unit.checker.test_verify import claim, observers, reason, unobserved, until, values

Row = tuple[str, Any, Any, int, int | None]


def counted(index: int) -> Step:
    return Step(rule=Rule.COUNTED, operation=index)


def settled(*operations: int) -> Step:
    return Step(rule=Rule.SETTLED, operations=operations)


def owned(*rows: tuple[Row, int]) -> list[Operation]:
    """A history of a lock; each row with its session."""
    history = timeline(*(row for row, _ in rows))
    return [replace(o, session=rows[o.index][1]) for o in history]


LOCK = timeline(
    ("acquire", None, None, 0, 1),
    ("release", None, None, 2, 7),
    ("acquire", None, None, 3, 6),
)
HELD_MEANWHILE = timeline(
    ("acquire", None, None, 0, 1),
    ("acquire", None, False, 2, 6),
    ("release", None, None, 3, 4),
)
TWO_ELEMENTS = timeline(("add", 1, True, 0, 1), ("add", 2, True, 2, 3), ("remove", 1, True, 4, 5))
SUM = timeline(("add", 2, None, 0, 4), ("add", 1, None, 1, 5), ("read", None, 2, 2, 3))
DECREASE = timeline(("add", 5, None, 0, 6), ("add", -4, None, 1, 7), ("read", None, 1, 2, 3))
FLOATS = timeline(("add", 0.5, None, 0, 1), ("read", None, 0.5, 2, 3))
LIST = timeline(("append", 1, None, 0, 6), ("append", 2, None, 1, 7), ("read", None, [2, 1], 8, 9))
TEXT = timeline(
    ("append", "a", None, 0, 6), ("append", "ab", None, 1, 7), ("get", None, "aba", 8, 9)
)
RESET = timeline(("append", "a", None, 0, 1), ("put", "b", None, 2, 3), ("get", None, "b", 4, 5))
SEEN = timeline(("append", "a", None, 0, 1), ("append", "b", None, 2, 3), ("get", None, "ab", 4, 5))
MISSED = timeline(("append", "a", None, 0, 1), ("cas", [None, "b"], False, 2, 3))
NO_TEXT = timeline(("put", 1, None, 0, 1), ("put", "a", None, 2, 3), ("append", "b", None, 4, 5))
REFUSED = owned(
    (("acquire", None, None, 0, 1), 1),
    (("acquire", None, False, 2, 3), 2),
    (("release", None, None, 4, 5), 1),
)


@pytest.mark.parametrize(
    ("history", "model", "core", "steps"),
    [
        (LOCK, "mutex", (1,), [counted(2)]),  # the release may still explain the second acquire
        (LOCK, "mutex", (0, 2), [settled(1)]),
        (LOCK, "mutex", (2,), [until(2), counted(0), settled(1)]),
        (HELD_MEANWHILE, "mutex", (1,), [counted(2)]),  # it looked before, and need not look again
        (TWO_ELEMENTS, "set", (2,), [counted(1)]),
        (SUM, "counter", (0, 2), [settled(1, 0)]),
        (SUM, "counter", (2,), [settled(0, 1)]),
        (DECREASE, "counter", (1, 2), [settled(0)]),  # too much, were it not for the other
        (FLOATS, "counter", (1,), [settled(0)]),
        (LIST, "append-list", (1, 2), [settled(0)]),  # it came second
        (TEXT, "kv", (1, 2), [settled(0)]),  # either may have come first
        (RESET, "kv", (1, 2), [settled(0)]),
        (SEEN, "kv", (1, 2), [unobserved(0)]),
        (MISSED, "kv", (1,), [unobserved(0)]),
        (NO_TEXT, "kv", (0, 2), [unobserved(1)]),  # nothing can be appended to a number
        (REFUSED, "mutex", (1,), [values(0, 2)]),
        (owned(((("acquire", None, None, 0, 1)), 1), (("release", None, None, 2, 3), 1)),
         "mutex", (1,), [values(0)]),
    ],
)  # fmt: skip
def test_an_innocent_history_is_not_convicted(
    history: list[Operation], model: str, core: tuple[int, ...], steps: list[Step]
) -> None:
    assert check(history, find_model(model)).kind is VerdictKind.LINEARIZABLE
    assert reason(history, model, core, *steps)


def test_a_sum_stands_for_all_that_came_before() -> None:
    rows: list[Row] = [("add", 3, None, 2 * n, 2 * n + 1) for n in range(100)]
    history = timeline(*rows, ("read", None, 290, 200, 201))
    proof = claim(history, "counter", (100,), Step(rule=Rule.SETTLED, keep=()))
    assert verify(history, proof, find_model("counter")) is None
    assert "explains" in reason(
        [*history[:100], replace(history[100], output=300)], "counter", (100,),
        Step(rule=Rule.SETTLED, keep=()),
    )  # fmt: skip


def test_a_lock_is_counted_however_long_it_was_in_use() -> None:
    rows: list[Row] = []
    for n in range(100):
        rows.append(("acquire", None, None, 4 * n, 4 * n + 1))
        rows.append(("release", None, None, 4 * n + 2, 4 * n + 3))
    history = timeline(*rows, ("release", None, None, 400, 401))
    proof = claim(history, "mutex", (200,), counted(199))
    assert verify(history, proof, find_model("mutex")) is None


@pytest.mark.parametrize(
    "step", [Step(rule=Rule.AFTER, operation=2), values(1), Step(rule=Rule.IDLE, operations=(1,))]
)
def test_of_a_number_no_other_rule_may_conclude_a_state(step: Step) -> None:
    assert reason(LOCK, "mutex", (1,), counted(0), step)


def test_what_only_looked_goes_first_and_is_no_element() -> None:
    history = timeline(("add", 1, True, 0, 1), ("read", None, [1], 2, 3), ("add", 1, True, 4, 5))
    assert reason(history, "set", (2,), counted(0))
    proof = claim(history, "set", (2,), observers(1), counted(0))
    assert verify(history, proof, find_model("set")) is None


KINDS = ("register", "cas-register", "kv-text", "append-list", "fifo-queue", "stack",
         "priority-queue", "set-many", "set-two", "mutex", "owned-mutex", "counter")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_one_altered_result_leaves_a_core_that_can_be_read(name: str) -> None:
    model = model_of(name)
    for seed in range(3):
        history = valid(name, 400, seed)
        rng = random.Random(f"core {name} {seed}")
        for number, altered in enumerate(alterations(history, model, rng)):
            verdict = check(altered, model, budget=Budget(time_limit_s=20))
            if isinstance(verdict, NotLinearizable):
                found = verdict.counterexample
                assert 0 < len(found.core) <= READABLE_MAX
                assert found.is_minimal
                certificate = certify(altered, verdict, model=model.name)
                assert verify(altered, certificate, model) is None
                break
            if number == 40:
                break
