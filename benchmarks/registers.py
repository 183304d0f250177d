"""How fast registers with distinct values are loaded and judged, as histories grow.

    python -m benchmarks.registers                    10^3 to 10^6 operations
    python -m benchmarks.registers --operations 10000000 --processes 20
    python -m benchmarks.registers --operations 1000000 --processes 20 --write h.jsonl [--altered]

Each file is what clients of an atomic register saw: at every step a random process begins an
operation, has it take effect, or ends it. One read of an altered history returns a value that had
been overwritten long before. Each measurement has a process of its own, so that it begins with cold
memory and its peak is its own; medians of five, of three from 10^7 operations on.

"load" ends when the columns stand in memory; "check" is everything after that: ranks, interning,
partition, zones, the witness and its replay, or the counterexample and its words. "cpu" is the
time that the processor spent on the check: on a busy machine it tells more than the clock does.
With `--write` nothing is measured: one file is kept, for `gong check` as a whole.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

from checker import check, find_model, peak_resident_mb
from history import load

REPETITIONS = 5
LARGEST = 10_000_000
STALE_BY = 1000
"""Writes between an altered read and the write of what it returns."""


class Client:
    """Idle, or in an operation that took effect or did not yet."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.call = ""
        """What its events have in common; empty while it is idle."""
        self.key = 0
        self.value: int | None = None
        """What it writes; None for a read."""
        self.output: int | None = None
        self.crashes = False
        self.took_effect = False


class Author:
    """Writes a history of `count` operations in our own format."""

    def __init__(
        self,
        file: TextIO,
        count: int,
        *,
        processes: int,
        keys: int = 1,
        crashed: float = 0.0,
        altered: bool = False,
        seed: int = 1,
    ) -> None:
        self._file = file
        self._count = count
        self._crashed = crashed
        self._is_to_alter = altered
        self._random = random.Random(seed).random
        self._clients = [Client(number) for number in range(processes)]
        self._next_name = processes
        self._state: list[int | None] = [None] * keys
        self._invoked = self._written = self._index = self._busy = 0

    def write(self) -> None:
        """Write all of it."""
        self._file.write('{"history": 1, "model": "register"}\n')
        while self._invoked < self._count or self._busy:
            client = self._clients[int(self._random() * len(self._clients))]
            if not client.call:
                self._invoke(client)
            elif not client.took_effect:
                self._take_effect(client)
            else:
                self._respond(client)

    def _invoke(self, client: Client) -> None:
        if self._invoked == self._count:
            return
        self._invoked += 1
        self._busy += 1
        client.key = int(self._random() * len(self._state))
        client.value = None
        if self._random() < 0.5:
            self._written += 1
            client.value = self._written
        client.crashes = self._random() < self._crashed
        client.took_effect = False
        f = "read" if client.value is None else "write"
        key = f',"key":{client.key}' if len(self._state) > 1 else ""
        client.call = f'"process":{client.name},"f":"{f}"{key}'
        self._event("invoke", client, None if client.value is None else str(client.value))

    def _take_effect(self, client: Client) -> None:
        client.took_effect = True
        if client.value is None:
            client.output = self._state[client.key]
        elif not client.crashes or self._random() < 0.5:
            self._state[client.key] = client.value

    def _respond(self, client: Client) -> None:
        self._busy -= 1
        if client.crashes:
            self._event("info", client, None)
            client.name, self._next_name = self._next_name, self._next_name + 1
        elif client.value is not None:
            self._event("ok", client, str(client.value))
        else:
            output = self._altered(client.output)
            self._event("ok", client, "null" if output is None else str(output))
        client.call = ""

    def _altered(self, output: int | None) -> int | None:
        """Half-way, once, what was written long before."""
        if self._is_to_alter and output is not None and self._invoked > self._count // 2:
            self._is_to_alter = False
            return max(1, output - STALE_BY)
        return output

    def _event(self, kind: str, client: Client, value: str | None) -> None:
        shown = "" if value is None else f',"value":{value}'
        self._file.write(
            f'{{"index":{self._index},"time":{1000 + 137 * self._index},"type":"{kind}",'
            f"{client.call}{shown}}}\n"
        )
        self._index += 1


def measure(path: str) -> None:
    """Load and judge one file; the figures as JSON."""
    model = find_model("register")
    started = time.perf_counter()
    history = load(path)
    loaded, cpu = time.perf_counter(), time.process_time()
    verdict = check(history, model)
    ended, cpu_end = time.perf_counter(), time.process_time()
    figures = {
        "operations": len(history.operations),
        "verdict": verdict.kind.value,
        "engines": verdict.statistics.engines,
        "load": loaded - started,
        "check": ended - loaded,
        "cpu": cpu_end - cpu,
        "total": ended - started,
        "peak": peak_resident_mb(),
    }
    print(json.dumps(figures))


def measured(path: Path, repetitions: int) -> dict[str, float]:
    """Medians over processes of their own."""
    command = [sys.executable, "-m", "benchmarks.registers", "--measure", str(path)]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, check=True).stdout)  # noqa: S603
        for _ in range(repetitions)
    ]
    assert runs[0]["engines"].keys() == {"zones"}, runs[0]
    is_altered = "altered" in path.name
    assert all((run["verdict"] == "not-linearizable") == is_altered for run in runs), path
    fields = ("operations", "load", "check", "cpu", "total", "peak")
    return {field: statistics.median(run[field] for run in runs) for field in fields}


def print_row(name: str, found: dict[str, float]) -> None:
    count = found["operations"]
    print(
        f"{name:42} {found['load']:8.3f} {count / found['load'] / 1e6:7.2f} "
        f"{found['check']:8.4f} {count / found['check'] / 1e6:7.2f} "
        f"{found['cpu']:8.4f} {count / found['cpu'] / 1e6:7.2f} "
        f"{found['total']:8.3f} {count / found['total'] / 1e6:7.2f} {found['peak']:7.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--operations", type=int, nargs="+", default=[10**3, 10**4, 10**5, 10**6])
    parser.add_argument("--processes", type=int, nargs="+", default=[5, 10, 20, 50])
    parser.add_argument("--keys", type=int, default=1)
    parser.add_argument("--write", type=Path, help="write one history there, and measure nothing")
    parser.add_argument("--altered", action="store_true", help="with --write: not linearizable")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    if options.write:
        count, processes = options.operations[0], options.processes[0]
        with options.write.open("w") as file:
            Author(
                file, count, processes=processes, keys=options.keys, altered=options.altered
            ).write()
        return
    print(f"{'':42} {'load s':>8} {'M/s':>7} {'check s':>8} {'M/s':>7} "
          f"{'cpu s':>8} {'M/s':>7} {'total s':>8} {'M/s':>7} {'peak MB':>7}")  # fmt: skip
    for count in options.operations:
        for processes in options.processes:
            for crashed in (0.0, 0.02):
                for altered in (False, True):
                    name = f"{count} ops, {processes} processes, {crashed:.0%} crashed"
                    name += ", altered" if altered else ""
                    with tempfile.TemporaryDirectory() as folder:
                        path = Path(folder, "altered.jsonl" if altered else "valid.jsonl")
                        with path.open("w") as file:
                            Author(
                                file,
                                count,
                                processes=processes,
                                keys=options.keys,
                                crashed=crashed,
                                altered=altered,
                            ).write()
                        is_large = count >= LARGEST
                        found = measured(path, 3 if is_large else REPETITIONS)
                        print_row(name, found)


if __name__ == "__main__":
    main()
