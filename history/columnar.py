"""Feed a file to a native reader, which makes columns of it, or find that it cannot.

The native readers know the common case of two formats and never accept what the Python readers
refuse. At anything else they give up, and the Python reader takes the file from where it began: so
an error is always worded by one reader, and no file means something else for being large.

Without a compiler at hand nothing native was built; then the Python readers read everything.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar

import msgspec

from history.columns import Columns
from history.errors import HistoryError
from history.lines import decoded_lines
from history.operation import Operation

IS_NATIVE: Final = find_spec("history._native") is not None
"""Whether this build has native readers. Where they exist, one that does not load is an error."""

if TYPE_CHECKING or IS_NATIVE:
    from history._native import columns_of as _columns_of

if TYPE_CHECKING:
    from history._native import Reader

T = TypeVar("T")

_CHUNK_BYTES: Final = 1 << 20
"""Read at once: enough to make calls cheap, little enough to stay in the second cache."""


def columns_of(
    operations: list[Operation], is_over: Callable[[], bool] = lambda: False
) -> Columns | None:
    """The same as columns; `None` where nothing native was built, or a value does not fit.

    `None` too as soon as `is_over`, which is asked every few milliseconds.
    """
    if not IS_NATIVE:
        return None
    native = _columns_of(operations, msgspec.json.encode, is_over)
    return None if native is None else Columns(native)


def start_of(file: BinaryIO) -> int | None:
    """Where `file` stands, so that a second reader can begin there; `None` to do without a first."""
    return file.tell() if IS_NATIVE and file.seekable() else None


def read_into(
    reader: "Reader",
    file: BinaryIO,
    decoder: msgspec.json.Decoder[T],
    *,
    first: bytes = b"",
    warnings: list[str],
) -> Columns | None:
    """Give `first` and then the rest of `file` to `reader`; `None` when that gave up.

    What stands behind the last newline is judged by the `decoder` of the Python reader: kept when
    it is whole, dropped with a warning when it is torn.
    """
    if not reader.feed(first):
        return None
    while chunk := file.read(_CHUNK_BYTES):
        if not reader.feed(chunk):
            return None
    if rest := reader.rest():
        lines = [(reader.line_number + 1, rest)]
        try:
            is_whole = bool(list(decoded_lines(lines, decoder, source=None, warnings=warnings)))
        except HistoryError:
            return None
        if not is_whole:
            reader.drop_rest()
        elif not reader.feed(b"\n"):
            return None
    return Columns(reader.take_columns()) if reader.finish() else None
