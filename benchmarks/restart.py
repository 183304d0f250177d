"""How long a log may grow: a million operations on one replica, and a restart behind them.

    python -m benchmarks.restart [--operations N] [--keys N] [--value-bytes N] [--batch N]

First the real core, state machine, journal and snapshots of one replica are driven in this process,
without sockets, for as many operations as asked for; a rate for each tenth shows whether length
costs anything. Then `gong node` is started on what that left, and asked until it answers.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import trio

from clients import Indeterminate, KvClient, Rejected, open_client
from node.config import ClusterConfig, load_config
from node.core.interface import Received, SnapshotSaved, Tick
from node.core.multipaxos import MultiPaxos, Settings
from node.runtime.disk import OsDisk
from node.runtime.journal import open_journal
from node.runtime.snapshots import Policy, save
from node.runtime.storage import Work, write_journal
from node.settings import Snapshots
from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SessionedStateMachine
from node.types import OPEN_SESSION, ClientId, Command, ReplicaId, RequestNumber
from node.wire.kv import Put, encode_operation
from tests.support.processes import resident_mb, write_config

ONE = ReplicaId(1)
PATIENCE_S = 60.0


class Built:
    """One replica, driven by hand, that saves and executes what it is asked."""

    def __init__(self, config: ClusterConfig) -> None:
        path = config.journal_path(ONE)
        path.parent.mkdir(parents=True)
        self.directory = path.parent
        self.machine = SessionedStateMachine(KeyValueStore())
        self.pauses: list[float] = []
        self.longest_journal = 0
        self.session = ClientId(0)
        self._disk = OsDisk()
        self._journal, _ = open_journal(self._disk, path, config.cluster, ONE)
        self._core = MultiPaxos(replica=ONE, members=(ONE,), settings=Settings(), random=Random(1))
        snapshots: Snapshots = config.snapshots
        self._policy = Policy(slots=snapshots.slots, journal_bytes=snapshots.journal_bytes)
        self._newest: SnapshotSaved | None = None
        while self._core.leadership is None:
            self._core.step(Tick())
            self.work()
        self.propose(
            [Command(client=ClientId(7), number=OPEN_SESSION, answered=OPEN_SESSION, body=b"")]
        )

    def propose(self, commands: list[Command]) -> None:
        assert self._core.leadership is not None
        self._core.leadership.pending.extend(commands)
        self.work()

    def work(self) -> None:
        """Until nothing is left to do; one fsync for each time that something was written."""
        while (ready := self._core.take_ready()) is not None:
            work = Work(ready.records, ready.messages_after_persist, ready.journal)
            records = write_journal(self._journal, [work])
            if records:
                self._journal.append(records)
                self._journal.sync()
            for envelope in (*ready.messages, *ready.messages_after_persist):
                self._core.step(Received(ONE, envelope.message))
            for chosen in ready.chosen:
                for answer in self.machine.execute_slot(chosen.slot, chosen.commands):
                    self.session = getattr(answer, "session", self.session)
            self._consider()

    def _consider(self) -> None:
        self.longest_journal = max(self.longest_journal, self._journal.length)
        if not self._policy.is_due(
            executed_upto=self.machine.executed_upto,
            newest=None if self._newest is None else self._newest.snapshot,
            journal_bytes=self._journal.length - self._journal.switched_length,
        ):
            return
        began = time.perf_counter()
        capture = self.machine.capture()
        self.pauses.append(time.perf_counter() - began)
        parts = self.machine.encode(capture)
        self._newest = SnapshotSaved(save(self._disk, self.directory, capture.slot, parts))
        self._core.step(self._newest)

    def close(self) -> None:
        self._journal.close()


def build(config: ClusterConfig, operations: int, keys: int, value_bytes: int, batch: int) -> None:
    built = Built(config)
    random, value = Random(2), "v" * value_bytes
    tenth = max(1, operations // 10)
    began, done = time.perf_counter(), 0
    rates: list[float] = []
    while done < operations:
        count = min(batch, operations - done)
        built.propose(
            [
                Command(
                    client=built.session,
                    number=RequestNumber(number),
                    answered=RequestNumber(number - 1),
                    body=encode_operation(Put(f"key-{random.randrange(keys):012d}", value)),
                )
                for number in range(done + 1, done + count + 1)
            ]
        )
        if done // tenth != (done + count) // tenth:
            now = time.perf_counter()
            rates.append(tenth / (now - began))
            began = now
        done += count
    print(f"operations a second, by tenths: {', '.join(f'{rate:,.0f}' for rate in rates)}")
    print(f"snapshots: {len(built.pauses)}; capture held the replica up for at most "
          f"{1000 * max(built.pauses, default=0):.1f} ms")  # fmt: skip
    print(f"longest journal: {built.longest_journal / 1e6:.1f} MB")
    for path in sorted(built.directory.iterdir()):
        print(f"  {path.name}: {path.stat().st_size / 1e6:.1f} MB")
    built.close()


async def restart(config_path: Path, config: ClusterConfig, key: str) -> None:
    began = time.perf_counter()
    with (config_path.parent / "log").open("wb") as log:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-P", "-m", "harness", "node", "--config", config_path, "--id", "1"],
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        with trio.fail_after(PATIENCE_S):
            value = await first_answer(config, key)
        serves_s = time.perf_counter() - began
        print(f"restart: an answer after {serves_s:.2f} s, {len(value or '')} bytes of value")
        print(f"processor time until then: {processor_s(process.pid):.2f} s")
        print(f"resident memory: {resident_mb(process.pid):.0f} MB")
    finally:
        process.terminate()
        await process.wait()


def processor_s(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def first_answer(config: ClusterConfig, key: str) -> str | None:
    """Ask until somebody answers."""
    addresses = [member.client_address for member in config.replicas]
    while True:
        try:
            async with open_client(
                cluster=config.cluster, replicas=addresses, timeout_s=1.0, random=Random(3)
            ) as client:
                return await KvClient(client).get(key)
        except (Rejected, Indeterminate):
            await trio.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--value-bytes", type=int, default=100)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--directory", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        path = write_config(Path(directory) / "cluster.toml")
        # Nobody is there to register with.
        lines = path.read_text().splitlines()
        path.write_text("\n".join(x for x in lines[:2] + lines[4:]) + "\n")
        config = load_config(path)
        print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
        build(config, options.operations, options.keys, options.value_bytes, options.batch)
        trio.run(restart, path, config, f"key-{0:012d}")


if __name__ == "__main__":
    main()
