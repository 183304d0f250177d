"""No sequence of deletions makes a legal history illegal: the claim on which every core rests.

`GONG_BUDGET` multiplies the number of random histories; 20 tries over 20,000 legal ones.
"""

import os
import random

import pytest

from checker.evidence.conditions import Rest
from checker.evidence.deletions import apply
from checker.evidence.naming import exactly
from checker.evidence.steps import Rule
from checker.evidence.work import Facts, Tally, Work, is_optional
from history import Operation
from tests.support.deletions import (
    LETTERS,
    is_linearizable,
    random_deletions,
    random_history,
    random_model,
    random_step,
)
from tests.support.strategies import Letter, operation

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


MISSES: dict[str, list[Letter]] = {
    "cas-register": [
        *(("cas", [old, new], hit) for old in (None, 1, 2, 3) for new in (1, 2) for hit in (0, 1)),
        *(("write", value, None) for value in (1, 2, 3)),
        *(("read", None, value) for value in (None, 1, 2)),
    ],
    "kv": [
        *(
            ("cas", [old, new], hit)
            for old in (None, "a", 1)
            for new in ("ab", 2)
            for hit in (0, 1)
        ),
        *(("put", value, None) for value in ("a", 1, 2)),
        *(("append", text, None) for text in ("a", "b")),
        *(("get", None, value) for value in (None, "ab", 1, 2)),
        ("delete", None, None),
    ],
}
"""What a cas that found another value is about, before and after it. (`hit` becomes a boolean.)"""


def missing_history(rng: random.Random, name: str) -> list[Operation]:
    """Half of the cas missed; results are not chosen to fit, so that most are illegal."""
    history = []
    count = rng.randrange(1, 7)
    ends = [number for number in range(count) for _ in range(2)]
    rng.shuffle(ends)
    for number in range(count):
        f, value, output = rng.choice(MISSES[name])
        call = ends.index(number)
        crashed = rng.random() < 0.15
        history.append(
            operation(
                number,
                f,
                value,
                bool(output) if f == "cas" else output,
                call=call,
                return_=None if crashed else ends.index(number, call + 1),
            )
        )
    return history


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LETTERS, *(f"{name} misses" for name in MISSES)])
def test_the_verifier_accepts_each_step_and_leaves_the_same(name: str) -> None:
    """Shrinking and verifying know the rules independently, and must not disagree about any."""
    kind, _, misses = name.partition(" ")
    rng = random.Random(f"agree {name} {BUDGET}")
    used = 0
    for _ in range(150 * BUDGET):
        model = random_model(rng, kind)
        history = missing_history(rng, kind) if misses else random_history(rng, model)
        facts, work = Facts(model, history), Work(history, model.initial)
        rest = Rest(history, model)
        for _ in range(8):
            step = random_step(rng, work)
            if step.rule is Rule.KEY or (step.rule is Rule.UNOBSERVED and step.operations is None):
                continue  # never made by shrinking
            after = apply(step, work, facts)
            if after == work:
                continue
            used += 1
            step = exactly(step, work, after)
            assert rest.take(step) is None, (model.initial, step, work.operations)
            assert _left_to_shrink(after) == _left_to_verify(rest), (step, work.operations)
            work = after
    assert used > 100 * BUDGET


def _left_to_shrink(work: Work) -> tuple[object, dict[int, float | None]]:
    state = work.initial.count if isinstance(work.initial, Tally) else work.initial
    return state, {o.index: None if is_optional(o) else o.return_ for o in work.operations}


def _left_to_verify(rest: Rest) -> tuple[object, dict[int, float | None]]:
    return rest.initial, {i.index: i.end if i.is_required else None for i in rest.items.values()}
