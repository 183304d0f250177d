"""How fast the general search judges objects that grow, where a later read tells what must be.

    python -m benchmarks.growing [--quick] [--blind]

`--blind` does without what the models say of growing, for comparison.
Histories of an atomic object, and the same with one late read altered: of a list, two elements of
what it saw are exchanged; of a set, one element is left out that was long there; of a counter, half
of it is gone. `tags` is a set in a model of a user's own. Everything goes through
`check(engine="native")`, a counterexample is not shrunk, and the witness is replayed. Seconds, the
median of five; `> 10` ran out of time.
"""

import argparse
import random
import statistics
import time
from typing import Final

from msgspec import structs

from checker import Action, Budget, Model, State, VerdictKind, check, lowering
from checker.values import Value
from history import Operation, Outcome
from tests.support.growing import Tags, model_of
from tests.support.strategies import atomic_history

TIME_LIMIT_S: Final = 10.0
REPEATS: Final = 5
OPERATIONS: Final = 1_000
MODELS: Final = ("append-list", "kv", "kv with puts", "counter", "tags")


class Anything(Tags):
    """The same, whatever a read says: for making histories."""

    def step(self, state: State, action: Action) -> State:
        return super().step(state, action) if action.f == "add" else state


def ask(name: str, rng: random.Random) -> tuple[str, Value]:
    """One operation in three reads; elements repeat, and steps differ."""
    if rng.random() < 1 / 3:
        return "read", None
    match name:
        case "append-list":
            return "append", rng.randrange(5)
        case "kv with puts" if rng.random() < 1 / 50:
            return "put", "".join(rng.choices("abcde", k=3))
        case "kv" | "kv with puts":
            return "append", rng.choice("abcde")
        case "counter":
            return "add", rng.choice((1, 2, 5, 10))
        case _:
            return "add", rng.randrange(300)


def history_of(name: str, processes: int, crashed: float) -> tuple[list[Operation], Model]:
    model = model_of(name.partition(" ")[0])
    rng = random.Random(f"{name} {processes} {crashed}")
    raw = atomic_history(
        rng,
        Anything() if name == "tags" else model,
        lambda rng: ask(name, rng),
        operations=OPERATIONS,
        processes=processes,
        crashed=crashed,
    )
    if name in ("append-list", "tags"):  # a read answers JSON
        raw = [
            structs.replace(o, output=sorted(o.output) if name == "tags" else list(o.output))
            if o.f == "read" and o.output is not None
            else o
            for o in raw
        ]
    return raw, model


def broken(history: list[Operation], name: str) -> list[Operation]:
    """With a read altered that is four fifths through."""
    reads = [o for o in history if o.f == "read" and o.outcome is Outcome.OK]
    read = next(o for o in reads if o.index > 0.8 * len(history))
    changed = list(history)
    changed[read.index] = structs.replace(read, output=_altered(read.output, name))
    return changed


def _altered(output: Value, name: str) -> Value:
    match name:
        case "append-list":
            at = next(i for i in range(len(output) - 5, 0, -1) if output[i] != output[i - 1])
            return [*output[: at - 1], output[at], output[at - 1], *output[at + 1 :]]
        case "kv" | "kv with puts":
            at = next((i for i in range(len(output) - 1, 0, -1) if output[i] != output[i - 1]), 0)
            return output[: at - 1] + output[at] + output[at - 1] + output[at + 1 :]
        case "counter":
            return output // 2
        case _:
            return output[:10] + output[11:]


def measure(history: list[Operation], model: Model, repeats: int) -> tuple[str, str]:
    seconds: list[float] = []
    while True:
        budget = Budget(time_limit_s=TIME_LIMIT_S, memory_limit_mb=1_800)
        started = time.perf_counter()
        verdict = check(history, model, engine="native", budget=budget, shrink=False)
        seconds.append(time.perf_counter() - started)
        if verdict.kind is VerdictKind.UNDECIDED:
            return "undecided", f"> {TIME_LIMIT_S:.0f}"
        if len(seconds) == repeats:
            return verdict.kind.value, f"{statistics.median(seconds):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repeat instead of five")
    parser.add_argument("--blind", action="store_true", help="do not look ahead by `may_become`")
    arguments = parser.parse_args()
    if arguments.blind:
        vars(lowering)["outlook_of"] = lambda *_: None
    print("| model | processes | crashed | valid | broken |")
    print("|---|---|---|---|---|")
    for name in MODELS:
        for processes in (10, 20, 50):
            for crashed in (0.0, 0.02):
                history, model = history_of(name, processes, crashed)
                cells = []
                for one in (history, broken(history, name)):
                    verdict, seconds = measure(one, model, 1 if arguments.quick else REPEATS)
                    cells.append(f"{seconds} {verdict}")
                row = " | ".join([name, str(processes), f"{crashed:.0%}", *cells])
                print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
