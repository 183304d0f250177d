"""The master: a registry of replicas, for clients that know only one address.

Replicas tell it where they are and whom they believe to lead; clients ask. It is no member of the
group, appoints nobody and keeps nothing on disk: when it is down the cluster goes on, and when it
is back, the replicas tell it again.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from node.config import ClusterConfig
from node.core.ballot import NO_BALLOT, Ballot
from node.errors import ConfigError, NodeError, WireError
from node.runtime.connection import Connection, Counters, expect_hello
from node.runtime.logs import logger
from node.runtime.nursery import bare_errors
from node.types import ReplicaId
from node.wire.messages import (
    FRAME_BYTES_MAX,
    MASTER_CODEC,
    ClientHello,
    Locate,
    Located,
    Register,
    ReplicaInfo,
)

_log = logger("master")


class Registry:
    """What replicas have said of themselves and of the leader. Volatile."""

    def __init__(self) -> None:
        self._replicas: dict[ReplicaId, ReplicaInfo] = {}
        self._ballot = NO_BALLOT
        self._leader: ReplicaId | None = None

    def register(self, news: Register) -> None:
        """Take in one replica's news; of leaders, the one with the highest ballot counts."""
        if news.info.replica not in self._replicas:
            _log.info("replica %s registered at %s", news.info.replica, news.info.client_address)
        self._replicas[news.info.replica] = news.info
        ballot = Ballot(news.ballot_round, news.ballot_replica)
        if news.leader is not None and ballot >= self._ballot:
            self._ballot = ballot
            self._leader = news.leader

    def located(self) -> Located:
        """The answer to a client."""
        replicas = tuple(self._replicas[replica] for replica in sorted(self._replicas))
        return Located(replicas, self._leader)


@asynccontextmanager
async def open_master(config: ClusterConfig) -> AsyncIterator[Registry]:
    """Serve the registry; leaving the block stops it. Raises ConfigError."""
    if config.master is None:
        raise ConfigError("master.address: missing; the file describes a cluster without a master")
    registry = Registry()
    counters = Counters()
    serve = partial(_serve, config.cluster, registry, counters)
    try:
        listeners = await trio.open_tcp_listeners(config.master.port, host=config.master.host)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"cannot listen on {config.master}: {reason}") from error
    with bare_errors(NodeError):
        async with trio.open_nursery() as connections:
            connections.start_soon(partial(trio.serve_listeners, serve, listeners))
            yield registry
            connections.cancel_scope.cancel()


async def _serve(
    cluster: str, registry: Registry, counters: Counters, stream: trio.SocketStream
) -> None:
    connection = Connection(stream, MASTER_CODEC, frame_bytes_max=FRAME_BYTES_MAX)
    with counters.connection("master", _log):
        async with connection.open():
            await expect_hello(connection, ClientHello, cluster)
            async for message in connection:
                match message:
                    case Register():
                        registry.register(message)
                    case Locate():
                        connection.post(registry.located())
                    case _:
                        raise WireError(f"nobody sends {type(message).__name__} to the master")
