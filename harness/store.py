"""The run directory: what a run leaves behind, written in an order that a crash cannot hurt.

runs/<workload>-<utc time>-<seed>/
run.json         options, versions, machine: before anything starts
history.jsonl    while it happens
logs/            one file a server process
result.json      after judging
report.html      out of the above; `gong report` makes it again
runs/latest          a link to the newest
"""

import os
import platform
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from harness.options import RunOptions


class RunDirectory:
    """One run's files. `create` makes a new one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, options: RunOptions) -> "RunDirectory":
        """Make the directory, write `run.json`, and point `latest` at it."""
        started = datetime.now(UTC)
        name = f"{options.workload}-{started:%Y%m%dT%H%M%SZ}-{options.seed}"
        path = options.out / name
        for number in range(2, 1000):  # two runs of one seed within a second
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                path = options.out / f"{name}-{number}"
        run = cls(path)
        run._write("run.json", run._description(options, started))
        run._link_latest()
        return run

    @property
    def history(self) -> Path:
        """The history file."""
        return self.path / "history.jsonl"

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Keep what `gong run --json` prints."""
        self._write("result.json", result)

    def remove_data(self) -> None:
        """Drop the replicas' journals: evidence that a valid run does not need."""
        shutil.rmtree(self.path / "data", ignore_errors=False)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        text = msgspec.json.format(msgspec.json.encode(content, enc_hook=str), indent=2)
        (self.path / name).write_bytes(text + b"\n")

    @staticmethod
    def _description(options: RunOptions, started: datetime) -> dict[str, Any]:
        return {
            "options": msgspec.structs.asdict(options),
            "model": "kv",
            "started": started.isoformat(),
            "versions": {
                "gong": version("gong"),
                "python": platform.python_version(),
                "trio": version("trio"),
            },
            "machine": {
                "system": platform.platform(),
                "processors": os.cpu_count(),
            },
        }

    def _link_latest(self) -> None:
        link = self.path.parent / "latest"
        fresh = self.path.parent / f".latest-{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.path.name)
        fresh.replace(link)
