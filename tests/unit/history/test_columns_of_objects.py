"""Operations that are objects already become columns that stand for the same, or none at all."""

import os
from pathlib import Path
from typing import Any

import pytest

from history import Operation, Outcome, columnar, load
from history.columnar import columns_of
from history.columns import OperationsView

pytestmark = pytest.mark.skipif(not columnar.IS_NATIVE, reason="no native reader in this build")

HISTORIES = Path(__file__).parents[2] / "data" / "histories"


def operation(**fields: Any) -> Operation:  # noqa: ANN401 - whatever a field holds
    plain: dict[str, Any] = {
        "index": 0, "process": 3, "f": "write", "outcome": Outcome.OK, "call": 1, "return_": 2,
        "call_time": 10,
    }  # fmt: skip
    return Operation(**{**plain, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"process": "a", "key": "k\n", "session": 4, "seq": 7, "node": "n1", "error": "mismatch"},
        {"value": [1, None], "output": True, "f": "cas"},
        {"value": [1, [2, "x", None, True]], "output": "ü", "line": 12, "return_time": 20},
        {"value": 'a "quoted" \\ word', "output": False, "key": 0},
        {"outcome": Outcome.UNKNOWN, "return_": None, "return_time": 99},
        {"outcome": Outcome.FAILED, "error": ["why", "not"]},
        {"value": 10**17, "output": -1, "call_time": -5},
        {"value": [], "output": [[1], [2]]},
        {"stamp": (0, 17)},
        {"stamp": ("left", -(10**17)), "value": [1, 2], "f": "cas", "output": True},
    ],
)
def test_columns_stand_for_the_same_operation(fields: dict[str, Any]) -> None:
    columns = columns_of([operation(**fields)])
    assert columns is not None
    assert list(columns.operations(0, 1)) == [operation(**fields)]
    assert columns.points[2] > max(operation(**fields).call, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"index": 1},
        {"value": 1.5},
        {"value": 10**18},
        {"value": {"a": 1}},
        {"value": [[1, 2.0]]},
        {"value": (1, 2)},
        {"value": "\ud800"},
        {"key": [1, 2]},
        {"call": 2**31},
        {"call_time": 1.5},
        {"return_": None},
        {"outcome": Outcome.UNKNOWN},
        {"stamp": (1, 10**18)},
        {"stamp": (1, 2, 3)},
        {"stamp": (1.5, 2)},
    ],
)
def test_what_has_no_words_has_no_columns(fields: dict[str, Any]) -> None:
    assert columns_of([operation(**fields)]) is None


def test_equal_values_have_one_word() -> None:
    values = ["a", 'b"', 1, None, True, [1, [2]], "a", 'b"', 1, None, True, [1, [2]]]
    columns = columns_of(
        [
            operation(index=n, value=value, call=2 * n, return_=2 * n + 1)
            for n, value in enumerate(values)
        ]
    )
    assert columns is not None
    words = list(columns.native.value)
    assert words[:6] == words[6:]
    assert len(set(words)) == 6


def test_ranks_stay_as_they_are_where_times_would_say_otherwise() -> None:
    """A format may hold that what touches is ordered: return 1 and call 2 at one time."""
    columns = columns_of(
        [
            operation(index=0, call=0, return_=1, call_time=5, return_time=6),
            operation(index=1, call=2, return_=3, call_time=6, return_time=7),
        ]
    )
    assert columns is not None
    calls, returns = columns.ranks
    assert (list(calls), list(returns)) == ([0, 2], [1, 3])


def test_a_list_too_deep_has_no_word() -> None:
    deep: list[Any] = [1]
    for _ in range(40):
        deep = [deep]
    assert columns_of([operation(value=deep)]) is None


def test_every_public_history_has_columns_of_its_own() -> None:
    folder = Path(os.environ.get("GONG_HISTORIES", "/nowhere"))
    files = [path for path in folder.rglob("*") if path.suffix in {".log", ".edn", ".txt", ".hist"}]
    if not files:
        pytest.skip("GONG_HISTORIES names no folder with public histories")
    for path in files:
        history = load(path, keyed="keyed" in path.name)
        assert history.columns is not None, path
        assert list(history.columns.operations(0, len(history.columns))) == list(history.operations)


def test_operations_are_made_one_by_one_and_kept_when_all_were_made() -> None:
    columns = columns_of([operation(index=number, call=2 * number) for number in range(3)])
    assert columns is not None
    view = OperationsView(columns)
    begun = iter(view)
    first = next(begun)
    assert next(iter(view)) is not first, "nobody has gone through all yet, so nothing is kept"
    kept = list(view)
    assert all(one is other for one, other in zip(view, kept, strict=True))
    assert [first, *begun] == kept
