"""The replay must notice every way in which a claimed linearization can be wrong."""

import random

import pytest

from checker import Linearizable, check, find_model
from checker.witness import flaw, merge
from history import Outcome
from tests.support.strategies import ask_cas_register, atomic_history, operation, timeline

CAS = find_model("cas-register").with_initial(0)

HISTORY = [
    *timeline(
        ("write", 1, None, 0, 3),
        ("read", None, 1, 2, 5),
        ("write", 2, None, 6, None),
        ("read", None, 2, 7, 8),
    ),
    operation(4, "write", 9, call=9, return_=10, outcome=Outcome.FAILED),
]


def test_a_linearization_has_no_flaw() -> None:
    assert flaw(HISTORY, CAS, [0, 1, 2, 3]) is None


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([0, 1, 2], "operation 3 completed and is not in it"),
        ([0, 1, 1, 2, 3], "stands in it twice"),
        ([0, 1, 2, 3, 4], "operation 4 did not happen"),
        ([0, 1, 2, 3, 77], "operation 77 did not happen"),
        ([1, 0, 2, 3], "operation 1 cannot have had its result at its place in the order"),
        ([0, 1, 3], "operation 3 cannot have had its result at its place in the order"),
        ([2, 0, 1, 3], "operation 0 returned before one was called that it stands behind"),
    ],
)
def test_a_wrong_order_is_refused_with_the_reason(order: list[int], message: str) -> None:
    assert message in (flaw(HISTORY, CAS, order) or "")


def test_real_time_is_kept_between_keys_too() -> None:
    history = [
        operation(0, "write", 1, call=0, return_=1, key="x"),
        operation(1, "write", 1, call=2, return_=3, key="y"),
    ]
    assert flaw(history, CAS, [0, 1]) is None
    assert flaw(history, CAS, [1, 0]) is not None


def test_orders_of_several_keys_merge_into_one() -> None:
    history = [
        operation(0, "write", 1, call=0, return_=9, key="x"),
        operation(1, "write", 1, call=1, return_=2, key="y"),
        operation(2, "write", 2, call=3, return_=4, key="x"),
        operation(3, "write", 2, call=5, return_=6, key="y"),
    ]
    order = merge([[history[2], history[0]], [history[1], history[3]]])
    assert flaw(history, CAS, order) is None
    assert order.index(2) < order.index(0)


def test_any_exchange_of_two_neighbours_is_noticed_or_harmless() -> None:
    """The replay does not depend on how the order was found: it agrees with its own definition."""
    history = atomic_history(
        random.Random(4), CAS, ask_cas_register, operations=60, processes=5, crashed=0.05
    )
    verdict = check(history, CAS)
    assert isinstance(verdict, Linearizable)
    order = list(verdict.witness.order)
    refused = 0
    for position in range(len(order) - 1):
        swapped = order.copy()
        swapped[position : position + 2] = reversed(swapped[position : position + 2])
        refused += flaw(history, CAS, swapped) is not None
    assert 0 < refused < len(order) - 1
