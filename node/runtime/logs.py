"""Loggers of a replica, under one name, `gong.node.<part>`, and what they write on stderr.

Text is for people. With `json`, each record is an object on a line of its own: `time` (UTC),
`level`, `server`, `part`, `message`, and the fields that the code gave it
(`extra={"fields": {...}}`); `error` holds a traceback where there is one.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

_ROOT: Final = "gong.node."

FORMATS: Final = ("text", "json")

_SPEAKER: Final[ContextVar[str]] = ContextVar("speaker", default="")
"""Which of several replicas in this process; empty where there is one."""


def logger(part: str) -> logging.Logger:
    """The logger of one part of the runtime."""
    return logging.getLogger(_ROOT + part)


@contextmanager
def speaking_as(server: str) -> Iterator[None]:
    """What is logged in the block, and by tasks begun there, is of `server`."""
    token = _SPEAKER.set(server)
    try:
        yield
    finally:
        _SPEAKER.reset(token)


class TextFormatter(logging.Formatter):
    """A line for people; it begins with who speaks where there are several."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line of `record`."""
        speaker = _SPEAKER.get()
        line = super().format(record)
        return f"{speaker} {line}" if speaker else line


class JsonFormatter(logging.Formatter):
    """One object a line, whatever a message contains."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self._server = server

    def format(self, record: logging.LogRecord) -> str:
        """`record` as JSON."""
        moment = datetime.fromtimestamp(record.created, UTC)
        entry: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "server": _SPEAKER.get() or self._server,
            "part": record.name.removeprefix(_ROOT),
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if fields is not None:
            entry["fields"] = fields
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def log_to_stderr(log_format: str, server: str) -> None:
    """Write what is worth knowing to stderr from now on, in one of `FORMATS`."""
    assert log_format in FORMATS, log_format
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(server) if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO)
