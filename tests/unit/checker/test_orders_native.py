"""The native search for orders: histories at which a wrong reduction would show, and its limits.

That all of it together agrees with the reference is in `tests/property/test_orders_native.py`.
"""

import gc
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from checker import (
    Budget,
    Linearizable,
    Model,
    NotLinearizable,
    Undecided,
    VerdictKind,
    check,
    find_model,
    peak_resident_mb,
)
from checker.budget import Meter
from checker.engines.interface import Accepted, Refuted
from checker.orders import Order, flaw
from checker.orders.judge import judge
from checker.orders.native import native_orders
from history import Operation, load
from tests.support.sessions import (
    ask_register,
    lagging_history,
    pipelined_history,
    with_another_read,
)
from tests.support.strategies import operation

pytestmark = pytest.mark.skipif(native_orders() is None, reason="no native engine in this build")

REGISTER = find_model("register")
CAS = find_model("cas-register")
KV = find_model("kv")

SIXTY = Path(__file__).parents[2] / "data/histories/bad/register-sixty-writers.operations.jsonl"


def processes(*issued: Sequence[tuple[str, str, object]]) -> list[Operation]:
    """What each process did, one after the other: (f, key, value); all at the same time."""
    rows = [(process, *one) for process, ones in enumerate(issued) for one in ones]
    found = []
    for index, (process, f, key, value) in enumerate(rows):
        output = None if f == "write" else value
        argument = value if f == "write" else None
        if f == "cas":
            argument, output = value, True
        found.append(
            operation(
                index,
                f,
                argument,
                output,
                call=2 * index,
                return_=2 * index + 1,
                key=key,
                process=process,
            )
        )
    return found


def decided(operations: list[Operation], model: Model = REGISTER) -> bool:
    """Whether it is sequential, for both searches."""
    verdicts = []
    for engine in ("auto", "reference"):
        found = judge(operations, model, Order.SEQUENTIAL, Meter(Budget()), engine=engine)
        if isinstance(found, Accepted):
            assert flaw(operations, model, found.order, Order.SEQUENTIAL) is None
        verdicts.append(isinstance(found, Accepted))
    assert verdicts[0] == verdicts[1]
    return verdicts[0]


def test_a_hidden_write_is_wanted_back() -> None:
    """The write of 1 may hide behind that of 2 when it comes, but then nobody reads 1."""
    assert decided(
        processes(
            [("write", "x", 1), ("read", "y", None), ("write", "y", 1)],
            [("write", "x", 2), ("read", "x", 2), ("read", "x", 1)],
        )
    )
    assert not decided(
        processes(
            [("write", "x", 1), ("read", "y", None), ("write", "y", 1)],
            [("read", "y", 1), ("write", "x", 2), ("read", "x", 2), ("read", "x", 1)],
        )
    )


def test_a_write_of_the_present_value_may_still_be_needed_later() -> None:
    """The second write of 1 changes nothing at first, and must come after the write of 2."""
    assert decided(
        processes(
            [("write", "x", 1), ("read", "x", 1), ("read", "x", 2), ("read", "x", 1)],
            [("write", "x", 1)],
            [("write", "x", 2)],
        )
    )


def test_what_is_hidden_together_is_seen_in_one_order_only() -> None:
    """Two that see the writes of two others in opposite orders, before both are overwritten."""
    opposite = processes(
        [("write", "x", 1)],
        [("write", "x", 2)],
        [("read", "x", 1), ("read", "x", 2), ("write", "x", 3)],
        [("read", "x", 2), ("read", "x", 1), ("write", "x", 3)],
    )
    assert not decided(opposite)


def test_equal_issuers_are_told_apart_by_what_is_left_to_them() -> None:
    alike = [("write", "x", 1), ("read", "y", 0), ("write", "x", 2)]
    assert decided(processes(alike, alike, alike, [("write", "y", 0), ("read", "x", 2)]))
    assert not decided(processes(alike, alike, [("read", "x", 2), ("write", "y", 0)]))


