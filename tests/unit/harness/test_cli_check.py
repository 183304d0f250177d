"""`gong check` as scripts and people meet it: exit codes, JSON, messages."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from checker import columnar
from harness.cli import ExitCode, main
from history import Operation
from history.columns import OperationsView

HISTORIES = Path(__file__).parents[2] / "data" / "histories"
GOOD = str(HISTORIES / "good" / "register-write-seen-early.jsonl")
BAD = str(HISTORIES / "bad" / "register-stale-read.jsonl")
HARD = str(HISTORIES / "undecided" / "counter-forty-adds.operations.jsonl")
COUNTED = str(HISTORIES / "good" / "counter-two-adds.operations.jsonl")
MISCOUNTED = str(HISTORIES / "bad" / "counter-lost-add.operations.jsonl")

OWN_MODEL = """
from checker import ILLEGAL, UNKNOWN, Model


class Lamp(Model):
    name = "lamp"
    operations = ("flip", "look")
    initial = False

    def step(self, state, action):
        if action.f == "flip":
            return not state
        return state if action.output in (state, UNKNOWN) else ILLEGAL

    def is_observer(self, action):
        return action.f == "look"
"""


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def json(self) -> dict[str, Any]:
        assert self.out.count("\n") == 1
        result: dict[str, Any] = json.loads(self.out)
        return result


GongCheck = Callable[..., Result]


@pytest.fixture
def gong_check(capsys: pytest.CaptureFixture[str]) -> GongCheck:
    def call(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as left:
            main(["check", *arguments])
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Result(left.value.code, captured.out, captured.err)

    return call


def write(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_a_linearizable_history_exits_with_0(gong_check: GongCheck) -> None:
    result = gong_check("--model", "register", GOOD)
    assert result.code == ExitCode.VALID
    assert result.out.startswith("linearizable (3 operations, 0 of unknown outcome; ")


def test_a_history_that_is_not_exits_with_1_and_says_why(gong_check: GongCheck) -> None:
    result = gong_check("--model", "register", BAD)
    assert result.code == ExitCode.NOT_VALID
    assert result.out.startswith("NOT linearizable (3 operations")
    assert (
        "read returned 1 (process 1, line 6), but 1 had been overwritten by write 2" in result.out
    )
    assert "It is sequentially consistent." in result.out


def test_a_limit_that_is_reached_exits_with_2_and_says_which(gong_check: GongCheck) -> None:
    result = gong_check("--model", "counter", "--time-limit", "0.1", HARD)
    assert result.code == ExitCode.UNDECIDED
    assert "undecided" in result.out
    assert "the time limit of 0.1 s was reached at the return of read" in result.out
    result = gong_check("--model", "counter", "--memory-limit", "1", HARD)
    assert result.code == ExitCode.UNDECIDED
    assert "the memory limit of 1 MB was reached" in result.out


def test_json_is_one_object_with_the_fields_of_the_contract(gong_check: GongCheck) -> None:
    result = gong_check("--model", "register", "--json", BAD)
    assert result.code == ExitCode.NOT_VALID
    found = result.json()
    assert found["verdict"] == "not-linearizable"
    assert found["model"] == "register"
    assert found["consistency"] == "linearizable"
    assert (found["operations"], found["crashed"], found["partitions"]) == (3, 0, 1)
    assert found["engines"] == {"zones": 1}
    assert found["counterexample"]["operations"] == [0, 1, 2]
    assert "read returned 1" in found["counterexample"]["explanation"]
    assert found["reason"] is None
    assert found["total_seconds"] >= found["load_seconds"] > 0
    assert found["total_seconds"] >= found["seconds"] > 0
    assert found["peak_rss_mb"] > 1


def test_json_of_a_linearizable_history_has_neither_reason_nor_counterexample(
    gong_check: GongCheck,
) -> None:
    found = gong_check("--model", "register", "--json", GOOD).json()
    assert found["verdict"] == "linearizable"
    assert found["counterexample"] is None
    assert found["reason"] is None


@pytest.mark.skipif(not columnar.IS_NATIVE, reason="no native engine in this build")
@pytest.mark.parametrize("is_broken", [False, True])
def test_a_large_history_is_judged_without_an_object_of_each_operation(
    gong_check: GongCheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_broken: bool
) -> None:
    """The core comes from the engine; nobody cuts again, nor asks for weaker orders."""

    def refuse(_: OperationsView) -> Iterator[Operation]:
        pytest.fail("all operations became objects")

    def cut_again(*_: object, **__: object) -> None:
        pytest.fail("a violation that has its core was cut again")

    monkeypatch.setattr(OperationsView, "__iter__", refuse)
    monkeypatch.setattr("harness.cli.check.cut_down", cut_again)
    line = '{{"process":0,"f":"{}","{}":{},"call":{},"return":{}}}\n'
    path, count = tmp_path / "large.jsonl", 200_001
    with path.open("w") as file:
        for n in range(1, count):
            file.write(line.format("write", "value", n, 2 * n, 2 * n + 1))
        read = 7 if is_broken else count - 1
        file.write(line.format("read", "output", read, 2 * count, 2 * count + 1))
    found = gong_check("--model", "register", "--json", str(path)).json()
    assert found["operations"] == count
    assert found["warnings"] == []
    if is_broken:
        assert count - 1 in found["counterexample"]["core"]
        assert found["counterexample"]["is_minimal"]
        assert found["also"] == {"sequential": None}
    else:
        assert found["verdict"] == "linearizable"


def test_of_several_files_the_worst_decides_and_a_violation_is_worst(gong_check: GongCheck) -> None:
    arguments = ("--model", "counter", "--time-limit", "0.05", "--json")
    result = gong_check(*arguments, COUNTED, HARD, MISCOUNTED)
    assert result.code == ExitCode.NOT_VALID
    files = result.json()["files"]
    assert [entry["file"] for entry in files] == [COUNTED, HARD, MISCOUNTED]
    verdicts = [entry["verdict"] for entry in files]
    assert verdicts == ["linearizable", "undecided", "not-linearizable"]
    assert files[1]["reason"].startswith("the time limit")
    assert gong_check(*arguments, COUNTED, HARD).code == ExitCode.UNDECIDED
    assert gong_check(*arguments, COUNTED, COUNTED).code == ExitCode.VALID


def test_initial_is_json(gong_check: GongCheck, tmp_path: Path) -> None:
    file = write(
        tmp_path / "h.jsonl",
        '{"process": 0, "f": "read", "call": 1, "return": 2, "output": 5}',
    )
    arguments = ("--model", "cas-register", file)
    assert gong_check(*arguments).code == ExitCode.NOT_VALID
    assert gong_check("--initial", "5", *arguments).code == ExitCode.VALID
    result = gong_check("--initial", "five", *arguments)
    assert result.code == ExitCode.WRONG_INPUT
    assert "--initial takes a JSON value, not 'five'" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "register", "/nowhere.jsonl"), "does not exist"),
        ((GOOD,), "Missing option '--model'"),
        (("--model", "register"), "Missing argument"),
        (("--model", "regster", GOOD), "expected one of register, cas-register, kv"),
        (("--model", "no.such:MODEL", GOOD), "cannot import no.such"),
        (("--model", "register", "--engine", "magic", GOOD), "'magic' is not one of"),
        (("--model", "register", "--consistency", "causal", GOOD), "'causal' is not one of"),
        (("--model", "register", "--time-limit", "0", GOOD), "0.0 is not in the range"),
        (("--model", "register", "--format", "csv", GOOD), "'csv' is not one of"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_wrong_arguments_exit_with_254_and_one_line(
    gong_check: GongCheck, arguments: tuple[str, ...], message: str
) -> None:
    result = gong_check(*arguments)
    assert result.code == ExitCode.WRONG_INPUT
    assert message in result.err
    assert result.out == ""
    assert result.err.count("\n") == 1


def test_a_broken_line_is_named(gong_check: GongCheck, tmp_path: Path) -> None:
    file = write(
        tmp_path / "h.jsonl",
        '{"index": 0, "time": 1, "type": "invoke", "process": 0, "f": "read"}',
        '{"index": 1, "time": 2, "type": "ok", "process":',
        '{"index": 2, "time": 3, "type": "invoke", "process": 1, "f": "read"}',
    )
    result = gong_check("--model", "register", "--json", file)
    assert result.code == ExitCode.WRONG_INPUT
    assert f"{file}:2: " in result.err
    assert result.out == ""


def test_an_operation_that_is_not_of_the_model_is_named_by_file_and_line(
    gong_check: GongCheck, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "h.jsonl",
        '{"process": 0, "f": "push", "value": 1, "call": 1, "return": 2}',
    )
    result = gong_check("--model", "register", file)
    assert result.code == ExitCode.WRONG_INPUT
    assert f"{file}: line 1: the model register has no operation 'push'" in result.err
    assert "expected read, write" in result.err


def test_a_torn_last_line_is_a_warning_on_stderr(gong_check: GongCheck, tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    file.write_text(Path(GOOD).read_text() + '{"index": 6, "ti')
    result = gong_check("--model", "register", "--json", str(file))
    assert result.code == ExitCode.VALID
    assert result.json()["verdict"] == "linearizable"
    assert "warning:" in result.err


def test_a_users_own_model_is_found_in_the_current_directory(
    gong_check: GongCheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))  # undone afterwards, unlike what the command does
    (tmp_path / "gong_test_lamp.py").write_text(OWN_MODEL)
    file = write(
        tmp_path / "h.jsonl",
        '{"process": 0, "f": "flip", "call": 1, "return": 2}',
        '{"process": 0, "f": "look", "call": 3, "return": 4, "output": true}',
    )
    assert gong_check("--model", "gong_test_lamp:Lamp", file).code == ExitCode.VALID
    result = gong_check("--model", "gong_test_lamp:Lamp", "--initial", "true", file)
    assert result.code == ExitCode.NOT_VALID


def test_the_help_shows_an_example_and_says_what_each_consistency_promises(
    gong_check: GongCheck,
) -> None:
    result = gong_check("--help")
    assert result.code == ExitCode.VALID
    assert "gong check --model cas-register" in result.out
    assert "the order in which" in " ".join(result.out.split()) or "issued; mdl" in result.out
