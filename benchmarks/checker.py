"""How fast histories are judged: generated ones, valid and altered, medians of five.

    python -m benchmarks.checker [--quick]

An altered history is a valid one in which one late read returns another value that was written.
Each run is a fresh process, so that peak memory is its own; it includes Python and the history.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from msgspec import structs

from checker import Budget, check, find_model, peak_resident_mb
from history import Operation, Outcome
from tests.support.strategies import ask_cas_register, ask_unique_register, atomic_history

CASES: Final = (
    # model, operations, processes, keys, share of crashed operations
    ("cas-register", 1_000, 10, 1, 0.0),
    ("cas-register", 1_000, 20, 1, 0.0),
    ("cas-register", 1_000, 20, 1, 0.02),
    ("cas-register", 1_000, 50, 1, 0.0),
    ("register", 1_000, 10, 1, 0.0),
    ("kv", 20_000, 20, 10, 0.002),
    ("kv", 60_000, 20, 50, 0.001),
    ("cas-register", 60_000, 5, 1, 0.0),
)

REPEATS: Final = 5

TIME_LIMIT_S: Final = 30.0


def history_of(
    model_name: str, operations: int, processes: int, keys: int, crashed: float, *, altered: bool
) -> list[Operation]:
    """The same history for the same arguments, in every process."""
    rng = random.Random(f"{model_name} {operations} {processes} {keys} {crashed}")
    history = atomic_history(
        rng,
        find_model(model_name),
        ask_unique_register if model_name == "register" else ask_cas_register,
        operations=operations,
        processes=processes,
        keys=keys,
        crashed=crashed,
    )
    if altered:
        alter(history)
    return history


def alter(history: list[Operation]) -> None:
    """Let the first read in the last fifth return what another read of its key returned first."""
    reads = [o for o in history if o.f == "read" and o.outcome is Outcome.OK]
    late = next(o for o in reads if o.index > 0.8 * len(history))
    other = next(o for o in reads if o.key == late.key and o.output not in (None, late.output))
    history[late.index] = structs.replace(late, output=other.output)


def measure(case: Sequence[Any], *, altered: bool) -> dict[str, Any]:
    """One judgement; called in a fresh process."""
    model_name, operations, processes, keys, crashed = case
    history = history_of(model_name, operations, processes, keys, crashed, altered=altered)
    started = time.perf_counter()
    verdict = check(history, find_model(model_name), budget=Budget(time_limit_s=TIME_LIMIT_S))
    return {
        "seconds": time.perf_counter() - started,
        "verdict": verdict.kind.value,
        "peak_mb": peak_resident_mb(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repeat instead of five")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        case, altered = json.loads(arguments.measure)
        print(json.dumps(measure(case, altered=altered)))
        return
    print(
        "model         ops    processes keys crashed history verdict            s      ops/s  peak MB"
    )
    for case in CASES:
        for altered in (False, True):
            runs = [
                run_apart(case, altered=altered) for _ in range(1 if arguments.quick else REPEATS)
            ]
            seconds = statistics.median(run["seconds"] for run in runs)
            peak = statistics.median(run["peak_mb"] for run in runs)
            model_name, operations, processes, keys, crashed = case
            print(
                f"{model_name:<13} {operations:<6} {processes:<9} {keys:<4} {crashed:<7.1%} "
                f"{'altered' if altered else 'valid':<7} {runs[0]['verdict']:<16} "
                f"{seconds:7.3f} {operations / seconds:9.0f} {peak:7.0f}",
                flush=True,
            )


def run_apart(case: Sequence[Any], *, altered: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.checker", "--measure", json.dumps([case, altered])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    result: dict[str, Any] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    main()
