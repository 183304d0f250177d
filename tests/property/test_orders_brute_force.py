"""Each order against trying every order, on small random histories of all shapes.

`GONG_BUDGET` sets how many histories the large test looks at.
"""

import os
import random
from collections.abc import Sequence

import pytest

from checker import Linearizable, Model, NotLinearizable, VerdictKind, check, find_model
from checker.orders import Order, flaw
from history import Operation, Outcome
from tests.support.brute_force_orders import has_order
from tests.support.strategies import CAS_LETTERS, KV_LETTERS, REGISTER_LETTERS, Letter, operation

LETTERS: dict[str, Sequence[Letter]] = {
    "register": REGISTER_LETTERS,
    "cas-register": CAS_LETTERS,
    "kv": KV_LETTERS,
}

SHAPES = ("processes", "overlapping", "sessions", "crossing", "mixed")
"""Who issues: sequential processes; processes that do not wait; sessions of several in flight;
sessions whose numbers contradict their times; all of these together."""


def random_history(rng: random.Random, letters: Sequence[Letter], shape: str) -> list[Operation]:
    """Up to six operations on up to two objects, mostly with few actions, so that many are legal."""
    count = rng.randrange(2, 7)
    issuers = rng.randrange(1, 4)
    chosen = rng.sample(letters, min(len(letters), rng.randrange(2, 5)))
    keys = rng.choice([(None,), ("x", "y")])
    placed = sequential_spans(rng, count, issuers) if shape == "processes" else spans(rng, count)
    found = []
    seqs = {issuer: rng.sample(range(100), count) for issuer in range(issuers)}
    if shape != "crossing":
        seqs = {issuer: sorted(numbers) for issuer, numbers in seqs.items()}
    for number, (call, return_, issuer) in enumerate(sorted(placed)):
        f, value, output = rng.choice(chosen)
        outcome = rng.choice([*[Outcome.OK] * 6, Outcome.UNKNOWN, Outcome.FAILED])
        is_session = shape in ("sessions", "crossing") or (shape == "mixed" and rng.random() < 0.6)
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
        found.append(
            in_session(plain, issuer % issuers, seqs[issuer % issuers][number])
            if is_session
            else plain
        )
    return found


def spans(rng: random.Random, count: int) -> list[tuple[int, int, int]]:
    ends = [number for number in range(count) for _ in range(2)]
    rng.shuffle(ends)
    places = [[p for p, end in enumerate(ends) if end == number] for number in range(count)]
    return [(call, return_, rng.randrange(6)) for call, return_ in places]


def sequential_spans(rng: random.Random, count: int, issuers: int) -> list[tuple[int, int, int]]:
    """Nobody calls before the last operation has returned."""
    left, time = count, 0
    live: dict[int, int] = {}
    found = []
    while left or live:
        issuer = rng.randrange(issuers)
        if issuer in live:
            found.append((live.pop(issuer), time, issuer))
        elif left:
            live[issuer] = time
            left -= 1
        time += 1
    return found


def in_session(plain: Operation, session: int, seq: int) -> Operation:
    fields = {name: getattr(plain, name) for name in plain.__struct_fields__}
    return Operation(**{**fields, "session": session, "seq": seq})


def agrees(operations: list[Operation], model: Model, consistency: str) -> VerdictKind:
    verdict = check(operations, model, consistency=consistency)
    expected = has_order(operations, model, consistency)
    assert (verdict.kind is VerdictKind.LINEARIZABLE) == expected, (consistency, operations)
    match verdict:
        case Linearizable(witness):
            assert flaw(operations, model, witness.order, Order(consistency)) is None
        case NotLinearizable(counterexample):
            assert counterexample.operation in counterexample.operations
            assert counterexample.explanation
        case _:
            pytest.fail("undecided without a limit")
    return verdict.kind


@pytest.mark.parametrize("consistency", ["sequential", "mdl"])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_order_is_judged_as_by_trying_every_one(consistency: str, shape: str) -> None:
    rng = random.Random(f"{consistency} {shape}")
    kinds = dict.fromkeys(VerdictKind, 0)
    for _ in range(60):
        name = rng.choice(list(LETTERS))
        operations = random_history(rng, LETTERS[name], shape)
        kinds[agrees(operations, find_model(name), consistency)] += 1
    assert kinds[VerdictKind.LINEARIZABLE] > 5
    assert kinds[VerdictKind.NOT_LINEARIZABLE] > 5


@pytest.mark.slow
@pytest.mark.parametrize("consistency", ["sequential", "mdl"])
def test_thousands_of_small_random_histories(consistency: str) -> None:
    rng = random.Random(int(os.environ.get("GONG_SEED", "7")))
    budget = int(os.environ.get("GONG_BUDGET", "1500"))
    kinds = dict.fromkeys(VerdictKind, 0)
    for _ in range(budget):
        name, shape = rng.choice(list(LETTERS)), rng.choice(SHAPES)
        operations = random_history(rng, LETTERS[name], shape)
        kinds[agrees(operations, find_model(name), consistency)] += 1
    print(consistency, {kind.value: count for kind, count in kinds.items()})  # noqa: T201
    assert kinds[VerdictKind.LINEARIZABLE] > budget / 8
    assert kinds[VerdictKind.NOT_LINEARIZABLE] > budget / 8


def test_linearizable_implies_sequential_and_mdl_is_linearizable_where_processes_wait() -> None:
    """Real time contains the order of a process that waits for each of its results."""
    rng = random.Random(3)
    linearizable = 0
    for _ in range(80):
        name = rng.choice(list(LETTERS))
        model = find_model(name)
        operations = random_history(rng, LETTERS[name], "processes")
        verdict = check(operations, model).kind
        assert check(operations, model, consistency="mdl").kind is verdict
        if verdict is VerdictKind.LINEARIZABLE:
            linearizable += 1
            assert check(operations, model, consistency="sequential").kind is verdict
    assert linearizable > 15
