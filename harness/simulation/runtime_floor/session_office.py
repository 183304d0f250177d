"""Clients that have many operations in flight: real sessions over all shards, and the record of them.

    think ─▶ some operations, issued as soon as the window has room ─▶ results, in the order of issue

After a failed or unknown operation a session is over, and another one begins. In half of their lives clients
go on while operations are under way; a restless one begins a session for each burst. Who only reads
may have no session, and asks by queries.
"""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import count
from typing import Final

from clients import Client, KvClient, RecordingClient, RecordingSession, open_client
from clients.errors import ClientError
from clients.handle import Handle, nobody
from clients.kv import KvSession, Told
from clients.ordered import OrderedSession
from clients.shards import shard_of
from harness.simulation.batches import BatchWorkload
from harness.simulation.draws import MILLION, Stream, StreamRandom
from harness.simulation.links import FIRST_CLIENT
from harness.simulation.orders import Tag
from harness.simulation.programs import Life
from harness.simulation.runtime_floor.cluster import Cluster
from harness.simulation.runtime_floor.configuration import CLUSTER
from harness.simulation.runtime_floor.office import BOUND_S, ClientFactory, Office
from harness.simulation.tagged import with_tag
from harness.simulation.world import SECOND, World
from node.wire.kv import Done, Mismatch, Operation, decode_result, encode_operation

Learn = Callable[[Operation, Done | Mismatch], None]


class TaggedSession(KvSession):
    """A session whose operations bear its name and their number down to the application."""

    def __init__(self, session: OrderedSession, name: int, learn: Learn) -> None:
        """`learn` hears of results."""
        super().__init__(session)
        self._name = name
        self._learn = learn

    def issue(
        self, operation: Operation, told: Told[Done | Mismatch] = nobody
    ) -> Handle[Done | Mismatch]:
        """As that of a `KvSession`."""

        def tell(handle: Handle[Done | Mismatch]) -> None:
            told(handle)
            if has_result(handle):
                self._learn(operation, handle.result())

        body = with_tag((self._name, self.next_seq), encode_operation(operation))
        return self._session.issue(operation.key, body, _result, tell)


class TaggedReader(KvClient):
    """Asks by queries that bear a tag, too."""

    def __init__(self, client: Client, tag: Callable[[], Tag]) -> None:
        super().__init__(client)
        self._tag = tag

    async def perform(self, operation: Operation) -> Done | Mismatch:
        """As that of a `KvClient`, of a get."""
        body = with_tag(self._tag(), encode_operation(operation))
        return _result(await self._client.query(body, key=operation.key))


def _result(body: bytes) -> Done | Mismatch:
    result = decode_result(body)
    assert isinstance(result, Done | Mismatch), result
    return result


def has_result(handle: Handle[Done | Mismatch]) -> bool:
    """Whether an operation that is done was answered."""
    try:
        handle.result()
    except ClientError:
        return False
    return True


