"""A client of one cluster: finds out its shards, and asks each key's own.

execute(body, key) ──▶ shard_of(key) ──▶ that shard's `ShardClient` ──▶ whoever leads there
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random

import trio

from clients.connection import CannotConnect, locate
from clients.errors import Indeterminate, Rejected
from clients.ordered import WINDOW, OrderedSession, open_session
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
        protocol: str,
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
        self._protocol = protocol
        self._addresses = tuple(map(tuple, shards))
        """Of the replicas of each shard; nothing until they are known."""
        self._shards = [self._group(shard, replicas) for shard, replicas in enumerate(shards)]
        self._own: OrderedSession | None = None
        self._opening = trio.Lock()

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
        shard = await self._shard(key, deadline)
        if self._protocol == "mdl":
            return await self._dispatch(body, key)
        return await shard.execute(body, deadline)

    async def query(self, body: bytes, *, key: str | None = None) -> bytes:
        """Have a question answered from the state, as it is now or later; nothing changes.

        Raises Rejected, bare, when no answer came in time.
        """
        deadline = trio.current_time() + self._timeout_s
        shard = await self._shard(key, deadline)
        if self._protocol == "mdl":
            # In a session everything has its place in the order, and so in the log.
            try:
                return await self._dispatch(body, key)
            except Indeterminate as error:
                raise Rejected(str(error)) from error
        return await shard.query(body, deadline)

    @asynccontextmanager
    async def session(self, *, window: int = WINDOW) -> AsyncIterator[OrderedSession]:
        """A session over all shards of a cluster with protocol `mdl`, for the length of a block.

        Its operations are issued without waiting, at most `window` at a time, and take effect in
        the order of their issue. Leaving the block waits for their results. Raises Rejected.
        """
        if not self._shards:
            await self._locate(trio.current_time() + self._timeout_s)
        if self._protocol != "mdl":
            raise Rejected(f"sessions need protocol 'mdl'; this cluster has {self._protocol!r}")
        async with self._open_session(window) as session:
            yield session

    def _open_session(self, window: int) -> AbstractAsyncContextManager[OrderedSession]:
        return open_session(
            cluster=self._cluster,
            shards=self._addresses,
            random=self._random,
            timeout_s=self._timeout_s,
            window=window,
        )

    async def _dispatch(self, body: bytes, key: str | None) -> bytes:
        """One operation alone, in a session of this client's own."""
        async with self._opening:
            while self._own is None or self._own.is_over or self._own.room <= 0:
                if self._own is None or self._own.is_over:
                    self._own = await self._connections.start(self._keep_session)
                await self._own.wait_room()
            handle = self._own.issue(key or "", body, bytes)
        return await handle

    async def _keep_session(
        self, task_status: trio.TaskStatus[OrderedSession] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Keep a session until it is over."""
        async with self._open_session(WINDOW) as session:
            task_status.started(session)
            while not session.is_over:
                await session.wait_moved()

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
                    self._protocol = found.protocol
                    self._addresses = tuple(map(_addresses, found.shards))
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


def _addresses(located: Located) -> tuple[Address, ...]:
    return tuple(Address.parse(info.client_address) for info in located.replicas)


@asynccontextmanager
async def open_client(
    *,
    cluster: str = "",
    replicas: Sequence[Address] = (),
    shards: Sequence[Sequence[Address]] = (),
    master: Address | None = None,
    protocol: str = "multipaxos",
    timeout_s: float = 5.0,
    random: Random | None = None,
) -> AsyncIterator[Client]:
    """A client for the length of a block; connects when it is first used.

    Give it addresses of replicas (client ports), or those of each shard in order, or a master that
    knows them, or addresses and a master. `protocol` is that of the cluster; a master that is asked
    for the shards tells. `timeout_s` bounds each request, all attempts together.
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
            protocol=protocol,
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
