"""Warnings about mistakes in recording: each is given where it helps, and nowhere else."""

import importlib
import io
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from checker import find_model, lint
from history import Operation, Outcome
from history.columns import Columns, OperationsView
from history.formats import operations as finished
from tests.support.strategies import ask_cas_register, atomic_history, operation, timeline

REGISTER = find_model("register")


@dataclass
class Recorded:
    operations: Sequence[Operation]
    has_times: bool = True


def warnings(*operations: Operation, model: str = "register") -> list[str]:
    return lint(Recorded(operations), find_model(model))


def test_a_history_without_mistakes_gets_no_warning() -> None:
    model = find_model("cas-register")
    for seed in range(20):
        history = atomic_history(
            random.Random(seed), model, ask_cas_register, operations=60, processes=4, crashed=0.05
        )
        assert lint(Recorded(history), model) == []


def test_a_timeout_recorded_as_a_failure_is_named_with_both_lines() -> None:
    found = warnings(
        operation(0, "write", 7, call=0, return_=1, outcome=Outcome.FAILED, line=12),
        operation(1, "read", None, 7, call=2, return_=3, line=30),
    )
    (warning,) = found
    assert warning == (
        "write 7 was recorded as failed (line 12) but read later (line 30): a timeout is unknown "
        "(info), not failed"
    )


def test_a_value_that_failed_and_was_written_again_is_no_mistake() -> None:
    assert not warnings(
        operation(0, "write", 7, call=0, return_=1, outcome=Outcome.FAILED),
        operation(1, "write", 7, call=2, return_=3),
        operation(2, "read", None, 7, call=4, return_=5),
    )


def test_a_write_that_was_answered_with_another_value() -> None:
    (found,) = warnings(
        operation(0, "write", "red", "blue", call=0, return_=1, line=3),
        operation(1, "read", None, "red", call=2, return_=3, line=5),
    )
    assert found == (
        'write "red" was answered with "blue" (line 3): it counts as write "red", and its answer '
        "should be that value or none; is it the answer to another operation?"
    )
    many = [operation(n, "enqueue", n, n + 1, call=2 * n, return_=2 * n + 1) for n in range(5)]
    found, _ = warnings(*many, model="fifo-queue")
    assert "(operation 0), and 3 more" in found
    (found,) = warnings(operation(0, "add", 1, 2, call=0, return_=1), model="set")
    assert "add 1 was answered with 2" in found


@pytest.mark.parametrize(
    ("model", "f", "value", "output"),
    [
        ("register", "write", 1, None),
        ("register", "write", 1, 1),
        ("register", "write", 1, 1.0),
        ("register", "write", 1, True),  # an acknowledgement
        ("set", "add", 1, False),
        ("set", "add", 1, 1),
        ("counter", "add", 1, 17),  # the sum
        ("append-list", "append", 3, [1, 2, 3]),
        ("append-list", "append", 3, 3),
        ("kv", "append", "b", "ab"),
        ("kv", "delete", None, "what was there"),
        ("mutex", "acquire", None, 17),  # a token
    ],
)
def test_answers_to_writes_that_recorders_give(
    model: str, f: str, value: object, output: object
) -> None:
    assert not warnings(operation(0, f, value, output, call=0, return_=1), model=model)


def test_a_value_that_nobody_wrote() -> None:
    (found,) = warnings(*timeline(("write", 1, None, 0, 1), ("read", None, 2, 2, 3)))
    assert "read returned 2 (operation 1), which nobody wrote" in found
    (found,) = warnings(*timeline(("write", "2", None, 0, 1), ("read", None, 2, 2, 3)))
    assert 'what was written is the text "2", not the number' in found
    (found,) = warnings(*timeline(("write", 2, None, 0, 1), ("read", None, "2", 2, 3)))
    assert "what was written is the number 2, not the text" in found
    (found,) = warnings(*timeline(("read", None, "2", 2, 3)))
    assert "--initial" in found


def test_the_initial_value_was_written_by_nobody() -> None:
    model = REGISTER.with_initial(5)
    assert lint(Recorded(timeline(("read", None, 5, 0, 1))), model) == []


def test_a_queue_is_looked_at_too() -> None:
    (found,) = warnings(
        *timeline(("enqueue", 1, None, 0, 1), ("dequeue", None, 3, 2, 3)), model="fifo-queue"
    )
    assert "dequeue returned 3 (operation 1), which nobody wrote" in found


def test_a_process_that_overlaps_itself() -> None:
    first = operation(0, "write", 1, call=0, return_=3, process=4)
    second = operation(1, "write", 2, call=1, return_=2, process=4)
    (found,) = warnings(first, second)
    assert "process 4 has two operations at once (operation 0 and operation 1)" in found
    assert not warnings(*(replace(o, session=1, seq=o.index) for o in (first, second)))
    crashed = replace(first, outcome=Outcome.UNKNOWN, return_=None)
    assert not warnings(crashed, second)


