"""How long it takes until a history file stands in memory as operations.

    python -m benchmarks.history_reading

Writes 100,000 events (50,000 operations of 20 processes on 100 keys) in each format to a temporary
folder and prints the median of five readings. The target of the format `gong` is one second.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from history import Event, Info, Invocation, Ok, Recorder, load
from history.file import write as write_gong
from history.formats import jepsen_edn, operations

EVENT_COUNT = 100_000
PROCESS_COUNT = 20
REPETITIONS = 5


def record(rng: random.Random) -> list[Event]:
    """Concurrent clients of a key-value store; what they read is not meant to be right."""
    clock = iter(range(1_000, 1_000 + 977 * EVENT_COUNT, 977)).__next__
    recorder = Recorder(None, clock, keep_events=True)
    open_calls: dict[int, Invocation] = {}
    while len(recorder.events) < EVENT_COUNT:
        process = rng.randrange(PROCESS_COUNT)
        if process in open_calls:
            call = open_calls.pop(process)
            recorder.ok(call, rng.randrange(100) if call.f == "get" else call.value)
            continue
        key = f"k{rng.randrange(100)}"
        f = rng.choice(["get", "put", "cas"])
        value = {"get": None, "put": rng.randrange(100), "cas": [1, rng.randrange(100)]}[f]
        open_calls[process] = recorder.invoke(process, f, value, key=key, node="n1")
    return recorder.events


def median_seconds(work: Callable[[], object]) -> float:
    """Median of a few runs."""

    def runs() -> Iterator[float]:
        for _ in range(REPETITIONS):
            begin = time.perf_counter()
            work()
            yield time.perf_counter() - begin

    return statistics.median(runs())


def main() -> None:
    events = record(random.Random(1))
    assert not any(isinstance(event, Info) for event in events)
    assert sum(isinstance(event, Ok) for event in events) > EVENT_COUNT // 3
    with tempfile.TemporaryDirectory() as folder:
        gong = Path(folder, "history.jsonl")
        with gong.open("wb") as file:
            write_gong(file, events, header={"model": "kv"})
        history = load(gong)
        finished = Path(folder, "operations.jsonl")
        with finished.open("wb") as file:
            operations.write(file, history.operations)
        jepsen = Path(folder, "history.edn")
        with jepsen.open("wb") as file:
            jepsen_edn.write(file, history.operations)
        for path, keyed in ((gong, False), (finished, False), (jepsen, True)):
            read = load(path, keyed=keyed)
            assert len(read.operations) == len(history.operations)
            seconds = median_seconds(partial(load, path, keyed=keyed))
            print(
                f"{read.format:12} {seconds:.3f} s   {EVENT_COUNT / seconds:,.0f} events/s   "
                f"{path.stat().st_size / 1e6:.1f} MB"
            )


if __name__ == "__main__":
    main()
