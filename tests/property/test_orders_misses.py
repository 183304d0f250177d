"""Operations that did not find a value: what follows from that is right, and finds long orders.

A compare-and-set that found another value stands before or behind the one stretch of time in which
its value was there. Values here are made once each, where the search draws most from that.
"""

import os
import random

import pytest

from checker import find_model
from checker.orders.native import native_orders
from checker.orders.problem import Order
from history import Operation, Outcome
from tests.property.test_orders_brute_force import SHAPES, in_session, sequential_spans, spans
from tests.property.test_orders_native import decide
from tests.support.brute_force_orders import has_order
from tests.support.bursts import bursting_history
from tests.support.sessions import ask_once, pipelined_history, with_another_read
from tests.support.strategies import operation

pytestmark = [
    pytest.mark.skipif(native_orders() is None, reason="no native engine in this build"),
    pytest.mark.slow,
]

COUNT = int(os.environ.get("GONG_HISTORIES_COUNT", "1500"))
SEED = int(os.environ.get("GONG_SEED", "1"))
MODEL = find_model("cas-register")
KV = find_model("kv")


def history_of_misses(rng: random.Random, count: int) -> list[Operation]:
    """Most values are made once; every second operation is a cas that missed."""
    issuers = rng.randrange(2, 5)
    shape = rng.choice(SHAPES)
    placed = sequential_spans(rng, count, issuers) if shape == "processes" else spans(rng, count)
    seqs = [sorted(rng.sample(range(100), count)) for _ in range(issuers)]
    keys = rng.choice([(None,), (None,), ("x", "y")])
    unknown = rng.choice([0.0, 0.0, 0.15])
    made = 0
    found = []
    for number, (call, return_, issuer) in enumerate(sorted(placed)):
        some = rng.choice([None, *range(1, count)])
        kind = rng.choice(("write", "read", "cas", "missed", "missed", "missed"))
        made += kind in ("write", "cas") and rng.random() < 0.8
        f, value, output = {
            "write": ("write", made, None),
            "read": ("read", None, some),
            "cas": ("cas", [some, made], True),
            "missed": ("cas", [some, 99], False),
        }[kind]
        is_lost = rng.random() < unknown
        plain = operation(
            number,
            f,
            value,
            output,
            call=call,
            return_=None if is_lost else return_,
            outcome=Outcome.UNKNOWN if is_lost else Outcome.OK,
            key=rng.choice(keys),
            process=issuer % issuers,
        )
        is_session = shape in ("sessions", "crossing") or (shape == "mixed" and rng.random() < 0.6)
        issued = seqs[issuer % issuers][number]
        found.append(in_session(plain, issuer % issuers, issued) if is_session else plain)
    return found


@pytest.mark.parametrize("order", Order)
def test_short_ones_are_judged_as_by_trying_every_order(order: Order) -> None:
    rng = random.Random(f"{SEED} misses {order.value}")
    kinds = {True: 0, False: 0}
    for _ in range(COUNT):
        operations = history_of_misses(rng, rng.randrange(3, 7))
        expected = has_order(operations, MODEL, order.value)
        assert decide(operations, MODEL, order, "auto") is expected, operations
        kinds[expected] += 1
    assert min(kinds.values()) > COUNT // 20, kinds


@pytest.mark.parametrize("order", Order)
def test_longer_ones_are_judged_as_by_the_reference(order: Order) -> None:
    rng = random.Random(f"{SEED} longer misses {order.value}")
    kinds: dict[bool | None, int] = {True: 0, False: 0, None: 0}
    for _ in range(COUNT):
        operations = pipelined_history(
            rng,
            MODEL,
            ask_once(),
            operations=rng.randrange(6, 40),
            sessions=rng.randrange(2, 6),
            keys=rng.randrange(1, 3),
            unknown=rng.choice([0.0, 0.0, 0.1]),
        )
        assert decide(operations, MODEL, order, "auto") is True, operations
        changed = with_another_read(rng, operations)
        expected = decide(changed, MODEL, order, "reference", 0.5)
        kinds[expected] += 1
        if expected is not None:
            assert decide(changed, MODEL, order, "auto") is expected, changed
    assert min(kinds[True], kinds[False]) > COUNT // 20, kinds


@pytest.mark.parametrize(("count", "seed"), [(10_000, 0), (10_000, 1), (16_000, 6)])
def test_what_twenty_clients_of_a_run_make_in_ten_seconds_is_decided(count: int, seed: int) -> None:
    """The last one took 37 s when nothing followed from a miss; now 1 s."""
    operations = bursting_history(random.Random(seed), operations=count, sessions=20, keys=10)
    missed = sum(one.f == "cas" and one.output is False for one in operations)
    assert missed > 1_000
    assert decide(operations, KV, Order.MDL, "auto", 20.0) is True
