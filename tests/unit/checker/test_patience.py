"""Limits are looked at often enough, in every engine and every order, from the first operation on.

What is measured is the processor time between two looks: that of the clock on the wall depends on
who else runs on this machine.
"""

import gc
import os
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from checker import Undecided, VerdictKind, check, find_model
from checker.budget import Budget, Meter
from checker.patience import LimitReached, limited, watched
from history import Operation, Outcome
from tests.support.strategies import operation

COUNT = 30_000
PROCESSES = 10

GAP_S = 1.5 if "ASAN_OPTIONS" in os.environ else 0.2
"""What is promised; with sanitizers everything takes several times as long."""

Fields = dict[str, Any]


def register(i: int) -> Fields:
    return {"f": "read", "output": 1} if i % 2 else {"f": "write", "value": 1}


def collection(insert: str, take: str) -> Callable[[int], Fields]:
    return lambda i: {"f": take, "output": i - 1} if i % 2 else {"f": insert, "value": i}


def elements(i: int) -> Fields:
    return {"f": "contains" if i % 2 else "add", "value": i // 2, "output": True}


def texts(i: int) -> Fields:
    return {"f": "append", "key": i % 20, "value": f"{i};"}


HISTORIES: dict[str, Callable[[int], Fields]] = {
    "register": register,
    "kv": texts,
    "fifo-queue": collection("enqueue", "dequeue"),
    "stack": collection("push", "pop"),
    "priority-queue": collection("insert", "poll"),
    "set": elements,
    "counter": lambda _: {"f": "add", "value": 1},
    "append-list": lambda i: {"f": "append", "value": i},
}


def history(fields: Callable[[int], Fields]) -> list[Operation]:
    """Ten processes, whose operations overlap and whose turns do not."""

    def one(i: int) -> Operation:
        turn, process = divmod(i, PROCESSES)
        call = 2 * PROCESSES * turn + process
        return operation(i, call=call, return_=call + PROCESSES, process=process, **fields(i))

    return [one(i) for i in range(COUNT)]


@pytest.mark.slow
@pytest.mark.parametrize("consistency", ["linearizable", "sequential", "mdl"])
@pytest.mark.parametrize("name", list(HISTORIES))
def test_no_engine_works_for_long_without_a_look_at_the_limits(
    name: str, consistency: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = history(HISTORIES[name])
    gc.collect()
    gc.freeze()  # what other tests left is not walked through in the middle of this one
    looks = [time.thread_time()]
    look = Meter.exhausted

    def noted(meter: Meter) -> str | None:
        looks.append(time.thread_time())
        return look(meter)

    monkeypatch.setattr(Meter, "exhausted", noted)
    budget = Budget(time_limit_s=100)
    verdict = check(operations, find_model(name), consistency=consistency, budget=budget)
    gc.unfreeze()
    assert verdict.kind is VerdictKind.LINEARIZABLE
    looks.append(time.thread_time())
    assert max(after - before for before, after in pairwise(looks)) < GAP_S


@pytest.mark.parametrize("consistency", ["linearizable", "sequential", "mdl"])
@pytest.mark.parametrize("name", list(HISTORIES))
def test_wherever_the_time_ends_it_is_undecided(
    name: str, consistency: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = history(HISTORIES[name])[:2_000]
    looks = 0

    def over_after(limit: int) -> Callable[[Meter], str | None]:
        def exhausted(meter: Meter) -> str | None:
            nonlocal looks
            del meter
            looks += 1
            return "that was all" if looks > limit else None

        return exhausted

    undecided = 0
    for limit in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144):
        looks = 0
        monkeypatch.setattr(Meter, "exhausted", over_after(limit))
        budget = Budget(time_limit_s=100)
        verdict = check(operations, find_model(name), consistency=consistency, budget=budget)
        assert verdict.statistics.operations == len(operations)
        if looks <= limit:
            assert verdict.kind is VerdictKind.LINEARIZABLE
            break
        assert isinstance(verdict, Undecided)
        assert "that was all" in verdict.reason
        undecided += 1
    assert undecided > 1


def test_what_grows_while_it_is_watched_is_watched_to_its_end() -> None:
    todo = [0]
    with limited(Meter(Budget(time_limit_s=100))):
        for number in watched(todo):
            todo += [number + 1] if number < 10_000 else []
    assert len(todo) == 10_001


def test_the_meter_inside_watches_instead_of_the_one_outside() -> None:
    with limited(Meter(Budget(time_limit_s=1e-9))):
        with limited(Meter(Budget())):
            assert list(watched([1, 2])) == [1, 2]
        with pytest.raises(LimitReached, match="the time limit of 1e-09 s was reached"):
            list(watched([1, 2]))
    assert list(watched([1, 2])) == [1, 2]


def test_a_history_that_was_not_looked_at_is_counted_all_the_same() -> None:
    operations = [
        operation(0, "write", 1, call=0, return_=None, outcome=Outcome.UNKNOWN),
        operation(1, "read", None, 1, call=1, return_=2),
    ]
    verdict = check(operations, find_model("register"), budget=Budget(time_limit_s=1e-9))
    assert verdict.kind is VerdictKind.UNDECIDED
    assert (verdict.statistics.operations, verdict.statistics.crashed) == (2, 1)
