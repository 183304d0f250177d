"""Claim: on columns, registers are judged as by trying every order, and with evidence that holds.

Small histories are compared with every order, larger ones with the Python engine. `GONG_BUDGET`
asks for more of the small ones.
"""

import io
import json
import os
import random
from collections import Counter
from typing import Any

import pytest

from checker import Budget, Linearizable, Model, NotLinearizable, check, columnar, find_model
from checker.budget import Meter
from checker.evidence.certificate import certify
from checker.evidence.verify import verify
from checker.witness import flaw
from history import History, Operation
from history.formats import operations
from tests.support.brute_force import brute_force
from tests.support.strategies import ask_unique_register, atomic_history

pytestmark = pytest.mark.skipif(not columnar.IS_NATIVE, reason="no native engine in this build")

BUDGET = int(os.environ.get("GONG_BUDGET", "1200"))


def columns_of(lines: list[dict[str, Any]]) -> History:
    history = operations.read(io.BytesIO("\n".join(map(json.dumps, lines)).encode()))
    assert history.columns is not None
    return history


class Values:
    """Numbers and strings, nearly all different, and what may be found of them."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._known: list[Any] = [None]

    def fresh(self) -> int | str:
        number, kind = len(self._known), self._rng.random()
        value: Any = number if kind < 0.8 else f"s{number}"
        if kind > 0.97:
            value = self._known[-1] or 0
        self._known.append(value)
        return value  # type: ignore[no-any-return]

    def found(self) -> Any:  # noqa: ANN401 - any JSON value
        return self._rng.choice([*self._known, *self._known, len(self._known)])


def small(rng: random.Random, model: Model) -> list[dict[str, Any]]:
    """Up to seven operations: any overlaps, ties, crashes and results."""
    count = rng.randrange(1, 8)
    ends = [number for number in range(count) for _ in range(2)]
    rng.shuffle(ends)
    values, lines = Values(rng), []
    keys: list[Any] = rng.choice([[None], [None], ["x", "y"], [1, True]])
    coarse = rng.choice([1, 1, 2])
    for number in range(count):
        call, return_ = (at // coarse for at, end in enumerate(ends) if end == number)
        line: dict[str, Any] = {"process": number, "key": rng.choice(keys), "call": call}
        line["return"] = None if rng.random() < 0.2 else return_
        kind = rng.random()
        if kind < 0.35:
            line |= {"f": "write", "value": values.fresh()}
        elif kind < 0.6 and "cas" in model.operations:
            old = values.found()
            line |= {"f": "cas", "value": [old, values.fresh()], "output": rng.random() < 0.6}
        else:
            line |= {"f": "read", "output": values.found()}
        lines.append(line)
    rng.shuffle(lines)
    return lines


@pytest.mark.slow
def test_small_histories_are_judged_as_by_trying_every_order() -> None:
    seen: Counter[str] = Counter()
    for seed in range(BUDGET):
        rng = random.Random(seed)
        model = find_model(rng.choice(["register", "cas-register", "kv"]))
        history = columns_of(small(rng, model))
        model = model.with_initial(rng.choice([None, None, 1, "s1", "nobody's"]))
        verdict = columnar.judge(history, model, meter=Meter(Budget()), shrink=rng.random() < 0.5)
        if verdict is None:
            seen["declined"] += 1
            continue
        everything = list(history.operations)
        assert verdict.kind is brute_force(everything, model), seed
        seen[verdict.kind.value] += 1
        if isinstance(verdict, Linearizable):
            assert flaw(everything, model, verdict.witness.order) is None, seed
        elif isinstance(verdict, NotLinearizable):
            seen[verdict.counterexample.rule] += 1
    assert seen["declined"] < BUDGET // 4, seen
    assert min(seen["linearizable"], seen["not-linearizable"]) > BUDGET // 10, seen


@pytest.mark.slow
def test_an_order_is_replayed_natively_as_by_the_witness() -> None:
    """Right orders, and the same with operations exchanged, lost, doubled and added."""
    seen: Counter[bool] = Counter()
    for seed in range(BUDGET):
        rng = random.Random(seed)
        model = find_model(rng.choice(["register", "cas-register", "kv"]))
        history = columns_of(small(rng, model))
        everything = list(history.operations)
        verdict = columnar.judge(history, model, meter=Meter(Budget()), shrink=False)
        order = list(range(len(everything)))
        if isinstance(verdict, Linearizable) and rng.random() < 0.9:
            order = list(verdict.witness.order)
        for _ in range(rng.choice([0, 1, 1, 2])):
            at, other = rng.randrange(len(order) or 1), rng.randrange(len(everything))
            match rng.randrange(3):
                case 0:
                    order[at : at + 1] = []
                case 1:
                    order.insert(at, other)
                case _:
                    order[at : at + 2] = reversed(order[at : at + 2])
        assert history.columns is not None
        natively = columnar.flaw(history.columns, model, order)
        assert (natively is None) == (flaw(everything, model, order) is None), (seed, natively)
        seen[natively is None] += 1
    assert min(seen.values()) > BUDGET // 10, seen


def lines_of(some: list[Operation]) -> list[dict[str, Any]]:
    return [
        {
            "process": o.process,
            "key": o.key,
            "f": o.f,
            "value": o.value,
            "output": o.output,
            "call": o.call,
            "return": o.return_,
        }
        for o in some
    ]


@pytest.mark.parametrize("seed", range(24))
def test_larger_histories_are_judged_as_by_the_python_engine(seed: int) -> None:
    """Histories of an atomic register, and the same with a few reads exchanged."""
    rng, model = random.Random(seed), find_model("register")
    made = atomic_history(
        rng,
        model,
        ask_unique_register,
        operations=300,
        processes=rng.choice([2, 5, 20]),
        keys=rng.choice([1, 1, 7]),
        crashed=rng.choice([0, 0.1]),
    )
    lines = lines_of(made)
    if seed % 2:
        reads = [line for line in lines if line["f"] == "read" and line["return"] is not None]
        for _ in range(rng.choice([1, 3])):
            one, other = rng.sample(reads, 2)
            one["output"], other["output"] = other["output"], one["output"]
    rng.shuffle(lines)
    history = columns_of(lines)
    verdict = columnar.judge(history, model, meter=Meter(Budget()), shrink=True)
    everything = list(history.operations)
    assert verdict is not None
    assert verdict.kind is check(everything, model).kind
    assert verify(everything, certify(everything, verdict, model="register"), model) is None
