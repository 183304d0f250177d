"""How small the evidence of a violation is: valid histories of 15 processes with one result altered.

    python -m benchmarks.cores [--sizes 100,1000,10000] [--only mutex] [--seeds 5]

Each history is one that an atomic object gave, in which one result was replaced by another that the
object could have given at some time, and that is not linearizable for it. A row is for several such
histories. `core`: operations of the core, least, median and most; `minimal`: how many of the cores
are; `judge`, `cut`, `certify` and `verify`: the longest seconds to find the violation, to cut it
down, to make the certificate, and to verify it; `bytes`: of the largest certificate.
"""

import argparse
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import Struct, structs

from benchmarks.engines import KEYED, distinct
from checker import Budget, Model, NotLinearizable, check, cut_down, find_model
from checker.evidence.certificate import certify
from checker.evidence.verify import Flaw, verify
from checker.values import Value
from history import Operation, Outcome
from tests.support.generators import KINDS, Kind, legal_history
from tests.support.strategies import ask_cas_register, atomic_history

SIZES: Final = (100, 1_000, 10_000)
SEEDS: Final = 5
PROCESSES: Final = 15
TRIES_MAX: Final = 40
"""Alterations of one history until one is a violation; among many processes most are none."""

TIME_LIMIT_S: Final = 30.0

DISTINCT: Final = ("register", "cas-register", "kv-text", "append-list", "fifo-queue", "stack",
                   "priority-queue")  # fmt: skip
"""Every value goes in once."""

OTHERS: Final = ("cas-few", "kv", "priority-ties", "set-two", "set-many", "mutex", "owned-mutex",
                 "counter", "counter-any")  # fmt: skip


class Measured(Struct, frozen=True, kw_only=True):
    """One history."""

    core: int
    is_minimal: bool
    judge_s: float
    cut_s: float
    certify_s: float
    verify_s: float
    certificate_bytes: int
    flaw: Flaw | None
    rule: str


def model_of(name: str) -> Model:
    return find_model("cas-register") if name == "cas-few" else _kind(name).model


def _kind(name: str) -> Kind:
    match name:
        case "set-two":
            return KINDS["set"]
        case "set-many":
            return distinct("set")
        case "counter-any":
            return replace(KINDS["counter"], values=lambda number: number % 3 + 1, duplicates=0.0)
        case _:
            return distinct(name)


def valid(name: str, size: int, seed: int) -> list[Operation]:
    """The same history for the same arguments; several keys where whole states are read."""
    rng = random.Random(f"{name} {size} {seed}")
    if name == "cas-few":
        history = atomic_history(
            rng, model_of(name), ask_cas_register, operations=size, processes=PROCESSES
        )
        return [structs.replace(o, key=None) for o in history]
    each = min(size, KEYED.get(name, size))
    found: list[Operation] = []
    for key in range(size // each):
        part = legal_history(rng, _kind(name), each, processes=PROCESSES)
        ranks, start = 2 * len(found), len(found)
        found += [
            structs.replace(
                o,
                index=o.index + start,
                key=f"k{key}" if each < size else None,
                call=o.call + ranks,
                return_=None if o.return_ is None else o.return_ + ranks,
            )
            for o in part
        ]
    return found


def alterations(
    history: list[Operation], model: Model, rng: random.Random
) -> Iterator[list[Operation]]:
    """The history with one late result replaced."""
    late = [o for o in history[len(history) // 2 :] if o.outcome is Outcome.OK]
    rng.shuffle(late)
    for operation in late:
        for changed in _other_results(operation, history, model, rng):
            yield [changed if o is operation else o for o in history]


def _other_results(
    operation: Operation, history: list[Operation], model: Model, rng: random.Random
) -> Iterator[Operation]:
    if model.name == "mutex":
        if operation.output is False:
            yield structs.replace(operation, output=None)
        else:
            other = "release" if operation.f == "acquire" else "acquire"
            yield structs.replace(operation, f=other)
    elif isinstance(operation.output, bool):
        yield structs.replace(operation, output=not operation.output)
    elif model.name == "counter" and operation.f == "read":
        yield structs.replace(operation, output=operation.output + rng.choice((-20, 20)))
    elif operation.output is not None:
        answers: list[Value] = [
            o.output
            for o in history
            if o.f == operation.f
            and o.key == operation.key
            and o.outcome is Outcome.OK
            and o.output != operation.output
        ]
        if answers:
            yield structs.replace(operation, output=rng.choice(answers))


def measure(name: str, size: int, seed: int) -> Measured | None:
    """Find, cut, certify and verify; None when no alteration tried was a violation."""
    model, history = model_of(name), valid(name, size, seed)
    budget = Budget(time_limit_s=TIME_LIMIT_S)
    rng = random.Random(f"alter {name} {size} {seed}")
    for number, altered in enumerate(alterations(history, model, rng)):
        started = time.perf_counter()
        verdict = check(altered, model, shrink=False, budget=budget)
        judged = time.perf_counter()
        if isinstance(verdict, NotLinearizable):
            break
        if number == TRIES_MAX:
            return None
    else:
        return None
    verdict = cut_down(altered, verdict, model)
    cut = time.perf_counter()
    found = verdict.counterexample
    if not found.core:
        return None
    certificate = certify(altered, verdict, model=model.name)
    certified = time.perf_counter()
    flaw = verify(altered, certificate, model)
    return Measured(
        core=len(found.core),
        is_minimal=found.is_minimal,
        judge_s=judged - started,
        cut_s=cut - judged,
        certify_s=certified - cut,
        verify_s=time.perf_counter() - certified,
        certificate_bytes=len(msgspec.json.encode(certificate)),
        flaw=flaw,
        rule=found.rule,
    )


def print_row(name: str, size: int, runs: list[Measured], seeds: int) -> None:
    cores = sorted(run.core for run in runs)
    print(
        f"{name:<15} {size:>7} {len(runs):>2}/{seeds:<2} "
        f"{cores[0]:>6} {int(statistics.median(cores)):>6} {cores[-1]:>6} "
        f"{sum(run.is_minimal for run in runs):>7} "
        f"{max(run.judge_s for run in runs):7.2f} {max(run.cut_s for run in runs):7.2f} "
        f"{max(run.certify_s for run in runs):7.2f} {max(run.verify_s for run in runs):7.2f} "
        f"{max(run.certificate_bytes for run in runs):>9} "
        f"{sum(run.flaw is None for run in runs):>8}  {', '.join(sorted({r.rule for r in runs}))}",
        flush=True,
    )
    for run in runs:
        if run.flaw is not None:
            print(f"    {run.flaw.reason[:100]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="operations")
    parser.add_argument("--only", help="kinds of history, with commas")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="histories of each kind and size")
    arguments = parser.parse_args()
    print(
        f"{'history':<15} {'ops':>7} {'made':>5}   core: least, median, most minimal"
        f"   judge     cut certify  verify     bytes verified  found by"
    )
    for name in (*DISTINCT, *OTHERS):
        if arguments.only and name not in arguments.only.split(","):
            continue
        for size in map(int, arguments.sizes.split(",")):
            runs = [measure(name, size, seed) for seed in range(arguments.seeds)]
            made = [run for run in runs if run is not None]
            if made:
                print_row(name, size, made, arguments.seeds)
            else:
                print(f"{name:<15} {size:>7}  0/{arguments.seeds}")


if __name__ == "__main__":
    main()
