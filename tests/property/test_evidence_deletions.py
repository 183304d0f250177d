"""No sequence of deletions makes a legal history illegal: the claim on which every core rests.

`GONG_BUDGET` multiplies the number of random histories; 20 tries over 20,000 legal ones.
"""

import os
import random

import pytest

from checker.evidence.deletions import Facts, Work, apply
from tests.support.deletions import (
    LETTERS,
    is_linearizable,
    random_deletions,
    random_history,
    random_model,
)

BUDGET = int(os.environ.get("GONG_BUDGET", "1"))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LETTERS))
def test_what_deletions_leave_of_a_legal_history_is_legal(name: str) -> None:
    rng = random.Random(f"{name} {BUDGET}")
    legal = used = 0
    for _ in range(200 * BUDGET):
        model = random_model(rng, name)
        history = random_history(rng, model)
        facts, work = Facts(model, history), Work(history, model.initial)
        if not is_linearizable(work, facts):
            continue
        legal += 1
        for step in random_deletions(rng, work, facts, 4):
            before, work = work, apply(step, work, facts)
            used += 1
            assert is_linearizable(work, facts), (model.initial, step, before.operations)
    assert legal > 80 * BUDGET
    assert used > 200 * BUDGET


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cas-register", "fifo-queue", "mutex"])
def test_deleting_any_operation_would_be_noticed(name: str) -> None:
    """The test above can fail: an operation that some other one rests on is no sound deletion."""
    rng = random.Random(name)
    broken = 0
    for _ in range(200):
        model = random_model(rng, name)
        history = random_history(rng, model)
        facts, work = Facts(model, history), Work(history, model.initial)
        if is_linearizable(work, facts):
            gone = rng.choice(history)
            left = [operation for operation in history if operation is not gone]
            broken += not is_linearizable(Work(left, model.initial), facts)
    assert broken > 5
