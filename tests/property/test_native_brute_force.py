"""The native search, the reference and trying every order agree on all kinds of small histories.

A fixed number of histories by default; `GONG_HISTORIES_COUNT` sets another, and `GONG_SEED` where
to begin, for an evening's run.
"""

import os
import random
from collections.abc import Sequence

import pytest

from checker import Linearizable, NotLinearizable, VerdictKind, check, find_model
from checker.lowering import native_search
from checker.witness import flaw
from history import Operation
from tests.support.brute_force import brute_force
from tests.support.strategies import (
    CAS_LETTERS,
    KV_LETTERS,
    REGISTER_LETTERS,
    Letter,
    ask_cas_register,
    ask_unique_register,
    atomic_history,
    operation,
)

pytestmark = [
    pytest.mark.skipif(native_search() is None, reason="no native engine in this build"),
    pytest.mark.slow,
]

COUNT = int(os.environ.get("GONG_HISTORIES_COUNT", "4000"))
SEED = int(os.environ.get("GONG_SEED", "1"))

DISTINCT: Sequence[Letter] = [
    *(("read", None, value) for value in (None, 1, 2, 3, 4)),
    *(("write", value, None) for value in (1, 2, 3, 4)),
]
CHAINS: Sequence[Letter] = [
    *(("read", None, value) for value in (None, 1, 2, 3, 4)),
    *(("write", value, None) for value in (1, 2)),
    *(("cas", pair, True) for pair in ([None, 3], [1, 3], [3, 4], [2, 4], [1, 2])),
]
QUEUE: Sequence[Letter] = [
    *(("enqueue", value, None) for value in (1, 2)),
    *(("dequeue", None, value) for value in (None, 1, 2)),
    *(("peek", None, value) for value in (None, 1)),
]
KINDS = {
    "register": ("register", REGISTER_LETTERS),
    "distinct": ("register", DISTINCT),
    "cas": ("cas-register", CAS_LETTERS),
    "chains": ("cas-register", CHAINS),
    "kv": ("kv", KV_LETTERS),
    "queue": ("fifo-queue", QUEUE),
}


@pytest.mark.parametrize("name", KINDS)
def test_native_reference_and_every_order_agree(name: str) -> None:
    model_name, letters = KINDS[name]
    model, rng = find_model(model_name), random.Random(f"{SEED} {name}")
    kinds = dict.fromkeys(VerdictKind, 0)
    for _ in range(COUNT):
        operations = small_history(rng, letters, operations_max=6)
        verdict = check(operations, model, engine="native", shrink=False)
        kinds[verdict.kind] += 1
        assert verdict.kind is brute_force(operations, model), operations
        reference = check(operations, model, engine="reference", shrink=False)
        assert same_culprit(verdict, reference), operations
    assert min(kinds[VerdictKind.LINEARIZABLE], kinds[VerdictKind.NOT_LINEARIZABLE]) > COUNT // 20


@pytest.mark.parametrize("name", KINDS)
def test_native_and_reference_agree_on_longer_histories(name: str) -> None:
    """Too long for trying every order; here slots are used again, and excuses pile up."""
    model_name, letters = KINDS[name]
    model, rng = find_model(model_name), random.Random(f"{SEED} longer {name}")
    for _ in range(COUNT // 2):
        operations = small_history(rng, letters, operations_max=14)
        verdict = check(operations, model, engine="native", shrink=False)
        reference = check(operations, model, engine="reference", shrink=False)
        assert verdict.kind is reference.kind, operations
        assert same_culprit(verdict, reference), operations


@pytest.mark.parametrize("ask", [ask_cas_register, ask_unique_register], ids=["five", "distinct"])
def test_nearly_valid_histories_are_judged_as_by_the_reference(ask: object) -> None:
    """One result of a valid history is changed: the violation, if it is one, is well hidden."""
    model, rng = find_model("cas-register"), random.Random(f"{SEED} nearly")
    kinds = dict.fromkeys(VerdictKind, 0)
    for _ in range(max(20, COUNT // 20)):
        operations = atomic_history(
            rng,
            model,
            ask,  # type: ignore[arg-type]
            operations=rng.randrange(10, 60),
            processes=rng.randrange(2, 7),
            crashed=rng.choice([0, 0.1]),
        )
        reads = [o for o in operations if o.f == "read" and o.return_ is not None]
        if len(reads) > 1:
            one, other = rng.sample(reads, 2)
            changed = operation(
                one.index, "read", None, other.output, call=one.call, return_=one.return_
            )
            operations[one.index] = changed
        verdict = check(operations, model, engine="native", shrink=False)
        reference = check(operations, model, engine="reference", shrink=False)
        kinds[verdict.kind] += 1
        assert verdict.kind is reference.kind, operations
        assert same_culprit(verdict, reference), operations
        if isinstance(verdict, Linearizable):
            assert flaw(operations, model, verdict.witness.order) is None
    assert kinds[VerdictKind.LINEARIZABLE]
    assert kinds[VerdictKind.NOT_LINEARIZABLE]


def same_culprit(verdict: object, reference: object) -> bool:
    """Both point at the same operation, if at any: the first return that cannot be explained."""
    if not isinstance(verdict, NotLinearizable):
        return True
    assert isinstance(reference, NotLinearizable)
    return verdict.counterexample.operation == reference.counterexample.operation


def small_history(
    rng: random.Random, letters: Sequence[Letter], *, operations_max: int
) -> list[Operation]:
    """All overlapping in any way, or each with the few that were called around it."""
    count = rng.randrange(2, operations_max + 1)
    ends = [number for number in range(count) for _ in range(2)]
    if rng.random() < 0.5:
        rng.shuffle(ends)
    else:
        width = rng.randrange(2, 5)
        ends.sort(key=lambda number: number + rng.random() * width)
    positions: list[list[int]] = [[] for _ in range(count)]
    for position, number in enumerate(ends):
        positions[number].append(position)
    chosen = rng.sample(letters, min(len(letters), rng.randrange(3, 8)))
    crashing = rng.choice([0, 0.15, 0.3])
    operations = []
    for number, (call, return_) in enumerate(positions):
        f, value, output = rng.choice(chosen)
        end = None if rng.random() < crashing else return_
        operations.append(operation(number, f, value, output, call=call, return_=end))
    return operations
