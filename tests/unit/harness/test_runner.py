"""The phases of a run, against replicas that live in this process and on a fake clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from harness.cluster import StartError
from harness.nemesis.process import CROWD_TRIES, DOWN_MIN_S
from harness.options import RunOptions
from harness.runner import (
    FIRST_LEADER_PATIENCE_S,
    HEAL_PATIENCE_S,
    Observed,
    Progress,
    run_cluster,
)
from harness.store import RunDirectory
from history import Outcome, load
from node.config import ClusterConfig, ReplicaConfig
from node.runtime.replica import open_replica
from node.types import Address, ReplicaId
from tests.support.fake_disk import FakeDisk
from tests.support.streams import fake_network


@dataclass(slots=True)
class Weather:
    """What the cluster of a test does wrong."""

    fails_to_start: bool = False
    never_answers: bool = False
    fails_to_restart: bool = False
    stays_away: bool = False
    """A restart says that it worked, and nobody is there."""


class MemoryCluster:
    """In place of `LocalCluster`: each replica is a task; killing it cancels the task."""

    def __init__(self, config: ClusterConfig, nursery: trio.Nursery, weather: Weather) -> None:
        self.config = config
        self.replicas = tuple(member.id for member in config.replicas)
        self.shards = (tuple(member.client_address for member in config.replicas),)
        self.unexpected_ends: list[str] = []
        self._nursery = nursery
        self._weather = weather
        self._lives: dict[ReplicaId, trio.CancelScope] = {}
        self._disk = FakeDisk()

    async def start_all(self) -> None:
        if self._weather.fails_to_start:
            raise StartError("replica-2 did not start: cannot listen")
        if not self._weather.never_answers:
            await self._start(*self.replicas)

    async def start(self, *replicas: ReplicaId) -> None:
        if replicas and self._weather.fails_to_restart:
            raise StartError("replica-1 did not start: it is damaged")
        if not self._weather.stays_away:
            await self._start(*replicas)

    async def _start(self, *replicas: ReplicaId) -> None:
        for replica in replicas:
            await self._nursery.start(self._live, replica)

    async def _live(
        self, replica: ReplicaId, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with trio.CancelScope() as life:
            self._lives[replica] = life
            server = open_replica(self.config, replica, random=Random(replica), disk=self._disk)
            async with server:
                task_status.started()
                await trio.sleep_forever()

    def is_up(self, replica: ReplicaId) -> bool:
        return replica in self._lives

    def beside(self, replica: ReplicaId) -> tuple[ReplicaId, ...]:
        return (replica,)

    def check_alive(self) -> None:
        pass

    def kill(self, replica: ReplicaId) -> None:
        self._lives.pop(replica).cancel()


async def run_here(function: Any, *arguments: object) -> Any:  # noqa: ANN401
    """In place of a thread: while one works, the fake clock would think that nobody does."""
    await trio.lowlevel.checkpoint()
    return function(*arguments)


@pytest.fixture
def weather(monkeypatch: pytest.MonkeyPatch) -> Weather:
    """Put replicas in memory under the runner."""
    weather = Weather()
    network = fake_network(monkeypatch)
    assert not network.listeners
    monkeypatch.setattr(trio.to_thread, "run_sync", run_here)

    @asynccontextmanager
    async def open_memory_cluster(
        *, replicas: int, directory: Path, cluster: str, random: Random, **_: object
    ) -> AsyncIterator[MemoryCluster]:
        assert random.random() < 1
        config = ClusterConfig(
            cluster=cluster,
            data_dir=directory,
            replicas=tuple(
                ReplicaConfig(
                    id=ReplicaId(number),
                    peer_address=Address("peer", number),
                    client_address=Address("client", number),
                )
                for number in range(1, replicas + 1)
            ),
        )
        async with trio.open_nursery() as nursery:
            yield MemoryCluster(config, nursery, weather)
            nursery.cancel_scope.cancel()

    monkeypatch.setattr("harness.runner.open_cluster", open_memory_cluster)
    return weather


async def run(
    tmp_path: Path, *, time_limit_s: float = 4.0, nemesis: tuple[str, ...] = ()
) -> tuple[Observed, RunDirectory, Progress]:
    options = RunOptions(
        replicas=3,
        clients=4,
        keys=2,
        rate=20.0,
        seed=1,
        time_limit_s=time_limit_s,
        nemesis=nemesis,
        nemesis_interval_s=2.0,
        out=tmp_path,
    )
    directory, progress = RunDirectory.create(options), Progress()
    return await run_cluster(options, directory, progress), directory, progress


async def test_a_cluster_that_does_not_start_is_a_problem_at_once(
    weather: Weather, autojump_clock: MockClock, tmp_path: Path
) -> None:
    weather.fails_to_start = True
    observed, directory, _ = await run(tmp_path)
    assert observed.problem == "replica-2 did not start: cannot listen"
    assert load(directory.history).operations == []


async def test_a_cluster_that_elects_nobody_is_not_loaded(
    weather: Weather, autojump_clock: MockClock, tmp_path: Path
) -> None:
    weather.never_answers = True
    observed, directory, _ = await run(tmp_path)
    assert observed.problem == f"no leader within {FIRST_LEADER_PATIENCE_S:.0f} s"
    assert trio.current_time() == pytest.approx(FIRST_LEADER_PATIENCE_S, abs=1)
    assert load(directory.history).operations == []


@pytest.mark.slow
async def test_a_run_loads_kills_heals_and_reads_every_key_last(
    weather: Weather, autojump_clock: MockClock, tmp_path: Path
) -> None:
    observed, directory, progress = await run(tmp_path, nemesis=("kill-leader",))
    assert (observed.problem, observed.stuck, observed.unexpected_ends) == (None, None, [])
    assert observed.toll.faults == {"kill-leader": 2}
    assert observed.leader_changes >= 2
    # Replicas in memory answer at once, so the last strike may try again and again for its crowd.
    assert 4 <= observed.load_s < 4 + 2 * CROWD_TRIES
    history = load(directory.history)
    last = history.operations[-2:]
    assert [(o.f, o.key, o.outcome) for o in last] == [
        ("get", "k0", Outcome.OK),
        ("get", "k1", Outcome.OK),
    ]
    assert progress.ok + progress.failed + progress.unknown == len(history.operations) - 2
    assert history.header["concurrency"] == 5
    text = directory.history.read_text()
    for mark in ('"f":"leader"', '"f":"kill"', '"f":"restart"', '"f":"heal"'):
        assert mark in text


@pytest.mark.slow
async def test_a_replica_that_cannot_be_restarted_makes_the_cluster_stuck(
    weather: Weather, autojump_clock: MockClock, tmp_path: Path
) -> None:
    weather.fails_to_restart = True
    observed, _, _ = await run(tmp_path, nemesis=("kill-leader",))
    assert observed.unexpected_ends == ["replica-1 did not start: it is damaged"]
    assert observed.stuck == "replica-1 did not start: it is damaged"


@pytest.mark.slow
async def test_a_replica_that_never_serves_again_makes_the_cluster_stuck(
    weather: Weather, autojump_clock: MockClock, tmp_path: Path
) -> None:
    weather.stays_away = True
    observed, _, _ = await run(tmp_path, time_limit_s=2.0, nemesis=("kill-leader",))
    assert observed.stuck is not None
    assert observed.stuck.startswith(
        f"after the heal not every replica served within {HEAL_PATIENCE_S:.0f} s"
    )


@pytest.mark.slow
async def test_a_strike_that_outlasts_the_time_limit_counts_as_time_under_load(
    weather: Weather, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Clients go on until it is over; with less time, the rate would be too good."""
    observed, _, _ = await run(tmp_path, time_limit_s=1.01, nemesis=("kill-leader",))
    assert observed.toll.faults == {"kill-leader": 1}
    assert observed.load_s > 1.0 + DOWN_MIN_S
