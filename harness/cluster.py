"""A local cluster: replicas and a master as processes, with ports, data directories and logs.

    async with open_cluster(...) as cluster:      leaving kills whatever still runs
        await cluster.start_all()
        cluster.kill(leader)                      SIGKILL, now
        await cluster.start(leader)               the same journal again

With several shards each process runs one replica of each; whoever names a replica here means the
process that runs it.

Each process holds one end of a pipe as its stdin and stops when that closes, so nothing is left
behind even if this process is killed.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import trio

from clients.connection import CannotConnect, ask_status
from harness.ports import free_ports
from node.config import ClusterConfig, load_config
from node.settings import Timing
from node.types import Address, ReplicaId

START_TIMEOUT_S: Final = 20.0
"""A Python process on a busy machine; usually well below one second."""
STOP_TIMEOUT_S: Final = 5.0
_DEFAULTS: Final = Timing()


class StartError(Exception):
    """A server process did not come up: which, and what it said last."""


@dataclass(slots=True)
class Server:
    """One server process, running or not."""

    name: str
    arguments: list[str]
    log: Path
    process: trio.Process | None = None
    ended: list[trio.Process] = field(default_factory=list)
    """Killed, and not yet waited for."""


class LocalCluster:
    """Replicas 1 … n of each shard on loopback; made by `open_cluster`."""

    def __init__(self, config: ClusterConfig, config_path: Path, logs: Path) -> None:
        self.config = config
        self.replicas = tuple(member.id for member in config.replicas)
        self.processes = tuple(dict.fromkeys(member.host for member in config.replicas))
        self._processes = {
            number: _process(config, config_path, logs, number) for number in self.processes
        }
        self._servers = {member.id: self._processes[member.host] for member in config.replicas}
        self._master = Server(
            "master", ["master", "--config", str(config_path)], logs / "master.log"
        )
        self.unexpected_ends: list[str] = []
        """Servers that ended although nobody had told them to."""

    @property
    def client_addresses(self) -> tuple[Address, ...]:
        """Where clients reach the replicas of the only shard."""
        (addresses,) = self.shards
        return addresses

    @property
    def shards(self) -> tuple[tuple[Address, ...], ...]:
        """Where clients reach the replicas of each shard."""
        return tuple(
            tuple(self.config.replica(replica).client_address for replica in group)
            for group in self.config.shards
        )

    def process_of(self, replica: ReplicaId) -> int:
        """The number of the process that runs it."""
        return self.config.replica(replica).host

    def beside(self, replica: ReplicaId) -> tuple[ReplicaId, ...]:
        """The replicas of its process, itself among them."""
        return self.config.hosted(self.process_of(replica))

    def is_up(self, replica: ReplicaId) -> bool:
        """Its process runs (it may still be starting)."""
        return self._servers[replica].process is not None

    async def start_all(self) -> None:
        """Start master and replicas, and wait until each answers; raises StartError."""
        await self._launch(self._master)
        await self.start(*self.replicas)

    async def start(self, *replicas: ReplicaId, options: Sequence[str] = ()) -> None:
        """Start replicas that are down, and wait until each answers; raises StartError.

        `options` of `gong node` are theirs for this life only.
        """
        for process in dict.fromkeys(map(self.process_of, replicas)):
            await self._launch(self._processes[process], options)
        for replica in replicas:
            await self._wait_up(replica)

    def pid(self, replica: ReplicaId) -> int:
        """The process of a replica that is up."""
        process = self._servers[replica].process
        assert process is not None, f"replica {replica} is not running"
        return process.pid

    @property
    def pids(self) -> dict[int, int]:
        """Of every process that is up, by its number."""
        return {
            number: server.process.pid
            for number, server in self._processes.items()
            if server.process is not None
        }

    def kill(self, replica: ReplicaId) -> None:
        """SIGKILL: the signal is sent when this returns."""
        self._kill(self._servers[replica])

    async def kill_master(self) -> None:
        """SIGKILL to the master; the replicas must not care."""
        self._kill(self._master)

    def _kill(self, server: Server) -> None:
        process = server.process
        assert process is not None, f"{server.name} is not running"
        if process.poll() is not None:
            self._note_unexpected_end(server, process)
        process.kill()
        server.ended.append(process)
        server.process = None

    def check_alive(self) -> None:
        """Notice servers that ended by themselves."""
        for server in (self._master, *self._processes.values()):
            if server.process is not None and server.process.poll() is not None:
                self._note_unexpected_end(server, server.process)
                server.ended.append(server.process)
                server.process = None

    def _note_unexpected_end(self, server: Server, process: trio.Process) -> None:
        self.unexpected_ends.append(
            f"{server.name} ended by itself with exit status {process.returncode}: "
            f"{_last_line(server.log)}"
        )

    async def _launch(self, server: Server, options: Sequence[str] = ()) -> None:
        assert server.process is None, f"{server.name} runs already"
        await _reap(server)  # it held the journal's lock
        options = (*server.arguments, *options, "--until-stdin-closes")
        command = [sys.executable, "-P", "-m", "harness", *options]
        with server.log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is for the harness to handle.
            server.process = await trio.lowlevel.open_process(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONHASHSEED": "random"},
            )

    async def _wait_up(self, replica: ReplicaId) -> None:
        server = self._servers[replica]
        address = self.config.replica(replica).client_address
        with trio.move_on_after(START_TIMEOUT_S):
            while server.process is not None and server.process.poll() is None:
                try:
                    await ask_status(address, self.config.cluster, timeout_s=1.0)
                except CannotConnect:
                    await trio.sleep(0.02)
                else:
                    return
        raise StartError(f"{server.name} did not start: {_last_line(server.log)}")

    async def stop(self) -> None:
        """Ask every server to stop, kill what does not; afterwards no process is left."""
        self.check_alive()
        servers = (self._master, *self._processes.values())
        running = [server.process for server in servers if server.process is not None]
        for process in running:
            process.terminate()
        with trio.move_on_after(STOP_TIMEOUT_S):
            for process in running:
                await process.wait()
        for server in servers:
            if server.process is not None:
                server.process.kill()  # does nothing to one that has ended
                server.ended.append(server.process)
                server.process = None
            await _reap(server)


@asynccontextmanager
async def open_cluster(
    *,
    replicas: int,
    shards: int = 1,
    protocol: str = "multipaxos",
    coordination: str | None = None,
    directory: Path,
    cluster: str,
    random: Random,
    timing: Timing = _DEFAULTS,
    metrics: bool = False,
    settings: str = "",
) -> AsyncIterator[LocalCluster]:
    """Lay out a cluster below `directory` (configuration, `data`, `logs`); starts nothing.

    `replicas` are those of each shard, and as many processes. With `metrics` each replica has a metrics port; `settings` is TOML, put behind what is always in
    the configuration.

    Leaving the block ends every process, also when it is left by an error or a cancellation. The
    data directories stay.
    """
    logs = directory / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    config_path = directory / "cluster.toml"
    ports = free_ports((3 if metrics else 2) * replicas * shards + 1, random)
    head = [f'cluster = "{cluster}"', 'data_dir = "data"', f'protocol = "{protocol}"']
    if coordination is not None:
        head.append(f'coordination = "{coordination}"')
    text = _config_text(replicas, shards, ports, timing, metrics=metrics)
    config_path.write_text("\n".join(head) + text + settings)
    local = LocalCluster(load_config(config_path), config_path.resolve(), logs)
    try:
        yield local
    finally:
        with trio.CancelScope(shield=True):  # bounded: stop() kills after STOP_TIMEOUT_S
            await local.stop()


async def _reap(server: Server) -> None:
    """Wait for killed processes, so that no zombie, lock or pipe of theirs is left."""
    while server.ended:
        process = server.ended.pop()
        await process.wait()
        if process.stdin is not None:
            await process.stdin.aclose()


def _process(config: ClusterConfig, config_path: Path, logs: Path, number: int) -> Server:
    hosted = config.hosted(number)
    name = f"replica-{hosted[0]}" if len(hosted) == 1 else f"process-{number}"
    arguments = ["node", "--config", str(config_path), "--id", str(number)]
    return Server(name, arguments, logs / f"{name}.log")


def _config_text(
    replicas: int, shards: int, ports: list[int], timing: Timing, *, metrics: bool
) -> str:
    lines = [
        "",
        "[master]",
        f'address = "127.0.0.1:{ports.pop()}"',
        "",
        "[timing]",
        *(f"{name} = {value}" for name, value in msgspec.structs.asdict(timing).items()),
    ]
    for place in range(replicas * shards):
        lines += [
            "",
            "[[replica]]",
            f"id = {place + 1}",
            f'peer_address = "127.0.0.1:{ports.pop()}"',
            f'client_address = "127.0.0.1:{ports.pop()}"',
        ]
        if shards > 1:
            lines += [f"shard = {place // replicas}", f"process = {place % replicas + 1}"]
        if metrics:
            lines.append(f'metrics_address = "127.0.0.1:{ports.pop()}"')
    return "\n".join(lines) + "\n"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
