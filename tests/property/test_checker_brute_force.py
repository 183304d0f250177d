"""The search against trying every order, on all kinds of small histories."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import event, given, settings, strategies as st

from checker import Linearizable, Model, VerdictKind, check, find_model
from checker.witness import flaw
from history import Operation
from tests.support.brute_force import brute_force
from tests.support.strategies import (
    CAS_LETTERS,
    KV_LETTERS,
    REGISTER_LETTERS,
    Letter,
    any_history,
    ask_cas_register,
    atomic_history,
    operation,
    widened,
)

REGISTER = find_model("register")
CAS_REGISTER = find_model("cas-register")
KV = find_model("kv")


def agrees_with_trying_every_order(operations: Sequence[Operation], model: Model) -> None:
    verdict = check(operations, model)
    event(verdict.kind.value)
    assert verdict.kind is brute_force(operations, model)
    if isinstance(verdict, Linearizable):
        assert flaw(operations, model, verdict.witness.order) is None


@given(any_history(REGISTER_LETTERS))
@settings(max_examples=100, deadline=None)
def test_a_register_is_judged_as_by_trying_every_order(operations: list[Operation]) -> None:
    agrees_with_trying_every_order(operations, REGISTER)


@given(any_history(CAS_LETTERS))
@settings(max_examples=100, deadline=None)
def test_a_cas_register_is_judged_as_by_trying_every_order(operations: list[Operation]) -> None:
    agrees_with_trying_every_order(operations, CAS_REGISTER)


@given(any_history(KV_LETTERS, keys=("x", "y")))
@settings(max_examples=100, deadline=None)
def test_a_kv_store_is_judged_as_by_trying_every_order(operations: list[Operation]) -> None:
    """Also the claim that keys can be judged one by one: trying every order does not split."""
    agrees_with_trying_every_order(operations, KV)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "letters"),
    [("register", REGISTER_LETTERS), ("cas-register", CAS_LETTERS), ("kv", KV_LETTERS)],
    ids=["register", "cas-register", "kv"],
)
def test_thousands_of_small_random_histories(name: str, letters: Sequence[Letter]) -> None:
    """Hypothesis looks for small failures; this looks at many, mostly legal ones, evenly."""
    model, rng = find_model(name), random.Random(20)
    kinds = dict.fromkeys(VerdictKind, 0)
    for _ in range(4000):
        operations = _random_history(rng, letters)
        verdict = check(operations, model)
        kinds[verdict.kind] += 1
        assert verdict.kind is brute_force(operations, model), operations
    assert kinds[VerdictKind.LINEARIZABLE] > 400
    assert kinds[VerdictKind.NOT_LINEARIZABLE] > 400


def _random_history(rng: random.Random, letters: Sequence[Letter]) -> list[Operation]:
    count = rng.randrange(2, 7)
    ends = [number for number in range(count) for _ in range(2)]
    rng.shuffle(ends)
    chosen = rng.sample(letters, min(len(letters), 4))
    operations = []
    for number in range(count):
        f, value, output = rng.choice(chosen)
        call, return_ = (position for position, end in enumerate(ends) if end == number)
        crashed = rng.random() < 0.15
        operations.append(
            operation(number, f, value, output, call=call, return_=None if crashed else return_)
        )
    return operations


@given(any_history(CAS_LETTERS), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_widening_the_intervals_of_an_accepted_history_keeps_it_accepted(
    operations: list[Operation], rng: random.Random
) -> None:
    """A longer interval orders fewer operations, so every linearization remains one."""
    if check(operations, CAS_REGISTER).kind is VerdictKind.LINEARIZABLE:
        assert check(widened(operations, rng), CAS_REGISTER).kind is VerdictKind.LINEARIZABLE


@given(
    st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 12), st.sampled_from([0.0, 0.1, 0.3])
)
@settings(max_examples=100, deadline=None)
def test_what_an_atomic_object_answered_is_accepted(
    seed: int, count: int, processes: int, crashed: float
) -> None:
    operations = atomic_history(
        random.Random(seed),
        CAS_REGISTER,
        ask_cas_register,
        operations=count,
        processes=processes,
        crashed=crashed,
    )
    assert check(operations, CAS_REGISTER).kind is VerdictKind.LINEARIZABLE


@given(any_history(CAS_LETTERS, keys=(None, "x", "y")))
@settings(max_examples=60, deadline=None)
def test_a_history_is_linearizable_exactly_when_each_of_its_keys_is(
    operations: list[Operation],
) -> None:
    keys = {operation.key for operation in operations}
    parts = [
        check([o for o in operations if o.key == key], CAS_REGISTER).kind
        is VerdictKind.LINEARIZABLE
        for key in keys
    ]
    whole = check(operations, CAS_REGISTER).kind is VerdictKind.LINEARIZABLE
    assert whole == all(parts)
