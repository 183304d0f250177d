"""How fast orders other than real time are judged, natively and by the reference.

    python -m benchmarks.orders [--limit 10] [--only WORDS]

Histories of a store that is sequential but lags behind, and of sessions with four operations in
flight; of few values, or all different ("distinct"); and of the bursts of `gong run --protocol mdl`
("bursts", a third of the swaps miss); as they are and with one read changed. Seconds
are those of the judgement alone, words for a violation included, witness replayed; the verdict on
linearizability that `check` asks for first is left out. One run each: the figures are for orders
of magnitude.
"""

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path

from checker import Budget, find_model
from checker.budget import Meter
from checker.engines.interface import Accepted, Refuted
from checker.orders import Order, flaw
from checker.orders.judge import judge
from history import Operation, load
from tests.support.bursts import bursting_history
from tests.support.sessions import (
    ask_register,
    lagging_history,
    pipelined_history,
    with_another_read,
)

SIXTY = (
    Path(__file__).parents[1] / "tests/data/histories/bad/register-sixty-writers.operations.jsonl"
)

MODEL = find_model("kv")  # which knows `read` and `write`, too


def cases() -> Iterator[tuple[str, Order, list[Operation]]]:
    """Names, orders and histories."""
    yield from register_cases()
    for operations, sessions in ((10_000, 5), (10_000, 20), (10_000, 50), (6_000, 100)):
        name = f"{operations} operations, {sessions} sessions, bursts"
        rng = random.Random(name)
        history = bursting_history(rng, operations=operations, sessions=sessions, keys=10)
        yield name, Order.MDL, history
        yield f"{name}, changed", Order.MDL, with_another_read(rng, history)
    yield "sixty writers", Order.SEQUENTIAL, list(load(SIXTY).operations)


def register_cases() -> Iterator[tuple[str, Order, list[Operation]]]:
    """Of reads and writes."""
    sizes = ((300, 20), (1_000, 5), (1_000, 20), (10_000, 5), (10_000, 20))
    for order, generate in ((Order.SEQUENTIAL, lagging_history), (Order.MDL, pipelined_history)):
        for operations, sessions in sizes:
            for values in (2, 3, 0):
                name = (
                    f"{operations} operations, {sessions} sessions, {values or 'distinct'} values"
                )
                rng = random.Random(name)
                history = generate(
                    rng,
                    MODEL,
                    ask_register(values),
                    operations=operations,
                    sessions=sessions,
                    keys=6,
                )
                yield name, order, history
                yield f"{name}, changed", order, with_another_read(rng, history)


def measure(operations: list[Operation], order: Order, engine: str, limit_s: float) -> str:
    """The verdict and its time, in words."""
    started = time.perf_counter()
    meter = Meter(Budget(time_limit_s=limit_s, memory_limit_mb=2_000))
    found = judge(operations, MODEL, order, meter, engine=engine)
    if isinstance(found, Accepted):
        assert flaw(operations, MODEL, found.order, order) is None
    seconds = time.perf_counter() - started
    verdict = {Accepted: "yes", Refuted: "no"}.get(type(found), "undecided")
    return f"{verdict} {seconds:.2f} s"


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=10.0)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    print("| history | order | reference | native |\n|---|---|---|---|")
    for name, order, operations in cases():
        if arguments.only in f"{name} {order.value}":
            found = [measure(operations, order, e, arguments.limit) for e in ("reference", "auto")]
            print(f"| {name} | {order.value} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()
