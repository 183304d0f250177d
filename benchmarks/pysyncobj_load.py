"""Three members of PySyncObj and a closed loop in the process of the leader; for `benchmarks.peers`.

PySyncObj has no clients: a program is a member and calls its own copy, so the load is a number of
calls that wait for their callbacks, in the member that leads.
"""

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from harness.bench.meter import cpu_s
from harness.ports import free_ports

WARM_UP_S = 1.0
ITSELF = (sys.executable, "-m", "benchmarks.pysyncobj_load")

# Not a dependency: mypy must not know whether it is installed.
pysyncobj: Any = import_module("pysyncobj")
ReplDict: Any = import_module("pysyncobj.batteries").ReplDict


def member(own: str, others: list[str], journal: str) -> tuple[Any, Any]:
    """One member with a dictionary."""
    conf = pysyncobj.SyncObjConf(
        journalFile=journal or None,
        commandsQueueSize=1_000_000,
        # By default it waits up to 0.1 s for more to send at once.
        autoTickPeriod=0.001,
        appendEntriesUseBatch=False,
    )
    table = ReplDict()
    return pysyncobj.SyncObj(own, others, consumers=[table], conf=conf), table


class Load:
    def __init__(self, table: Any) -> None:  # noqa: ANN401 - PySyncObj has no types
        self.table = table
        self.random = Random(1)
        self.latencies: list[float] = []
        self.is_counting = False
        self.is_stopping = False

    def ask(self) -> None:
        key, began = f"{self.random.randrange(100_000):016d}", time.perf_counter()

        def answered(_result: object, error: object) -> None:
            assert not error, error
            if self.is_counting:
                self.latencies.append(time.perf_counter() - began)
            if not self.is_stopping:
                self.ask()

        self.table.set(key, "v" * 100, callback=answered)


def lead(own: str, others: list[str], journal: str, total: int, seconds: float) -> None:
    """Load when there is a leader, if that is this member; say so when it is not."""
    system, table = member(own, others, journal)
    while system.getStatus()["leader"] is None or not system.isReady():
        time.sleep(0.05)
    if str(system.getStatus()["leader"]) != own:
        print("follower", flush=True)
        sys.stdin.read()
        return
    pids = [int(line) for line in (sys.stdin.readline() for _ in range(3))]
    load = Load(table)
    for _ in range(total):
        load.ask()
    time.sleep(WARM_UP_S)
    before = sum(map(cpu_s, pids))
    load.is_counting = True
    time.sleep(seconds)
    load.is_counting, load.is_stopping = False, True
    spent = sum(map(cpu_s, pids)) - before
    latencies = sorted(load.latencies)
    report = {
        "ops_per_s": len(latencies) / seconds,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
        "server_us": spent / len(latencies) * 1e6,
    }
    print(json.dumps(report), flush=True)


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[0] == "member":
        own, others, journal, total, seconds = arguments[1:]
        lead(own, others.split(","), journal, int(total), float(seconds))
        return
    with_journal = arguments[0] == "--journal"
    path, clients, in_flight, seconds = arguments[with_journal:]
    total = str(int(clients) * int(in_flight))
    names = [f"127.0.0.1:{port}" for port in free_ports(3, Random())]
    with ExitStack() as stack:
        processes = []
        for number, own in enumerate(names):
            others = ",".join(name for name in names if name != own)
            journal = str(Path(path) / f"journal-{number}") if with_journal else ""
            process = subprocess.Popen(  # noqa: S603 - ourselves
                [*ITSELF, "member", own, others, journal, total, seconds],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("".join(f"{each.pid}\n" for each in processes))
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            line = process.stdout.readline()
            if line.startswith("{"):
                print(line.strip())


if __name__ == "__main__":
    main()
