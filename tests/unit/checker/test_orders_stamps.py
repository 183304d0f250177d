"""Claim: what a system tells of its order is put together, is verified, and never believed."""

import pytest

from checker import (
    Action,
    Budget,
    Linearizable,
    Model,
    ModelError,
    NotLinearizable,
    State,
    check,
    find_model,
)
from checker.budget import Meter
from checker.orders import Order
from checker.orders.precedence import Precedence
from checker.orders.stamps import claimed
from checker.patience import LimitReached, check_limits, limited
from checker.proposed import verified_stamps
from history import Outcome
from history.event import Stamp
from tests.support.stamped import get, put, told
from tests.support.strategies import operation

KV = find_model("kv")


def test_shards_and_sessions_make_one_order() -> None:
    """The picture of `checker.orders.stamps`."""
    history = [
        put(0, "x", "1", session=1, seq=1, stamp=(0, 1)),
        put(1, "y", "2", session=1, seq=2, stamp=("b", 4)),
        put(2, "x", "3", session=1, seq=3, stamp=(0, 9)),
        put(3, "x", "4", session=2, seq=1, stamp=(0, 5)),
        put(4, "y", "5", session=2, seq=2, stamp=("b", 7)),
    ]
    order = claimed(history, KV, Order.MDL)
    assert order is not None
    place = {index: position for position, index in enumerate(order)}
    assert place[0] < place[3] < place[2]
    assert place[1] < place[4]
    verdict = check(history, KV, consistency="mdl")
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == tuple(order)
    assert verdict.statistics.engines == {"proposed": 1}


def test_without_stamps_nothing_is_claimed() -> None:
    history = [put(n, "x", str(n), session=n, seq=1, stamp=None) for n in range(3)]
    assert verified_stamps(history, KV, "mdl") is None
    assert verified_stamps([], KV, "mdl") is None


def test_shards_that_contradict_the_order_of_issue_claim_nothing() -> None:
    history = [
        put(0, "x", "1", session=1, seq=1, stamp=(0, 2)),
        put(1, "x", "2", session=1, seq=2, stamp=(0, 1)),
    ]
    assert claimed(history, KV, Order.MDL) is None
    verdict = check(history, KV, consistency="mdl")
    assert isinstance(verdict, Linearizable), "stamps are not what was promised"
    assert "proposed" not in verdict.statistics.engines


def test_real_time_counts_where_it_is_promised() -> None:
    history = [
        get(0, "x", None, call=0, stamp=(0, 2)),
        get(1, "x", None, call=2, stamp=(0, 1)),
    ]
    assert claimed(history, KV, Order.MDL) is None
    assert claimed(history, KV, Order.SEQUENTIAL) == [1, 0]


def test_the_stamp_of_one_that_failed_is_nobodys() -> None:
    history = [
        get(0, "x", None, call=0, stamp=(0, 2)),
        told(operation(1, "put", "1", call=3, return_=4, outcome=Outcome.FAILED, key="x"), (0, 1)),
        get(2, "x", None, call=5, stamp=(0, 3)),
    ]
    assert claimed(history, KV, Order.MDL) == [0, 2]


def test_who_asks_for_an_engine_gets_it() -> None:
    history = [
        put(0, "x", "1", session=1, seq=1, stamp=(0, 1)),
        put(1, "y", "2", session=1, seq=2, stamp=(1, 1)),
    ]
    verdict = check(history, KV, consistency="mdl", engine="reference")
    assert "proposed" not in verdict.statistics.engines


def test_the_limits_are_looked_at_while_all_is_sorted() -> None:
    precedence: Precedence[int] = Precedence()
    precedence.add_chain(range(3))
    with limited(Meter(Budget(time_limit_s=0))), pytest.raises(LimitReached):
        precedence.order()
    assert precedence.order() == [0, 1, 2]


@pytest.mark.parametrize("stamp", [None, (0, 1)])
def test_what_is_wrong_is_said_as_without_stamps(stamp: Stamp | None) -> None:
    """The search ends at the first object that has no order, and need not know the other's operations."""
    history = [
        told(operation(0, "put", "1", call=0, return_=1, key="x"), stamp),
        operation(1, "get", None, "2", call=2, return_=3, key="x"),
        *(operation(2 + n, "frob", call=4 + n, return_=20 + n, key="y") for n in range(6)),
    ]
    assert isinstance(check(history, KV, consistency="mdl"), NotLinearizable)


class Narrow(Model):
    """Knows one state only."""

    name = "narrow"
    initial = 1

    def step(self, state: State, action: Action) -> State:
        """Fails from any other."""
        return {1: action.value}[state]


@pytest.mark.parametrize("stamp", [None, (0, 1)])
def test_a_model_that_fails_is_named(stamp: Stamp | None) -> None:
    history = [
        told(operation(n, "put", 2, call=n, return_=9 + n), stamp and (0, n)) for n in range(2)
    ]
    with pytest.raises(ModelError, match="the model failed on Action"):
        check(history, Narrow(), consistency="mdl")


def test_half_of_the_time_is_left_for_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def for_ever(*_: object) -> None:
        while True:
            check_limits()

    monkeypatch.setattr("checker.orders.claimed", for_ever)
    history = [put(n, "x", str(n), session=n, seq=1, stamp=(0, n)) for n in range(3)]
    verdict = check(history, KV, consistency="mdl", budget=Budget(time_limit_s=2))
    assert isinstance(verdict, Linearizable)
    assert "proposed" not in verdict.statistics.engines
