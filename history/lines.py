"""JSON lines: one value a line, strict everywhere but at the torn end a crash leaves behind."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, TypeVar

import msgspec

from history.errors import HistoryError

T = TypeVar("T")


def decoded_lines(
    lines: Iterable[tuple[int, bytes]],
    decoder: msgspec.json.Decoder[T],
    *,
    source: str | None,
    warnings: list[str],
) -> Iterator[tuple[int, T]]:
    """Yield each line's number and value; blank lines are passed over.

    A last line that is not complete JSON and has no newline was being written when its writer
    died: it is dropped, with a sentence in `warnings`. A complete value without its newline is
    kept: an object ends with `}`, so no cut can make one object into another.

    Raises:
        HistoryError: a line is not UTF-8, not JSON, or not what the decoder expects.
    """
    decode = decoder.decode
    for number, line in lines:
        try:
            if not line.isascii():
                line.decode()  # unknown fields are skipped unread, also when they are not UTF-8
            value = decode(line)
        except (ValueError, RecursionError) as why:
            if not line.strip():
                continue
            if not line.endswith(b"\n") and not _is_json(line):
                warnings.append(torn_line(number))
                return
            raise HistoryError(_reason(why), number, source) from why
        yield number, value


def numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file with their numbers, from 1; reads as it goes."""
    return enumerate(file, start=1)


def torn_line(number: int) -> str:
    """Word the warning about a last line that was cut."""
    return f"line {number} is torn (its writer was stopped while writing it) and was dropped"


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except ValueError:
        return False
    except RecursionError:
        return True  # too deep to tell, so let it be refused
    return True


def _reason(why: Exception) -> str:
    match why:
        case UnicodeDecodeError():
            return f"not UTF-8 (byte {why.start} of the line)"
        case RecursionError():
            return "JSON is nested too deeply"
        case msgspec.ValidationError():
            reason = str(why)
            return reason[0].lower() + reason[1:]
        case _:
            return f"expected one JSON object: {why}"
