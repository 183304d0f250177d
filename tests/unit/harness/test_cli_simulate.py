"""`gong simulate` and `gong mutants` at their edges, on a toy floor in this process."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import ExitCode, InputError
from harness.cli.mutants import command as mutants_command
from harness.cli.numbers import Seeds
from harness.cli.simulate import command as simulate_command
from harness.mutants import MUTANTS
from harness.simulation.floors import FLOORS
from harness.simulation.world import Size, World
from tests.support.toy_floor import draw_world, run

FIRST_FAILURE = 3
"""Of the toy's seeds."""


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy in place of the floor `core`."""
    monkeypatch.setitem(FLOORS, "core", "tests.support.toy_floor")


def simulate(*arguments: object) -> tuple[Result, ExitCode]:
    result = CliRunner().invoke(
        simulate_command,
        ["--jobs", "1", *map(str, arguments)],
        standalone_mode=False,
        catch_exceptions=False,
    )
    return result, ExitCode(result.return_value)


def as_json(*arguments: object) -> tuple[dict[str, Any], ExitCode]:
    result, code = simulate(*arguments, "--json")
    assert result.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(result.stdout)
    return found, code


def test_a_campaign_without_failures_is_valid() -> None:
    found, code = as_json("--seeds", "0:2")
    assert code is ExitCode.VALID
    assert found["failures"] == []
    assert found["seeds"] == 2
    assert found["reason"] is None
    assert {"seconds", "virtual_seconds", "messages", "crashes", "trace_hash"} <= found.keys()
    assert "a comet" in found["marks_never_passed"]


def test_the_first_failure_is_told_with_the_command_that_repeats_it() -> None:
    found, code = as_json("--seeds", 50)
    assert code is ExitCode.NOT_VALID
    (failure,) = found["failures"]
    assert failure["seed"] == FIRST_FAILURE
    assert failure["kind"] == "invariant"
    assert failure["what"].startswith("replicas 1 and 2 differ")
    assert failure["repeat"] == f"gong simulate --seeds {FIRST_FAILURE}:{FIRST_FAILURE + 1}"
    assert len(failure["shrunk"]["faults"]) == 2
    again, _ = as_json(*failure["repeat"].split()[2:])
    assert again["failures"] == found["failures"]


def test_the_command_repeats_what_was_asked_for() -> None:
    arguments = ("--operations", 12, "--replicas", 5, "--mutant", "local-reads")
    found, _ = as_json("--seeds", "7:9", *arguments, "--no-shrink")
    (failure,) = found["failures"]
    assert failure["repeat"] == (
        "gong simulate --seeds 7:8 --replicas 5 --operations 12 --mutant local-reads"
    )
    assert as_json(*failure["repeat"].split()[2:], "--no-shrink")[0]["failures"] == [failure]


def test_all_seeds_are_run_where_that_is_wanted_and_twice_the_same() -> None:
    found, _ = as_json("--seeds", 50, "--keep-going", "--no-shrink")
    assert found["seeds"] == 50
    assert len(found["failures"]) > 3
    again, _ = as_json("--seeds", 50, "--keep-going", "--no-shrink")
    assert {**found, "seconds": 0} == {**again, "seconds": 0}


def test_people_are_told_in_words() -> None:
    result, code = simulate("--seeds", 20, "--moment")
    assert code is ExitCode.NOT_VALID
    for words in (
        "virtual time",
        "cut-both",
        f"gong simulate --seeds {FIRST_FAILURE}:{FIRST_FAILURE + 1}",
        "nothing passes between replicas 1 and 2",
        "nothing of it can go",
        "it became likely between",
    ):
        assert words in result.stdout
    result, _ = simulate("--seeds", 2)
    assert "never reached" in result.stdout


def test_what_is_undecided_is_not_valid_either() -> None:
    found, code = as_json("--seeds", 2, "--operations", 13)
    assert code is ExitCode.UNDECIDED
    assert found["undecided"][0]["reason"] == "the search took too long"


def test_a_campaign_in_which_nothing_bit_proves_nothing() -> None:
    size = Size(operations=1)
    quiet = next(seed for seed in range(100) if not run(draw_world(seed, size)).bites)
    found, code = as_json("--seeds", f"{quiet}:{quiet + 1}", "--operations", 1)
    assert code is ExitCode.UNDECIDED
    assert (found["quiet"], found["reason"]) == (1, "no fault did anything in any run")


def test_the_world_that_is_left_can_be_run_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    found, _ = as_json("--seeds", 50, "--shrunk", file)
    world = World.from_json(file.read_bytes())
    assert len(world.faults) == 2
    again, code = as_json("--world", file, "--no-shrink")
    assert code is ExitCode.NOT_VALID
    assert again["failures"][0]["rule"] == found["failures"][0]["rule"]
    assert again["failures"][0]["repeat"] == f"gong simulate --world {file}"


@pytest.mark.parametrize("name", ["run.html", "run.txt"])
def test_the_failing_seed_becomes_a_diagram(tmp_path: Path, name: str) -> None:
    result, _ = simulate("--seeds", 20, "--trace", tmp_path / name)
    text = (tmp_path / name).read_text()
    assert f"seed {FIRST_FAILURE}" in text
    assert "two values in a slot" in text
    assert f"diagram: {tmp_path / name}" in result.stdout


def test_the_only_seed_becomes_one_too_and_many_good_ones_do_not(tmp_path: Path) -> None:
    simulate("--seeds", "0:1", "--trace", tmp_path / "one.txt")
    assert "nothing failed" in (tmp_path / "one.txt").read_text()
    result, code = simulate("--seeds", "0:2", "--trace", tmp_path / "none.txt")
    assert code is ExitCode.VALID
    assert "there is no diagram to write" in result.stderr
    assert not (tmp_path / "none.txt").exists()


def test_a_campaign_is_resumed(tmp_path: Path) -> None:
    file = tmp_path / "seeds.jsonl"
    whole, _ = as_json("--seeds", 30, "--keep-going", "--no-shrink")
    as_json("--seeds", 10, "--keep-going", "--no-shrink", "--resume", file)
    resumed, _ = as_json("--seeds", 30, "--keep-going", "--no-shrink", "--resume", file)
    assert {**resumed, "seconds": 0} == {**whole, "seconds": 0}
    with pytest.raises(InputError, match=r"--resume: .*holds a campaign with size"):
        simulate("--seeds", 30, "--replicas", 3, "--resume", file)


@pytest.mark.parametrize(
    ("words", "seeds"),
    [("3", range(3)), ("17:18", range(17, 18)), (" 5:9 ", range(5, 9)), ("0:1", range(1))],
)
def test_seeds_are_a_number_or_a_range(words: str, seeds: range) -> None:
    assert Seeds().convert(words, None, None) == seeds


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text('{"seed": 1}')
    with pytest.raises(InputError, match=r"no\.json: not a world: Object missing required field"):
        simulate("--world", tmp_path / "no.json")
    with pytest.raises(InputError, match="cannot write"):
        simulate("--seeds", "0:1", "--trace", tmp_path / "no" / "such.html")
    with pytest.raises(InputError, match=r"No such file"):
        simulate("--seeds", 20, "--shrunk", tmp_path / "no" / "such.json")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--shards", 2], "--shards: multipaxos is simulated with one shard; use --protocol mdl"),
        (["--coordination", "fast"], "--coordination: multipaxos has no coordination; use "),
        (
            ["--floor", "runtime", "--mutant", "silence-is-failure"],
            "--mutant: silence-is-failure is a bug of the simulated clients, and those of --floor",
        ),
    ],
)
def test_what_does_not_go_together_is_said(arguments: list[object], expected: str) -> None:
    with pytest.raises(InputError, match=f"^{expected}"):
        simulate(*arguments)


# gong mutants


def score(*arguments: object) -> tuple[dict[str, Any], ExitCode]:
    result = CliRunner().invoke(
        mutants_command,
        ["--jobs", "1", "--json", *map(str, arguments)],
        standalone_mode=False,
        catch_exceptions=False,
    )
    found: dict[str, Any] = json.loads(result.stdout)
    return found, ExitCode(result.return_value)


def test_every_mutant_is_on_the_scoreboard() -> None:
    found, code = score("--budget", 30)
    assert [each["name"] for each in found["mutants"]] == list(MUTANTS)
    assert code is ExitCode.VALID
    assert found["survivors"] == []
    for each in found["mutants"]:
        assert each["found"]
        assert each["by"] == "invariant"
        assert 1 <= each["seeds"] <= 30
        assert each["repeat"].endswith(f"--mutant {each['name']}")


def test_a_mutant_that_no_seed_finds_survives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.toy_floor.NEEDED", 10_000)
    found, code = score("--budget", 3, "--mutant", "local-reads")
    assert code is ExitCode.NOT_VALID
    assert found["survivors"] == ["local-reads"]
    (only,) = found["mutants"]
    assert (only["found"], only["seeds"], only["by"], only["repeat"]) == (False, 3, None, None)


def test_what_fails_without_the_mutant_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw_failing(seed: int, size: Any) -> World:  # noqa: ANN401
        del seed
        return draw_world(FIRST_FAILURE, size)

    monkeypatch.setattr("tests.support.toy_floor.draw_world", draw_failing)
    found, code = score("--budget", 3, "--mutant", "local-reads")
    assert code is ExitCode.NOT_VALID
    assert found["mutants"][0]["fails_without"]
    assert found["survivors"] == ["local-reads"]


def test_the_scoreboard_is_a_table_for_people() -> None:
    result = CliRunner().invoke(
        mutants_command, ["--jobs", "1", "--budget", "30"], standalone_mode=False
    )
    for mutant in MUTANTS.values():
        assert mutant.name in result.stdout
    assert f"{len(MUTANTS)} of {len(MUTANTS)} found" in result.stdout
