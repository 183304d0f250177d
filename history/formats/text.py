"""Bytes of a foreign file to text."""

from history.errors import HistoryError


def decoded(data: bytes, source: str | None) -> str:
    """Decode UTF-8; an error names the line."""
    try:
        return data.decode()
    except UnicodeDecodeError as why:
        line = data.count(b"\n", 0, why.start) + 1
        raise HistoryError(f"not UTF-8: byte {data[why.start]:#04x}", line, source) from why
