"""Watches who leads: asks every replica for its status again and again.

What it sees is a view, not the truth: two replicas may both believe to lead. The one with the
highest ballot counts.
"""

from collections.abc import Callable
from typing import Final

import trio

from clients.connection import CannotConnect, ConnectionLost, connect
from node.config import ClusterConfig, ReplicaConfig
from node.core.ballot import NO_BALLOT, Ballot
from node.types import ReplicaId
from node.wire.messages import StatusReply

POLL_INTERVAL_S: Final = 0.05
ANSWER_TIMEOUT_S: Final = 1.0


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
        self.leader: ReplicaId | None = None
        self.ballot: Ballot = NO_BALLOT
        """Of the latest leader that was seen."""
        self.leader_changes = 0
        """Leaders seen after the first."""

    async def run(self) -> None:
        """Watch until cancelled."""
        async with trio.open_nursery() as watchers:
            for member in self._config.replicas:
                watchers.start_soon(self._watch, member)

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds after some answer; the caller sets the deadline."""
        while not condition():
            await self._changed.wait()

    async def wait_leader(self, *, above: Ballot = NO_BALLOT) -> ReplicaId:
        """Wait for a leader with a ballot higher than `above`."""
        await self.wait(lambda: self.leader is not None and self.ballot > above)
        assert self.leader is not None
        return self.leader

    def all_serve(self) -> bool:
        """Every replica answers and has executed all that the leader knows to be chosen."""
        leader = self.statuses.get(self.leader) if self.leader is not None else None
        return leader is not None and all(
            replica.id in self.statuses
            and self.statuses[replica.id].leader == leader.replica
            and self.statuses[replica.id].executed_upto >= leader.chosen_upto
            for replica in self._config.replicas
        )

    def forget(self, replica: ReplicaId) -> None:
        """The replica was just killed: what it said last is not so any more."""
        self.statuses.pop(replica, None)
        if self.leader == replica:
            self.leader = None

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
        if status.role == "leader" and ballot > self.ballot:
            if self.ballot != NO_BALLOT:
                self.leader_changes += 1
            self.leader = status.replica
            self.ballot = ballot
            self._on_leader(status.replica, ballot)
        self._changed.set()
        self._changed = trio.Event()
