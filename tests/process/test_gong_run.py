"""`gong run` as a script sees it: exit codes, the JSON object, the run directory, and its end."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import trio

from history import load
from tests.support.processes import (
    Background,
    Finished,
    background,
    gong,
    processes_naming,
    wait_until,
)

pytestmark = pytest.mark.process

SMALL = ("--replicas", 3, "--clients", 12, "--rate", 300, "--json")
KILLING = (*SMALL, "--nemesis", "kill-leader", "--nemesis-interval", 1.5, "--time-limit", 3)
GONE_WITHIN_S = 8.0
"""Servers are asked, and killed after `STOP_TIMEOUT_S`; usually they are gone at once."""


def result_of(run: Finished) -> dict[str, Any]:
    assert run.out.count("\n") == 1, f"one object on one line: {run.out!r}, {run.err}"
    result = json.loads(run.out)
    assert isinstance(result, dict)
    return result


async def test_a_run_that_kills_leaders_is_judged_and_leaves_everything_in_its_directory(
    tmp_path: Path,
) -> None:
    run = await gong("run", *KILLING, "--out", tmp_path, "--seed", 7)
    assert run.code == 0, run.out + run.err
    result = result_of(run)
    assert result["verdict"] == "linearizable"
    assert result["reason"] is None
    assert result["ok"] + result["fail"] + result["info"] == result["operations"] > 300
    assert result["seconds"] >= 3
    assert result["throughput"] > 50
    assert 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["p99"]
    assert result["latency_ms"]["p99"] <= result["latency_ms"]["max"]
    assert result["faults"] == {"kill-leader": len(result["kills"])}
    assert result["faults"]["kill-leader"] == 2
    assert result["leader_changes"] >= 2
    assert result["unavailable_s"] >= result["longest_unavailable_s"] >= 0
    assert all(kill["in_flight"] >= 10 for kill in result["kills"])
    assert all(kill["new_leader_s"] < 2 for kill in result["kills"])
    assert_complete(Path(result["run"]), result)
    assert processes_naming(tmp_path) == {}
    await check_agrees(tmp_path / "latest" / "history.jsonl", result)


def assert_complete(place: Path, result: dict[str, Any]) -> None:
    """The run directory holds what the contract says, under the name it says."""
    assert (place.parent / "latest").resolve() == place.resolve()
    assert place.name.startswith("kv-")
    assert place.name.endswith("-7")
    files = {"history.jsonl", "run.json", "result.json", "report.html", "logs"}
    assert files <= {path.name for path in place.iterdir()}
    assert {path.name for path in (place / "logs").iterdir()} == {
        "master.log",
        *(f"replica-{number}.log" for number in (1, 2, 3)),
    }
    assert json.loads((place / "result.json").read_text()) == result
    assert json.loads((place / "run.json").read_text())["options"]["seed"] == 7


async def check_agrees(history: Path, result: dict[str, Any]) -> None:
    checked = await gong("check", "--model", "kv", "--json", history)
    assert checked.code == 0, checked.err
    assert json.loads(checked.out)["verdict"] == result["verdict"]
    assert json.loads(checked.out)["operations"] == result["operations"]


async def test_a_run_that_kills_all_replicas_at_once_keeps_its_promise(tmp_path: Path) -> None:
    options = (*SMALL, "--nemesis", "kill-all", "--nemesis-interval", 2, "--time-limit", 2)
    run = await gong("run", *options, "--out", tmp_path)
    assert run.code == 0, run.out + run.err
    assert result_of(run)["faults"] == {"kill-all": 1}


@pytest.mark.parametrize("nemesis", ["kill-leader", "kill-all"])
async def test_a_nemesis_that_never_struck_proves_nothing(tmp_path: Path, nemesis: str) -> None:
    options = (*SMALL, "--nemesis", nemesis, "--nemesis-interval", 10, "--time-limit", 1)
    run = await gong("run", *options, "--out", tmp_path)
    result = result_of(run)
    assert (run.code, result["verdict"]) == (2, "undecided"), run.err
    assert "too quiet" in result["reason"]


async def test_without_a_nemesis_a_quiet_cluster_is_enough(tmp_path: Path) -> None:
    run = await gong("run", *SMALL, "--time-limit", 1, "--out", tmp_path)
    assert run.code == 0, run.out + run.err
    assert result_of(run)["faults"] == {}
    assert result_of(run)["leader_changes"] == 0
    assert processes_naming(tmp_path) == {}


async def test_two_runs_of_one_seed_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    """Drawn from the seed, their ports would be the same: clients of one, replicas of the other."""
    runs: list[Finished] = []

    async def one(name: str) -> None:
        options = (*SMALL, "--time-limit", 1, "--seed", 10**70)
        runs.append(await gong("run", *options, "--out", tmp_path / name))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, "a")
        nursery.start_soon(one, "b")
    assert [run.code for run in runs] == [0, 0], runs
    a, b = (
        set(re.findall(r"127.0.0.1:\d+", (tmp_path / name / "latest/cluster.toml").read_text()))
        for name in ("a", "b")
    )
    assert len(a) == len(b) == 7
    assert a.isdisjoint(b)


async def wait_loading(run: Background, tmp_path: Path) -> Path:
    """Wait until clients are being answered; returns the history."""
    history = tmp_path / "latest" / "history.jsonl"
    await wait_until(
        lambda: (
            (history.exists() and history.read_bytes().count(b'"type":"ok"') > 50)
            or run.process.poll() is not None
        ),
        what="fifty answers in the history",
    )
    assert run.process.poll() is None, run.said
    return history


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_run_that_is_interrupted_stops_its_cluster_and_keeps_its_history(
    tmp_path: Path, number: signal.Signals
) -> None:
    options = (*KILLING, "--time-limit", 60)
    async with background("run", *options, "--out", tmp_path, log=tmp_path / "err") as run:
        history = await wait_loading(run, tmp_path)
        os.kill(run.pid, number)
        assert await run.wait_end(within_s=GONE_WITHIN_S) == 2, run.said
        assert processes_naming(tmp_path) == {}
        result = json.loads((tmp_path / "err.out").read_text())
        assert result["verdict"] == "undecided"
        assert result["reason"] == f"interrupted by {number.name}"
        assert len(load(history).operations) == result["operations"] > 50
        assert (tmp_path / "latest" / "report.html").exists()


async def test_a_run_that_is_interrupted_while_it_starts_ends_like_any_other(
    tmp_path: Path,
) -> None:
    async with background("run", *KILLING, "--out", tmp_path, log=tmp_path / "err") as run:
        await wait_until((tmp_path / "latest" / "logs").exists, what="a cluster is laid out")
        os.kill(run.pid, signal.SIGINT)
        assert await run.wait_end(within_s=GONE_WITHIN_S) == 2, run.said
        result = json.loads((tmp_path / "err.out").read_text())
        assert result["verdict"] == "undecided"
        assert result["reason"] == "interrupted by SIGINT"
        assert "Traceback" not in run.said
        assert processes_naming(tmp_path) == {}


async def test_an_impatient_second_interrupt_leaves_no_process_behind_either(
    tmp_path: Path,
) -> None:
    """It may cut the judging short, but not the end of the cluster."""
    async with background("run", *KILLING, "--out", tmp_path, log=tmp_path / "err") as run:
        history = await wait_loading(run, tmp_path)
        servers = len(processes_naming(tmp_path))
        os.kill(run.pid, signal.SIGINT)
        await wait_until(lambda: len(processes_naming(tmp_path)) < servers, what="servers end")
        os.kill(run.pid, signal.SIGINT)
        assert await run.wait_end(within_s=GONE_WITHIN_S) == 2, run.said
        assert processes_naming(tmp_path) == {}
        assert "Traceback" not in run.said
    assert len(load(history).operations) > 50


async def test_a_run_that_is_killed_takes_its_cluster_with_it_and_leaves_its_history(
    tmp_path: Path,
) -> None:
    async with background("run", *KILLING, "--out", tmp_path, log=tmp_path / "err") as run:
        history = await wait_loading(run, tmp_path)
        assert len(processes_naming(tmp_path)) >= 4
        os.kill(run.pid, signal.SIGKILL)
        await wait_until(
            lambda: processes_naming(tmp_path) == {},
            what=f"every process ends: {processes_naming(tmp_path)}",
            within_s=GONE_WITHIN_S,
        )
    checked = await gong("check", "--model", "kv", "--json", history)
    assert checked.code == 0, checked.err
    assert json.loads(checked.out)["operations"] > 50


async def test_a_place_where_no_run_can_be_kept_is_a_wrong_argument(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = await gong("run", "--out", tmp_path / "file" / "runs")
    assert run.code == 254
    assert run.err.startswith("gong: --out: ")
    assert run.err.count("\n") == 1
