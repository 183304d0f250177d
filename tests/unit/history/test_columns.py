"""Columns: what words stand for, operations made of them, and when the native reader gives up."""

import io
import json
from typing import Any

import pytest

from history import History, HistoryError, Outcome, columnar
from history.columns import ABSENT, FALSE, NULL, TRUE, Columns
from history.file import read
from history.formats import operations

pytestmark = pytest.mark.skipif(not columnar.IS_NATIVE, reason="no native reader in this build")


def of_values(*values: Any) -> Columns:  # noqa: ANN401 - any JSON value
    lines = [{"process": 0, "f": "write", "value": v, "call": 1, "return": 2} for v in values]
    columns = operations.read(io.BytesIO("\n".join(map(json.dumps, lines)).encode())).columns
    assert columns is not None
    return columns


def of_events(*lines: str) -> History:
    return read(io.BytesIO("".join(line + "\n" for line in lines).encode()))


INVOKE = '{"type":"invoke","process":1,"f":"read","time":5}'
OK = '{"type":"ok","process":1,"value":7,"time":5}'


def test_a_word_stands_for_its_value() -> None:
    values = [None, True, False, 0, -1, 10**17, "", "a\n", [], [1, "a"], [[1, 2], 3], {"a": [1]}]
    columns = of_values(*values)
    assert [columns.value(word) for word in columns.native.value] == values
    assert list(columns.native.value[:3]) == [NULL, TRUE, FALSE]


def test_the_word_of_a_value_is_that_of_the_history() -> None:
    columns = of_values("b", "a", 5, None, True, 'q"\n')
    words = list(columns.native.value)
    assert [columns.word(value) for value in ("b", "a", 5, None, True, 'q"\n')] == words
    assert columns.word("c") is None
    assert columns.word(1.5) is None
    assert columns.word(10**18) is None


def test_equal_values_have_equal_words() -> None:
    columns = of_values([1, [2, "x"]], "a", [1, [2, "x"]], "a")
    first, second, third, fourth = columns.native.value
    assert (first, second) == (third, fourth)


def test_an_absent_key_is_not_null() -> None:
    history = of_events(
        '{"type":"invoke","process":1,"f":"read","key":null}',
        '{"type":"invoke","process":2,"f":"read"}',
    )
    assert history.columns is not None
    assert history.columns.native.key is not None
    assert list(history.columns.native.key) == [NULL, ABSENT]
    assert [operation.key for operation in history.operations] == [None, None]


def test_columns_that_nobody_uses_are_not_there() -> None:
    columns = of_values(1)
    for column in ("key", "session", "seq", "node", "error"):
        assert getattr(columns.native, column) is None


def test_positions_stand_in_for_ranks_where_no_times_are_equal() -> None:
    events = [INVOKE.replace("5}", f"{5 + n}}}").replace("1,", f"{n},") for n in range(3)]
    columns = of_events(*events).columns
    assert columns is not None
    calls, _, bound = columns.points
    assert list(calls) == [0, 1, 2]
    assert bound == 3
    tied = of_events(INVOKE, OK, INVOKE).columns
    assert tied is not None
    assert list(tied.points[0]) == [0, 1]
    assert list(tied.points[1]) == [2, -1]


def test_views_outlive_what_they_were_taken_from() -> None:
    values = of_values(*range(1000)).native.value
    assert [word >> 2 for word in values] == list(range(1000))


def test_operations_are_made_when_asked_for() -> None:
    view = of_events(INVOKE, OK, INVOKE).operations
    assert len(view) == 2
    assert view[0].output == 7
    assert view[-1].outcome is Outcome.UNKNOWN
    assert view[0] == next(iter(view))
    with pytest.raises(IndexError):
        view[2]
    assert view == list(view)
    assert view != [view[0]]


@pytest.mark.parametrize(
    "line",
    [
        INVOKE.replace("}", ',"value":1.5}'),
        INVOKE.replace("}", ',"value":"\\u00e9"}'),
        INVOKE.replace("}", f',"value":{10**20}}}'),
        INVOKE.replace("}", ',"f":"read"}'),
        INVOKE.replace("}", f',"value":{"[" * 40}{"]" * 40}}}'),
    ],
)
def test_what_is_rare_is_left_to_the_python_reader(line: str) -> None:
    history = of_events(line)
    assert history.columns is None
    assert len(history.operations) == 1


def test_what_is_wrong_is_worded_by_the_python_reader() -> None:
    with pytest.raises(HistoryError, match="line 3: a response, but no invocation of process 1"):
        of_events(INVOKE, OK, OK)


def test_a_torn_line_does_not_cost_the_columns() -> None:
    history = read(io.BytesIO(f"{INVOKE}\n{OK}\n{INVOKE[:20]}".encode()))
    assert history.columns is not None
    assert len(history.operations) == 1
    assert len(history.warnings) == 1
