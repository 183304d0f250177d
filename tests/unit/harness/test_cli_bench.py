"""`gong bench` at its edges: what it refuses, and what it reports on."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.bench import meter
from harness.bench.runner import timing
from harness.cli import InputError
from harness.cli.bench import command
from node.config import Timing


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--protocol", "epaxos"], "--protocol: epaxos comes with a later version; use multipaxos"),
        (["--protocol", "mdl"], "--protocol: mdl comes with a later version; use multipaxos"),
        (["--protocol", "spaxos"], "--protocol: spaxos comes with a later version; use multipaxos"),
        (["--shards", "2"], "--shards: 2 shards come with a later protocol; multipaxos has 1"),
    ],
)
def test_what_comes_later_is_refused_in_a_sentence(arguments: list[str], said: str) -> None:
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
    assert timing(0) == Timing()
    slow = timing(100)
    assert slow.delay_ms == 100
    round_trip_ticks = 200 / slow.tick_ms
    assert slow.election_timeout_ticks > 2 * round_trip_ticks
    assert 2 * slow.heartbeat_ticks <= slow.election_timeout_ticks
    # An answer that is not late is not asked for again (twice the heartbeat: `replica.py`).
    assert 2 * slow.heartbeat_ticks >= round_trip_ticks


def test_processor_time_and_memory_are_those_of_the_process() -> None:
    before = meter.cpu_s(os.getpid())
    while meter.cpu_s(os.getpid()) < before + 0.02:
        pass
    assert meter.peak_rss_mb(os.getpid()) > 1


def test_the_disk_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    assert meter.fsync_ms(tmp_path) >= 0
    assert list(tmp_path.iterdir()) == []
    assert meter.filesystem(Path("/proc")) == "proc"
