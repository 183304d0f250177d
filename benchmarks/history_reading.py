"""How long it takes until a history file stands in memory as operations.

    python -m benchmarks.history_reading

Writes 100,000 events (50,000 operations of 20 processes on 100 keys) in each format to a temporary
folder and prints the median of five readings: into columns, where a native reader knows the format;
into columns and then all of their operations; and by the Python reader. The target of columns is
500,000 operations a second, that of the Python reader of the format `gong` 100,000 events.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest import mock

from history import Event, Info, Invocation, Ok, Operation, Recorder, columnar, load
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
            name = f"{read.format:12} {path.stat().st_size / 1e6:4.1f} MB"
            if read.columns is not None:
                print_row(name, "columns", median_seconds(partial(load, path)))
                print_row(name, "operations", median_seconds(partial(all_operations, path)))
            with mock.patch.object(columnar, "IS_NATIVE", new=False):
                print_row(name, "python", median_seconds(partial(load, path, keyed=keyed)))


def all_operations(path: Path) -> list[Operation]:
    return list(load(path).operations)


def print_row(name: str, what: str, seconds: float) -> None:
    rate = EVENT_COUNT / 2 / seconds
    print(f"{name}   {what:10} {seconds:.3f} s   {rate:>10,.0f} operations/s")


if __name__ == "__main__":
    main()
