"""The run directory: what is in it from the start, and which one is the latest."""

import json
import re
from pathlib import Path

import pytest

from harness.options import RunOptions
from harness.store import RunDirectory


def options(out: Path, seed: int = 7) -> RunOptions:
    return RunOptions(seed=seed, out=out, nemesis=("kill-leader",), rate=100.0)


def test_a_run_directory_is_named_after_workload_time_and_seed(tmp_path: Path) -> None:
    run = RunDirectory.create(options(tmp_path))
    assert run.path.parent == tmp_path
    assert re.fullmatch(r"kv-\d{8}T\d{6}Z-7", run.path.name)
    assert run.history == run.path / "history.jsonl"


def test_options_versions_and_machine_are_on_disk_before_anything_starts(tmp_path: Path) -> None:
    run = RunDirectory.create(options(tmp_path))
    kept = json.loads((run.path / "run.json").read_text())
    assert kept["options"]["seed"] == 7
    assert kept["options"]["nemesis"] == ["kill-leader"]
    assert kept["options"]["out"] == str(tmp_path)
    assert set(kept["versions"]) == {"gong", "python", "trio"}
    assert kept["machine"]["processors"] >= 1
    assert kept["started"].endswith("+00:00")


def test_latest_links_to_the_newest_and_survives_a_move_of_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    RunDirectory.create(options(out, seed=1))
    newest = RunDirectory.create(options(out, seed=2))
    link = out / "latest"
    assert link.is_symlink()
    assert link.resolve() == newest.path.resolve()
    moved = out.rename(tmp_path / "elsewhere")
    assert (moved / "latest" / "run.json").exists()
    assert [path.name for path in moved.iterdir() if path.name.startswith(".")] == []


def test_two_runs_of_one_seed_within_a_second_have_directories_of_their_own(
    tmp_path: Path,
) -> None:
    paths = {RunDirectory.create(options(tmp_path)).path for _ in range(3)}
    assert len(paths) == 3
    assert (tmp_path / "latest").resolve() in paths


def test_the_result_is_kept_as_it_was_printed(tmp_path: Path) -> None:
    run = RunDirectory.create(options(tmp_path))
    run.write_result({"verdict": "linearizable", "reason": None})
    text = (run.path / "result.json").read_text()
    assert json.loads(text) == {"verdict": "linearizable", "reason": None}
    assert text.count("\n") > 1, "for people too"


def test_journals_can_be_dropped(tmp_path: Path) -> None:
    run = RunDirectory.create(options(tmp_path))
    (run.path / "data" / "replica-1").mkdir(parents=True)
    (run.path / "data" / "replica-1" / "journal").write_bytes(b"x")
    run.remove_data()
    assert not (run.path / "data").exists()


def test_a_place_that_is_no_directory_is_an_error_of_the_caller(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Not a directory"):
        RunDirectory.create(options(tmp_path / "file"))
