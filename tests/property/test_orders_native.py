"""The native search for orders, its reference and trying every order agree.

A fixed number of histories by default; `GONG_HISTORIES_COUNT` sets another, and `GONG_SEED` where
to begin. The search is asked without the verdict on linearizability, which would answer often.
"""

import os
import random
from collections.abc import Callable

import pytest

from checker import Budget, Model, find_model
from checker.budget import Meter
from checker.engines.interface import Accepted, Refuted
from checker.orders.judge import judge
from checker.orders.native import native_orders
from checker.orders.problem import Order
from checker.orders.witness import flaw
from history import Operation, Outcome
from tests.property.test_orders_brute_force import (
    LETTERS,
    SHAPES,
    in_session,
    random_history,
    sequential_spans,
    spans,
)
from tests.support.brute_force_orders import has_order
from tests.support.sessions import (
    ask_kv,
    ask_register,
    lagging_history,
    pipelined_history,
    with_another_read,
)
from tests.support.strategies import operation

pytestmark = [
    pytest.mark.skipif(native_orders() is None, reason="no native engine in this build"),
    pytest.mark.slow,
]

COUNT = int(os.environ.get("GONG_HISTORIES_COUNT", "1500"))
SEED = int(os.environ.get("GONG_SEED", "1"))

Generator = Callable[..., list[Operation]]


def decide(
    operations: list[Operation],
    model: Model,
    order: Order,
    engine: str,
    limit_s: float | None = None,
) -> bool | None:
    """Whether there is an order; what is found is replayed. None: not decided in time."""
    meter = Meter(Budget(time_limit_s=limit_s))
    found = judge(operations, model, order, meter, engine=engine, explain_s=0.0)
    match found:
        case Accepted(placed):
            assert flaw(operations, model, placed, order) is None, operations
            return True
        case Refuted(counterexample):
            assert counterexample.operation in counterexample.operations
            assert counterexample.explanation
            return False
        case _:
            assert limit_s is not None
            return None


@pytest.mark.parametrize("order", Order)
def test_native_reference_and_every_order_agree(order: Order) -> None:
    rng = random.Random(f"{SEED} {order.value}")
    kinds = {True: 0, False: 0}
    for _ in range(COUNT):
        name, shape = rng.choice(list(LETTERS)), rng.choice(SHAPES)
        model, operations = find_model(name), random_history(rng, LETTERS[name], shape)
        expected = has_order(operations, model, order.value)
        assert decide(operations, model, order, "auto") is expected, operations
        assert decide(operations, model, order, "reference") is expected, operations
        kinds[expected] += 1
    assert min(kinds.values()) > COUNT // 8


@pytest.mark.parametrize("order", Order)
def test_native_and_reference_agree_on_longer_histories(order: Order) -> None:
    """Too long for trying every order; here writes hide behind writes, and are wanted back."""
    rng = random.Random(f"{SEED} longer {order.value}")
    kinds: dict[bool | None, int] = {True: 0, False: 0, None: 0}
    for _ in range(COUNT):
        name = rng.choice(list(LETTERS))
        model, operations = find_model(name), longer_history(rng, name)
        expected = decide(operations, model, order, "reference", 2.0)
        kinds[expected] += 1
        if expected is not None:
            assert decide(operations, model, order, "auto") is expected, operations
    assert min(kinds[True], kinds[False]) > COUNT // 20


def longer_history(rng: random.Random, name: str) -> list[Operation]:
    """Up to 14 operations of up to six issuers; few actions, so that many are legal."""
    count, issuers = rng.randrange(4, 15), rng.choice([2, 3, 4, 6])
    shape = rng.choice(SHAPES)
    letters = rng.sample(LETTERS[name], min(len(LETTERS[name]), rng.randrange(3, 8)))
    keys = rng.choice([(None,), ("x", "y"), ("x", "y", "z")])
    unknown, failed = rng.choice([0.0, 0.1, 0.2]), rng.choice([0.0, 0.0, 0.05])
    placed = sequential_spans(rng, count, issuers) if shape == "processes" else spans(rng, count)
    seqs = [rng.sample(range(100), count) for _ in range(issuers)]
    found = []
    for number, (call, return_, issuer) in enumerate(sorted(placed)):
        f, value, output = rng.choice(letters)
        luck = rng.random()
        outcome = Outcome.OK
        if luck < unknown + failed:
            outcome = Outcome.UNKNOWN if luck < unknown else Outcome.FAILED
        plain = operation(
            number,
            f,
            value,
            output,
            call=call,
            return_=None if outcome is Outcome.UNKNOWN else return_,
            outcome=outcome,
            key=rng.choice(keys),
            process=issuer % issuers,
        )
        if shape in ("sessions", "crossing") or (shape == "mixed" and rng.random() < 0.6):
            seq = seqs[issuer % issuers][number] if shape == "crossing" else number
            plain = in_session(plain, issuer % issuers, seq)
        found.append(plain)
    return found


@pytest.mark.parametrize(
    ("order", "generate"),
    [(Order.SEQUENTIAL, lagging_history), (Order.MDL, pipelined_history)],
    ids=["sequential", "mdl"],
)
@pytest.mark.parametrize("values", [0, 1, 2, 3, None], ids=str)
def test_what_is_valid_by_construction_is_found(
    order: Order, generate: Generator, values: int | None
) -> None:
    """And with one result changed, the reference agrees wherever it is fast enough."""
    model = find_model("kv")
    rng = random.Random(f"{SEED} valid {order.value} {values}")
    for _ in range(COUNT // 10):
        operations = generate(
            rng,
            model,
            ask_kv if values is None else ask_register(values),
            operations=rng.randrange(6, 60),
            sessions=rng.randrange(2, 7),
            keys=rng.randrange(1, 5),
            unknown=rng.choice([0.0, 0.1, 0.3]),
        )
        assert decide(operations, model, order, "auto", 20.0) is True, operations
        changed = with_another_read(rng, operations)
        expected = decide(changed, model, order, "reference", 0.2)
        if expected is not None:
            assert decide(changed, model, order, "auto", 20.0) is expected, changed
