"""`gong check --certificate` and `gong verify`, as scripts meet them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.cli import ExitCode, main

HISTORIES = Path(__file__).parents[2] / "data" / "histories"
GOOD = str(HISTORIES / "good" / "register-write-seen-early.jsonl")
BAD = str(HISTORIES / "bad" / "register-stale-read.jsonl")
HARD = str(HISTORIES / "undecided" / "register-sixty-writers.operations.jsonl")


class Result(NamedTuple):
    code: int
    out: str
    err: str


Gong = Callable[..., Result]


@pytest.fixture
def gong(capsys: pytest.CaptureFixture[str]) -> Gong:
    def call(*arguments: str | Path) -> Result:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Result(left.value.code, captured.out, captured.err)

    return call


def certified(gong: Gong, history: str | Path, path: Path, *more: str) -> Path:
    gong("check", "--model", "register", "--certificate", path, *more, history)
    assert path.exists()
    return path


@pytest.mark.parametrize(
    ("history", "words"),
    [(GOOD, "verified: linearizable as a register"), (BAD, "verified: NOT linearizable")],
    ids=["good", "bad"],
)
def test_a_certificate_verifies(gong: Gong, tmp_path: Path, history: str, words: str) -> None:
    path = certified(gong, history, tmp_path / "c.json")
    result = gong("verify", history, path)
    assert result.code == ExitCode.VALID
    assert result.out.startswith(words)


def test_the_certificate_of_another_history_does_not(gong: Gong, tmp_path: Path) -> None:
    path = certified(gong, GOOD, tmp_path / "c.json")
    result = gong("verify", BAD, path)
    assert result.code == ExitCode.NOT_VALID
    assert result.out == (
        "NOT verified: it is the certificate of another history: the digests differ\n"
    )


def test_a_changed_certificate_does_not(gong: Gong, tmp_path: Path) -> None:
    path = certified(gong, BAD, tmp_path / "c.json")
    path.write_text(path.read_text().replace('"is_minimal": true', '"is_minimal": false'))
    result = gong("verify", BAD, path)
    assert result.code == ExitCode.NOT_VALID
    assert "checksum" in result.out


def test_a_core_that_is_too_big_for_the_limit_is_undecided(gong: Gong, tmp_path: Path) -> None:
    path = certified(gong, BAD, tmp_path / "c.json")
    result = gong("verify", "--configurations", "1", BAD, path)
    assert result.code == ExitCode.UNDECIDED
    assert result.out.startswith("undecided: the core has 3 operations")


def test_the_initial_state_is_part_of_it(gong: Gong, tmp_path: Path) -> None:
    history = tmp_path / "h.jsonl"
    history.write_text('{"process": 0, "f": "read", "call": 1, "return": 2, "output": 5}\n')
    path = certified(gong, history, tmp_path / "c.json", "--initial", "5")
    assert json.loads(path.read_text())["initial"] == 5
    assert gong("verify", history, path).code == ExitCode.VALID


@pytest.mark.parametrize("content", ["", "{}", "[1", '{"certificate": 2}'])
def test_what_is_no_certificate_exits_with_254(gong: Gong, tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    result = gong("verify", GOOD, path)
    assert result.code == ExitCode.WRONG_INPUT
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert str(path) in result.err


def test_a_broken_history_exits_with_254(gong: Gong, tmp_path: Path) -> None:
    path = certified(gong, GOOD, tmp_path / "c.json")
    broken = tmp_path / "h.jsonl"
    broken.write_text("{}\n{}\n")
    assert gong("verify", broken, path).code == ExitCode.WRONG_INPUT
    assert gong("verify", tmp_path / "nowhere", path).code == ExitCode.WRONG_INPUT


def test_an_undecided_verdict_leaves_no_certificate_and_says_so(gong: Gong, tmp_path: Path) -> None:
    history = tmp_path / "h.jsonl"
    rows = [
        {"process": n, "f": "cas", "value": [n % 7, n * 5 % 7], "call": n, "return": None}
        for n in range(60)
    ]
    rows += [
        {"process": n, "f": "write", "value": n % 7, "call": n, "return": 900 + n}
        for n in range(60, 90)
    ]
    rows += [{"process": 99, "f": "read", "value": None, "call": 2000, "return": 2001, "output": 9}]
    history.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "c.json"
    result = gong(
        "check", "--model", "cas-register", "--engine", "reference", "--time-limit", "0.01",
        "--certificate", path, history,
    )  # fmt: skip
    assert result.code == ExitCode.UNDECIDED
    assert not path.exists()
    assert "no certificate was written: an undecided verdict has no evidence" in result.err


def test_several_files_have_no_common_certificate(gong: Gong, tmp_path: Path) -> None:
    result = gong("check", "--model", "register", "--certificate", tmp_path / "c.json", GOOD, BAD)
    assert result.code == ExitCode.WRONG_INPUT
    assert "--certificate takes one history" in result.err


def test_warnings_are_on_stderr_and_in_the_json_and_change_nothing(
    gong: Gong, tmp_path: Path
) -> None:
    history = tmp_path / "h.jsonl"
    history.write_text(
        '{"index": 0, "time": 1, "type": "invoke", "process": 0, "f": "write", "value": 7}\n'
        '{"index": 1, "time": 2, "type": "fail", "process": 0, "f": "write"}\n'
        '{"index": 2, "time": 3, "type": "invoke", "process": 0, "f": "read"}\n'
        '{"index": 3, "time": 4, "type": "ok", "process": 0, "f": "read", "value": 7}\n'
    )
    result = gong("check", "--model", "register", "--json", history)
    assert result.code == ExitCode.NOT_VALID
    (warning,) = json.loads(result.out)["warnings"]
    assert warning.startswith("write 7 was recorded as failed (line 1) but read later (line 3)")
    assert f"{history}: warning: {warning}\n" in result.err


def test_the_help_shows_an_example(gong: Gong) -> None:
    assert "gong verify history.jsonl certificate.json" in gong("verify", "--help").out
