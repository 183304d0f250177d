"""Claim: stamps decide where they tell an order that is one, and whatever they tell, no verdict changes.

Histories are small and random; of those that have an order, one is drawn to be what the shards did. A key
is in one shard, as it has to be. `GONG_HISTORIES_COUNT` asks for more of them.
"""

import os
import random
from collections.abc import Sequence
from itertools import islice

import pytest
from msgspec import structs

from checker import Budget, Linearizable, VerdictKind, check, find_model
from history import Operation, Outcome
from tests.property.test_orders_brute_force import LETTERS, SHAPES, random_history
from tests.support.brute_force_orders import all_orders
from tests.support.bursts import bursting_history, with_lost_ends
from tests.support.strategies import Letter

COUNT = int(os.environ.get("GONG_HISTORIES_COUNT", "400"))
SEED = int(os.environ.get("GONG_SEED", "1"))

COUNTER_LETTERS: Sequence[Letter] = [
    *(("add", amount, None) for amount in (1, 2, -1)),
    *(("read", None, value) for value in range(4)),
]

CONSISTENCIES = ("sequential", "mdl")


def stamped(
    operations: Sequence[Operation], order: Sequence[Operation], rng: random.Random
) -> list[Operation]:
    """With the stamps that shards would have told, had this been their order."""
    shards = rng.choice([1, 2])
    number, stamps = 0, {}
    for one in order:
        number += rng.randrange(1, 4)
        shard = 0 if shards == 1 or one.key is None else "xyz".index(one.key)
        stamps[one.index] = (shard, number)
    return [
        structs.replace(one, stamp=stamps[one.index] if one.outcome is Outcome.OK else None)
        for one in operations
    ]


@pytest.mark.parametrize("consistency", CONSISTENCIES)
def test_stamps_of_an_order_decide_and_what_was_lost_is_found_where_it_was_seen(
    consistency: str,
) -> None:
    rng = random.Random(f"{SEED} {consistency}")
    decided = {True: 0, False: 0}
    while sum(decided.values()) < COUNT:
        name, shape = rng.choice(list(LETTERS)), rng.choice(SHAPES)
        model, plain = find_model(name), random_history(rng, LETTERS[name], shape)
        orders = list(islice(all_orders(plain, model, consistency), 20))
        if not orders or all(one.outcome is not Outcome.OK for one in plain):
            continue
        told = stamped(plain, rng.choice(orders), rng)
        verdict = check(told, model, consistency=consistency)
        assert isinstance(verdict, Linearizable), told
        is_decided = "proposed" in verdict.statistics.engines
        decided[is_decided] += 1
        # Only what was lost can be missing from the claim.
        assert is_decided or any(one.outcome is Outcome.UNKNOWN for one in told), told
    assert decided[False] < COUNT / 50, decided


@pytest.mark.parametrize("seed", range(4))
def test_what_many_clients_lost_at_the_end_is_found(seed: int) -> None:
    """A run of 50 clients, all of which lose the last operations that they had in flight."""
    rng = random.Random(seed)
    whole = bursting_history(rng, operations=2_000, sessions=50, keys=10, has_stamps=True)
    history = with_lost_ends(rng, whole, 4)
    budget = Budget(time_limit_s=20)
    verdict = check(history, find_model("kv"), consistency="mdl", budget=budget)
    assert verdict.kind is VerdictKind.LINEARIZABLE
    assert verdict.statistics.engines == {"proposed": 1}
    assert verdict.statistics.crashed > 50


@pytest.mark.parametrize("consistency", CONSISTENCIES)
def test_no_stamps_change_a_verdict(consistency: str) -> None:
    rng = random.Random(f"{SEED} lies {consistency}")
    kinds = dict.fromkeys(VerdictKind, 0)
    believed = 0
    for _ in range(COUNT):
        name, shape = rng.choice([*LETTERS, "counter"]), rng.choice(SHAPES)
        letters = COUNTER_LETTERS if name == "counter" else LETTERS[name]
        model, plain = find_model(name), random_history(rng, letters, shape)
        share = rng.choice([0.4, 0.8])
        lying = [
            structs.replace(one, stamp=(rng.choice([0, 1, "a"]), rng.randrange(-3, 6)))
            if rng.random() < share
            else one
            for one in plain
        ]
        verdict = check(lying, model, consistency=consistency)
        believed += "proposed" in verdict.statistics.engines
        kinds[verdict.kind] += 1
        assert verdict.kind is check(plain, model, consistency=consistency).kind, lying
    assert min(kinds[VerdictKind.LINEARIZABLE], kinds[VerdictKind.NOT_LINEARIZABLE]) > COUNT / 8
    assert believed > COUNT / 20, "some lies happen to be true"
