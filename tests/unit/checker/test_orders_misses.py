"""What follows, and in which words, when an operation did not find a value.

That nothing else follows is in `tests/property/test_orders_misses.py`.
"""

from typing import Any

import pytest

from checker import find_model
from checker.budget import Budget, Meter, resident_mb
from checker.engines.interface import Accepted, Refuted
from checker.orders import Order, flaw
from checker.orders.judge import judge
from checker.orders.native import native_orders
from history import Operation, Outcome
from tests.support.strategies import operation

pytestmark = pytest.mark.skipif(native_orders() is None, reason="no native engine in this build")

CAS = find_model("cas-register")

Row = tuple[int, str, str, Any, Any]
"""Process, key, function, argument and result."""

FIRST_X = (1, "x", "write", 1, None)
THEN_Y = (1, "y", "write", 1, None)
SEES_Y = (0, "y", "read", None, 1)
MISSES_X = (0, "x", "cas", [1, 9], False)


def one_after_the_other(*rows: Row) -> list[Operation]:
    return [
        operation(n, f, value, output, call=2 * n, return_=2 * n + 1, key=key, process=process)
        for n, (process, key, f, value, output) in enumerate(rows)
    ]


def refuted(operations: list[Operation]) -> str:
    """The words of the native search; the reference agrees."""
    order = Order.SEQUENTIAL
    reference = judge(operations, CAS, order, Meter(Budget()), engine="reference")
    assert isinstance(reference, Refuted)
    found = judge(operations, CAS, order, Meter(Budget()), explain_s=0.0)
    assert isinstance(found, Refuted)
    return found.counterexample.explanation


def test_a_miss_before_a_read_of_the_value_comes_before_its_maker() -> None:
    rows = (FIRST_X, THEN_Y, SEES_Y, MISSES_X, (0, "x", "read", None, 1))
    words = refuted(one_after_the_other(*rows))
    assert "(process 0, operation 3) comes before read returned 1" in words
    assert "which found what only write 1" in words


def test_a_miss_that_nobody_made_room_for_comes_before_the_maker() -> None:
    words = refuted(one_after_the_other(FIRST_X, THEN_Y, SEES_Y, MISSES_X))
    assert "nobody can have destroyed, before cas from 1 to 9" in words


def test_a_miss_behind_the_maker_comes_when_all_have_read() -> None:
    operations = one_after_the_other(
        FIRST_X,
        THEN_Y,
        SEES_Y,
        MISSES_X,
        (0, "z", "write", 1, None),
        (2, "z", "read", None, 1),
        (2, "x", "read", None, 1),
        (3, "x", "write", 5, None),
    )
    words = refuted(operations)
    assert "comes when what write 1" in words
    assert "made is gone, and so after read returned 1" in words


@pytest.mark.parametrize("writes", [1, 2])
def test_somebody_destroys_what_was_there_at_first(writes: int) -> None:
    operations = one_after_the_other(
        (0, "x", "cas", [None, 9], False),
        (0, "y", "read", None, None),
        (1, "y", "write", 1, None),
        *((1, "x", "write", number, None) for number in range(writes)),
    )
    words = refuted(operations)
    if writes == 1:
        assert "can have destroyed what was there at first before cas from null to 9" in words
    else:
        assert "whoever destroyed what was there at first before cas from null to 9" in words
        assert "or comes later" in words


def test_a_miss_of_what_was_there_at_first_and_stays_is_told() -> None:
    rows = ((0, "x", "cas", [None, 9], False), (0, "x", "write", 1, None))
    words = refuted(one_after_the_other(*rows))
    assert words.endswith("Whoever destroys what was there at first comes after it.")


def test_a_value_that_somebody_else_may_have_made_again_is_no_reason() -> None:
    """The read behind the miss may have found the second 1, of which nobody knows when."""
    rows = one_after_the_other(
        FIRST_X,
        (1, "x", "write", 2, None),
        MISSES_X,
        (2, "x", "write", 1, None),
        (0, "x", "read", None, 1),
    )
    lost = operation(3, "write", 1, None, call=6, return_=None, key="x", process=2)
    assert lost.outcome is Outcome.UNKNOWN
    operations = [*rows[:3], lost, rows[4]]
    for order in Order:
        found = judge(operations, CAS, order, Meter(Budget()))
        assert isinstance(found, Accepted)
        assert flaw(operations, CAS, found.order, order) is None


def test_misses_of_what_is_long_gone_take_no_room() -> None:
    """Each of them is known to come after all the writes but the last ones: nothing to remember."""
    operations = one_after_the_other(
        *(
            (n % 10, "x", "write", n, None) if n % 2 == 0 else (n % 10, "x", "cas", [0, -1], False)
            for n in range(20_000)
        )
    )
    operations = operations[:1] + operations[2:]  # the first one did not miss
    limit = Budget(time_limit_s=30, memory_limit_mb=resident_mb() + 200)
    assert isinstance(judge(operations, CAS, Order.MDL, Meter(limit)), Accepted)
