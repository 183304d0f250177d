"""What a person reads while a run goes on, and at its end."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from harness.display import LINE_EVERY_S, progress_line, show_progress, summary
from harness.nemesis.interface import Toll
from harness.runner import Progress

RESULT: dict[str, Any] = {
    "verdict": "linearizable",
    "run": "runs/kv-1",
    "operations": 12_345,
    "ok": 12_300,
    "fail": 5,
    "info": 40,
    "retries": 99,
    "seconds": 25.0,
    "throughput": 492.0,
    "latency_ms": {"p50": 3.21, "p99": 12.3, "max": 480.4},
    "leader_changes": 6,
    "faults": {"kill-leader": 6},
    "kills": [{"in_flight": 14}, {"in_flight": 11}],
    "slowest_election_s": 0.61,
    "unavailable_s": 1.5,
    "longest_unavailable_s": 0.6,
    "reason": None,
    "counterexample": None,
}


def test_before_the_load_begins_the_phase_says_it_all() -> None:
    assert progress_line(Progress(), 5.0) == "starting …"


def test_a_line_says_how_far_the_run_is() -> None:
    progress = Progress(
        phase="loading",
        started_at=100.0,
        ok=4321,
        failed=3,
        unknown=5,
        leader="replica 2, ballot 4.2",
        toll=Toll(faults={"kill-leader": 2}),
    )
    line = progress_line(progress, 112.3)
    for part in ("12.3 s", "loading", "4,321 ok", "3 failed", "5 unknown", "kill-leader 2"):
        assert part in line
    assert line.endswith("leader: replica 2, ballot 4.2")


async def test_where_stderr_is_no_terminal_there_is_a_line_now_and_then(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    with trio.move_on_after(3.5 * LINE_EVERY_S):
        await show_progress(Progress())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["starting …"] * 4


def test_a_summary_begins_with_the_verdict_and_ends_with_the_report() -> None:
    lines = summary(RESULT).splitlines()
    assert lines[0] == "LINEARIZABLE"
    assert "12,345 (12,300 ok, 5 failed, 40 unknown), 99 retries" in lines[1]
    assert "p50 3.2 ms, p99 12.3 ms, max 480 ms" in lines[3]
    assert "kill-leader 6; the leader changed 6 times" in lines[4]
    assert "hit 11 or more operations in flight" in lines[5]
    assert "within 0.61 s" in lines[5]
    assert lines[-1].endswith("runs/kv-1/report.html")


def test_a_summary_gives_the_reason_and_the_counterexample() -> None:
    undecided = summary(RESULT | {"verdict": "undecided", "reason": "too quiet: no get succeeded"})
    assert undecided.startswith("UNDECIDED: too quiet: no get succeeded\n")
    violated = summary(
        RESULT | {"verdict": "not-linearizable", "counterexample": {"explanation": "BECAUSE"}}
    )
    assert violated.startswith("NOT LINEARIZABLE\n")
    assert "BECAUSE" in violated


def test_a_run_in_which_nothing_happened_has_a_summary_too() -> None:
    nothing = RESULT | {"latency_ms": None, "kills": [], "faults": {}, "slowest_election_s": None}
    assert "p50 0.0 ms" in summary(nothing)
    assert "each kill" not in summary(nothing)
