"""The nemesis: whom it kills and when, what it waits for, and what it writes down."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from harness.cluster import LocalCluster
from harness.nemesis import NEMESES, Target, Toll
from harness.nemesis.process import DOWN_MIN_S, ELECTION_PATIENCE_S, KillAll, KillLeader
from harness.observer import Observer
from harness.workload import Pacer
from history import Recorder
from node.config import ClusterConfig, ReplicaConfig
from node.types import Address, ReplicaId
from node.wire.messages import StatusReply

ONE, TWO, THREE = ReplicaId(1), ReplicaId(2), ReplicaId(3)
CONFIG = ClusterConfig(
    cluster="test",
    data_dir=Path("/disk"),
    replicas=tuple(
        ReplicaConfig(
            id=ReplicaId(number),
            peer_address=Address("peer", number),
            client_address=Address("client", number),
        )
        for number in (1, 2, 3)
    ),
)
ELECTION_S = 0.4


class FakeCluster:
    """Replicas that are only up or down; killing the leader makes the next one lead."""

    replicas = (ONE, TWO, THREE)

    def __init__(self, observer: Observer, nursery: trio.Nursery) -> None:
        self.up = set(self.replicas)
        self.diary: list[tuple[float, str]] = []
        self.elects = True
        self._observer = observer
        self._nursery = nursery
        self._round = 1
        self.lead(ONE)

    def lead(self, replica: ReplicaId) -> None:
        self._observer._on_status(
            StatusReply(replica, "leader", self._round, replica, replica, 0, 0, 0)
        )

    def is_up(self, replica: ReplicaId) -> bool:
        return replica in self.up

    def beside(self, replica: ReplicaId) -> tuple[ReplicaId, ...]:
        return (replica,)

    def check_alive(self) -> None:
        pass

    def kill(self, replica: ReplicaId) -> None:
        self.up.remove(replica)
        self.diary.append((trio.current_time(), f"kill {replica}"))
        if self.elects:
            self._nursery.start_soon(self._elect)

    async def _elect(self) -> None:
        await trio.sleep(ELECTION_S)
        if self.up:
            self._round += 1
            self.lead(min(self.up))

    async def start(self, *replicas: ReplicaId) -> None:
        await trio.lowlevel.checkpoint()
        self.up.update(replicas)
        self.diary.append((trio.current_time(), f"start {[*replicas]}"))
        if self.elects:
            self._nursery.start_soon(self._elect)


class Stage:
    """A target with clients in flight."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.observer = Observer(CONFIG)
        self.cluster = FakeCluster(self.observer, nursery)
        self.recorder = Recorder(None, self._now, keep_events=True)
        self.target = Target(
            cluster=cast("LocalCluster", self.cluster),
            observer=self.observer,
            recorder=self.recorder,
            pacer=Pacer(rate=None, random=Random(1)),
            clients=12,
            interval_s=3.0,
            random=Random(1),
            toll=Toll(),
        )
        for process in range(12):
            nursery.start_soon(self._client, process)

    async def _client(self, process: int) -> None:
        while await self.target.pacer.turn():
            invocation = self.recorder.invoke(process, "get", key="k")
            await trio.sleep(0.05)
            self.recorder.ok(invocation, None)

    @staticmethod
    def _now() -> int:
        return int(trio.current_time() * 1e9)

    def annotations(self) -> list[tuple[str | None, object]]:
        return [(e.f, e.value) for e in self.recorder.events if e.process == "nemesis"]


async def test_the_leader_is_killed_in_a_crowd_and_restarted_after_its_successor_was_seen(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        nemesis = KillLeader(stage.target)
        await nemesis.strike()
        nursery.cancel_scope.cancel()
    (kill,) = stage.target.toll.kills
    assert (kill.replica, kill.ballot) == (1, "1.1")
    assert kill.in_flight >= 10
    assert kill.new_leader_s == pytest.approx(ELECTION_S)
    assert stage.target.toll.faults == {"kill-leader": 1}
    (killed_at, killed), (started_at, started) = stage.cluster.diary
    assert (killed, started) == ("kill 1", "start [1]")
    assert started_at - killed_at >= DOWN_MIN_S
    assert stage.annotations() == [
        ("kill", {"replica": 1, "ballot": "1.1", "leader": True}),
        ("restart", {"replica": 1}),
    ]


async def test_each_strike_hits_whoever_leads_then(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        nemesis = KillLeader(stage.target)
        for _ in range(3):
            await nemesis.strike()
            await trio.sleep(1)
        nursery.cancel_scope.cancel()
    kills = stage.target.toll.kills
    assert len(kills) == 3
    assert len({kill.ballot for kill in kills}) == 3
    assert stage.target.toll.faults == {"kill-leader": 3}


async def test_a_cluster_that_elects_nobody_is_not_waited_for_for_ever(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        stage.cluster.elects = False
        await KillLeader(stage.target).strike()
        nursery.cancel_scope.cancel()
    assert stage.target.toll.kills[0].new_leader_s is None
    assert stage.cluster.up == {ONE, TWO, THREE}, "restarted all the same"
    assert stage.cluster.diary[1][0] - stage.cluster.diary[0][0] == ELECTION_PATIENCE_S


async def test_nobody_is_killed_while_nobody_leads(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        stage.observer.forget(ONE)
        with trio.move_on_after(5):
            await KillLeader(stage.target).strike()
        nursery.cancel_scope.cancel()
    assert stage.cluster.diary == []


async def test_all_are_killed_at_once(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        stage.cluster.elects = False
        await KillAll(stage.target).strike()
        nursery.cancel_scope.cancel()
    assert [what for _, what in stage.cluster.diary] == [
        "kill 1",
        "kill 2",
        "kill 3",
        f"start {[1, 2, 3]}",
    ]
    assert len({when for when, _ in stage.cluster.diary[:3]}) == 1
    assert stage.target.toll.faults == {"kill-all": 1}


@pytest.mark.parametrize("nemesis", NEMESES.values(), ids=NEMESES)
async def test_healing_starts_whoever_is_down(
    nemesis: Callable[[Target], KillLeader], autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        stage.cluster.kill(TWO)
        await nemesis(stage.target).heal()
        assert stage.cluster.up == {ONE, TWO, THREE}
        nursery.cancel_scope.cancel()
    assert stage.annotations() == [("restart", {"replica": 2})]


async def test_a_strike_that_is_cancelled_leaves_the_healing_to_heal(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        nemesis = KillLeader(stage.target)
        with trio.move_on_after(ELECTION_S / 2):
            await nemesis.strike()
        assert stage.cluster.up == {TWO, THREE}
        await nemesis.heal()
        assert stage.cluster.up == {ONE, TWO, THREE}
        nursery.cancel_scope.cancel()
