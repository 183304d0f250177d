"""Claim: on columns, the native search judges registers of few values as by trying every order.

Larger histories are compared with the search that asks the Python model. `GONG_BUDGET` asks for
more.
"""

import os
import random
from collections import Counter
from typing import Any

import pytest
from msgspec import structs

from checker import Budget, Linearizable, Model, NotLinearizable, check, columnar, find_model
from checker.budget import Meter
from checker.columnar import search
from checker.columnar.operations import columns_for, initial_word
from checker.evidence.certificate import certify
from checker.evidence.verify import verify
from checker.values import value_of
from checker.verdict import Verdict
from checker.witness import flaw
from history import Operation, Outcome
from tests.support.brute_force import brute_force
from tests.support.strategies import ask_cas_register, atomic_history

pytestmark = pytest.mark.skipif(not columnar.IS_NATIVE, reason="no native engine in this build")

BUDGET = int(os.environ.get("GONG_BUDGET", "1500"))


def searched(history: list[Operation], model: Model) -> Verdict | None:
    """What the search on columns says, whether or not zones would have known."""
    columns = columns_for(history, model)
    assert columns is not None
    initial = initial_word(columns, value_of(model.initial))
    assert initial is not None
    return search.judge(columns, model, initial, meter=Meter(Budget()))


def small(rng: random.Random, model: Model) -> list[Operation]:
    """Up to eight operations of two or three values: any overlaps, failures, crashes and results."""
    count = rng.randrange(1, 9)
    ends = [number for number in range(count) for _ in range(2)]
    rng.shuffle(ends)
    values: list[Any] = rng.choice([[1, None], [1, "b"], [1, 2, None]])
    keys: list[Any] = rng.choice([[None], [None], ["x", "y"]])
    made: list[Operation] = []
    for number in sorted(range(count), key=ends.index):
        call, return_ = (at for at, end in enumerate(ends) if end == number)
        outcome = rng.choices(list(Outcome), [8, 1, 2])[0]
        operation = Operation(
            index=len(made), process=number, f="read", key=rng.choice(keys), outcome=outcome,
            call=call, return_=None if outcome is Outcome.UNKNOWN else return_, call_time=call,
        )  # fmt: skip
        kind = rng.random()
        if kind < 0.35:
            operation = structs.replace(operation, f="write", value=rng.choice(values))
        elif kind < 0.65 and "cas" in model.operations:
            pair = [rng.choice(values), rng.choice(values)]
            operation = structs.replace(operation, f="cas", value=pair, output=rng.random() < 0.5)
        else:
            operation = structs.replace(operation, output=rng.choice(values))
        made.append(operation)
    return made


@pytest.mark.slow
def test_small_histories_are_judged_as_by_trying_every_order() -> None:
    seen: Counter[str] = Counter()
    for seed in range(BUDGET):
        rng = random.Random(seed)
        model = find_model(rng.choice(["register", "cas-register", "kv"]))
        model = model.with_initial(rng.choice([None, None, 1, "nobody's"]))
        history = small(rng, model)
        verdict = searched(history, model)
        assert verdict is not None, seed
        assert verdict.kind is brute_force(history, model), seed
        seen[verdict.kind.value] += 1
        if isinstance(verdict, Linearizable):
            assert flaw(history, model, verdict.witness.order) is None, seed
        elif isinstance(verdict, NotLinearizable):
            by_python = check(history, model, engine="native", shrink=False)
            assert isinstance(by_python, NotLinearizable), seed
            told, expected = verdict.counterexample, by_python.counterexample
            assert expected.explanation.startswith(told.explanation) or told.key != expected.key
    assert min(seen.values()) > BUDGET // 10, seen


@pytest.mark.parametrize("seed", range(24))
def test_larger_histories_are_judged_as_with_the_model_in_python(seed: int) -> None:
    rng = random.Random(seed)
    model = find_model(rng.choice(["cas-register", "kv"]))
    made = atomic_history(
        rng,
        model,
        ask_cas_register,
        operations=300,
        processes=rng.choice([2, 5, 20]),
        keys=rng.choice([1, 1, 7]),
        crashed=rng.choice([0, 0.03]),
    )
    if seed % 2:
        reads = [o for o in made if o.f == "read" and o.outcome is Outcome.OK]
        for wrong in rng.sample(reads, 3):
            made[wrong.index] = structs.replace(wrong, output=rng.choice([0, 1, 2, 3, 9]))
    verdict = searched(made, model)
    by_python = check(made, model, engine="native", shrink=False)
    assert verdict is not None
    assert verdict.kind is by_python.kind
    whole = check(made, model)
    assert whole.kind is by_python.kind
    assert verify(made, certify(made, whole, model=model.name), model) is None
