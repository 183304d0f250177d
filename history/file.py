"""Our own history file, version 1: a header, then one event a line, in the order of events.

Append-only: whatever kills the writer, all lines that were complete stay readable, and the one that
was not is dropped with a warning when the file is read.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from history.columnar import IS_NATIVE, read_into, start_of
from history.columns import OperationsView
from history.errors import HistoryError
from history.event import Event, Fail, Info, Invocation, Ok
from history.history import History
from history.lines import decoded_lines, numbered
from history.pairing import pair

if TYPE_CHECKING or IS_NATIVE:
    from history._native import EventReader

VERSION: Final = 1
FORMAT: Final = "gong"
"""The name of this format among the others."""

_BATCH_BYTES: Final = 1 << 16
"""Bytes handed to the system at once by `Writer.append_all`. A guess: a fraction of a millisecond."""

_EVENTS: Final = msgspec.json.Decoder(Invocation | Ok | Fail | Info)
_OBJECTS: Final = msgspec.json.Decoder(dict[str, Any])


def read(file: BinaryIO, *, source: str | None = None) -> History:
    """Read and pair a whole file; an empty one is a history without operations.

    Raises:
        HistoryError: a line that is not torn is broken, or the events are not a history.
    """
    start = start_of(file)
    if start is not None:
        history = _read_natively(file, source)
        if history is not None:
            return history
        file.seek(start)
    warnings: list[str] = []
    lines = numbered(file)
    header, lines = _take_header(lines, source=source, warnings=warnings)
    events: Iterator[tuple[int, Event]] = decoded_lines(
        lines, _EVENTS, source=source, warnings=warnings
    )
    paired = pair(events, source=source)
    return History(
        operations=paired.operations,
        annotations=paired.annotations,
        header=header,
        warnings=warnings,
        source=source,
        format=FORMAT,
        has_times=paired.has_times,
    )


def _read_natively(file: BinaryIO, source: str | None) -> History | None:
    """The same, faster; `None` when the file is not plain enough for that."""
    warnings: list[str] = []
    first = next(((number, line) for number, line in numbered(file) if line.strip()), (0, b""))
    header, lines = _take_header(iter([first]), source=source, warnings=warnings)
    is_header = not list(lines)
    reader = EventReader(first[0] if is_header else first[0] - 1)
    columns = read_into(
        reader, file, _EVENTS, first=b"" if is_header else first[1], warnings=warnings
    )
    if columns is None:
        return None
    try:
        annotations = [
            event
            for _, event in decoded_lines(reader.annotations(), _EVENTS, source=None, warnings=[])
        ]
    except HistoryError:
        return None
    return History(
        operations=OperationsView(columns),
        annotations=annotations,
        header=header,
        warnings=warnings,
        source=source,
        format=FORMAT,
        has_times=columns.native.has_times,
        columns=columns,
    )


def _take_header(
    lines: Iterator[tuple[int, bytes]], *, source: str | None, warnings: list[str]
) -> tuple[dict[str, Any], Iterator[tuple[int, bytes]]]:
    """Return the header, `{}` where there is none, and the lines that follow it."""
    for number, line in lines:
        if not line.strip():
            continue
        first = [(number, line)]
        if b'"history"' not in line:
            return {}, chain(first, lines)
        for _, header in decoded_lines(first, _OBJECTS, source=source, warnings=warnings):
            if "history" not in header or "type" in header:
                return {}, chain(first, lines)
            version = header["history"]
            if version != VERSION or isinstance(version, bool):
                shown = msgspec.json.encode(version).decode()
                raise HistoryError(
                    f"history file version {shown}, expected {VERSION}", number, source
                )
            return header, lines
    return {}, lines


class Writer:
    """Appends lines to a file; what an append was given is with the system when it returns.

    The system keeps it when this process is killed, not when the machine loses power.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._encoder = msgspec.json.Encoder()
        self._is_broken = False

    @classmethod
    def create(cls, path: str | Path) -> "Writer":
        """Open a new file; one that exists is somebody's history and is left alone."""
        return cls(Path(path).open("xb", buffering=0))

    def append(self, value: Event | Mapping[str, Any]) -> None:
        """Append one line."""
        self._write(self._encoder.encode(value) + b"\n")

    def append_all(self, values: Iterable[Event | Mapping[str, Any]]) -> None:
        """Append many lines in batches; each batch is handed over as a whole."""
        batch = bytearray()
        for value in values:
            batch += self._encoder.encode(value)
            batch += b"\n"
            if len(batch) >= _BATCH_BYTES:
                self._write(bytes(batch))
                batch.clear()
        if batch:
            self._write(bytes(batch))

    def close(self) -> None:
        """Close the file, also one that was given."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        # A line after half a line would be a broken line in the middle, which no reader forgives.
        assert not self._is_broken, "an earlier write failed; this file takes no more lines"
        self._is_broken = True
        rest = memoryview(data)
        while rest:
            written = self._file.write(rest)
            rest = rest[written:]
        self._file.flush()
        self._is_broken = False


def write(
    file: BinaryIO, events: Iterable[Event], *, header: Mapping[str, Any] | None = None
) -> None:
    """Write a whole file in version 1; leaves `file` open."""
    writer = Writer(file)
    writer.append(header_line(header))
    writer.append_all(events)


def header_line(header: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the first line of a file: the version, then what the caller says of the run."""
    fields = dict(header or {})
    fields.pop("history", None)
    fields = {"history": VERSION, **fields}
    assert "type" not in fields, "a line with a type is an event"
    return fields
