"""`gong run` at its edges: arguments, and what becomes of a run's directory by its verdict."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import ExitCode, InputError
from harness.cli.run import command
from harness.nemesis.interface import Kill, Toll
from harness.options import RunOptions
from harness.runner import Observed, Progress
from harness.store import RunDirectory
from history import Recorder

OBSERVED = Observed(
    toll=Toll(faults={"kill-leader": 1}, kills=[Kill(1, "1.1", 12, 0.4)]), load_s=1.0
)


class FakeRun:
    """In place of a cluster: writes a history and says what was observed."""

    def __init__(self, *, read_finally: str = "v2", observed: Observed = OBSERVED) -> None:
        self.options: RunOptions | None = None
        self._read_finally = read_finally
        self._observed = observed

    async def __call__(
        self, options: RunOptions, directory: RunDirectory, _progress: Progress
    ) -> Observed:
        self.options = options
        (directory.path / "data").mkdir()
        times = iter(range(1000))
        with Recorder(directory.history, lambda: next(times), header={"model": "kv"}) as recorder:
            for f, value, result in (
                ("put", "v1", "v1"),
                ("get", None, "v1"),
                ("cas", ["v1", "v2"], ["v1", "v2"]),
                ("get", None, self._read_finally),
            ):
                recorder.ok(recorder.invoke(0, f, value, key="k"), result)
        return self._observed


def run(
    monkeypatch: pytest.MonkeyPatch, fake: FakeRun, *arguments: object
) -> tuple[Result, ExitCode]:
    monkeypatch.setattr("harness.cli.run.run_cluster", fake)
    result = CliRunner().invoke(
        command, [*map(str, arguments)], standalone_mode=False, catch_exceptions=False
    )
    return result, ExitCode(result.return_value)


def test_the_options_of_the_contract_reach_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = FakeRun()
    arguments = (
        "--system gong --protocol multipaxos --replicas 3 --shards 1 --clients 12 --keys 4 "
        "--workload kv --rate 150 --time-limit 2.5 --nemesis kill-leader,kill-all "
        f"--nemesis-interval 1.5 --seed 9 --out {tmp_path}"
    )
    run(monkeypatch, fake, *arguments.split())
    assert fake.options == RunOptions(
        replicas=3,
        clients=12,
        keys=4,
        rate=150.0,
        time_limit_s=2.5,
        nemesis=("kill-leader", "kill-all"),
        nemesis_interval_s=1.5,
        seed=9,
        out=tmp_path,
    )


def test_a_valid_run_exits_0_and_drops_the_journals(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result, code = run(
        monkeypatch, FakeRun(), "--out", tmp_path, "--nemesis", "kill-leader", "--json"
    )
    assert code is ExitCode.VALID
    assert result.stdout.count("\n") == 1
    printed: dict[str, Any] = json.loads(result.stdout)
    assert printed["verdict"] == "linearizable"
    latest = tmp_path / "latest"
    assert json.loads((latest / "result.json").read_text()) == printed
    assert (latest / "report.html").exists()
    assert not (latest / "data").exists()


def test_a_violation_exits_1_and_keeps_the_evidence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result, code = run(monkeypatch, FakeRun(read_finally="v1"), "--out", tmp_path)
    assert code is ExitCode.NOT_VALID
    assert result.stdout.startswith("NOT LINEARIZABLE\n")
    assert (tmp_path / "latest" / "data").exists()
    assert (tmp_path / "latest" / "report.html").exists()


def test_a_quiet_run_exits_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = FakeRun(observed=Observed(load_s=1.0))
    result, code = run(monkeypatch, fake, "--out", tmp_path, "--nemesis", "kill-leader")
    assert code is ExitCode.UNDECIDED
    assert result.stdout.startswith("UNDECIDED: too quiet: kill-leader never struck")


def test_a_stuck_cluster_exits_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = FakeRun(observed=Observed(stuck="nobody answers", load_s=1.0))
    result, code = run(monkeypatch, fake, "--out", tmp_path, "--json")
    assert code is ExitCode.NOT_VALID
    assert json.loads(result.stdout)["reason"] == "stuck: nobody answers"


@pytest.mark.parametrize("text", ["kill-leader,nothing", "KILL-ALL"])
def test_a_nemesis_that_does_not_exist_is_named_with_those_that_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    with pytest.raises(InputError, match=r"--nemesis: '.*' is not one of kill-leader, kill-all"):
        run(monkeypatch, FakeRun(), "--nemesis", text, "--out", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--coordination", "durable"], "--coordination: durable is for --protocol mdl"),
        (["--shards", "20", "--replicas", "4"], "--shards: 20 of 4 replicas are 80; at most 60"),
    ],
)
def test_a_layout_that_does_not_go_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        run(monkeypatch, FakeRun(), *arguments, "--out", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_shards_and_sessions_are_options_and_the_promise_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = FakeRun()
    arguments = ("--protocol", "mdl", "--shards", 3, "--coordination", "durable", "--out", tmp_path)
    result, code = run(monkeypatch, fake, *arguments)
    assert code is ExitCode.VALID
    assert fake.options is not None
    assert (fake.options.protocol, fake.options.shards) == ("mdl", 3)
    assert fake.options.coordination == "durable"
    assert result.stdout.startswith("MULTI-DISPATCH LINEARIZABLE\n")
    assert json.loads((tmp_path / "latest" / "result.json").read_text())["consistency"] == "mdl"


def test_spaces_and_empty_names_between_commas_are_forgiven(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = FakeRun()
    run(monkeypatch, fake, "--nemesis", " kill-leader, ,", "--out", tmp_path)
    assert fake.options is not None
    assert fake.options.nemesis == ("kill-leader",)


def test_a_seed_is_drawn_when_none_is_given_and_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = FakeRun()
    run(monkeypatch, fake, "--out", tmp_path)
    assert fake.options is not None
    kept = json.loads((tmp_path / "latest" / "run.json").read_text())
    assert kept["options"]["seed"] == fake.options.seed
