"""What is read from a run directory, what is said when something is missing, what is written."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import ExitCode, InputError
from harness.cli.check import command as check
from harness.cli.report import command
from harness.report import ReportError, write_history_report, write_run_report
from harness.report.stored import render_history_report
from history import load
from tests.browser.sample import write_sample


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "runs" / "kv-1", 60, duration_s=6)


def test_a_report_is_one_file_that_loads_nothing(run: Path) -> None:
    page = write_run_report(run).read_text()
    assert "Not linearizable" in page
    assert "gong check" in page
    assert "history.jsonl --model kv" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page)
    assert not re.search(r"\sstyle=|\son\w+=", page.split("<script")[0])
    assert [path.name for path in run.glob(".report*")] == []


def test_a_report_can_be_rebuilt_through_the_link(run: Path) -> None:
    (run.parent / "latest").symlink_to(run.name)
    result = CliRunner().invoke(command, [str(run.parent / "latest")], standalone_mode=False)
    assert result.return_value is ExitCode.VALID
    assert result.output.strip() == str(run.parent / "latest" / "report.html")
    assert "<h1>kv-1</h1>" in (run / "report.html").read_text()


@pytest.mark.parametrize("name", ["history.jsonl", "run.json", "result.json"])
def test_a_missing_file_is_named(run: Path, name: str) -> None:
    (run / name).unlink()
    with pytest.raises(ReportError, match=re.escape(str(run / name))):
        write_run_report(run)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("name", ["history.jsonl", "run.json", "result.json"])
def test_a_broken_file_is_named(run: Path, name: str) -> None:
    (run / name).write_text("[1, 2\n[1]\n{}\n")
    with pytest.raises(ReportError, match=re.escape(name)):
        write_run_report(run)


def test_the_command_says_it_in_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "none")], standalone_mode=False)
    assert isinstance(result.exception, InputError)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize(
    ("said", "word", "sentence"),
    [
        ({"verdict": "linearizable"}, "Linearizable", "one register that executes"),
        ({"verdict": "linearizable", "consistency": "sequential"}, "Sequentially consistent", ""),
        ({"verdict": "undecided", "reason": "time limit"}, "Undecided", "time limit"),
        ({"verdict": "linearizable", "reason": "stuck"}, "Stuck", "never served again"),
        (
            {
                "verdict": "not-linearizable",
                "counterexample": {"operations": [99], "explanation": "<b>"},
            },
            "Not linearizable",
            "&lt;b&gt;",
        ),
    ],
)
def test_the_verdict_stands_on_top_in_words(
    tmp_path: Path, said: dict[str, object], word: str, sentence: str
) -> None:
    (tmp_path / "h.jsonl").write_text("")
    page = render_history_report(load(tmp_path / "h.jsonl"), said, model="register")
    head, _, rest = page.partition("</section>")
    assert f'id="verdict">{word}</p>' in head
    assert sentence in head
    assert "There are no operations to show." in rest


def test_a_history_without_times_is_counted_in_steps(tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    events = [
        {"type": "invoke", "process": 0, "f": "write", "value": 1},
        {"type": "ok", "process": 0, "f": "write", "value": 1},
    ]
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    report = tmp_path / "h.html"
    write_history_report(
        report, load(file), {"verdict": "linearizable"}, model="register", command="gong check it"
    )
    page = report.read_text()
    assert '"unit":"step"' in page
    assert "latency p50" not in page
    assert 'id="command">gong check it</code>' in page


def test_a_report_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "h.jsonl").write_text("")
    nowhere = tmp_path / "missing" / "h.html"
    with pytest.raises(ReportError, match="missing"):
        write_history_report(
            nowhere, load(tmp_path / "h.jsonl"), {"verdict": "linearizable"}, model="kv"
        )


def test_check_writes_a_report_that_says_how_to_check_again(run: Path, tmp_path: Path) -> None:
    report = tmp_path / "check.html"
    arguments = [str(run / "history.jsonl"), "--model", "kv", "--html", str(report)]
    result = CliRunner().invoke(check, arguments, standalone_mode=False)
    assert result.return_value is ExitCode.VALID
    assert 'id="verdict">Linearizable</p>' in report.read_text()
    assert f"gong check {run / 'history.jsonl'} --model kv</code>" in report.read_text()
