"""Faults of processes: SIGKILL to a leader, or to all replicas at once, then a restart.

Where each process runs replicas of several shards, a kill takes down one of each; leaders are aimed at
shard by shard, and every shard that lost its leader must have another one before the next strike.
"""

from itertools import cycle
from typing import Final

import trio

from harness.nemesis.interface import Kill, Target

CROWD_MIN: Final = 10
"""Operations that must be in flight when a leader dies; fewer prove little."""
CROWD_TRIES: Final = 20
ELECTION_PATIENCE_S: Final = 10.0
DOWN_MIN_S: Final = 0.5
"""A killed replica stays down for at least this long, so that the cluster goes on without it."""


class KillLeader:
    """SIGKILL to the process of a replica that leads, in the middle of a crowd of operations."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._shards = cycle(range(len(target.observer.shards)))

    async def strike(self) -> None:
        """Kill the leader of the next shard, wait for other leaders, restart what was killed."""
        target, shard = self._target, next(self._shards)
        leader, seen = None, target.observer.shards[shard]
        while leader is None or seen.leader != leader:
            leader = await target.observer.wait_leader(shard=shard)
            await _wait_crowd(target)
        # From here to the signal nothing is awaited: what was true is still true.
        dying = target.cluster.beside(leader)
        bereft = [
            (number, each.ballot)
            for number, each in enumerate(target.observer.shards)
            if each.leader in dying
        ]
        kill = Kill(leader, str(seen.ballot), target.recorder.in_flight)
        target.cluster.kill(leader)
        killed_at = trio.current_time()
        told: dict[str, object] = {"replica": leader, "ballot": str(seen.ballot), "leader": True}
        if len(target.observer.shards) > 1:
            told |= {"shards": [number for number, _ in bereft]}
        target.recorder.annotate("nemesis", "kill", told)
        target.toll.kills.append(kill)
        target.toll.count("kill-leader")
        for replica in dying:
            target.observer.forget(replica)
        with trio.move_on_after(ELECTION_PATIENCE_S):
            for number, ballot in bereft:
                await target.observer.wait_leader(above=ballot, shard=number)
            kill.new_leader_s = trio.current_time() - killed_at
        await trio.sleep_until(killed_at + DOWN_MIN_S)
        await _restart(target)

    async def heal(self) -> None:
        """Start every replica that is down."""
        await _restart(self._target)


class KillAll:
    """SIGKILL to every replica at once: only what is on disk survives."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def strike(self) -> None:
        """Kill all replicas in the middle of a crowd, then start them again."""
        target = self._target
        ballots = [seen.ballot for seen in target.observer.shards]
        await _wait_crowd(target)
        target.cluster.check_alive()
        for replica in target.cluster.replicas:
            if target.cluster.is_up(replica):
                target.cluster.kill(replica)
            target.observer.forget(replica)
        for replica in target.cluster.replicas:
            target.recorder.annotate("nemesis", "kill", {"replica": replica})
        target.toll.count("kill-all")
        await trio.sleep(DOWN_MIN_S)
        await _restart(target)
        with trio.move_on_after(ELECTION_PATIENCE_S):
            for shard, ballot in enumerate(ballots):
                await target.observer.wait_leader(above=ballot, shard=shard)

    async def heal(self) -> None:
        """Start every replica that is down."""
        await _restart(self._target)


async def _wait_crowd(target: Target) -> None:
    """Wait for a moment at which many operations are in flight, at different stages."""
    size = min(CROWD_MIN, target.clients)
    for _ in range(CROWD_TRIES):
        await target.pacer.gather(size + (target.clients - size) // 2, patience_s=1.0)
        # A moment later some have reached the leader, some its disk, some its followers.
        await trio.sleep(target.random.random() * 0.004)
        if target.recorder.in_flight >= size:
            return


async def _restart(target: Target) -> None:
    """Start what is down, all at once, and wait until each answers."""
    target.cluster.check_alive()
    down = [r for r in target.cluster.replicas if not target.cluster.is_up(r)]
    await target.cluster.start(*down)
    for replica in down:
        target.recorder.annotate("nemesis", "restart", {"replica": replica})
