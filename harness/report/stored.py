"""The report of a history that was judged by itself, without a run directory."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.report.assembly import write_page
from harness.report.page import Subject, render, table_block
from history.history import History


def write_history_report(
    path: Path,
    history: History,
    verdict: Mapping[str, Any],
    *,
    model: str,
    command: str | None = None,
) -> None:
    """Write the page of `history` to `path`.

    `verdict` is the object that `gong check --json` prints. `command` judges the history again;
    without one it is made up from file, model and consistency.

    Raises:
        ReportError: `path` cannot be written.
    """
    page = render_history_report(history, verdict, model=model, command=command)
    write_page(path, page)


def render_history_report(
    history: History, verdict: Mapping[str, Any], *, model: str, command: str | None = None
) -> str:
    """The page as text."""
    source = history.source or "history"
    said = {name: value for name, value in verdict.items() if name != "counterexample"}
    blocks = [table_block("Verdict, as gong check says it", said)]
    if history.header:
        blocks.append(table_block("First line of the file", history.header))
    subject = Subject(
        title=Path(source).name,
        subtitle=f"a history in the format {history.format}, judged as {model}",
        model=model,
        command=command or check_command(source, model, verdict.get("consistency")),
        blocks=blocks,
    )
    return render(history, verdict, subject)


def check_command(path: str, model: str, consistency: object = None) -> str:
    """The command that judges a file again."""
    words = ["gong", "check", path, "--model", model]
    if isinstance(consistency, str) and consistency != "linearizable":
        words += ["--consistency", consistency]
    return shlex.join(words)
