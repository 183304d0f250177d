"""Which replica next: follow the leader's trail, else go round, with a back-off.

All of a client's requests share one connection at a time, to the replica that is believed to lead.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

import trio

from clients.connection import CannotConnect, ReplicaConnection, connect, locate
from node.types import Address
from node.wire.messages import Located

CONNECT_TIMEOUT_S: Final = 1.0
BACK_OFF_S: Final = 0.02
"""After a replica that is no help; a fraction of an election, so that little time is lost."""
OVERLOAD_BACK_OFF_S_MAX: Final = 1.0
"""After a replica that has too much to do, which doubles from the one above up to this."""


class Router:
    """Finds a connection for the next attempt. Connections run in `connection_nursery`."""

    def __init__(
        self,
        *,
        cluster: str,
        replicas: Sequence[Address],
        master: Address | None,
        random: Random,
        connection_nursery: trio.Nursery,
        shard: int = 0,
    ) -> None:
        """`replicas` are those of one shard; `shard` is its number at the master."""
        self._cluster = cluster
        self._shard = shard
        self._replicas = list(replicas)
        self._master = master
        self._random = random
        self._connections = connection_nursery
        self._next = random.randrange(len(self._replicas)) if self._replicas else 0
        self._current: ReplicaConnection | None = None
        self._connecting = trio.Lock()
        self._epoch = 0
        self.failures = 0
        """Connections that could not be made, in a row."""

    async def connection(self) -> ReplicaConnection:
        """The current connection, or a new one; raises CannotConnect after one try."""
        async with self._connecting:
            if self._current is not None and not self._current.is_lost:
                return self._current
            if not self._replicas or self.failures > len(self._replicas):
                await self._ask_master()
            address = self._replicas[self._next % len(self._replicas)]
            try:
                connection = await connect(address, self._cluster, timeout_s=CONNECT_TIMEOUT_S)
            except CannotConnect:
                self.failures += 1
                self._next += 1
                raise
            self.failures = 0
            self._current = connection
            self._connections.start_soon(connection.run)
            return connection

    def leave(self, connection: ReplicaConnection, *, leader_address: str | None = None) -> None:
        """`connection` was no help: take the leader that it named, or else the next replica."""
        if connection is not self._current:
            return  # somebody else has noticed already
        self._current = None
        connection.retire()
        if leader_address is not None:
            address = Address.parse(leader_address)
            if address not in self._replicas:
                self._replicas.append(address)
            self._next = self._replicas.index(address)
        else:
            self._next += 1

    async def back_off(self, overloads: int = 0) -> None:
        """Wait a little, not in step with other clients; longer after `overloads` in a row."""
        longest = min(BACK_OFF_S * 2.0 ** min(overloads, 10), OVERLOAD_BACK_OFF_S_MAX)
        await trio.sleep(longest * (0.5 + self._random.random()))

    async def _ask_master(self) -> None:
        """Learn the replicas anew; without a master, or when it is down, keep those we know."""
        self.failures = 0
        if self._master is None:
            return
        try:
            located = await locate(self._master, self._cluster, timeout_s=CONNECT_TIMEOUT_S)
        except CannotConnect:
            if not self._replicas:
                raise
            return
        if self._shard < len(located.shards):
            self.learn(located.shards[self._shard])

    def learn(self, located: Located) -> None:
        """Take in what the master says of this shard; raises CannotConnect when nobody is known."""
        if not located.replicas and not self._replicas:
            raise CannotConnect(f"the master at {self._master} knows no replica yet")
        for info in located.replicas:
            address = Address.parse(info.client_address)
            if address not in self._replicas:
                self._replicas.append(address)
            # Another master, or one that has lost its file, may know of an earlier leader only.
            if info.replica == located.leader and located.epoch >= self._epoch:
                self._epoch = located.epoch
                self._next = self._replicas.index(address)