def test_a_cas_of_unknown_outcome_is_possible_where_nothing_else_is() -> None:
    """Required by the suffix rule, and the value that it would have to find never was."""
    lost = operation(0, "cas", [2, 3], call=0, return_=None, process=0)
    read = operation(1, "read", None, None, call=1, return_=2, process=0)
    session = [
        Operation(
            **{f: getattr(o, f) for f in o.__struct_fields__} | {"session": 1, "seq": o.index}
        )
        for o in (lost, read)
    ]
    found = judge(session, CAS, Order.MDL, Meter(Budget()))
    assert isinstance(found, Accepted)
    assert found.order == [0, 1]


def test_distinct_values_in_a_circle_are_refuted_with_the_circle() -> None:
    operations = processes(
        [("write", "x", 1), ("read", "y", None)],
        [("write", "y", 1), ("read", "x", None)],
    )
    found = judge(operations, REGISTER, Order.SEQUENTIAL, Meter(Budget()))
    assert isinstance(found, Refuted)
    words = found.counterexample.explanation
    assert "The furthest one has 3 of 4 operations" in words
    assert "these go round in a circle" in words
    assert found.counterexample.operations == (0, 1, 2, 3)
    quick = judge(operations, REGISTER, Order.SEQUENTIAL, Meter(Budget()), explain_s=0.0)
    assert isinstance(quick, Refuted)
    assert quick.counterexample.explanation.startswith(
        "No order keeps the order in which each process issued, for these go round in a circle: "
    )


def test_sixty_writers_are_judged_at_once() -> None:
    started = time.process_time()
    verdict = check(load(SIXTY), REGISTER, consistency="sequential")
    assert isinstance(verdict, NotLinearizable)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("values", [2, 3, 0])
def test_twenty_sessions_and_few_values_are_decided(values: int) -> None:
    rng = random.Random(values)
    sequential = lagging_history(
        rng, REGISTER, ask_register(values), operations=300, sessions=20, keys=6
    )
    pipelined = pipelined_history(
        rng, REGISTER, ask_register(values), operations=300, sessions=20, keys=6
    )
    for operations, consistency in ((sequential, "sequential"), (pipelined, "mdl")):
        verdict = check(
            operations, REGISTER, consistency=consistency, budget=Budget(time_limit_s=20)
        )
        assert isinstance(verdict, Linearizable)


def test_a_late_change_in_a_long_history_is_refuted() -> None:
    rng = random.Random(4)
    operations = lagging_history(
        rng, REGISTER, ask_register(0), operations=1000, sessions=20, keys=6
    )
    changed = with_another_read(rng, operations)
    verdict = check(changed, REGISTER, consistency="sequential", budget=Budget(time_limit_s=20))
    assert verdict.kind is VerdictKind.NOT_LINEARIZABLE


def appends(count: int) -> list[Operation]:
    """Appends that nobody can order so that the last read is right; far too many to try."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    found = [
        operation(i, "append", letters[i % 26], call=2 * i, return_=2 * i + 1, process=i)
        for i in range(count)
    ]
    found.append(operation(count, "read", None, "aa", call=9000, return_=9001, process=count))
    return found


def test_the_time_limit_is_honoured() -> None:
    started = time.process_time()
    verdict = check(appends(26), KV, consistency="sequential", budget=Budget(time_limit_s=0.5))
    assert isinstance(verdict, Undecided)
    assert time.process_time() - started < 0.5 + 0.2


def test_the_memory_limit_is_honoured() -> None:
    gc.collect()
    limit = peak_resident_mb() + 60
    verdict = check(
        appends(26),
        KV,
        consistency="sequential",
        budget=Budget(time_limit_s=60, memory_limit_mb=limit),
    )
    assert isinstance(verdict, Undecided)
    assert "memory limit" in verdict.reason
    assert peak_resident_mb() < limit * 1.1
