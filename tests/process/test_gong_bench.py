"""`gong bench` with real processes: what it prints."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import gong

pytestmark = pytest.mark.process


async def bench(data_dir: Path, *arguments: object, seconds: float = 0.3) -> dict[str, Any]:
    """The report of a short measurement that leaves nothing behind."""
    told = await gong(
        "bench", "--json", "--time-limit", seconds, "--data-dir", str(data_dir), *arguments
    )
    assert told.code == 0, told.err
    assert told.out.count("\n") == 1
    assert os.listdir(data_dir) == []  # noqa: PTH208 - a few names, at once
    report: dict[str, Any] = json.loads(told.out)
    return report


async def test_the_report_says_what_was_measured_and_what_it_cost(tmp_path: Path) -> None:
    # Processor time is counted in hundredths of a second, of which there must be some.
    report = await bench(
        tmp_path, "--clients", 3, "--in-flight", 40, "--put-fraction", 0.5, seconds=2
    )
    assert report["operations"] > 0
    assert report["ops_per_s"] == pytest.approx(report["operations"] / report["seconds"], rel=0.01)
    assert report["errors"] == 0
    assert (report["clients"], report["replicas"], report["in_flight"]) == (3, 3, 40)
    latency = report["latency_ms"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]
    assert 0 < report["cpu_s"]["leader"] < report["cpu_s"]["replicas"]
    assert report["cpu_s"]["client"] > 0
    assert report["filesystem"]
    assert report["fsync_ms"] > 0


async def test_delays_are_those_that_messages_have_to_take(tmp_path: Path) -> None:
    """Client to leader, leader to follower, and both back: no answer can be faster."""
    report = await bench(tmp_path, "--clients", 2, "--delay", 20)
    assert report["latency_ms"]["p50"] >= 4 * 20
    assert report["errors"] == 0


async def test_operations_of_a_fan_out_are_one_after_the_other(tmp_path: Path) -> None:
    report = await bench(tmp_path, "--clients", 2, "--fan-out", 2, "--delay", 10, "--replicas", 1)
    assert report["latency_ms"]["p50"] >= 2 * 2 * 10


async def test_each_link_may_have_a_delay_of_its_own(tmp_path: Path) -> None:
    """Only the way from leader to follower is slow, and each answer needs it twice."""
    (tmp_path / "data").mkdir()
    delays = tmp_path / "delays.toml"
    delays.write_text('[[delay]]\nbetween = ["leaders", "followers"]\nms = 30\n')
    report = await bench(
        tmp_path / "data", "--clients", 2, "--delays", delays, "--shards", 2, "--protocol", "mdl"
    )
    assert report["latency_ms"]["p50"] >= 2 * 30
    assert {"between": [1, 2], "ms": 30.0} in report["delays"]
    assert report["errors"] == 0
