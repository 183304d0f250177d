"""`gong convert`: what comes back is what was there, and what gets lost is told."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from checker import check, find_model
from harness.cli import ExitCode, main
from history import Operation, Outcome, load
from history.formats import operations as finished
from tests.support.strategies import ask_cas_register, atomic_history, operation

HISTORIES = Path(__file__).parents[2] / "data" / "histories"
BAD = HISTORIES / "bad" / "register-stale-read.jsonl"


class Result(NamedTuple):
    code: int
    err: str


GongConvert = Callable[..., Result]


@pytest.fixture
def convert(capsys: pytest.CaptureFixture[str]) -> GongConvert:
    def call(*arguments: str | Path) -> Result:
        with pytest.raises(SystemExit) as left:
            main(["convert", *map(str, arguments)])
        captured = capsys.readouterr()
        assert captured.out == ""
        assert isinstance(left.value.code, int)
        return Result(left.value.code, captured.err)

    return call


def write_operations(path: Path, operations: Sequence[Operation]) -> Path:
    with path.open("wb") as file:
        finished.write(file, operations)
    return path


def meaning(operations: Sequence[Operation]) -> list[tuple[Any, ...]]:
    """All that a verdict depends on, the ranks by their order only, whatever the indices."""
    ends = sorted(
        [o.call for o in operations] + [o.return_ for o in operations if o.return_ is not None]
    )
    rank = {end: number for number, end in enumerate(ends)}
    return sorted(
        (
            rank[o.call],
            None if o.return_ is None else rank[o.return_],
            o.f,
            o.key,
            o.value,
            o.output if o.f in {"read", "cas"} else None,
            o.outcome,
        )
        for o in operations
    )


def history(seed: int, *, keys: int = 1) -> list[Operation]:
    made = atomic_history(
        random.Random(seed),
        find_model("cas-register").with_initial(0),
        ask_cas_register,
        operations=40,
        processes=4,
        keys=keys,
        crashed=0.1,
    )
    return made if keys > 1 else [replace(o, key=None) for o in made]


@pytest.mark.parametrize("keys", [1, 3])
@pytest.mark.parametrize("middle", ["h.jsonl", "h.edn"])
def test_a_round_trip_keeps_the_meaning(
    convert: GongConvert, tmp_path: Path, middle: str, keys: int
) -> None:
    model = find_model("cas-register").with_initial(0)
    for seed in range(5):
        begin = write_operations(tmp_path / "begin.operations.jsonl", history(seed, keys=keys))
        keyed = ["--keyed"] if keys > 1 and middle.endswith(".edn") else []
        assert convert(begin, tmp_path / middle).code == ExitCode.VALID
        assert (
            convert(*keyed, tmp_path / middle, tmp_path / "end.operations.jsonl").code
            == ExitCode.VALID
        )
        one, two = load(begin), load(tmp_path / "end.operations.jsonl")
        assert meaning(one.operations) == meaning(two.operations)
        assert check(one, model).kind is check(two, model).kind


def test_the_ending_of_the_name_tells_the_format(convert: GongConvert, tmp_path: Path) -> None:
    for name, found in (
        ("a.jsonl", "gong"),
        ("a.operations.jsonl", "operations"),
        ("a.edn", "jepsen-edn"),
    ):
        result = convert(BAD, tmp_path / name)
        assert result.code == ExitCode.VALID
        assert f"3 operations as {found}" in result.err
        assert load(tmp_path / name).format == found
    result = convert(BAD, tmp_path / "a.txt")
    assert result.code == ExitCode.WRONG_INPUT
    assert "cannot tell the format from the name a.txt" in result.err
    assert convert("--to", "operations", BAD, tmp_path / "a.txt").code == ExitCode.VALID


def test_a_loss_that_could_change_a_verdict_needs_a_word(
    convert: GongConvert, tmp_path: Path
) -> None:
    begin = write_operations(
        tmp_path / "h.operations.jsonl",
        [operation(0, "read", None, None, call=0, return_=1)],
    )
    out = tmp_path / "h.edn"
    result = convert(begin, out)
    assert result.code == ExitCode.WRONG_INPUT
    assert "jepsen-edn cannot say that a read found nothing (line 1)" in result.err
    assert not out.exists()
    result = convert("--lossy", begin, out)
    assert result.code == ExitCode.VALID
    assert "lost: jepsen-edn cannot say that a read found nothing" in result.err
    assert load(out).operations[0].outcome is Outcome.UNKNOWN


def test_sessions_and_missing_keys_are_such_losses(convert: GongConvert, tmp_path: Path) -> None:
    session = replace(operation(0, "write", 1, call=0, return_=3), session=1, seq=1, stamp=(0, 7))
    overlapping = replace(operation(1, "write", 2, call=1, return_=2), session=1, seq=2, process=0)
    begin = write_operations(tmp_path / "h.operations.jsonl", [session, overlapping])
    assert "no sessions" in convert(begin, tmp_path / "h.edn").err
    lossy = convert("--lossy", begin, tmp_path / "h.edn")
    assert lossy.code == ExitCode.VALID
    assert "lost: stamps (line 1)" in lossy.err
    assert len(load(tmp_path / "h.edn").operations) == 2
    mixed = [
        operation(0, "write", 1, call=0, return_=1, key="x"),
        operation(1, "write", 1, call=2, return_=3),
    ]
    begin = write_operations(tmp_path / "h.operations.jsonl", mixed)
    assert "keys for all operations or none" in convert(begin, tmp_path / "h.edn").err


def test_other_losses_are_told_and_written(convert: GongConvert, tmp_path: Path) -> None:
    begin = tmp_path / "h.jsonl"
    begin.write_text(
        '{"history": 1, "model": "register", "seed": 4}\n'
        '{"index": 0, "time": 1, "type": "invoke", "process": 0, "f": "write", "value": 7, "node": "n1"}\n'
        '{"index": 1, "time": 2, "type": "fail", "process": 0, "f": "write"}\n'
        '{"index": 2, "time": 3, "type": "info", "process": "nemesis", "f": "kill"}\n'
    )
    result = convert("--to", "operations", begin, tmp_path / "out")
    assert result.code == ExitCode.VALID
    for loss in ("1 annotations", "the header: model, seed", "operations that failed (line 2)"):
        assert loss in result.err
    assert "nodes (line 2)" in convert(begin, tmp_path / "out.edn").err


def test_a_name_of_a_process_becomes_a_number(convert: GongConvert, tmp_path: Path) -> None:
    begin = tmp_path / "h.operations.jsonl"
    row = {"process": "anna", "f": "write", "value": 1, "call": 1, "return": 2}
    begin.write_text(json.dumps(row) + "\n")
    result = convert(begin, tmp_path / "h.jsonl")
    assert "names of processes (line 1)" in result.err
    assert load(tmp_path / "h.jsonl").operations[0].process == 0


def test_a_broken_file_leaves_what_was_there(convert: GongConvert, tmp_path: Path) -> None:
    broken, out = tmp_path / "h.jsonl", tmp_path / "out.jsonl"
    broken.write_text("{}\n{}\n")
    out.write_text("old")
    assert convert(broken, out).code == ExitCode.WRONG_INPUT
    assert out.read_text() == "old"
    result = convert(BAD, tmp_path / "nowhere" / "out.jsonl")
    assert result.code == ExitCode.WRONG_INPUT
    assert result.err.endswith("No such file or directory\n")


def test_a_file_can_be_converted_in_place(convert: GongConvert, tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_bytes(BAD.read_bytes())
    before = meaning(load(path).operations)
    assert convert("--to", "operations", path, path).code == ExitCode.VALID
    assert load(path).format == "operations"
    assert meaning(load(path).operations) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["h.jsonl"]


def test_the_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["convert", "--help"])
    assert "gong convert history.edn history.jsonl" in capsys.readouterr().out
