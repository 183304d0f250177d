"""What `gong check` writes besides its answer: the certificate and the report."""

import json
import shlex
from pathlib import Path
from typing import Any

import click
from msgspec import UNSET

from checker import Verdict
from harness.cli import InputError
from history import History


def write_certificate(
    path: Path, history: History, verdict: Verdict, result: dict[str, Any], *, initial: str | None
) -> None:
    """Write the evidence of a verdict; where there is none, say so: the verdict stands without."""
    from checker.evidence.certificate import (  # noqa: PLC0415 - if asked
        CertificateError,
        certify,
        write,
    )

    try:
        certificate = certify(
            history.operations,
            verdict,
            model=result["model"],
            initial=UNSET if initial is None else json.loads(initial),
            consistency=result["consistency"],
        )
    except CertificateError as why:
        click.echo(f"no certificate was written: {why}", err=True)
        return
    try:
        write(path, certificate)
    except OSError as why:
        raise InputError(f"{path}: {why.strerror}") from why


def write_html(
    path: Path, history: History, result: dict[str, Any], *, keyed: bool, initial: str | None
) -> None:
    """Write a report of the history and its verdict."""
    from harness.report import ReportError, write_history_report  # noqa: PLC0415 - jinja2, if asked

    again = ["gong", "check", history.source or "FILE", "--model", result["model"]]
    again += ["--initial", initial] if initial is not None else []
    again += ["--keyed"] if keyed else []
    try:
        write_history_report(
            path, history, result, model=result["model"], command=shlex.join(again)
        )
    except ReportError as why:
        raise InputError(str(why)) from why
