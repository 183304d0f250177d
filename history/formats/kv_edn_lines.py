"""Porcupine's key-value histories: one EDN map a line, get, put and append of strings per key.

`{:process 9, :type :invoke, :f :append, :key "0", :value "x 9 0 y"}`

A key that was never written reads as `""`, which is `None` here, as in the model `kv`. There are no
times; an invocation without a completion is unknown.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final

from history.errors import HistoryError
from history.event import Event
from history.formats import edn, jepsen
from history.formats.logs import read_log
from history.history import History
from history.lines import torn_line

NAME: Final = "kv-edn-lines"

_OPERATIONS: Final = frozenset({"get", "put", "append"})


def recognises(head: str) -> bool:
    """True where the first line is a map with a process and a key."""
    first = head.split("\n", 1)[0]
    return first.startswith("{") and ":process" in first and ":key" in first


def read(file: BinaryIO, *, source: str | None = None) -> History:
    """Read and pair a whole file."""
    return read_log(file, _events, format=NAME, source=source)


def _events(text: str, source: str | None, warnings: list[str]) -> Iterator[tuple[int, Event]]:
    end = text.rfind("\n") + 1
    for line, fields in edn.read_all(text[:end], source=source):
        yield line, _event(fields, line, source)
    last = text[end:]
    if not last.strip():
        return
    line = text.count("\n") + 1
    try:
        fields = edn.read_one(last)
    except HistoryError:
        warnings.append(torn_line(line))
        return
    yield line, _event(fields, line, source)


def _event(fields: object, line: int, source: str | None) -> Event:
    if not isinstance(fields, dict):
        raise HistoryError("expected a map with :process, :type, :f and :key", line, source)
    kind = jepsen.kind(fields.get(":type"))
    process = fields.get(":process")
    f = jepsen.name(fields.get(":f"))
    if kind is None:
        raise HistoryError("expected a :type of :invoke, :ok, :fail or :info", line, source)
    if not isinstance(process, int) or isinstance(process, bool):
        raise HistoryError("expected a :process that is an integer", line, source)
    if f not in _OPERATIONS:
        raise HistoryError("expected an :f of :get, :put or :append", line, source)
    if ":key" not in fields:
        raise HistoryError("expected a :key", line, source)
    value = fields.get(":value")
    if not isinstance(value, str | None):
        raise HistoryError("expected a :value that is a string or nil", line, source)
    absent = value == "" and f != "append"
    return kind(
        process=process,
        f=f,
        key=fields[":key"],
        value=None if absent else value,
        error=jepsen.error(fields.get(":error")),
    )