def test_times_that_go_back() -> None:
    wrong = replace(operation(0, "write", 1, call=0, return_=1), call_time=9, return_time=3)
    found = warnings(wrong)
    assert any("returned before the call" in warning for warning in found)
    assert any("time goes back from 9 to 3" in warning for warning in found)
    assert lint(Recorded([wrong], has_times=False), REGISTER) == []


def test_operations_without_a_duration_are_a_mistake_when_there_are_many() -> None:
    history = timeline(*(("write", n, None, 2 * n, 2 * n + 1) for n in range(20)))
    instant = [replace(o, return_time=o.call_time) for o in history]
    (found,) = warnings(*instant)
    assert "20 of 20 completed operations took no time" in found
    assert not warnings(*history[:19], instant[19])


def test_a_wall_clock() -> None:
    now = 1_790_000_000_000_000_000
    for unit, divisor in (("ns", 1), ("µs", 1000), ("ms", 10**6)):
        history = [
            replace(o, call_time=now // divisor + o.call, return_time=now // divisor + o.call + 1)
            for o in timeline(("write", 1, None, 0, 1))
        ]
        (found,) = warnings(*history)
        assert f"wall clock ({unit} since 1970)" in found


def test_keys_that_are_missing_here_and_there() -> None:
    (found,) = warnings(
        operation(0, "write", 1, call=0, return_=1, key="x"),
        operation(1, "write", 1, call=2, return_=3, line=7),
    )
    assert "1 operation of 2 has no key (first line 7)" in found


def test_histories_that_prove_nothing() -> None:
    assert "no operations" in warnings()[0]
    failed = operation(0, "write", 1, call=0, return_=1, outcome=Outcome.FAILED)
    assert "all operations failed" in warnings(failed)[0]
    assert "no operation completed" in warnings(operation(0, "write", 1, call=0, return_=None))[0]


def test_one_mistake_is_not_repeated_for_ever() -> None:
    history = timeline(*(("read", None, n, 2 * n, 2 * n + 1) for n in range(1, 50)))
    found = warnings(*history)
    assert len(found) == 2
    assert "and 47 more" in found[0]


@pytest.fixture
def only_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the name `checker.lint` there is a function too, and only the import system tells them."""
    monkeypatch.setattr(importlib.import_module("checker.lint"), "OPERATIONS_MAX", 3)


@pytest.mark.usefixtures("only_three")
def test_a_write_that_was_not_looked_at_may_explain_a_value() -> None:
    before = [("write", 1, None, 0, 1), ("write", 2, None, 2, 3)]
    assert not warnings(*timeline(*before, ("read", None, 3, 4, 7), ("write", 3, None, 5, 6)))
    assert not warnings(*timeline(*before, ("read", None, 3, 6, 7), ("write", 3, None, 4, 5)))
    (found,) = warnings(*timeline(*before, ("read", None, 3, 4, 5), ("write", 3, None, 6, 7)))
    assert "read returned 3 (operation 2), which nobody had written" in found


@pytest.mark.usefixtures("only_three")
def test_what_the_beginning_cannot_show_is_not_said() -> None:
    failed = [
        operation(n, "write", n, call=2 * n, return_=2 * n + 1, outcome=Outcome.FAILED)
        for n in range(3)
    ]
    assert warnings(*failed)
    assert not warnings(*failed, operation(3, "write", 3, call=6, return_=7))


@pytest.mark.usefixtures("only_three")
def test_of_columns_only_the_beginning_becomes_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"process": 0, "f": "write", "value": n, "call": 2 * n, "return": 2 * n + 1}
        for n in range(1, 9)
    ]
    rows[2] = {"process": 0, "f": "read", "output": 8, "call": 6, "return": 7}
    history = finished.read(io.BytesIO("\n".join(map(json.dumps, rows)).encode()))
    if history.columns is None:
        pytest.skip("no native reader in this build")
    made: list[int] = []
    real = Columns.operations

    def counted(self: Columns, begin: int, end: int) -> Iterator[Operation]:
        made.extend(range(begin, end))
        return real(self, begin, end)

    def refuse(_: OperationsView) -> Iterator[Operation]:
        pytest.fail("all operations became objects")

    monkeypatch.setattr(Columns, "operations", counted)
    monkeypatch.setattr(OperationsView, "__iter__", refuse)
    (found,) = lint(history, REGISTER)
    assert "read returned 8 (line 3), which nobody had written" in found
    assert made == [0, 1, 2]
