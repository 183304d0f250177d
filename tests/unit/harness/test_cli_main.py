"""The console script: exit codes, one line for wrong arguments, and help with an example."""

import sys
from collections.abc import Callable

import click
import pytest

from harness.cli import _COMMANDS, ExitCode, InputError, group, main


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main([*arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def raising(error: BaseException) -> Callable[..., None]:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--colour"], "--colour"),
        (["frobnicate"], "frobnicate"),
        (["run", "--replicas", "0"], "--replicas"),
        (["run", "--replicas", "many"], "--replicas"),
        (["run", "--time-limit", "0"], "--time-limit"),
        (["run", "--time-limit", "nan"], "not a finite number"),
        (["run", "--rate", "inf"], "not a finite number"),
        (["run", "--rate", "-1"], "--rate"),
        (["run", "--system", "other"], "--system"),
        (["run", "--workload", "other"], "--workload"),
        (["run", "--nemesis", "rain"], "rain"),
        (["node", "--id", "1"], "--config"),
        (["node", "--config", "/missing.toml", "--id", "1"], "/missing.toml: cannot be read"),
        (["master", "--config", "/missing.toml"], "/missing.toml: cannot be read"),
        (["kv", "--master", "nowhere", "get", "k"], "--master: 'nowhere' is not HOST:PORT"),
        (["kv", "--master", "h:1", "get"], "KEY"),
        (["kv", "--master", "h:1", "put", "k", "\udcff"], "is not UTF-8 at character 0"),
        (["kv", "--master", "h:1", "--timeout", "-1", "get", "k"], "--timeout"),
        (["check", "--model", "kv", "/missing.jsonl"], "/missing.jsonl"),
        (["simulate", "--seeds", "many"], "'many' is neither a number N nor a range A:B"),
        (["simulate", "--seeds", "0"], "'0' holds no seed; 17:18 is the single seed 17"),
        (["simulate", "--seeds", "9:3"], "'9:3' holds no seed"),
        (["simulate", "--seeds", "9999999999999999999"], "goes beyond"),
        (["simulate", "--mutant", "gremlin"], "gremlin"),
        (["simulate", "--floor", "cellar"], "cellar"),
        (["simulate", "--world", "/missing.json"], "/missing.json"),
        (
            ["simulate", "--resume", "/missing/seeds.jsonl"],
            "--resume: /missing/seeds.jsonl: No such",
        ),
        (["simulate", "--jobs", "0"], "--jobs"),
        (["mutants", "--budget", "0"], "--budget"),
        (["mutants", "--mutant", "gremlin"], "gremlin"),
    ],
)
def test_wrong_arguments_are_one_line_on_stderr_and_254(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert exit_code(*arguments) == ExitCode.WRONG_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("gong: ")
    assert captured.err.count("\n") == 1
    assert complaint in captured.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("line 3: expected a number"), ExitCode.WRONG_INPUT),
        (click.exceptions.Abort(), ExitCode.UNDECIDED),
        (KeyboardInterrupt(), ExitCode.UNDECIDED),
        (BaseExceptionGroup("", [KeyboardInterrupt()]), ExitCode.UNDECIDED),
        (ValueError("a bug"), ExitCode.DEFECT),
        (ExceptionGroup("", [ValueError("a bug")]), ExitCode.DEFECT),
        (AssertionError("a broken invariant"), ExitCode.DEFECT),
    ],
    ids=["input", "abort", "Ctrl-C", "Ctrl-C in a group", "defect", "group", "invariant"],
)
def test_every_end_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: ExitCode,
) -> None:
    monkeypatch.setattr(group, "invoke", raising(error))
    assert exit_code("run") == code
    says_defect = "this is a defect of gong itself" in capsys.readouterr().err
    assert says_defect is (code is ExitCode.DEFECT)


@pytest.mark.parametrize("code", [ExitCode.VALID, ExitCode.NOT_VALID, ExitCode.UNDECIDED, None])
def test_what_a_command_returns_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, code: ExitCode | None
) -> None:
    monkeypatch.setattr(group, "invoke", lambda *_: code)
    assert exit_code("run") == (code or 0)


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_explains_itself_with_an_example(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert exit_code(name, "--help") == 0
    text = capsys.readouterr().out
    assert "Example" in text
    assert f"gong {name}" in text


def test_the_help_lists_all_commands_and_costs_none_of_their_modules(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code("--help") == 0
    text = capsys.readouterr().out
    for name, line in _COMMANDS.items():
        assert name in text
        assert line.split(maxsplit=1)[0] in text


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == 0
    assert capsys.readouterr().out.startswith("gong, version ")


def test_every_listed_command_exists() -> None:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name
    assert group.get_command(context, "harness") is None
    assert "harness.cli.run" in sys.modules
