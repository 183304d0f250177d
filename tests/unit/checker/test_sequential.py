"""`--consistency sequential`: each process in its order, and nothing else."""

import json
from pathlib import Path
from time import process_time

import pytest

from checker import (
    Budget,
    Linearizable,
    NotLinearizable,
    Undecided,
    VerdictKind,
    check,
    find_model,
    with_weaker_orders,
)
from checker.orders import Order, flaw
from checker.orders.store import Store
from harness.cli import ExitCode, main
from history import Operation
from tests.support.strategies import operation, timeline

REGISTER = find_model("register")

STALE = str(Path(__file__).parents[2] / "data" / "histories" / "bad" / "register-stale-read.jsonl")


def on_key(index: int, process: int, f: str, key: str, value: object) -> Operation:
    argument, output = (value, None) if f == "write" else (None, value)
    return operation(
        index, f, argument, output, call=2 * index, return_=2 * index + 1, key=key, process=process
    )


def store_buffering() -> list[Operation]:
    """Both write, then neither sees the other's: each key alone is sequential."""
    return [
        on_key(0, 0, "write", "x", 1),
        on_key(1, 1, "write", "y", 1),
        on_key(2, 0, "read", "y", None),
        on_key(3, 1, "read", "x", None),
    ]


def test_a_stale_read_by_another_process_is_sequential() -> None:
    history = timeline(("write", 1, None, 0, 1), ("read", None, None, 2, 3))
    assert check(history, REGISTER).kind is VerdictKind.NOT_LINEARIZABLE
    verdict = check(history, REGISTER, consistency="sequential")
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == (1, 0)


def test_sequential_consistency_is_not_local() -> None:
    history = store_buffering()
    for key in ("x", "y"):
        part = [o for o in history if o.key == key]
        assert check(part, REGISTER, consistency="sequential").kind is VerdictKind.LINEARIZABLE
    verdict = check(history, REGISTER, consistency="sequential")
    assert isinstance(verdict, NotLinearizable)
    assert "The furthest one has 3 of 4 operations" in verdict.counterexample.explanation
    assert verdict.statistics.engines == {"positions": 1}


def test_a_lost_write_may_take_effect_after_what_its_process_did_next() -> None:
    """Otherwise a linearizable history might not be sequential."""
    history = [
        operation(0, "write", 1, call=0, return_=None, process=0),
        operation(1, "write", 2, call=1, return_=2, process=0),
        operation(2, "read", None, 2, call=3, return_=4, process=0),
        operation(3, "read", None, 1, call=5, return_=6, process=0),
    ]
    assert check(history, REGISTER).kind is VerdictKind.LINEARIZABLE
    assert check(history, REGISTER, consistency="sequential").kind is VerdictKind.LINEARIZABLE


def test_the_limits_are_honoured() -> None:
    """Twelve appends of twelve processes, and a read that no order of them explains."""
    history = [
        operation(i, "append", letter, call=2 * i, return_=2 * i + 1, process=i)
        for i, letter in enumerate("abcdefghijkl")
    ]
    history.append(operation(12, "read", None, "aa", call=900, return_=901, process=12))
    started = process_time()
    verdict = check(
        history, find_model("kv"), consistency="sequential", budget=Budget(time_limit_s=0.4)
    )
    assert isinstance(verdict, Undecided)
    assert verdict.reason.startswith("the time limit of 0.4 s was reached; ")
    assert process_time() - started < 0.4 + 0.3


def test_the_witness_is_judged_by_someone_else() -> None:
    history = store_buffering()
    wrong = flaw(history, REGISTER, [2, 1, 0, 3], Order.SEQUENTIAL)
    assert wrong == "operation 2 stands before one its process issued earlier"
    wrong = flaw(history, REGISTER, [0, 1, 2, 3], Order.SEQUENTIAL)
    assert wrong == "operation 2 cannot have had its result at its place in the order"
    wrong = flaw(history, REGISTER, [0, 1, 2], Order.SEQUENTIAL)
    assert wrong == "operation 3 completed and is not in it"
    wrong = flaw(history, REGISTER, [0, 1, 2, 2], Order.SEQUENTIAL)
    assert wrong == "an operation stands in it twice"


def test_what_is_not_linearizable_may_still_be_sequential() -> None:
    history = timeline(("write", 1, None, 0, 1), ("read", None, None, 2, 3))
    verdict = check(history, REGISTER)
    assert isinstance(verdict, NotLinearizable)
    assert with_weaker_orders(history, verdict, REGISTER).also == {"sequential": True}
    late = with_weaker_orders(history, verdict, REGISTER, budget=Budget(time_limit_s=0.0))
    assert late.also == {"sequential": None}


def test_the_command_says_so_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", "--model", "register", "--json", STALE])
    assert left.value.code == ExitCode.NOT_VALID
    assert json.loads(capsys.readouterr().out)["also"] == {"sequential": True}
    with pytest.raises(SystemExit) as left:
        main(["check", "--model", "register", "--consistency", "sequential", STALE])
    assert left.value.code == ExitCode.VALID
    assert capsys.readouterr().out.startswith("sequential (")


def test_equal_stores_of_many_objects_have_one_number() -> None:
    store = Store(1000)
    there = store.replace(store.replace(store.initial, 3, 7), 999, 5)
    back = store.replace(store.replace(store.initial, 999, 5), 3, 7)
    assert there == back != store.initial
    assert [store.state(there, part) for part in (0, 3, 999)] == [0, 7, 5]
    assert store.replace(store.replace(there, 3, 0), 999, 0) == store.initial
