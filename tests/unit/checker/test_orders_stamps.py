"""Claim: what a system tells of its order is put together, completed by what was lost, and never believed."""

import pytest
from msgspec import structs

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


def test_what_was_lost_happened_once() -> None:
    history = [
        operation(0, "put", "a", call=0, return_=None, key="x"),
        get(1, "x", "a", call=1, stamp=(0, 1)),
        told(operation(2, "put", "b", call=3, return_=4, key="x"), (0, 2)),
        get(3, "x", "a", call=5, stamp=(0, 3)),
    ]
    assert claimed(history, KV, Order.MDL) is None


def test_who_cannot_have_been_that_early_explains_nothing() -> None:
    """Two lost the same write; the first issued it behind one that the reader has not seen yet."""
    early, late = operation(1, "put", "v", call=1, return_=None, key="x"), 2
    history = [
        put(0, "y", "1", session=1, seq=1, stamp=(1, 5)),
        in_session(early, 1, 2),
        put(late, "x", "v", session=2, seq=1, stamp=None, lost=True),
        told(in_session(operation(3, "get", None, "v", call=3, return_=90, key="x"), 3, 1), (0, 1)),
        told(
            in_session(operation(4, "get", None, None, call=4, return_=91, key="y"), 3, 2), (1, 4)
        ),
    ]
    order = claimed(history, KV, Order.MDL)
    assert order is not None
    assert late in order
    assert check(history, KV, consistency="mdl").statistics.engines == {"proposed": 1}


def test_of_two_explanations_the_one_is_taken_that_needs_nothing_else() -> None:
    """The first write of session 1 cannot be hidden: z was read and found absent."""
    history = [
        put(0, "z", "1", session=1, seq=1, stamp=None, lost=True),
        put(1, "x", "v", session=1, seq=2, stamp=None, lost=True),
        put(2, "x", "v", session=2, seq=1, stamp=None, lost=True),
        get(3, "x", "v", call=200, stamp=(0, 1)),
        get(4, "z", None, call=202, stamp=(1, 1)),
    ]
    assert claimed(history, KV, Order.MDL) == [2, 3, 4]


def test_who_was_called_when_a_later_one_had_returned_explains_nothing() -> None:
    """The swap missed what a read saw that returned before the second write of "a" was called."""
    missed = told(operation(1, "cas", ["1", "9"], False, call=2, return_=100, key="x"), (0, 2))
    history = [
        told(operation(0, "put", "1", call=0, return_=1, key="x"), (0, 1)),
        structs.replace(missed, error="mismatch"),
        told(operation(2, "get", None, "a", call=3, return_=10, key="x"), (0, 3)),
        in_session(operation(3, "get", call=4, return_=None, key="y"), 7, 1),
        in_session(operation(4, "put", "a", call=5, return_=None, key="x"), 7, 2),
        operation(5, "put", "a", call=50, return_=None, key="x"),
    ]
    order = claimed(history, KV, Order.MDL)
    assert order is not None
    assert 5 not in order
    assert check(history, KV, consistency="mdl").statistics.engines == {"proposed": 1}


def test_one_that_finds_its_place_late_holds_up_nobody_behind_it() -> None:
    """X is hidden by a write that need not come late; y only by one right behind who saw z."""
    history = [
        told(in_session(operation(0, "get", None, "3", call=0, return_=50, key="z"), 1, 1), (2, 1)),
        told(in_session(operation(1, "put", "9", call=1, return_=51, key="y"), 1, 2), (1, 1)),
        told(in_session(operation(2, "get", None, "9", call=2, return_=52, key="y"), 1, 3), (1, 2)),
        told(
            in_session(operation(3, "get", None, None, call=3, return_=53, key="x"), 2, 1), (0, 1)
        ),
        told(in_session(operation(4, "put", "5", call=4, return_=54, key="x"), 2, 2), (0, 2)),
        put(5, "x", "1", session=3, seq=1, stamp=None, lost=True),
        put(6, "y", "2", session=3, seq=2, stamp=None, lost=True),
        put(7, "z", "3", session=3, seq=3, stamp=None, lost=True),
    ]
    assert check(history, KV, consistency="mdl").statistics.engines == {"proposed": 1}


