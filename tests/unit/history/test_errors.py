"""How an error says where."""

import pytest

from history import HistoryError


@pytest.mark.parametrize(
    ("line", "source", "text"),
    [
        (None, None, "broken"),
        (3, None, "line 3: broken"),
        (None, "h.jsonl", "h.jsonl: broken"),
        (3, "h.jsonl", "h.jsonl:3: broken"),
    ],
    ids=["neither", "line", "file", "both"],
)
def test_an_error_names_what_it_knows(line: int | None, source: str | None, text: str) -> None:
    assert str(HistoryError("broken", line, source)) == text
