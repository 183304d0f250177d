"""The master: a registry of replicas, for clients that know only one address.

With several shards it is what the literature calls the coordinator of a sharded store: it knows the map
of shards, their replicas and their leaders.

Replicas tell it where they are and whom they believe to lead; clients ask. It is no member of the
group and appoints nobody: it gives each leader that the replicas have elected an epoch, a number
that only grows, so that whoever hears of leaders from several sides knows which is the latest.

    replica ── Register(ballot, leader) ──▶ master ── epoch on disk ──▶ Shards(leader, epoch) ──▶ client
                                                       one a shard

When it is down the cluster goes on, and when it is back, the replicas tell it again. Two masters
give two orders of epochs, and clients lose a detour at worst: a replica that does not lead says so.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import trio

from node.config import REPLICA_ID_MAX, ClusterConfig
from node.core.ballot import Ballot
from node.epochs import Epoch, EpochFile
from node.errors import ConfigError, NodeError, WireError, WrongPeer
from node.runtime.connection import Connection
from node.runtime.counters import Counters
from node.runtime.handshake import expect_hello, keep_alive
from node.runtime.limits import Connections
from node.runtime.logs import logger
from node.runtime.nursery import bare_errors
from node.types import ReplicaId, ReplicaInfo
from node.wire.messages import (
    MASTER_CODEC,
    ClientHello,
    Locate,
    Located,
    MemberHello,
    Register,
    Shards,
)
from node.wire.preface import Speaker

_log = logger("master")


class Registry:
    """What replicas of one shard have said, volatile, and the epoch of the leader, which is not."""

    def __init__(self, file: EpochFile, epoch: Epoch, shard: int = 0) -> None:
        self._file = file
        self._shard = shard
        self._replicas: dict[ReplicaId, ReplicaInfo] = {}
        self._configured_in = -1
        self._members: tuple[ReplicaId, ...] = ()
        """The newest that anybody has told of."""
        self._epoch = epoch
        self._saving = trio.Lock()

    async def register(self, news: Register) -> None:
        """Take in one replica's news; of leaders, the one with the highest ballot counts.

        A new epoch is durable before `located` tells of it. Raises StorageError.
        """
        if news.info.replica not in self._replicas:
            _log.info("replica %s registered at %s", news.info.replica, news.info.client_address)
        self._replicas[news.info.replica] = news.info
        if news.members and news.configured_in > self._configured_in:
            self._configured_in, self._members = news.configured_in, news.members
        ballot = Ballot(news.ballot_round, news.ballot_replica)
        # A ballot is led by the replica that made it, or by nobody yet.
        if news.leader != ballot.replica or ballot <= self._epoch.ballot:
            return
        async with self._saving:
            epoch = self._epoch.after(ballot, news.leader)
            if epoch is not self._epoch:
                await trio.to_thread.run_sync(self._file.save, epoch)
                self._epoch = epoch
                fields = {"shard": self._shard, "epoch": epoch.number, "leader": epoch.leader}
                _log.info(
                    "shard %s, epoch %s: replica %s leads with %s",
                    self._shard,
                    epoch.number,
                    epoch.leader,
                    epoch.ballot,
                    extra={"fields": fields},
                )

    def located(self) -> Located:
        """The answer to a client."""
        replicas = tuple(
            self._replicas[replica]
            for replica in sorted(self._replicas)
            if not self._members or replica in self._members
        )
        return Located(replicas, self._epoch.leader, self._epoch.number)


class Master:
    """Serves the registries until it is cancelled."""

    def __init__(self, config: ClusterConfig, registries: Sequence[Registry]) -> None:
        """One registry a shard."""
        self._config = config
        self.registries = registries
        self.counters = Counters()
        self.connections = Connections(config.limits, config.limits.connections_max)

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection, of a client or of a replica; closes `stream`."""
        keep_alive(stream)
        connection = Connection(
            stream,
            MASTER_CODEC,
            connections=self.connections,
            output_bytes_max=self._config.limits.output_bytes_max,
        )
        with self.counters.connection("master", _log):
            async with connection.open():
                kinds: dict[Speaker, type[ClientHello | MemberHello]] = {
                    Speaker.CLIENT: ClientHello,
                    Speaker.MEMBER: MemberHello,
                }
                hello = await expect_hello(connection, kinds, self._config.cluster)
                async for message in connection:
                    await self._on_message(hello, message, connection)

    async def _on_message(
        self, hello: ClientHello | MemberHello, message: object, connection: Connection
    ) -> None:
        match message:
            case Register(info) if isinstance(hello, MemberHello):
                if not 1 <= info.replica <= REPLICA_ID_MAX:
                    raise WrongPeer(f"{info.replica} is no id of a replica")
                if info.replica != hello.sender:
                    raise WrongPeer(f"replica {hello.sender} registers replica {info.replica}")
                if message.shard >= len(self.registries):
                    raise WrongPeer(f"replica {info.replica} is of shard {message.shard}: unknown")
                await self.registries[message.shard].register(message)
            case Locate():
                located = tuple(registry.located() for registry in self.registries)
                connection.post(Shards(self._config.protocol, located))
            case _:
                who = "replica" if isinstance(hello, MemberHello) else "client"
                raise WireError(f"a {who} does not send {type(message).__name__} to the master")


@asynccontextmanager
async def open_master(config: ClusterConfig) -> AsyncIterator[Sequence[Registry]]:
    """Serve one registry a shard; leaving the block stops it.

    Raises ConfigError; StorageError at once, or later out of the block, when an epoch cannot be
    saved: one that might be forgotten is not handed out.
    """
    if config.master is None:
        raise ConfigError("master.address: missing; the file describes a cluster without a master")
    registries: list[Registry] = []
    for shard in range(len(config.shards)):
        file = EpochFile(config.epoch_path(shard), config.cluster)
        registries.append(Registry(file, await trio.to_thread.run_sync(file.load), shard))
    master = Master(config, registries)
    try:
        listeners = await trio.open_tcp_listeners(config.master.port, host=config.master.host)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"cannot listen on {config.master}: {reason}") from error
    with bare_errors(NodeError):
        async with trio.open_nursery() as connections:
            connections.start_soon(master.connections.watch)
            connections.start_soon(partial(trio.serve_listeners, master.serve, listeners))
            yield registries
            connections.cancel_scope.cancel()
