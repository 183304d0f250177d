"""Which format a file is in, judged by how it begins, and the one function that reads any of them.

A format is a module with a NAME, `recognises(head)` and `read(file)`. A new one is added to the
table below.
"""

import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from history import file as gong
from history.columnar import columns_of
from history.errors import HistoryError
from history.formats import jepsen_edn, jepsen_log, kv_edn_lines, limo, operations
from history.history import History

AUTO: Final = "auto"

_HEAD_BYTES: Final = 1 << 16
"""Enough for the first event of any history behind a long comment."""


class _Read(Protocol):
    def __call__(self, file: BinaryIO, /, *, source: str | None) -> History: ...


@dataclass(frozen=True, slots=True)
class _Format:
    recognises: Callable[[str], bool]
    read: _Read


def _is_gong(head: str) -> bool:
    """True for any JSON object, whole or torn, and for an empty file."""
    return not head or re.match(r'\{\s*("|\Z)', head) is not None


# Asked in this order: a finished operation is a JSON object too, and the maps of kv-edn-lines could
# also be Jepsen's.
_FORMATS: Final = {
    operations.NAME: _Format(operations.recognises, operations.read),
    gong.FORMAT: _Format(_is_gong, gong.read),
    jepsen_log.NAME: _Format(jepsen_log.recognises, jepsen_log.read),
    limo.NAME: _Format(limo.recognises, limo.read),
    kv_edn_lines.NAME: _Format(kv_edn_lines.recognises, kv_edn_lines.read),
    jepsen_edn.NAME: _Format(jepsen_edn.recognises, jepsen_edn.read),
}

FORMAT_NAMES: Final = tuple(_FORMATS)
"""What `--format` accepts besides `AUTO`."""


def load(
    path: str | os.PathLike[str],
    format: str = AUTO,  # noqa: A002 - the word of the command line
    *,
    keyed: bool = False,
) -> History:
    """Read the history in a file; `keyed` says that Jepsen's values are `[key value]` pairs.

    Raises:
        HistoryError: the file cannot be read, or is not a history in that format.
    """
    source = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            name = _recognise(file, source) if format == AUTO else format
            if name not in _FORMATS:
                known = ", ".join((AUTO, *FORMAT_NAMES))
                raise HistoryError(
                    f"unknown format {name!r}, expected one of {known}", None, source
                )
            if keyed and name != jepsen_edn.NAME:
                raise HistoryError(
                    f"only {jepsen_edn.NAME} can be keyed, this is {name}", None, source
                )
            read = partial(jepsen_edn.read, keyed=True) if keyed else _FORMATS[name].read
            history = read(file, source=source)
    except OSError as why:
        raise HistoryError(f"cannot be read: {why.strerror or why}", None, source) from why
    if history.columns is None:
        history = replace(history, columns=columns_of(list(history.operations)))
    return history


def recognise(head: str) -> str | None:
    """Name of the format of a file that begins with `head`; `None` when none claims it."""
    lines = head.splitlines()
    while lines and (not lines[0].strip() or lines[0].lstrip().startswith(";")):
        del lines[0]
    begin = "\n".join(lines).lstrip()
    for name, candidate in _FORMATS.items():
        if candidate.recognises(begin):
            return name
    return None


def _recognise(file: BinaryIO, source: str) -> str:
    head = file.read(_HEAD_BYTES).decode(errors="replace")
    file.seek(0, io.SEEK_SET)
    name = recognise(head)
    if name is None:
        raise HistoryError(
            f"the format is not recognised, expected one of {', '.join(FORMAT_NAMES)}", None, source
        )
    return name
