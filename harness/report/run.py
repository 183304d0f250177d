"""The report of a run, rebuilt from what its directory holds."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.report.assembly import ReportError, write_page
from harness.report.page import Subject, render, table_block
from harness.report.stored import check_command
from history.errors import HistoryError
from history.formats import load
from history.history import History


def write_run_report(run_dir: Path) -> Path:
    """Write `report.html` into a run directory out of its other files; returns its path.

    `result.json` is the object that `gong run --json` printed. A `counterexample`, in it or in
    its `check`, has the form that `gong check --json` gives it.

    Raises:
        ReportError: a file is missing or broken, or the report cannot be written.
    """
    if not run_dir.is_dir():
        raise ReportError(f"{run_dir}: no such run directory")
    place = run_dir.resolve()  # `runs/latest` is a link; the page says which run it is
    options = _read_object(run_dir / "run.json", "the options of the run")
    history = _read_history(run_dir / "history.jsonl")
    model = _model(history, options)
    command = check_command(_from_here(place / "history.jsonl"), model)
    result = _read_object(run_dir / "result.json", f"the verdict; to judge the run: {command}")
    check = result.get("check")
    judged = {**check, **result} if isinstance(check, Mapping) else result
    said = {
        name: value for name, value in judged.items() if name not in {"counterexample", "check"}
    }
    subject = Subject(
        title=place.name,
        subtitle=_subtitle(history, options),
        model=model,
        command=check_command(
            _from_here(place / "history.jsonl"), model, judged.get("consistency")
        ),
        blocks=[
            table_block("Options, versions and machine (run.json)", options),
            table_block("Result (result.json)", said),
        ],
        files=_files(run_dir),
    )
    report = run_dir / "report.html"
    write_page(report, render(history, judged, subject))
    return report


def _read_object(path: Path, what: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError as error:
        raise ReportError(f"{path} is missing: expected {what}") from error
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ReportError(f"{path}: not JSON ({error}): expected {what}") from error
    if not isinstance(value, dict):
        raise ReportError(f"{path}: expected one JSON object with {what}")
    return value


def _read_history(path: Path) -> History:
    try:
        return load(path)
    except FileNotFoundError as error:
        raise ReportError(f"{path} is missing: expected the history of the run") from error
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from error
    except HistoryError as error:
        raise ReportError(str(error)) from error


def _model(history: History, options: Mapping[str, Any]) -> str:
    for source in (history.header, options, options.get("options")):
        if isinstance(source, Mapping) and isinstance(source.get("model"), str):
            return str(source["model"])
    return "kv"


def _subtitle(history: History, options: Mapping[str, Any]) -> str:
    """`gong · multipaxos · 5 replicas · 20 clients · kill-leader`, as far as it is known."""
    nested = options.get("options")
    known = {**history.header, **options, **(nested if isinstance(nested, Mapping) else {})}
    words = [known.get("system"), known.get("protocol"), known.get("workload")]
    for name in ("replicas", "clients"):
        count = known.get(name)
        if isinstance(count, int):
            words.append(f"{count} {name}")
    nemesis = known.get("nemesis")
    words.append(", ".join(map(str, nemesis)) if isinstance(nemesis, list) else nemesis)
    return " · ".join(str(word) for word in words if word)


def _from_here(path: Path) -> str:
    """A path as a person would type it: relative where that is shorter."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _files(run_dir: Path) -> list[str]:
    """The other files of the run, as the report may link to them."""
    names = ("history.jsonl", "run.json", "result.json", "certificate.json")
    found = [name for name in names if (run_dir / name).is_file()]
    return found + sorted(f"logs/{log.name}" for log in run_dir.glob("logs/*.log"))