@pytest.mark.parametrize(("count", "is_claimed"), [(20, True), (60, False)])
def test_what_was_seen_of_many_is_looked_for_in_bounded_work(count: int, is_claimed: bool) -> None:
    lost = [operation(n, "put", f"v{n}", call=n, return_=None, key="x") for n in range(count)]
    reads = [
        get(count + n, "x", f"v{count - 1 - n}", call=1000 + 2 * n, stamp=(0, n + 1))
        for n in range(count)
    ]
    assert (claimed([*lost, *reads], KV, Order.MDL) is not None) is is_claimed


def test_the_limits_are_looked_at_while_all_is_sorted() -> None:
    precedence: Precedence[int] = Precedence()
    precedence.add_chain(range(3))
    with limited(Meter(Budget(time_limit_s=0))), pytest.raises(LimitReached):
        precedence.order()
    assert precedence.order() == [0, 1, 2]


def test_a_process_that_lost_an_operation_goes_on_as_somebody_new() -> None:
    history = [
        operation(0, "put", "1", call=0, return_=None, key="x", process=7),
        told(operation(1, "get", None, None, call=1, return_=2, key="x", process=7), (0, 1)),
        told(operation(2, "get", None, "1", call=3, return_=4, key="x", process=7), (0, 3)),
    ]
    for order in Order:
        assert claimed(history, KV, order) == [1, 0, 2]
        assert check(history, KV, consistency=order.value).statistics.engines == {"proposed": 1}


def test_what_bears_no_stamp_may_move_when_the_lost_get_their_places() -> None:
    """Sorted anew, the two reads of c change places with the addition, and the claim is none."""
    reads = [("c", 0, 1), ("z", 0, 2), ("c", 1, 3)]
    history = [
        told(in_session(operation(0, "read", None, 5, call=0, return_=10, key="d"), 1, 1), (0, 1)),
        told(in_session(operation(1, "add", 1, call=1, return_=11, key="c"), 1, 2), (0, 2)),
        *(
            in_session(
                operation(1 + seq, "read", None, seen, call=1 + seq, return_=11 + seq, key=key),
                3,
                seq,
            )
            for key, seen, seq in reads
        ),
        in_session(operation(5, "add", 5, call=5, return_=None, key="d"), 9, 1),
    ]
    assert claimed(history, find_model("counter"), Order.MDL) is None
    assert isinstance(check(history, find_model("counter"), consistency="mdl"), Linearizable)


def hidden(count: int) -> list[Operation]:
    """One session loses so many writes of x that nobody saw, and one of y that was seen first of all."""
    writes = [
        put(1 + n, "x", f"v{n}", session=2, seq=1 + n, stamp=None, lost=True) for n in range(count)
    ]
    seen = put(count + 1, "y", "seen", session=2, seq=count + 1, stamp=None, lost=True)
    reader = operation(0, "get", None, "seen", call=0, return_=10**6, key="y")
    others = [
        get(count + 2 + n, "x", None, call=10**3 + 2 * n, stamp=(0, n + 1))
        for n in range(8 * count)
    ]
    return [told(reader, (1, 1)), *writes, seen, *others]


def test_many_that_nobody_saw_are_placed_in_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    step = type(KV).step

    def counted(self: Model, state: State, action: Action) -> State:
        nonlocal steps
        steps += 1
        return step(self, state, action)

    monkeypatch.setattr(type(KV), "step", counted)
    history = hidden(100)
    verdict = check(history, KV, consistency="mdl")
    assert verdict.statistics.engines == {"proposed": 1}, (
        "those that find no place stand at the end"
    )
    assert steps < 40 * len(history)


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
