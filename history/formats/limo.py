"""LiMo's histories of queues and stacks: `[3] call push(a)`, `[3] return`, `[4] return a`.

The first line with content names the object: `# @object atomic-queue` or `atomic-stack`. A line is
an event of the client in brackets; there are no times. Values are names, numbers, or such as
`?<0,1>`, all of them taken as text. A removal says what it returned in its return, in its call
(`call pop(a)`), or, when it returned nothing or `empty`, that it found the object empty. What a file
does not finish is unknown, and so is a call whose client calls again before it returned.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from history.errors import HistoryError
from history.event import Event, Invocation, Ok
from history.formats.logs import read_log
from history.history import History
from history.lines import torn_line

NAME: Final = "limo-hist"

_OBJECT: Final = re.compile(r"#\s*@object\s+(\S+)\s*")
_CALL: Final = re.compile(r"\[(\d+)\]\s+call\s+(\w+)\s*(?:\((.*)\)|\s(.*?))?\s*")
_CLIENT: Final = re.compile(r"^\s*\[(\d+)\]", re.MULTILINE)
_RETURN: Final = re.compile(r"\[(\d+)\]\s+return(?:\s+(\S.*?))?\s*")

_OPERATIONS: Final = {
    "atomic-queue": {"enq": "enqueue", "add": "enqueue", "deq": "dequeue", "remove": "dequeue"},
    "atomic-stack": {"push": "push", "add": "push", "pop": "pop", "remove": "pop"},
}
"""By object, LiMo's names and those of our models."""

_INSERTS: Final = frozenset({"enqueue", "push"})

_EMPTY: Final = "empty"


def recognises(head: str) -> bool:
    """True where a comment of the beginning names an object."""
    return re.search(r"^#\s*@object\s", head, re.MULTILINE) is not None


def read(file: BinaryIO, *, source: str | None = None) -> History:
    """Read and pair a whole file."""
    return read_log(file, _events, format=NAME, source=source)


def _events(text: str, source: str | None, warnings: list[str]) -> Iterator[tuple[int, Event]]:
    reader = _Reader(text)
    lines = text.split("\n")
    for line, words in enumerate(map(str.strip, lines), start=1):
        try:
            if words.startswith("#"):
                reader.comment(words)
            elif words:
                yield line, reader.event(words)
        except HistoryError as why:
            if line == len(lines) and reader.names is not None:
                warnings.append(torn_line(line))
                return
            raise HistoryError(why.message, line, source) from why


class _Reader:
    """Lines to events."""

    def __init__(self, text: str) -> None:
        self.names: dict[str, str] | None = None
        """Known once the object is."""
        self._open: dict[int, tuple[int, str, str | None]] = {}
        """By client: the process, the operation and its argument."""
        self._unused = 1 + max(map(int, _CLIENT.findall(text)), default=0)

    def comment(self, words: str) -> None:
        """Take note of the object."""
        declared = _OBJECT.fullmatch(words)
        if declared is None:
            return
        self.names = _OPERATIONS.get(declared[1])
        if self.names is None:
            known = " or ".join(_OPERATIONS)
            raise HistoryError(f"object {declared[1]}, expected {known}")

    def event(self, words: str) -> Event:
        """The event on a line."""
        if (call := _CALL.fullmatch(words)) is not None:
            return self._call(int(call[1]), call[2], (call[3] or call[4] or "").strip() or None)
        if (returned := _RETURN.fullmatch(words)) is not None:
            return self._return(int(returned[1]), returned[2])
        raise HistoryError("expected `[CLIENT] call NAME` or `[CLIENT] return`")

    def _call(self, client: int, name: str, argument: str | None) -> Event:
        if self.names is None:
            raise HistoryError("expected `# @object …` before the first event")
        f = self.names.get(name)
        if f is None:
            raise HistoryError(f"operation {name}, expected one of {', '.join(self.names)}")
        if f in _INSERTS and argument is None:
            raise HistoryError(f"{name} has no value")
        process = client
        if client in self._open:
            # It went on without an answer, which may still have come to pass: somebody else's.
            process, self._unused = self._unused, self._unused + 1
        self._open[client] = process, f, argument
        return Invocation(process=process, f=f, value=argument if f in _INSERTS else None)

    def _return(self, client: int, result: str | None) -> Event:
        if client not in self._open:
            raise HistoryError(f"a return, but no call of client {client} is open")
        process, f, argument = self._open.pop(client)
        if f in _INSERTS:
            return Ok(process=process, f=f, value=argument)
        result = result or argument
        return Ok(process=process, f=f, value=None if result == _EMPTY else result)
