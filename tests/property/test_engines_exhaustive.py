"""Each polynomial engine against trying every order, on small histories of every kind.

`GONG_BUDGET=40 pytest tests/property/test_engines_exhaustive.py` takes 20,000 of each kind.
"""

import os
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from msgspec import structs

from checker import Model
from checker.engines import engines_for
from checker.engines.interface import Accepted, Declined, Refuted
from checker.witness import flaw
from history import Operation
from tests.support.brute_force import exhaustive
from tests.support.collections_tangled import NAMES, tangled
from tests.support.generators import KINDS, histories, legal_history, subset
from tests.support.strategies import widened

BUDGET = int(os.environ.get("GONG_BUDGET", "1"))

MOSTLY_DECLINED = {"kv"}
"""Deleting twice is writing null twice."""


def judge(part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
    answer: Accepted | Refuted | Declined = Declined("no engine")
    for engine in engines_for(model):
        answer = engine.judge(part, model)
        if not isinstance(answer, Declined):
            break
    return answer


def assert_right(part: list[Operation], model: Model) -> str:
    answer = judge(part, model)
    is_legal = exhaustive(part, model)
    match answer:
        case Accepted(order):
            assert is_legal, part
            assert flaw(part, model, order) is None, (part, order)
            return "accepted"
        case Refuted(counterexample):
            assert not is_legal, (part, counterexample)
            alone = subset(part, counterexample.operations)
            assert not exhaustive(alone, model), (part, counterexample)
            assert counterexample.operation in counterexample.operations
            return "refuted"
        case Declined(reason):
            assert reason
            return "declined"


@pytest.mark.parametrize("name", KINDS)
def test_an_engine_judges_as_trying_every_order_does(name: str) -> None:
    """Also: what it accepts replays, and what it points at is illegal by itself."""
    answers = Counter(
        assert_right(part, KINDS[name].model) for part in histories(name, 500 * BUDGET, seed=1)
    )
    assert answers["accepted"] > 100 * BUDGET
    assert answers["refuted"] > 5 * BUDGET
    if name not in MOSTLY_DECLINED:
        assert answers["declined"] < 100 * BUDGET


@pytest.mark.parametrize("name", KINDS)
def test_widening_the_intervals_of_what_was_accepted_refutes_nothing(name: str) -> None:
    """A longer interval orders fewer operations; at most an engine can no longer tell."""
    model = KINDS[name].model
    rng = random.Random(3)
    for part in histories(name, 60 * BUDGET, seed=2):
        if isinstance(judge(part, model), Accepted):
            wide = with_sessions(widened(part, rng), part)
            assert not isinstance(judge(wide, model), Refuted), wide


def with_sessions(wide: Sequence[Operation], part: Sequence[Operation]) -> list[Operation]:
    return [structs.replace(o, session=p.session) for o, p in zip(wide, part, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_what_an_atomic_object_answered_is_never_refuted(name: str) -> None:
    """Too long to try all orders, but known to be legal."""
    kind = KINDS[name]
    for seed in range(15 * BUDGET):
        rng = random.Random(f"{name} {seed}")
        crashed = rng.choice((0.0, 0.02)) if name != "priority-ties" else 0.0
        part = legal_history(rng, kind, 250, processes=rng.choice((3, 8, 20)), crashed=crashed)
        answer = judge(part, kind.model)
        assert not isinstance(answer, Refuted), answer
        if isinstance(answer, Accepted):
            assert flaw(part, kind.model, answer.order) is None


@pytest.mark.parametrize("name", NAMES)
def test_items_that_only_together_contradict_each_other_are_judged_right(name: str) -> None:
    """Nothing is wrong with any one item of these histories; half of them are illegal."""
    answers: Counter[str] = Counter()
    for number in range(300 * BUDGET):
        part, model = tangled(random.Random(f"{name} {number}"), name)
        answers[assert_right(part, model)] += 1
    assert min(answers["accepted"], answers["refuted"]) > 80 * BUDGET
    assert answers["declined"] < 15 * BUDGET
