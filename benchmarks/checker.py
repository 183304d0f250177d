"""How fast the general search judges: generated histories and public ones, medians of five.

    python -m benchmarks.checker [--quick] [--engine native]

Three kinds of each generated history: valid as an atomic object gave it; `never`, in which one late
read returns a value that nobody wrote; and `stale`, in which one returns a value that was written
and cannot be current any more. Each run is a fresh process, so that peak memory is its own; it
includes Python and the history. Seconds are those of `check` without shrinking a counterexample,
witness replayed; `search` is the native search alone.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from checker import (
    ILLEGAL,
    UNKNOWN,
    Action,
    Budget,
    Model,
    State,
    VerdictKind,
    check,
    find_model,
    peak_resident_mb,
)
from checker.budget import Meter
from checker.lowering import lower, native_search, run
from checker.prepare import prepare
from history import History, Operation, Outcome, load
from tests.support.strategies import ask_cas_register, ask_unique_register, atomic_history

CASES: Final = (
    # model, operations, processes, keys, share of crashed operations
    *(
        (model, 1_000, processes, 1, crashed)
        for model in ("cas-register", "register")
        for processes in (5, 10, 20, 50)
        for crashed in (0.0, 0.02)
    ),
    ("cas-register", 60_000, 5, 1, 0.0),
    ("kv", 60_000, 20, 50, 0.001),
)
"""Five values with cas (`cas-register`, `kv`); distinct values without (`register`)."""

KINDS: Final = ("valid", "never", "stale")

REPEATS: Final = 5

TIME_LIMIT_S: Final = 30.0

MEMORY_LIMIT_MB: Final = 1_500.0


def history_of(case: Sequence[Any], kind: str) -> list[Operation]:
    """The same history for the same arguments, in every process."""
    model_name, operations, processes, keys, crashed = case
    history = atomic_history(
        random.Random(f"{model_name} {operations} {processes} {keys} {crashed}"),
        find_model(model_name),
        ask_unique_register if model_name == "register" else ask_cas_register,
        operations=operations,
        processes=processes,
        keys=keys,
        crashed=crashed,
    )
    if kind == "valid":
        return history
    reads = [o for o in history if o.f == "read" and o.outcome is Outcome.OK]
    late = [o for o in reads if o.index > 0.8 * len(history)]
    if kind == "never":
        return altered(history, late[0], -1)
    return next(stale(history, late, find_model(model_name)), altered(history, late[0], -1))


def stale(
    history: list[Operation], late: list[Operation], model: Model
) -> Iterator[list[Operation]]:
    """Late reads that return what was written, and are not linearizable for it.

    Among many processes and few values nearly any value may be current; so some are tried.
    """
    for read in late[:100]:
        written = {
            o.output
            for o in history[: len(history) // 2]
            if o.f == "read" and o.key == read.key and o.output not in (None, read.output)
        }
        for value in sorted(written)[:5]:
            broken = altered(history, read, value)
            if check(broken, model, shrink=False).kind is VerdictKind.NOT_LINEARIZABLE:
                yield broken


def altered(history: list[Operation], read: Operation, output: object) -> list[Operation]:
    changed = list(history)
    changed[read.index] = structs.replace(read, output=output)
    return changed


def measure(case: Sequence[Any], kind: str, engine: str) -> dict[str, Any]:
    """One judgement; called in a fresh process."""
    history, model = history_of(case, kind), find_model(case[0])
    before = peak_resident_mb()
    budget = Budget(time_limit_s=TIME_LIMIT_S, memory_limit_mb=MEMORY_LIMIT_MB)
    started = time.perf_counter()
    verdict = check(history, model, engine=engine, budget=budget, shrink=False)
    return {
        "seconds": time.perf_counter() - started,
        "search": search_alone(history, model) if case[3] == 1 else None,
        "verdict": verdict.kind.value,
        "peak_mb": peak_resident_mb(),
        "grown_mb": peak_resident_mb() - before,
    }


def search_alone(history: list[Operation], model: Model) -> float | None:
    native, meter = native_search(), Meter(Budget(time_limit_s=TIME_LIMIT_S))
    problem = prepare(history, model)
    if native is None:
        return None
    lowered = lower(problem)
    started = time.perf_counter()
    run(native, problem.table, lowered, meter)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repeat instead of five")
    parser.add_argument("--engine", default="native", help="auto, native (default) or reference")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*json.loads(arguments.measure))))
        return
    print_generated(arguments.engine, 1 if arguments.quick else REPEATS)
    for engine in ("auto", arguments.engine):
        print(f"public histories, engine {engine}; loading is not counted")
        print_public(engine)
    print_executor()


def print_generated(engine: str, repeats: int) -> None:
    print(
        "model         ops    processes keys crashed history verdict                s"
        "   search     ops/s  peak MB  of it search"
    )
    for case in CASES:
        for kind in KINDS:
            runs = [run_apart(case, kind, engine) for _ in range(repeats)]
            seconds = statistics.median(run["seconds"] for run in runs)
            searches = [run["search"] for run in runs if run["search"] is not None]
            search = f"{statistics.median(searches):8.4f}" if searches else "       -"
            model_name, operations, processes, keys, crashed = case
            print(
                f"{model_name:<13} {operations:<6} {processes:<9} {keys:<4} {crashed:<7.1%} "
                f"{kind:<7} {runs[0]['verdict']:<16} {seconds:7.3f} {search} "
                f"{operations / seconds:9.0f} {runs[0]['peak_mb']:8.0f} {runs[0]['grown_mb']:8.0f}",
                flush=True,
            )


def run_apart(case: Sequence[Any], kind: str, engine: str) -> dict[str, Any]:
    arguments = json.dumps([case, kind, engine])
    command = [sys.executable, "-m", "benchmarks.checker", "--measure", arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def print_public(engine: str) -> None:
    """The public histories that the general search can judge; loading is not counted."""
    folder = Path(os.environ.get("GONG_HISTORIES", "/nowhere"))
    if not (folder / "verdicts.json").is_file():
        print("GONG_HISTORIES names no folder with public histories")
        return
    models = {"cas-register": "cas-register", "kv-append": "kv"}
    groups: dict[str, list[float]] = {}
    for entry in json.loads((folder / "verdicts.json").read_text()):
        if entry["model"] not in models:
            continue
        model = find_model(models[entry["model"]]).with_initial(entry.get("initial"))
        history = load(folder / entry["path"], format=entry["format"])
        name = entry["path"] if entry["model"] == "kv-append" else Path(entry["path"]).parts[1]
        for partitioned in (True, False) if entry["model"] == "kv-append" else (True,):
            label = name if partitioned else f"{name}, not partitioned"
            seconds = statistics.median(
                seconds_of(history, model, engine, partitioned=partitioned) for _ in range(REPEATS)
            )
            groups.setdefault(label, []).append(seconds)
    for label, seconds_each in groups.items():
        print(
            f"{label:<40} files {len(seconds_each):3}  together {1e3 * sum(seconds_each):7.2f} ms"
            f"  longest {1e3 * max(seconds_each):6.2f} ms"
        )


def seconds_of(history: History, model: Model, engine: str, *, partitioned: bool) -> float:
    started = time.perf_counter()
    check(history, model, engine=engine, partitioned=partitioned, shrink=False)
    return time.perf_counter() - started


class Tally(Model):
    """A counter as a user may write it, who says nothing about it: hard work for the search."""

    name = "tally"
    initial: State = 0

    def step(self, state: State, action: Action) -> State:
        """Adds, or must find the sum."""
        if action.f == "add":
            return state + action.value
        return state if action.output in (state, UNKNOWN) else ILLEGAL


def ask_tally(rng: random.Random) -> tuple[str, Any]:
    return ("read", None) if rng.random() < 0.4 else ("add", rng.randrange(1, 4))


def print_executor() -> None:
    """Forty keys of a user's own model, alone and with two worker processes."""
    history = atomic_history(
        random.Random(1),
        find_model("counter"),
        ask_tally,
        operations=40_000,
        processes=400,
        keys=40,
    )
    model = Tally()
    started = time.perf_counter()
    check(history, model)
    alone = time.perf_counter() - started
    with ProcessPoolExecutor(2) as executor:
        check(history[:1_000], model, executor=executor)  # the workers have started
        started = time.perf_counter()
        check(history, model, executor=executor)
        together = time.perf_counter() - started
    print(
        f"40,000 operations on 40 keys, a model of one's own: alone {alone:.2f} s, "
        f"two processes {together:.2f} s"
    )


if __name__ == "__main__":
    main()
