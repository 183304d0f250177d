"""The README is run: its history is written to a file, its commands must print what it shows."""

import re
from pathlib import Path
from typing import Final

import pytest

from harness.cli import main

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def words(text: str) -> list[str]:
    """Words of an output: the page wraps long lines, and no two runs take equally long."""
    return re.sub(r"\b\d+\.\d\d s\b", "0.00 s", text).split()


def test_its_history_is_judged_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = blocks("jsonl")
    (session,) = blocks("console")
    command, shown = session.split("\n", maxsplit=1)
    prompt, program, *arguments = command.split()
    assert (prompt, program, arguments[0]) == ("$", "gong", "check")
    assert f"`{arguments[1]}`" in README, "the reader is told under which name to save the history"
    Path(arguments[1]).write_text(example)
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 1
    printed = capsys.readouterr()
    assert words(printed.out) == words(shown)
    assert not printed.err


def test_its_history_has_six_lines() -> None:
    (example,) = blocks("jsonl")
    assert len(example.splitlines()) == 6


@pytest.mark.parametrize("target", ["demo", "test"])
def test_its_two_commands_are_targets_of_make(target: str) -> None:
    assert f"make {target} " in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_it_stays_short() -> None:
    assert len(README.splitlines()) <= 90