class SessionOffice(Office):
    """Gives each client its next operations; knows which shard has which key."""

    _batches: BatchWorkload

    def __init__(self, cluster: Cluster, open_one: ClientFactory = open_client) -> None:
        super().__init__(cluster, open_one)
        self._asked: dict[int, int] = {}
        """By process that has no session."""
        self._tags: dict[int, Tag] = {}
        """Of what each client without a session asks now."""
        self.timeout_s = cluster.world.patience / SECOND
        self._shards: Final = [
            [
                replica.client_address
                for replica in cluster.config.replicas
                if replica.shard == shard
            ]
            for shard in range(cluster.world.shards)
        ]

    def _make_workload(self, world: World, stream: Callable[[str, int], Stream]) -> BatchWorkload:
        self._batches = BatchWorkload(world, stream, lambda number: key_of(number, world.shards))
        return self._batches

    def _has_session(self, number: int) -> bool:
        world = self._cluster.world
        is_reader = number - FIRST_CLIENT >= world.clients - world.readers
        return world.reads_through_log or not is_reader

    async def _work_as(self, number: int, life: Life) -> None:
        if not self._has_session(number):
            await super()._work_as(number, life)
            return
        random = StreamRandom(self._simulation.stream("client", number, life.number))
        overlaps = self._simulation.stream("overlap", number, life.number).chance(MILLION // 2)
        is_restless = number - FIRST_CLIENT < self._cluster.world.restless
        queue: deque[Operation] = deque()
        async with self._open_client(self.timeout_s, random, "mdl") as client:
            while await self._fill(queue, number):
                async with client.session(window=self._cluster.world.window) as session:
                    recording = self._record(session, number, life)
                    while not session.is_over and await self._fill(queue, number):
                        await self._issue(recording, queue)
                        if not overlaps:
                            await session.wait_all()
                        if is_restless:
                            break
        self._leave(number)
        await self._closing.wait()
        await self._read_all(number, life, random)

    async def _fill(self, queue: deque[Operation], number: int) -> bool:
        """Think of something to ask, unless there is something left; False when that is all."""
        if self._closing.is_set():
            return False
        if not queue and await self._turn(number):
            queue.extend(self._batches.next_batch(number))
        return bool(queue)

    async def _issue(
        self, recording: RecordingSession, queue: deque[Operation]
    ) -> list[tuple[Operation, Handle[Done | Mismatch]]]:
        """As many as there are, unless the session ends before."""
        session, issued = recording.session, []
        while queue:
            await session.wait_room()
            if session.is_over:
                break
            operation = queue.popleft()
            issued.append((operation, recording.issue(operation)))
        return issued

    def _record(self, session: OrderedSession, number: int, life: Life) -> RecordingSession:
        """A session is a process of its own on record: another one may begin while it is unknown."""
        process = self._process[number]
        self._process[number] += self._cluster.world.clients

        def learn(operation: Operation, result: Done | Mismatch) -> None:
            life.host.note("done", repr(result))
            if isinstance(result, Done):
                self._workload.learn(number, operation, result)

        life.host.note("session", str(process))
        return RecordingSession(
            TaggedSession(session, process, learn), self.recorder, process=process
        )

    async def _read_all(self, number: int, life: Life, random: StreamRandom) -> None:
        """Every key; again what has no result, since no fault excuses that any more."""
        left = deque(self._batches.last_reads(number))
        deadline = self._simulation.now_s + BOUND_S
        async with self._open_client(BOUND_S, random, "mdl") as client:
            while left and self._simulation.now_s < deadline:
                async with client.session(window=self._cluster.world.window) as session:
                    self._busy[number] = repr(list(left))
                    issued = await self._issue(self._record(session, number, life), left)
                    await session.wait_all()
                left.extendleft(op for op, handle in reversed(issued) if not has_result(handle))
        if left:
            self._blame(number, list(left))
        self._reading[number].set()

    def _open_client(
        self, timeout_s: float, random: StreamRandom, protocol: str = "multipaxos"
    ) -> AbstractAsyncContextManager[Client]:
        """A client of another protocol has no session, and asks by queries."""
        return self._open(
            cluster=CLUSTER,
            shards=self._shards,
            protocol=protocol,
            timeout_s=timeout_s,
            random=random,
        )

    def _asked_through(self, number: int, client: Client) -> KvClient:
        return TaggedReader(client, lambda: self._tags[number])

    async def _perform(
        self, number: int, recording: RecordingClient, operation: Operation, life: Life
    ) -> Done | Mismatch | None:
        """A query counts what its process asks."""
        process = recording.process
        self._asked[process] = self._asked.get(process, 0) + 1
        self._tags[number] = (process, self._asked[process])
        return await super()._perform(number, recording, operation, life)

    def _next(self, number: int) -> Operation:
        return self._batches.next_read(number)

    def _last(self, number: int) -> Operation:
        return self._batches.last_reads(number)[0]


def key_of(number: int, shards: int) -> str:
    """A key that clients look for in shard `number` modulo `shards`."""
    return next(
        name
        for attempt in count()
        if shard_of(name := f"k{number}.{attempt}", shards) == number % shards
    )
