"""How fast the polynomial engines judge: valid and altered histories of 20 processes, medians.

    python -m benchmarks.engines [--quick]

An altered history is a valid one in which one late result is that of another operation of its kind,
or what no operation can have answered where all results are alike. Engines run in this
process, and the figures are its processor time; making the history and replaying the witness are
not in them.
"""

import argparse
import random
import statistics
import time
from dataclasses import replace
from typing import Final

from msgspec import structs

from checker.engines import engines_for
from checker.engines.interface import Accepted, Declined, Refuted
from checker.model import Model
from checker.witness import flaw
from history import Operation
from tests.support.generators import KINDS, Kind, legal_history

SIZES: Final = (1_000, 10_000, 100_000)
REPEATS: Final = 3
SKIPPED: Final = ("kv", "priority-ties")
"""Mostly declined (a key is deleted twice); unknown polls among ties take long to generate."""

KEYED: Final = {"append-list": 64, "kv-text": 64}
"""Operations to an object, where whole states are read: their sizes grow with the square."""


def parts_of(kind_name: str, size: int, crashed: float) -> list[list[Operation]]:
    """The same history for the same arguments: one part, or several small ones."""
    kind = distinct(kind_name)
    each = KEYED.get(kind_name, size)
    return [
        legal_history(random.Random(f"{kind_name} {n}"), kind, each, processes=20, crashed=crashed)
        for n in range(size // each)
    ]


def distinct(kind_name: str) -> Kind:
    """The kind without duplicates where engines decline these, and with values for any size."""
    kind = KINDS[kind_name]
    if kind_name == "set":
        return replace(kind, values=lambda number: number % 1000, duplicates=0.0)
    if kind_name == "priority-queue":
        return replace(kind, values=lambda number: number * 7919 % 1_000_003, duplicates=0.0)
    return kind if kind_name == "counter" else replace(kind, duplicates=0.0)


def alter(part: list[Operation]) -> None:
    """Give a late operation the result of an early one."""
    results: dict[str, list[Operation]] = {}
    for operation in part:
        if operation.return_ is not None and operation.output is not None:
            results.setdefault(operation.f, []).append(operation)
    for late in part[int(len(part) * 0.8) :]:
        if late.return_ is None or late.output is None:
            continue
        for other in results[late.f][:10]:
            if late.output != other.output:
                part[late.index] = structs.replace(late, output=other.output)
                return
    # A lock: a release that nothing preceded, by whoever comes last.
    last = max((o for o in part if o.return_ is not None), key=lambda o: o.call)
    part[last.index] = structs.replace(last, f="release" if last.f == "acquire" else "acquire")


def judge(parts: list[list[Operation]], model: Model) -> tuple[float, str]:
    """Seconds, and what came out."""
    started = time.process_time()
    answers: list[Accepted | Refuted | Declined] = []
    for part in parts:
        answer: Accepted | Refuted | Declined = Declined("no engine")
        for engine in engines_for(model):
            answer = engine.judge(part, model)
            if not isinstance(answer, Declined):
                break
        answers.append(answer)
        if isinstance(answer, Refuted):
            break
    seconds = time.process_time() - started
    last = answers[-1]
    if isinstance(last, Refuted):
        return seconds, f"refuted: {last.rule}, {len(last.counterexample.operations)} operations"
    declined = [answer for answer in answers if isinstance(answer, Declined)]
    if declined:
        return seconds, f"declined: {declined[0].reason}"
    for part, answer in zip(parts, answers, strict=True):
        assert isinstance(answer, Accepted)
        if len(part) <= 10_000:
            assert flaw(part, model, answer.order) is None
    return seconds, "accepted"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, once")
    parser.add_argument("--only", help="one kind of history")
    arguments = parser.parse_args()
    print(
        f"{'history':<15} {'operations':>10} {'crashed':>8} {'':<8} {'s':>8} {'ops/s':>9}  answer"
    )
    for kind_name, kind in KINDS.items():
        if kind_name in SKIPPED or arguments.only not in (None, kind_name):
            continue
        for size in SIZES[:2] if arguments.quick else SIZES:
            for crashed in (0.0, 0.02):
                for altered in (False, True) if crashed == 0.0 else (False,):
                    parts = parts_of(kind_name, size, crashed)
                    if altered:
                        alter(parts[-1])
                    runs = [
                        judge(parts, kind.model) for _ in range(1 if arguments.quick else REPEATS)
                    ]
                    seconds = statistics.median(run[0] for run in runs)
                    what = "altered" if altered else "valid"
                    count = sum(map(len, parts))
                    print(
                        f"{kind_name:<15} {count:>10} {crashed:>8.0%} {what:<8} {seconds:8.3f} "
                        f"{count / seconds:9.0f}  {runs[0][1]}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
