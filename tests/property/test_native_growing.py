"""Looking ahead never changes a verdict, for objects that grow: lists, texts, sums and sets.

A fixed number of histories by default; `GONG_HISTORIES_COUNT` sets another, and `GONG_SEED` where
to begin, for an evening's run.
"""

import os
import random

import pytest

from checker import Budget, Linearizable, VerdictKind, check
from checker.budget import Meter
from checker.lowering import lower, native_search, run
from checker.prepare import prepare
from checker.witness import flaw
from history import Operation
from tests.property.test_native_brute_force import same_culprit, small_history
from tests.support.brute_force import exhaustive
from tests.support.growing import LETTERS, model_of, nearly_valid

pytestmark = [
    pytest.mark.skipif(native_search() is None, reason="no native engine in this build"),
    pytest.mark.slow,
]

COUNT = int(os.environ.get("GONG_HISTORIES_COUNT", "4000"))
SEED = int(os.environ.get("GONG_SEED", "1"))


@pytest.mark.parametrize("name", LETTERS)
def test_any_small_history_is_judged_as_by_trying_every_order(name: str) -> None:
    rng = random.Random(f"{SEED} growing {name}")
    seen = [
        verdict_of(small_history(rng, LETTERS[name], operations_max=8), name)
        for _ in range(COUNT // 2)
    ]
    assert min(seen.count(kind) for kind in set(seen)) > COUNT // 100
    assert len(set(seen)) == 2


@pytest.mark.parametrize("name", LETTERS)
def test_nearly_valid_histories_are_judged_as_by_trying_every_order(name: str) -> None:
    rng = random.Random(f"{SEED} nearly growing {name}")
    seen = [
        verdict_of(nearly_valid(rng, name, count=rng.randrange(4, 12)), name)
        for _ in range(COUNT // 2)
    ]
    assert min(seen.count(kind) for kind in set(seen)) > COUNT // 100
    assert len(set(seen)) == 2


@pytest.mark.parametrize("name", LETTERS)
def test_each_prefix_is_judged_alike_with_and_without_looking_ahead(name: str) -> None:
    """What is returned after the end of a prefix is not required, and so nobody waits for it."""
    native, meter = native_search(), Meter(Budget())
    assert native is not None
    rng = random.Random(f"{SEED} prefixes {name}")
    for _ in range(COUNT // 10):
        operations = nearly_valid(rng, name, count=rng.randrange(4, 12))
        problem = prepare(operations, model_of(name))
        lowered, table = lower(problem), problem.table
        for end in range(1, problem.live_count + 1):
            ahead = run(native, table, lowered, meter, end=end)
            plain = run(native, table, lowered, meter, end=end, look_ahead=False)
            assert ahead.status == plain.status, (end, operations)


def verdict_of(operations: list[Operation], name: str) -> VerdictKind:
    """The verdict of the native search, after comparing it with the others."""
    model = model_of(name)
    verdict = check(operations, model, engine="native", shrink=False)
    assert (verdict.kind is VerdictKind.LINEARIZABLE) is exhaustive(operations, model), operations
    reference = check(operations, model, engine="reference", shrink=False)
    assert verdict.kind is reference.kind
    assert same_culprit(verdict, reference), operations
    if isinstance(verdict, Linearizable):
        assert flaw(operations, model, verdict.witness.order) is None
    return verdict.kind
