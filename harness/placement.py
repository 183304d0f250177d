"""Where the leaders of shards are: spread over processes, so that each has its part of the work.

shard 0 ── led in process 1        asked for at the start, by a hand-over; after a kill whoever
shard 1 ── led in process 2        was elected goes on leading
shard 2 ── led in process 3
"""

from contextlib import suppress
from typing import Final

import trio

from clients.connection import CannotConnect, ConnectionLost, connect
from harness.cluster import LocalCluster
from harness.observer import Observer
from node.types import ReplicaId

SPREAD_PATIENCE_S: Final = 10.0
_ASKS_AGAIN_S: Final = 0.5
"""A hand-over is an ordinary campaign: usually well below it."""


def preferred_leaders(shards: tuple[tuple[ReplicaId, ...], ...]) -> tuple[ReplicaId, ...]:
    """Who should lead each shard: the first replica of the first, the second of the second."""
    return tuple(group[shard % len(group)] for shard, group in enumerate(shards))


async def spread_leaders(cluster: LocalCluster, observer: Observer) -> bool:
    """Have each shard led where it should be; whether that has happened in time."""
    wanted = preferred_leaders(cluster.config.shards)
    with trio.move_on_after(SPREAD_PATIENCE_S) as patience:
        async with trio.open_nursery() as nursery:
            for shard, leader in enumerate(wanted):
                nursery.start_soon(_hand_over, cluster, observer, shard, leader)
    return not patience.cancelled_caught


def placement(cluster: LocalCluster, observer: Observer) -> dict[str, int]:
    """By shard that is led, the process that its leader was last seen in."""
    return {
        str(shard): cluster.process_of(seen.leader)
        for shard, seen in enumerate(observer.shards)
        if seen.leader is not None
    }


async def _hand_over(
    cluster: LocalCluster, observer: Observer, shard: int, wanted: ReplicaId
) -> None:
    seen = observer.shards[shard]
    while seen.leader != wanted:
        if seen.leader is not None:
            await _ask(cluster, seen.leader, wanted)
        with trio.move_on_after(_ASKS_AGAIN_S):
            await observer.wait(lambda: seen.leader == wanted)


async def _ask(cluster: LocalCluster, leader: ReplicaId, to: ReplicaId) -> None:
    """Ask once; what became of it the observer sees."""
    address = cluster.config.replica(leader).client_address
    try:
        connection = await connect(address, cluster.config.cluster, timeout_s=1.0)
    except CannotConnect:
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        with trio.move_on_after(_ASKS_AGAIN_S):
            # Lost, it has ended, or is another's by now: the next look tells.
            with suppress(ConnectionLost):
                await connection.ask_transfer(to)
        nursery.cancel_scope.cancel()
