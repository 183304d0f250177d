"""Clients that write and write down, while a test hurts the replicas they talk to."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

import trio

from checker import Budget, Verdict, check
from checker.models import kv
from clients import KvClient, RecordingClient, open_client
from harness.cluster import LocalCluster
from history import Recorder, pair
from node.wire.kv import Cas, Done, Get, Operation, Put
from tests.support.processes import wait_until

_SHARED_KEYS: Final = ("s0", "s1")
_TIMEOUT_S: Final = 10.0
_JUDGING_S_MAX: Final = 30.0


class Load:
    """Some clients, each with a key of its own that only it writes, and keys that all share."""

    def __init__(self, cluster: LocalCluster, recorder: Recorder, clients: int) -> None:
        self.recorder = recorder
        self.acknowledged: dict[str, int] = {}
        """By own key, the number of the last write that was answered; it and all before it stand."""
        self.answered = 0
        self._cluster = cluster
        self._clients = clients
        self._stopping = trio.Event()

    async def client(self, number: int) -> None:
        """Put, get and cas until the load ends."""
        own = f"own{number}"
        async with open_client(
            cluster=self._cluster.config.cluster,
            replicas=self._cluster.client_addresses,
            timeout_s=_TIMEOUT_S,
            random=Random(number),
        ) as client:
            me = RecordingClient(
                KvClient(client), self.recorder, process=number, concurrency=self._clients + 1
            )
            turn = 0
            while not self._stopping.is_set():
                turn += 1
                if await me.perform(Put(own, str(turn))) is not None:
                    self.acknowledged[own] = turn
                    self.answered += 1
                await me.perform(self._shared(number, turn))

    def _shared(self, number: int, turn: int) -> Operation:
        key = _SHARED_KEYS[turn % len(_SHARED_KEYS)]
        if turn % 3 == 0:
            return Cas(key, f"{number}.{turn - 2}", f"{number}.{turn}")
        return Get(key) if turn % 3 == 1 else Put(key, f"{number}.{turn}")

    async def wait_answers(self, count: int) -> None:
        """Wait until `count` more own writes were answered."""
        target = self.answered + count
        await wait_until(lambda: self.answered >= target, what=f"{count} more answered writes")

    def end(self) -> None:
        """Let each client finish its operation and go."""
        self._stopping.set()

    async def read_everything(self) -> dict[str, str | None]:
        """Read every key, on record."""
        found: dict[str, str | None] = {}
        async with open_client(
            replicas=self._cluster.client_addresses, timeout_s=_TIMEOUT_S, random=Random(99)
        ) as client:
            reader = RecordingClient(
                KvClient(client),
                self.recorder,
                process=self._clients,
                concurrency=self._clients + 1,
            )
            for key in [*self.acknowledged, *_SHARED_KEYS]:
                result = await reader.perform(Get(key))
                assert isinstance(result, Done), f"{key!r} could not be read"
                found[key] = result.value
        return found

    def verdict(self) -> Verdict:
        """Judge what the clients wrote down."""
        operations = pair(enumerate(self.recorder.events, 1)).operations
        return check(operations, kv.MODEL, budget=Budget(time_limit_s=_JUDGING_S_MAX))


@asynccontextmanager
async def loaded(
    cluster: LocalCluster, directory: Path, *, clients: int = 6
) -> AsyncIterator[Load]:
    """Load `cluster` for the length of a block, and let the clients finish at its end."""
    with Recorder(directory / "history.jsonl", time.monotonic_ns, keep_events=True) as recorder:
        load = Load(cluster, recorder, clients)
        async with trio.open_nursery() as nursery:
            for number in range(clients):
                nursery.start_soon(load.client, number)
            yield load
            load.end()


def lost_writes(load: Load, found: dict[str, str | None]) -> dict[str, tuple[int, str | None]]:
    """Own keys that hold less than what was answered: (answered, found)."""
    return {
        key: (answered, found[key])
        for key, answered in load.acknowledged.items()
        if int(found[key] or 0) < answered
    }
