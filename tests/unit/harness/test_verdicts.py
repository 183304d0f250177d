"""What a run concludes, and in which order the reasons count."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness.cli import ExitCode
from harness.nemesis.interface import Kill, Toll
from harness.options import RunOptions
from harness.runner import Observed
from harness.store import RunDirectory
from harness.verdicts import judge
from history import MISMATCH, Recorder

OPTIONS = RunOptions(seed=1, clients=20, nemesis=("kill-leader",))
GOOD_KILL = Kill(2, "1.2", in_flight=15, new_leader_s=0.4)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path)


def millisecond_clock() -> Iterator[int]:
    return count(0, 1_000_000)


def write(
    run: RunDirectory, *operations: tuple[str, Any, str, Any], read_finally: object = "v2"
) -> None:
    """Write a good history, `operations` (f, argument, kind of response, result), a last read."""
    ticks = millisecond_clock()
    with Recorder(run.history, lambda: next(ticks), header={"model": "kv"}) as recorder:

        def perform(f: str, argument: object, kind: str, result: object) -> None:
            if f == "get":
                invocation = recorder.invoke(0, f, key="k")
            else:
                invocation = recorder.invoke(0, f, argument, key="k")
            if kind == "ok":
                recorder.ok(invocation, result)
            else:
                recorder.fail(invocation, result)

        for operation in operations:
            perform(*operation)
        perform("get", None, "ok", read_finally)


PUT = ("put", "v1", "ok", "v1")
GET = ("get", None, "ok", "v1")
CAS = ("cas", ["v1", "v2"], "ok", ["v1", "v2"])
STALE = "v1"
"""For the last read, after the cas: not linearizable."""


def observed(**changes: Any) -> Observed:  # noqa: ANN401 - whatever Observed has
    toll = Toll(faults={"kill-leader": 1}, kills=[GOOD_KILL])
    return replace(Observed(toll=toll, load_s=2.0, leader_changes=1), **changes)


def conclude(
    run: RunDirectory, seen: Observed, options: RunOptions = OPTIONS
) -> tuple[str, str | None, ExitCode]:
    result, code = judge(options, run, seen)
    return result["verdict"], result["reason"], code


def test_a_loud_and_clean_run_is_valid(run: RunDirectory) -> None:
    write(run, PUT, GET, CAS)
    assert conclude(run, observed()) == ("linearizable", None, ExitCode.VALID)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stuck": "nobody serves"},
        {"problem": "interrupted by SIGINT"},
        {"unexpected_ends": ["replica-1 ended by itself"]},
        {"toll": Toll()},
    ],
    ids=["alone", "stuck", "interrupted", "a replica ended", "too quiet"],
)
def test_a_violation_outranks_everything(run: RunDirectory, changes: dict[str, Any]) -> None:
    write(run, PUT, GET, CAS, read_finally=STALE)
    verdict = conclude(run, observed(**changes))
    assert verdict == ("not-linearizable", None, ExitCode.NOT_VALID)
    result, _ = judge(OPTIONS, run, observed(**changes))
    assert result["counterexample"]["key"] == "k"
    assert result["counterexample"]["explanation"]


def test_a_cluster_that_never_serves_again_is_not_valid(run: RunDirectory) -> None:
    write(run, PUT, GET, CAS)
    seen = observed(stuck="nobody serves", unexpected_ends=["one"])
    verdict = conclude(run, seen)
    assert verdict == ("linearizable", "stuck: nobody serves", ExitCode.NOT_VALID)


def test_a_replica_that_ended_by_itself_is_not_valid(run: RunDirectory) -> None:
    write(run, PUT, GET, CAS)
    seen = observed(unexpected_ends=["replica-1 ended", "replica-2 ended"])
    verdict = conclude(run, seen)
    assert verdict == ("linearizable", "replica-1 ended; replica-2 ended", ExitCode.NOT_VALID)


def test_a_run_that_broke_off_is_undecided_whatever_it_left_behind(run: RunDirectory) -> None:
    write(run, PUT, GET, CAS)
    seen = observed(problem="interrupted by SIGINT", stuck="x", unexpected_ends=["y"], toll=Toll())
    verdict = conclude(run, seen)
    assert verdict == ("undecided", "interrupted by SIGINT", ExitCode.UNDECIDED)


@pytest.mark.parametrize(
    ("toll", "reason"),
    [
        (Toll(), "kill-leader never struck"),
        (
            Toll({"kill-leader": 1}, [Kill(1, "1.1", 15, None)]),
            "after kill 1 no leader with a higher ballot was seen",
        ),
        (
            Toll({"kill-leader": 2}, [GOOD_KILL, Kill(1, "2.1", 3, 0.4)]),
            "at kill 2 only 3 operations were in flight, 10 were wanted",
        ),
    ],
    ids=["no kill", "no new leader", "no crowd"],
)
def test_kills_that_prove_nothing_leave_the_run_undecided(
    run: RunDirectory, toll: Toll, reason: str
) -> None:
    write(run, PUT, GET, CAS)
    verdict, why, code = conclude(run, observed(toll=toll))
    assert (verdict, code) == ("undecided", ExitCode.UNDECIDED)
    assert why is not None
    assert why.startswith("too quiet: ")
    assert reason in why


def test_every_nemesis_must_have_struck(run: RunDirectory) -> None:
    write(run, PUT, GET, CAS)
    both = RunOptions(seed=1, nemesis=("kill-leader", "kill-all"))
    _, why, code = conclude(run, observed(), both)
    assert code is ExitCode.UNDECIDED
    assert why is not None
    assert why.startswith("too quiet: kill-all never struck")


def test_few_clients_make_a_small_crowd(run: RunDirectory) -> None:
    write(run, PUT, GET, CAS)
    options = RunOptions(seed=1, clients=3, nemesis=("kill-leader",))
    toll = Toll({"kill-leader": 1}, [Kill(1, "1.1", 3, 0.4)])
    assert conclude(run, observed(toll=toll), options)[2] is ExitCode.VALID


@pytest.mark.parametrize(
    ("missing", "operations"),
    [
        ("put", [("cas", [None, "v1"], "ok", [None, "v1"])]),
        ("cas", [("cas", ["x", "y"], "fail", MISMATCH), PUT]),
    ],
)
def test_every_kind_of_operation_must_have_succeeded(
    run: RunDirectory, missing: str, operations: list[tuple[str, Any, str, Any]]
) -> None:
    """A cas that did not match took place, but it changed nothing."""
    write(run, *operations, read_finally="v1")
    _, why, code = conclude(run, observed())
    assert (why, code) == (f"too quiet: no {missing} succeeded", ExitCode.UNDECIDED)


def test_without_a_nemesis_nothing_has_to_strike(run: RunDirectory) -> None:
    write(run, PUT, GET, CAS)
    verdict = conclude(run, observed(toll=Toll()), RunOptions(seed=1))
    assert verdict == ("linearizable", None, ExitCode.VALID)


def test_an_empty_history_proves_nothing(run: RunDirectory) -> None:
    Recorder(run.history, lambda: 0, header={"model": "kv"}).close()
    result, code = judge(OPTIONS, run, Observed(problem="no leader within 20 s"))
    assert code is ExitCode.UNDECIDED
    assert (result["operations"], result["latency_ms"], result["throughput"]) == (0, None, 0.0)


def test_the_figures_are_those_of_the_contract(run: RunDirectory) -> None:
    write(run, PUT, GET, CAS, ("cas", ["x", "y"], "fail", MISMATCH))
    result, _ = judge(OPTIONS, run, observed(retries=7))
    assert result["run"] == str(run.path)
    assert (result["operations"], result["ok"], result["fail"], result["info"]) == (5, 5, 0, 0)
    assert (result["seconds"], result["throughput"], result["retries"]) == (2.0, 2.5, 7)
    assert result["latency_ms"] == {"p50": 1.0, "p99": 1.0, "max": 1.0}
    assert (result["faults"], result["leader_changes"]) == ({"kill-leader": 1}, 1)
    assert (result["unavailable_s"], result["longest_unavailable_s"]) == (0, 0)
    assert result["slowest_election_s"] == 0.4
    assert result["counterexample"] is None


def test_a_failed_start_proves_nothing_although_a_server_ended(run: RunDirectory) -> None:
    """Too little was asked: neither a broken promise nor a kept one was seen."""
    write(run, read_finally=None)
    seen = observed(problem="replica-2 did not start", unexpected_ends=["replica-2 ended"])
    assert conclude(run, seen) == ("undecided", "replica-2 did not start", ExitCode.UNDECIDED)
