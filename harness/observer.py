"""Watches who leads each shard: asks every replica for its status again and again.

What it sees is a view, not the truth: two replicas may both believe to lead. The one with the
highest ballot counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import trio

from clients.connection import CannotConnect, ConnectionLost, connect
from node.config import ClusterConfig, ReplicaConfig
from node.core.ballot import NO_BALLOT, Ballot
from node.types import ReplicaId
from node.wire.messages import StatusReply

POLL_INTERVAL_S: Final = 0.05
ANSWER_TIMEOUT_S: Final = 1.0


@dataclass(slots=True)
class Seen:
    """The latest leader of one shard."""

    leader: ReplicaId | None = None
    """None before any, and when it was killed."""
    ballot: Ballot = NO_BALLOT


class Observer:
    """The latest status of every replica, and the leaders that were seen."""

    def __init__(
        self,
        config: ClusterConfig,
        on_leader: Callable[[ReplicaId, Ballot], None] = lambda _replica, _ballot: None,
    ) -> None:
        self._config = config
        self._on_leader = on_leader
        self._changed = trio.Event()
        self.statuses: dict[ReplicaId, StatusReply] = {}
        """By replica, its last answer; absent while it does not answer."""
        self.shards = tuple(Seen() for _ in config.shards)
        """By shard, its latest leader."""
        self.leader_changes = 0
        """Leaders seen after the first of each shard."""

    @property
    def leader(self) -> ReplicaId | None:
        """Of shard 0, which often is the only one."""
        return self.shards[0].leader

    @property
    def ballot(self) -> Ballot:
        """Of the latest leader of shard 0 that was seen."""
        return self.shards[0].ballot

    async def run(self) -> None:
        """Watch until cancelled."""
        async with trio.open_nursery() as watchers:
            for member in self._config.replicas:
                watchers.start_soon(self._watch, member)

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds after some answer; the caller sets the deadline."""
        while not condition():
            await self._changed.wait()

    async def wait_leader(self, *, above: Ballot = NO_BALLOT, shard: int = 0) -> ReplicaId:
        """Wait for a leader of a shard with a ballot higher than `above`."""
        seen = self.shards[shard]
        await self.wait(lambda: seen.leader is not None and seen.ballot > above)
        assert seen.leader is not None
        return seen.leader

    async def wait_leaders(self) -> None:
        """Wait until every shard has a leader."""
        for shard in range(len(self.shards)):
            await self.wait_leader(shard=shard)

    def all_serve(self) -> bool:
        """Every replica answers and has executed all that its leader knows to be chosen."""
        return all(map(self._serves, self.shards, self._config.shards))

    def _serves(self, seen: Seen, group: tuple[ReplicaId, ...]) -> bool:
        leader = self.statuses.get(seen.leader) if seen.leader is not None else None
        return leader is not None and all(
            replica in self.statuses
            and self.statuses[replica].leader == leader.replica
            and self.statuses[replica].executed_upto >= leader.chosen_upto
            for replica in group
        )

    def forget(self, replica: ReplicaId) -> None:
        """The replica was just killed: what it said last is not so any more."""
        self.statuses.pop(replica, None)
        seen = self._seen(replica)
        if seen.leader == replica:
            seen.leader = None

    def _seen(self, replica: ReplicaId) -> Seen:
        return self.shards[self._config.replica(replica).shard]

    async def _watch(self, member: ReplicaConfig) -> None:
        while True:
            try:
                connection = await connect(
                    member.client_address, self._config.cluster, timeout_s=ANSWER_TIMEOUT_S
                )
            except CannotConnect:
                await trio.sleep(POLL_INTERVAL_S)
                continue
            async with trio.open_nursery() as connection_nursery:
                connection_nursery.start_soon(connection.run)
                try:
                    while True:
                        with trio.fail_after(ANSWER_TIMEOUT_S):
                            status = await connection.ask_status()
                        self._on_status(status)
                        await trio.sleep(POLL_INTERVAL_S)
                except (ConnectionLost, trio.TooSlowError):
                    self.statuses.pop(member.id, None)
                connection_nursery.cancel_scope.cancel()

    def _on_status(self, status: StatusReply) -> None:
        self.statuses[status.replica] = status
        ballot = Ballot(status.ballot_round, status.ballot_replica)
        seen = self._seen(status.replica)
        if status.role == "leader" and ballot > seen.ballot:
            if seen.ballot != NO_BALLOT:
                self.leader_changes += 1
            seen.leader = status.replica
            seen.ballot = ballot
            self._on_leader(status.replica, ballot)
        self._changed.set()
        self._changed = trio.Event()
