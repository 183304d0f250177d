"""Claim: what a system tells of its order is put together, completed by what was lost, and never believed."""

import pytest
from msgspec import structs

from checker import Linearizable, NotLinearizable, check, find_model
from checker.orders import Order
from checker.orders.stamps import claimed
from history import Operation, Outcome
from history.event import Stamp
from tests.property.test_orders_brute_force import in_session
from tests.support.strategies import operation

KV = find_model("kv")


def told(one: Operation, stamp: Stamp | None) -> Operation:
    return structs.replace(one, stamp=stamp)


def put(
    index: int,
    key: str,
    value: str,
    *,
    session: int,
    seq: int,
    stamp: Stamp | None,
    lost: bool = False,
) -> Operation:
    """Of several that overlap: all are called before any returns."""
    plain = operation(
        index, "put", value, call=index, return_=None if lost else 100 + index, key=key
    )
    return told(in_session(plain, session, seq), stamp)


def get(index: int, key: str, value: str | None, *, call: int, stamp: Stamp | None) -> Operation:
    plain = operation(index, "get", None, value, call=call, return_=call + 1, key=key)
    return told(in_session(plain, 50 + index, 1), stamp)


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
    assert claimed(history, KV, Order.MDL) is None
    assert claimed([], KV, Order.MDL) is None


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


def test_what_was_lost_stands_before_the_first_who_saw_it_and_nothing_stands_behind_the_last() -> (
    None
):
    history = [
        put(0, "x", "1", session=1, seq=1, stamp=(0, 1)),
        put(1, "y", "2", session=1, seq=2, stamp=None, lost=True),
        put(2, "x", "3", session=1, seq=3, stamp=None, lost=True),
        put(3, "y", "4", session=1, seq=4, stamp=None, lost=True),
        get(4, "x", "1", call=200, stamp=(0, 2)),
        get(5, "x", "3", call=202, stamp=(0, 4)),
        get(6, "y", "2", call=204, stamp=(1, 8)),
    ]
    order = claimed(history, KV, Order.MDL)
    assert order is not None
    assert sorted(order) == [0, 1, 2, 4, 5, 6]
    assert order.index(4) < order.index(2) < order.index(5)
    assert order.index(1) < order.index(2)
    verdict = check(history, KV, consistency="mdl")
    assert verdict.statistics.engines == {"proposed": 1}
    assert isinstance(verdict, Linearizable)


@pytest.mark.parametrize("model", ["kv", "set", "fifo-queue"])
def test_an_operation_that_nothing_lost_explains_ends_the_claim(model: str) -> None:
    ask, see, value = {
        "kv": ("put", "get", "2"),
        "set": ("add", "contains", True),
        "fifo-queue": ("enqueue", "dequeue", "2"),
    }[model]
    history = [
        told(operation(0, ask, "1", call=0, return_=1), (0, 1)),
        operation(1, ask, "3", call=2, return_=None),
        told(operation(2, see, "2" if model == "set" else None, value, call=3, return_=4), (0, 2)),
    ]
    # Sets and queues are not looked at for what was lost: too large to be copied at each step.
    expected = None if model == "kv" else [0, 2]
    assert claimed(history, find_model(model), Order.MDL) == expected
    assert isinstance(check(history, find_model(model), consistency="mdl"), NotLinearizable)


def test_an_operation_that_was_called_too_late_explains_nothing() -> None:
    history = [
        get(0, "x", "1", call=0, stamp=(0, 1)),
        operation(1, "put", "1", call=5, return_=None, key="x"),
    ]
    assert claimed(history, KV, Order.MDL) is None


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


def test_what_was_lost_and_nobody_saw_stands_where_it_is_overwritten() -> None:
    """The second write of session 1 was seen, so its first one happened: before another one hid it."""
    history = [
        put(0, "x", "lost", session=1, seq=1, stamp=None, lost=True),
        put(1, "y", "seen", session=1, seq=2, stamp=None, lost=True),
        put(2, "x", "2", session=2, seq=1, stamp=(0, 5)),
        get(3, "x", "2", call=200, stamp=(0, 6)),
        get(4, "y", "seen", call=202, stamp=(1, 1)),
    ]
    order = claimed(history, KV, Order.MDL)
    assert order is not None
    assert order.index(0) < order.index(2), "the read of x would have seen it"
    assert check(history, KV, consistency="mdl").statistics.engines == {"proposed": 1}


def test_of_two_explanations_the_one_is_taken_with_which_it_goes_on() -> None:
    """Either lost write explains that the swap missed; the next read saw the second one."""
    missed = told(
        in_session(operation(2, "cas", ["1", "9"], False, call=200, return_=201, key="x"), 3, 1),
        (0, 2),
    )
    history = [
        told(operation(0, "put", "1", call=0, return_=100, key="x"), (0, 1)),
        operation(1, "put", "a", call=1, return_=None, key="x"),
        structs.replace(missed, error="mismatch"),
        operation(3, "put", "b", call=150, return_=None, key="x"),
        get(4, "x", "b", call=202, stamp=(0, 3)),
    ]
    assert claimed(history, KV, Order.MDL) == [0, 3, 2, 4]
    assert check(history, KV, consistency="mdl").statistics.engines == {"proposed": 1}


def test_a_process_that_lost_an_operation_goes_on_as_somebody_new() -> None:
    history = [
        operation(0, "put", "1", call=0, return_=None, key="x", process=7),
        told(operation(1, "get", None, None, call=1, return_=2, key="x", process=7), (0, 1)),
        told(operation(2, "get", None, "1", call=3, return_=4, key="x", process=7), (0, 3)),
    ]
    for order in Order:
        assert claimed(history, KV, order) == [1, 0, 2]
        assert check(history, KV, consistency=order.value).statistics.engines == {"proposed": 1}
