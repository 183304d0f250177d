"""The recorder: what is on disk when a method returns, and the order of its times."""

import io
import os
import subprocess
import sys
from itertools import repeat
from pathlib import Path

import pytest

from history import MISMATCH, Info, Ok, Outcome, Recorder, load, pair
from history.file import read


def frozen() -> int:
    return 7


def test_an_invocation_is_with_the_system_before_the_caller_sends_anything(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with Recorder(path, frozen, header={"model": "kv"}) as recorder:
        recorder.invoke(3, "put", 5, key="x", node="n2")
        (operation,) = load(path).operations
    assert (operation.process, operation.f, operation.value) == (3, "put", 5)
    assert (operation.key, operation.node) == ("x", "n2")


def test_times_increase_where_the_clock_stands_still_or_goes_back() -> None:
    clock = iter([5, 5, 4, 100, 99]).__next__
    recorder = Recorder(None, clock, keep_events=True)
    for _ in range(5):
        recorder.annotate("nemesis", "mark")
    assert [event.time for event in recorder.events] == [5, 6, 7, 100, 101]
    assert [event.index for event in recorder.events] == [0, 1, 2, 3, 4]


def test_each_response_says_what_became_of_its_operation() -> None:
    file = io.BytesIO()
    recorder = Recorder(file, frozen)
    recorder.ok(recorder.invoke(1, "read"), None)
    recorder.fail(recorder.invoke(1, "cas", [1, 2]), MISMATCH)
    recorder.fail(recorder.invoke(1, "write", 3), "refused")
    recorder.info(recorder.invoke(1, "write", 3), "timeout")
    file.seek(0)
    outcomes = [(operation.outcome, operation.output) for operation in read(file).operations]
    assert outcomes == [
        (Outcome.OK, None),
        (Outcome.OK, False),
        (Outcome.FAILED, None),
        (Outcome.UNKNOWN, None),
    ]


def test_operations_of_a_session_overlap() -> None:
    recorder = Recorder(None, frozen, keep_events=True)
    first = recorder.invoke(1, "write", 1, session="s", seq=0)
    second = recorder.invoke(1, "write", 2, session="s", seq=1)
    assert recorder.in_flight == 2
    recorder.ok(second, 2)
    recorder.ok(first, 1, node="n3")
    assert recorder.in_flight == 0
    operations = pair(enumerate(recorder.events, start=1)).operations
    assert [operation.outcome for operation in operations] == [Outcome.OK, Outcome.OK]
    assert isinstance(recorder.events[-1], Ok)
    assert recorder.events[-1].node == "n3"


def test_an_annotation_is_never_an_operation() -> None:
    recorder = Recorder(None, frozen, keep_events=True)
    assert isinstance(recorder.annotate("nemesis", "kill", ["n1"]), Info)
    assert pair(enumerate(recorder.events, start=1)).operations == []


def test_an_operation_is_answered_once() -> None:
    recorder = Recorder(None, frozen, keep_events=True)
    call = recorder.invoke(1, "read")
    recorder.ok(call, 1)
    with pytest.raises(AssertionError, match="not in flight"):
        recorder.ok(call, 1)


def test_a_retired_process_invokes_nothing() -> None:
    recorder = Recorder(None, frozen, keep_events=True)
    recorder.info(recorder.invoke(1, "read"))
    with pytest.raises(AssertionError, match="retired"):
        recorder.invoke(1, "read")


def test_a_value_that_is_not_json_consumes_nothing() -> None:
    file = io.BytesIO()
    recorder = Recorder(file, frozen)
    with pytest.raises(TypeError):
        recorder.invoke(1, "write", object())
    recorder.invoke(1, "write", 1)
    assert recorder.in_flight == 1
    file.seek(0)
    assert len(read(file).operations) == 1


def test_the_header_may_not_change_the_version() -> None:
    file = io.BytesIO()
    Recorder(file, frozen, header={"history": 9, "model": "kv"})
    file.seek(0)
    assert read(file).header == {"history": 1, "model": "kv"}


def test_leaving_the_block_closes_the_file() -> None:
    file = io.BytesIO()
    with Recorder(file, frozen):
        pass
    assert file.closed


KILLED = """
import itertools, os, signal, sys
from history import Recorder
recorder = Recorder(sys.argv[1], itertools.count().__next__)
for n in range(100):
    recorder.ok(recorder.invoke(0, "write", n), n)
recorder.invoke(0, "write", 100)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_killed_recorder_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        check=False,
        timeout=60,
    )
    assert done.returncode == -9
    history = load(path)
    assert history.warnings == []
    known = [operation.outcome for operation in history.operations]
    assert known == [*repeat(Outcome.OK, 100), Outcome.UNKNOWN]
