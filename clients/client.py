"""A client of one cluster: finds out its shards, and asks each key's own.

execute(body, key) ──▶ shard_of(key) ──▶ that shard's `ShardClient` ──▶ whoever leads there
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import trio

from clients.connection import CannotConnect, locate
from clients.errors import Rejected
from clients.routing import BACK_OFF_S, CONNECT_TIMEOUT_S, Router
from clients.session import ShardClient
from clients.shards import shard_of
from node.types import Address
from node.wire.messages import Located


class Client:
    """A client of one cluster; made by `open_client`. Any number of tasks may use it at once."""

    def __init__(
        self,
        *,
        cluster: str,
        shards: Sequence[Sequence[Address]],
        master: Address | None,
        timeout_s: float,
        random: Random,
        connection_nursery: trio.Nursery,
    ) -> None:
        self._cluster = cluster
        self._master = master
        self._timeout_s = timeout_s
        self._random = random
        self._connections = connection_nursery
        self._locating = trio.Lock()
        self._shards = [self._group(shard, replicas) for shard, replicas in enumerate(shards)]

    @property
    def retries(self) -> int:
        """Attempts after the first, over all requests."""
        return sum(shard.retries for shard in self._shards)

    async def execute(self, body: bytes, *, key: str | None = None) -> bytes:
        """Have one command executed, exactly once, and return its result.

        `key` says which shard it is for; a cluster with one does not ask. Raises Rejected or
        Indeterminate, bare. Cancelled, the command may have been executed.
        """
        deadline = trio.current_time() + self._timeout_s
        return await (await self._shard(key, deadline)).execute(body, deadline)

    async def query(self, body: bytes, *, key: str | None = None) -> bytes:
        """Have a question answered from the state, as it is now or later; nothing changes.

        Raises Rejected, bare, when no answer came in time.
        """
        deadline = trio.current_time() + self._timeout_s
        return await (await self._shard(key, deadline)).query(body, deadline)

    async def _shard(self, key: str | None, deadline: float) -> ShardClient:
        if not self._shards:
            await self._locate(deadline)
        if len(self._shards) == 1:
            return self._shards[0]
        assert key is not None, "a cluster of several shards has to know the key"
        return self._shards[shard_of(key, len(self._shards))]

    async def _locate(self, deadline: float) -> None:
        """Learn from the master what shards there are; raises Rejected."""
        assert self._master is not None
        async with self._locating:
            while not self._shards:
                try:
                    found = await locate(self._master, self._cluster, timeout_s=CONNECT_TIMEOUT_S)
                    self._shards = [
                        self._group(shard, (), located)
                        for shard, located in enumerate(found.shards)
                    ]
                except CannotConnect as error:
                    if trio.current_time() >= deadline:
                        raise Rejected(str(error)) from error
                    await trio.sleep(BACK_OFF_S * (0.5 + self._random.random()))

    def _group(
        self, shard: int, replicas: Sequence[Address], located: Located | None = None
    ) -> ShardClient:
        router = Router(
            cluster=self._cluster,
            replicas=replicas,
            master=self._master,
            random=self._random,
            connection_nursery=self._connections,
            shard=shard,
        )
        if located is not None:
            router.learn(located)
        return ShardClient(router, self._random)


@asynccontextmanager
async def open_client(
    *,
    cluster: str = "",
    replicas: Sequence[Address] = (),
    shards: Sequence[Sequence[Address]] = (),
    master: Address | None = None,
    timeout_s: float = 5.0,
    random: Random | None = None,
) -> AsyncIterator[Client]:
    """A client for the length of a block; connects when it is first used.

    Give it addresses of replicas (client ports), or those of each shard in order, or a master that
    knows them, or addresses and a master. `timeout_s` bounds each request, all attempts together.
    Leaving the block closes all connections; what the block raises leaves it bare.
    """
    assert replicas or shards or master is not None, "a client needs somebody to ask"
    assert not (replicas and shards), "either one group of replicas or several"
    random = random if random is not None else Random()
    error = None
    async with trio.open_nursery() as connection_nursery:
        client = Client(
            cluster=cluster,
            shards=shards or ([replicas] if replicas else ()),
            master=master,
            timeout_s=timeout_s,
            random=random,
            connection_nursery=connection_nursery,
        )
        try:
            yield client
        except Exception as raised:
            error = raised  # through the nursery it would come out as a group of one
        connection_nursery.cancel_scope.cancel()
    if error is not None:
        raise error
