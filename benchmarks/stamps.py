"""How fast `mdl` is judged where answers told their stamps, and where they did not.

    python -m benchmarks.stamps [--limit 60]

Histories of the bursts of `gong run --protocol mdl` on ten keys and three shards, as they are and with up to six
operations at the end of each session of unknown outcome. Seconds are those of `checker.check`, all in
one run each; "-" is undecided at the limit.
"""

import argparse
import random
import time

from msgspec import structs

from checker import Budget, Undecided, check, find_model
from history import Operation, Outcome
from tests.support.bursts import bursting_history, with_lost_ends

SIZES = ((10_000, 20), (40_000, 50), (50_000, 200))

MODEL = find_model("kv")


def judged(operations: list[Operation], limit_s: float) -> str:
    """Seconds, and who decided."""
    started = time.perf_counter()
    verdict = check(operations, MODEL, consistency="mdl", budget=Budget(time_limit_s=limit_s))
    seconds = time.perf_counter() - started
    if isinstance(verdict, Undecided):
        return "-"
    return f"{verdict.kind.value} {seconds:.2f} s ({', '.join(verdict.statistics.engines)})"


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=60.0)
    limit_s = parser.parse_args().limit
    print("| history | unknown | with stamps | without |\n|---|---|---|---|")
    for operations, sessions in SIZES:
        rng = random.Random(f"{operations} {sessions}")
        whole = bursting_history(
            rng, operations=operations, sessions=sessions, keys=10, has_stamps=True
        )
        for history in (whole, with_lost_ends(rng, whole, 6)):
            unknown = sum(one.outcome is Outcome.UNKNOWN for one in history)
            silent = [structs.replace(one, stamp=None) for one in history]
            found = [judged(each, limit_s) for each in (history, silent)]
            name = f"{len(history)} operations, {sessions} sessions"
            print(f"| {name} | {unknown} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()
