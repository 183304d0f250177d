"""Real processes of gong: start them, wait for what they do, and find any that were left behind."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import trio

from harness.cluster import LocalCluster, open_cluster
from harness.observer import Observer
from harness.ports import free_ports
from node.types import ReplicaId

GONG: Final = (sys.executable, "-P", "-m", "harness")
"""The console script, whether or not its directory is on the path."""

LOOK_AGAIN_S: Final = 0.02
PATIENCE_S: Final = 30.0
"""Not a measurement but an end: a test that waits this long has failed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ran to its end."""

    code: int
    out: str
    err: str


async def gong(*arguments: object, cwd: Path | None = None) -> Finished:
    """Run a command of `gong` to its end."""
    with trio.fail_after(PATIENCE_S * 2):
        done = await trio.run_process(
            [*GONG, *map(str, arguments)],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=cwd,
        )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


@dataclass(slots=True)
class Background:
    """A command that runs while a test goes on."""

    process: trio.Process
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """What it wrote to stderr so far."""
        return self.log.read_text()

    async def wait_said(self, text: str) -> None:
        """Wait until `text` stands on its stderr; fails when it ends before that."""
        await wait_until(
            lambda: text in self.said or self.process.poll() is not None,
            what=f"{text!r} on stderr",
        )
        assert text in self.said, f"it ended with {self.process.returncode}: {self.said}"

    async def wait_end(self, *, within_s: float = PATIENCE_S) -> int:
        """Wait for its exit status."""
        with trio.fail_after(within_s):
            return await self.process.wait()


@asynccontextmanager
async def background(
    *arguments: object, log: Path, stdout: Path | None = None
) -> AsyncIterator[Background]:
    """Run a command of `gong` for the length of a block; whatever happens, it does not survive it."""
    with log.open("wb") as stderr, (stdout or log.with_suffix(".out")).open("wb") as out:
        process = await trio.lowlevel.open_process(
            [*GONG, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        yield Background(process, log)
    finally:
        process.kill()  # does nothing to one that has ended
        with trio.CancelScope(shield=True):
            await process.wait()


async def wait_until(
    condition: Callable[[], bool], *, what: str, within_s: float = PATIENCE_S
) -> None:
    """Look again and again until `condition` holds; fails after `within_s`, naming `what`."""
    with trio.move_on_after(within_s):
        while not condition():  # noqa: ASYNC110 - nobody can set an Event from another process
            await trio.sleep(LOOK_AGAIN_S)
        return
    raise AssertionError(f"did not happen within {within_s} s: {what}")


def processes_naming(path: Path) -> dict[int, str]:
    """Every running process whose command line names something below `path`."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if str(path) in command:
            found[int(place.parent.name)] = command
    return found


def resident_mb(pid: int) -> float:
    """How much memory a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has ended")


@dataclass(frozen=True, slots=True)
class Running:
    """A cluster of real replicas, and somebody who watches it."""

    cluster: LocalCluster
    observer: Observer

    def executed_upto(self, replica: ReplicaId) -> int:
        """The last slot it says it has executed; -1 while it does not answer."""
        status = self.observer.statuses.get(replica)
        return -1 if status is None else status.executed_upto

    def pid(self, replica: ReplicaId) -> int:
        process = self.cluster._servers[replica].process
        assert process is not None, f"replica {replica} is down"
        return process.pid

    def followers(self) -> list[ReplicaId]:
        """Everyone but the leader."""
        return [r for r in self.cluster.replicas if r != self.observer.leader]

    def kill(self, replica: ReplicaId) -> None:
        """SIGKILL, and forget what it said."""
        self.cluster.kill(replica)
        self.observer.forget(replica)

    async def wait_all_serve(self) -> None:
        """Wait until every replica has executed what the leader knows to be chosen."""
        with trio.fail_after(PATIENCE_S):
            await self.observer.wait(self.observer.all_serve)


@asynccontextmanager
async def running_cluster(
    directory: Path,
    *,
    replicas: int = 3,
    shards: int = 1,
    protocol: str = "multipaxos",
    metrics: bool = False,
    settings: str = "",
) -> AsyncIterator[Running]:
    """Real replicas and a master on loopback, all shards led; no process survives the block."""
    async with open_cluster(
        replicas=replicas,
        shards=shards,
        protocol=protocol,
        directory=directory,
        cluster="test",
        random=Random(),
        metrics=metrics,
        settings=settings,
    ) as cluster:
        await cluster.start_all()
        observer = Observer(cluster.config)
        async with trio.open_nursery() as watching:
            watching.start_soon(observer.run)
            with trio.fail_after(PATIENCE_S):
                await observer.wait_leaders()
            yield Running(cluster, observer)
            watching.cancel_scope.cancel()
    assert not processes_naming(directory)


def write_config(path: Path, *, data_dir: str = "data", replicas: int = 1) -> Path:
    """A configuration with free ports, for tests that start processes by hand."""
    ports = free_ports(2 * replicas + 1, Random())
    lines = [
        'cluster = "test"',
        f'data_dir = "{data_dir}"',
        f'[master]\naddress = "127.0.0.1:{ports.pop()}"',
    ]
    for replica in range(1, replicas + 1):
        lines += [
            "[[replica]]",
            f"id = {replica}",
            f'peer_address = "127.0.0.1:{ports.pop()}"',
            f'client_address = "127.0.0.1:{ports.pop()}"',
        ]
    path.write_text("\n".join(lines) + "\n")
    return path
