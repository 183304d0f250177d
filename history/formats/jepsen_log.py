r"""Jepsen's log of 2014: `INFO  jepsen.util - 3\t:invoke\t:cas\t[1 2]`, tabs or runs of spaces.

Lines of other loggers are passed over. The last column is nil, an EDN value, or, in a completion, a
keyword that says what went wrong (`:timed-out`). Nil is the initial value of the register, so a read
that is ok with nil observed it. There are no times.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, BinaryIO, Final

from msgspec import UNSET

from history.errors import HistoryError
from history.event import Event, Invocation
from history.formats import edn, jepsen
from history.formats.logs import read_log
from history.history import History
from history.lines import torn_line

NAME: Final = "jepsen-log"

_EVENT: Final = re.compile(
    r"INFO\s+jepsen\.util\s+-\s+(:[\w-]+|\d+)\s+(:invoke|:ok|:fail|:info)\s+:([\w-]+)(?:\s+(.*?))?\s*"
)
_OTHER: Final = re.compile(
    r"(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s+(?!jepsen\.util\s)\S+\s+-(?:\s|$)"
)


def recognises(head: str) -> bool:
    """True for text with a line of Jepsen's own logger that tells an event."""
    return re.search(r"^INFO\s+jepsen\.util\s+-\s", head, re.MULTILINE) is not None


def read(file: BinaryIO, *, source: str | None = None) -> History:
    """Read and pair a whole file."""
    return read_log(file, _events, format=NAME, source=source)


def _events(text: str, source: str | None, warnings: list[str]) -> Iterator[tuple[int, Event]]:
    value_of = cache(edn.read_one)  # a register's values repeat
    lines = text.split("\n")
    for line, words in enumerate(lines, start=1):
        event = _EVENT.fullmatch(words)
        if event is None:
            if not words.strip() or _OTHER.match(words):
                continue
            if line == len(lines):
                warnings.append(torn_line(line))
                return
            raise HistoryError(
                "expected `INFO jepsen.util - PROCESS :TYPE :F VALUE` in columns", line, source
            )
        process, kind, f, rest = event.groups()
        try:
            value: Any = value_of(rest or "nil")
        except HistoryError as why:
            if line == len(lines):
                warnings.append(torn_line(line))
                return
            raise HistoryError(why.message, line, source) from why
        error: Any = None
        make = jepsen.kind(kind)
        assert make is not None
        if make is not Invocation and isinstance(value, str) and value.startswith(":"):
            value, error = UNSET, jepsen.error(value)
        yield (
            line,
            make(
                process=process[1:] if process.startswith(":") else int(process),
                f=f,
                value=value,
                error=error,
            ),
        )
