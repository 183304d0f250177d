"""`gong bench` at its edges: what it refuses, and what it reports on."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.bench import meter
from harness.cli import InputError
from harness.cli.bench import command
from harness.timing import timing_of
from node.settings import Timing


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--protocol", "epaxos"], "--protocol: epaxos comes with a later version; use multipaxos"),
        (["--protocol", "spaxos"], "--protocol: spaxos comes with a later version; use multipaxos"),
        (
            ["--shards", "20", "--replicas", "5"],
            "--shards: 20 of 5 replicas are 100; at most 60 go",
        ),
        (
            ["--coordination", "fast"],
            "--coordination: fast is for --protocol mdl, not multipaxos",
        ),
        (
            ["--protocol", "mdl", "--in-flight", "100", "--fan-out", "20"],
            "--in-flight, --fan-out: 100 requests of 20 operations; a session has at most 1000 in flight",
        ),
    ],
)
def test_what_does_not_go_is_refused_in_a_sentence(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == said


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(command, ["--data-dir", str(tmp_path / "file" / "below")])
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith(f"--data-dir: {tmp_path}/file")


def test_without_a_real_disk_somebody_has_to_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cli.bench.filesystem", lambda _: "tmpfs")
    monkeypatch.setattr("harness.cli.bench._DEFAULT_DIRECTORIES", (Path(), Path()))
    result = CliRunner().invoke(command, [])
    assert isinstance(result.exception, InputError)
    assert "fsync costs nothing: choose a --data-dir" in str(result.exception)


def test_patience_grows_with_the_delay_and_stays_a_configuration() -> None:
    assert timing_of(replicas=3) == Timing()
    slow = timing_of(replicas=3, delay_ms=100)
    assert slow.delay_ms == 100
    round_trip_ticks = 200 / slow.tick_ms
    assert slow.election_timeout_ticks > 2 * round_trip_ticks
    assert 2 * slow.heartbeat_ticks <= slow.election_timeout_ticks
    # An answer that is not late is not asked for again (twice the heartbeat: `replica.py`).
    assert 2 * slow.heartbeat_ticks >= round_trip_ticks


@pytest.mark.parametrize("replicas", [6, 27])
@pytest.mark.parametrize("delay_ms", [0, 2, 90])
def test_where_it_is_crowded_ticks_are_longer_and_patience_is_not_shorter(
    replicas: int, delay_ms: float
) -> None:
    crowded, alone = timing_of(replicas=replicas, delay_ms=delay_ms), timing_of(replicas=3)
    assert crowded.tick_ms > alone.tick_ms
    assert crowded.batch_wait_ticks == 0
    assert 2 * crowded.heartbeat_ticks <= crowded.election_timeout_ticks
    silence_ms = crowded.tick_ms * crowded.election_timeout_ticks
    assert silence_ms >= alone.tick_ms * alone.election_timeout_ticks + 4 * delay_ms


def test_processor_time_and_memory_are_those_of_the_process() -> None:
    before = meter.cpu_s(os.getpid())
    while meter.cpu_s(os.getpid()) < before + 0.02:
        pass
    assert meter.peak_rss_mb(os.getpid()) > 1


def test_the_disk_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    assert meter.fsync_ms(tmp_path) >= 0
    assert list(tmp_path.iterdir()) == []
    assert meter.filesystem(Path("/proc")) == "proc"
