"""Claim: what was lost is found where somebody saw it, hidden where nobody did, in bounded work."""

import pytest
from msgspec import structs

from checker import (
    Action,
    Linearizable,
    Model,
    NotLinearizable,
    State,
    check,
    find_model,
)
from checker.orders import Order
from checker.orders.stamps import claimed
from history import Operation
from tests.property.test_orders_brute_force import in_session
from tests.support.stamped import get, put, told
from tests.support.strategies import operation

KV = find_model("kv")


def test_what_was_lost_stands_before_the_first_who_saw_it_and_the_rest_nowhere() -> None:
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


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_lost_happened_once(times: int) -> None:
    """The value is read, overwritten, and read again: for that it must have been lost twice."""
    lost = [operation(n, "put", "a", call=n, return_=None, key="x") for n in range(times)]
    history = [
        *lost,
        get(2, "x", "a", call=3, stamp=(0, 1)),
        told(operation(3, "put", "b", call=5, return_=6, key="x"), (0, 2)),
        get(4, "x", "a", call=7, stamp=(0, 3)),
    ]
    history = [structs.replace(one, index=n) for n, one in enumerate(history)]
    verdict = check(history, KV, consistency="mdl")
    assert isinstance(verdict, Linearizable if times == 2 else NotLinearizable)
    assert (claimed(history, KV, Order.MDL) is None) == (times == 1)


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
    """X is hidden by a write that comes late; y by one that follows who saw z."""
    first = [
        ("get", None, "3", "z", (2, 1)),
        ("put", "9", None, "y", (1, 1)),
        ("get", None, "9", "y", (1, 2)),
    ]
    second = [
        *[("get", None, None, "x", (0, n)) for n in range(1, 5)],
        ("put", "5", None, "x", (0, 5)),
    ]
    history = [
        told(
            in_session(
                operation(n, f, value, output, call=n, return_=50 + n, key=key), session, 1 + n
            ),
            stamp,
        )
        for n, (session, (f, value, output, key, stamp)) in enumerate(
            [*((1, each) for each in first), *((2, each) for each in second)]
        )
    ]
    history += [
        put(8 + n, key, value, session=3, seq=1 + n, stamp=None, lost=True)
        for n, (key, value) in enumerate([("x", "1"), ("y", "2"), ("z", "3")])
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
