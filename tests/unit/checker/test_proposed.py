"""Claim: a proposed order decides exactly where it is one of the history, and never in favour of a bad one."""

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path

import pytest

from checker import Linearizable, NotLinearizable, OperationError, check, find_model
from checker.proposed import verified
from history import Operation, Outcome, load
from tests.support.brute_force_orders import all_orders
from tests.support.strategies import operation, timeline

MDL = Path(__file__).parents[2] / "data" / "histories" / "mdl"

FILES = sorted(MDL.glob("*/*.jsonl"))

KV = find_model("kv")

HISTORY = [
    *timeline(
        ("put", "a", None, 0, 4),
        ("get", None, "a", 1, 5),
        ("append", "b", None, 6, None),
        ("get", None, "ab", 7, 8),
    ),
    operation(4, "put", "c", call=9, return_=10, outcome=Outcome.FAILED),
]

CONSISTENCIES = ("linearizable", "sequential", "mdl")


def sequences(operations: Sequence[Operation]) -> Iterator[tuple[int, ...]]:
    """Every order of all or some."""
    indices = [operation.index for operation in operations]
    for size in range(len(indices) + 1):
        yield from permutations(indices, size)


@pytest.mark.parametrize("consistency", ["sequential", "mdl"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_of_all_sequences_those_are_verified_that_satisfy_the_definition(
    path: Path, consistency: str
) -> None:
    operations = list(load(path).operations)
    found = [
        each
        for each in sequences(operations)
        if verified(operations, KV, each, consistency) is not None
    ]
    allowed = [tuple(o.index for o in each) for each in all_orders(operations, KV, consistency)]
    assert sorted(found) == sorted(allowed)
    if consistency == "mdl":
        assert bool(found) == (path.parent.name == "good")


@pytest.mark.parametrize("consistency", CONSISTENCIES)
def test_an_order_that_is_one_is_the_evidence_and_nothing_is_searched(consistency: str) -> None:
    verdict = check(HISTORY, KV, consistency=consistency, proposed=[0, 1, 2, 3])
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == (0, 1, 2, 3)
    assert verdict.statistics.engines == {"proposed": 1}
    assert (verdict.statistics.operations, verdict.statistics.crashed) == (5, 1)


@pytest.mark.parametrize("consistency", CONSISTENCIES)
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([1, 0, 2, 3], id="a read before what it read"),
        pytest.param([0, 1, 3, 2], id="an unknown one too late"),
        pytest.param([0, 1, 2], id="without an acknowledged one"),
        pytest.param([0, 1, 3], id="without an unknown one that was seen"),
        pytest.param([0, 1, 2, 3, 4], id="with a failed one"),
        pytest.param([0, 1, 2, 3, 3], id="one twice"),
        pytest.param([0, 1, 2, 3, 77], id="with one that nobody knows"),
        pytest.param([], id="empty"),
    ],
)
def test_any_other_is_ignored(consistency: str, wrong: list[int]) -> None:
    verdict = check(HISTORY, KV, consistency=consistency, proposed=wrong)
    without = check(HISTORY, KV, consistency=consistency)
    assert isinstance(verdict, Linearizable)
    assert verdict == without
    assert "proposed" not in verdict.statistics.engines


@pytest.mark.parametrize("consistency", ["linearizable", "mdl"])
def test_a_guilty_history_is_blamed_as_without_it(consistency: str) -> None:
    guilty = [*HISTORY, operation(5, "get", None, "a", call=11, return_=12)]
    verdict = check(guilty, KV, consistency=consistency, proposed=[0, 1, 5, 2, 3])
    assert isinstance(verdict, NotLinearizable)
    assert verdict == check(guilty, KV, consistency=consistency)


def test_real_time_between_keys_is_kept_where_it_counts() -> None:
    history = [
        operation(0, "put", "a", call=0, return_=1, key="x"),
        operation(1, "put", "a", call=2, return_=3, key="y"),
    ]
    verdicts = {name: verified(history, KV, [1, 0], name) is not None for name in CONSISTENCIES}
    assert verdicts == {"linearizable": False, "mdl": False, "sequential": True}


def test_a_history_that_is_read_once_is_searched_nevertheless() -> None:
    verdict = check(iter(HISTORY), KV, proposed=[])
    assert isinstance(verdict, Linearizable)
    assert verdict.statistics.operations == len(HISTORY)


def test_an_operation_that_does_not_fit_the_model_is_named_all_the_same() -> None:
    history = [operation(0, "append", 5, call=0, return_=1)]
    with pytest.raises(OperationError, match="append takes a string, not 5"):
        check(history, KV, proposed=[0])
    history = [operation(0, "enqueue", 5, call=0, return_=1)]
    with pytest.raises(OperationError, match="has no operation 'enqueue'"):
        check(history, KV, consistency="mdl", proposed=[0])
