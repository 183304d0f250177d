"""Faults of processes: SIGKILL to the leader, or to all replicas at once, then a restart."""

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
    """SIGKILL to the replica that leads, in the middle of a crowd of operations."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def strike(self) -> None:
        """Kill the leader, wait for the next one, restart the killed replica."""
        target = self._target
        leader = None
        while leader is None or target.observer.leader != leader:
            leader = await target.observer.wait_leader()
            await _wait_crowd(target)
        # From here to the signal nothing is awaited: what was true is still true.
        ballot = target.observer.ballot
        kill = Kill(leader, str(ballot), target.recorder.in_flight)
        target.cluster.kill(leader)
        killed_at = trio.current_time()
        target.recorder.annotate(
            "nemesis", "kill", {"replica": leader, "ballot": str(ballot), "leader": True}
        )
        target.toll.kills.append(kill)
        target.toll.count("kill-leader")
        target.observer.forget(leader)
        with trio.move_on_after(ELECTION_PATIENCE_S):
            await target.observer.wait_leader(above=ballot)
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
        ballot = target.observer.ballot
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
            await target.observer.wait_leader(above=ballot)

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
