"""How fast a stream is judged, and in how much memory.

    python -m benchmarks.streaming [operations] [keys]

Each row runs in a process of its own whose address space is limited, so that a leak fails. The
history is not kept: events are generated as they are fed, by clients of one atomic object a key.
Rate and memory are those of the checker and the generator together; the generator alone is shown
in the first row. Seconds are those of the processor, as others may want it too.
"""

import heapq
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from checker import UNKNOWN, Action, Model, find_model
from checker.streaming import StreamingChecker
from history import MISMATCH, Event, Fail, Info, Invocation, Ok
from tests.support.strategies import ask_cas_register, ask_unique_register

_MEMORY_LIMIT_MB: Final = 400
"""Of address space; resident memory is about half of that."""

ROWS: Final = [
    # name, processes, crashed, distinct values
    ("generator alone", 20, 0.0, False),
    ("5 values with cas, 20 processes", 20, 0.0, False),
    ("5 values with cas, 50 processes", 50, 0.0, False),
    ("distinct values, 20 processes", 20, 0.0, True),
    ("5 values with cas, 20 processes, 0.1 % crashed", 20, 0.001, False),
    ("5 values with cas, 20 processes, 2 % crashed", 20, 0.02, False),
    ("distinct values, 20 processes, 0.1 % crashed", 20, 0.001, True),
    ("distinct values, 20 processes, 2 % crashed", 20, 0.02, True),
]


def main() -> None:
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    keys = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    print(f"{operations:,} operations of {keys} keys, address space {_MEMORY_LIMIT_MB} MB")
    print(
        f"{'':48} {'operations':>10} {'seconds':>8} {'ops/s':>9} {'peak MB':>8} {'size':>6}  verdict"
    )
    for row, (name, *_) in enumerate(ROWS):
        command = [sys.executable, "-m", "benchmarks.streaming", "--row", str(row)]
        done = subprocess.run(  # noqa: S603
            [*command, str(operations), str(keys)], capture_output=True, text=True, check=False
        )
        print(
            f"{name:48} {operations:10,} {done.stdout.strip() or done.stderr.strip().splitlines()[-1]}"
        )


def run_row(row: int, operations: int, keys: int) -> None:
    limit = _MEMORY_LIMIT_MB * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    _, processes, crashed, is_distinct = ROWS[row]
    model = find_model("cas-register").with_initial(0)
    events = stream(
        random.Random(1),
        model,
        operations,
        processes=processes,
        keys=keys,
        crashed=crashed,
        is_distinct=is_distinct,
    )
    checker = StreamingChecker(model, has_ties=False)
    started, size = time.process_time(), 0
    for count, event in enumerate(events):
        if row:
            alarm = checker.feed(event)
            assert alarm is None, alarm
            if count % 10_000 == 0:
                size = max(size, checker.size)
    verdict = checker.finish()
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    said = verdict.kind.value if row else "-"
    if verdict.reason:
        said += f": {verdict.reason}"
    print(f"{seconds:8.1f} {operations / seconds:9,.0f} {peak:8.0f} {size:6}  {said}")


def stream(
    rng: random.Random,
    model: Model,
    operations: int,
    *,
    processes: int,
    keys: int,
    crashed: float,
    is_distinct: bool,
) -> Iterator[Event]:
    """What clients of atomic objects see: each operation has its place between call and return."""
    ask = ask_unique_register if is_distinct else ask_cas_register
    states: dict[int, Any] = {}
    todo: list[tuple[float, int, int, Any]] = []  # when, tie-breaker, process, what
    for process in range(processes):
        heapq.heappush(todo, (rng.random(), process, process, "call"))
    tie, next_process, started, clock = processes, processes, 0, 0
    while todo:
        when, _, process, what = heapq.heappop(todo)
        tie += 1
        clock += 1
        if what == "call":
            if started == operations:
                continue
            started += 1
            f, value = ask(rng)
            key = rng.randrange(keys)
            yield Invocation(time=clock, process=process, f=f, value=value, key=key)
            heapq.heappush(todo, (when + rng.random(), tie, process, (f, value, key)))
        elif isinstance(what, tuple):
            f, value, key = what
            state = states.get(key, model.initial)
            output = state if f == "read" else value
            found = f != "cas" or value[0] == state
            if rng.random() < crashed:
                if rng.random() < 0.5:
                    states[key] = model.step(state, Action(f, value, UNKNOWN))
                yield Info(time=clock, process=process, f=f, key=key)
                heapq.heappush(todo, (when + rng.random(), tie, next_process, "call"))
                next_process += 1
                continue
            if f != "read" and found:
                states[key] = value if f == "write" else value[1]
            answer = (
                Ok(time=clock, process=process, f=f, key=key, value=output)
                if found
                else Fail(time=clock, process=process, f=f, key=key, error=MISMATCH)
            )
            heapq.heappush(todo, (when + rng.random(), tie, process, answer))
        else:
            kind: type[Event] = type(what)
            fields = {name: getattr(what, name) for name in what.__struct_fields__}
            yield kind(**{**fields, "time": clock})
            heapq.heappush(todo, (when + 0.2 * rng.random(), tie, process, "call"))


if __name__ == "__main__":
    if "--row" in sys.argv:
        run_row(*(int(argument) for argument in sys.argv[2:5]))
    else:
        main()
