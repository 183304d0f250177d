"""The clients of a world: real ones, each on a host of its own, and the record of what they saw."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import trio

from clients import Client, KvClient, RecordingClient, open_client
from harness.simulation.draws import Stream, StreamRandom
from harness.simulation.links import FIRST_CLIENT
from harness.simulation.outcome import FailureKind
from harness.simulation.programs import Life
from harness.simulation.runtime_floor.cluster import Cluster
from harness.simulation.runtime_floor.configuration import CLUSTER, host_name
from harness.simulation.workload import Workload
from harness.simulation.world import SECOND, World
from history import Recorder
from node.wire.kv import Done, Mismatch, Operation

OPERATION_TIMEOUT_S: Final = 2.0
"""Longer than an election; then the outcome is what is known by then."""

BOUND_S: Final = 20.0
"""What a read may take when nothing is wrong any more. An election takes less than a second, a
client that asks in vain comes back after one: this is both, a dozen times."""

ClientFactory = Callable[..., AbstractAsyncContextManager[Client]]
"""Called with the arguments of `clients.open_client`."""


class Office:
    """Gives each client its next operation until all are given out."""

    def __init__(self, cluster: Cluster, open_one: ClientFactory = open_client) -> None:
        world, simulation = cluster.world, cluster.simulation
        self.recorder: Final = Recorder(None, lambda: simulation.agenda.now, keep_events=True)
        self.hosts: Final = {
            FIRST_CLIENT + n: simulation.host(host_name(FIRST_CLIENT + n, world))
            for n in range(world.clients)
        }
        self.timeout_s = OPERATION_TIMEOUT_S
        """After which a client gives an operation up."""
        self._workload = self._make_workload(
            world, lambda name, place: simulation.stream(name, FIRST_CLIENT + place)
        )
        self.all_done: Final = trio.Event()
        """Set when all operations have ended."""
        self._closing = trio.Event()
        self._cluster = cluster
        self._simulation = simulation
        self._open = open_one
        self._process = {number: number - FIRST_CLIENT for number in self.hosts}
        self._busy: dict[int, str] = {}
        """What each client waits for."""
        self._at_work: dict[int, None] = {}
        self._reading: dict[int, trio.Event] = {}

    def _make_workload(self, world: World, stream: Callable[[str, int], Stream]) -> Workload:
        return Workload(world, stream)

    def start(self, number: int) -> None:
        """A client where there is none: the first one, or the next after a crash."""
        host = self.hosts[number]
        if host.is_up or self._closing.is_set():
            return

        async def work(life: Life) -> None:
            await self._work_as(number, life)

        self._at_work[number] = None
        host.start(work)

    def crash(self, number: int) -> bool:
        """A client goes; what it waited for is of unknown outcome. False: it was gone."""
        host = self.hosts[number]
        if not host.is_up:
            return False
        host.crash("client-crash")
        self._leave(number)
        self._reading.pop(number, None)
        return True

    async def read_finally(self) -> None:
        """No more operations: every client that lives reads once more, however long it takes."""
        self._reading.update({n: trio.Event() for n, host in self.hosts.items() if host.is_up})
        self._closing.set()
        for done in list(self._reading.values()):
            await done.wait()

    @property
    def waiting(self) -> list[str]:
        """Who has not come to an end, and with what."""
        return [
            f"client {number} asks for {self._busy.get(number, 'nothing')}"
            for number, done in self._reading.items()
            if not done.is_set()
        ]

    async def _work_as(self, number: int, life: Life) -> None:
        random = StreamRandom(self._simulation.stream("client", number, life.number))
        is_restless = number - FIRST_CLIENT < self._cluster.world.restless
        is_open = True
        while is_open:
            async with self._open_client(self.timeout_s, random) as client:
                recording = self._recording(number, client)
                while is_open := await self._turn(number):
                    await self._perform(number, recording, self._next(number), life)
                    if is_restless:
                        break
        self._leave(number)
        await self._closing.wait()
        await self._read_once(number, life, random)

    def _open_client(
        self, timeout_s: float, random: StreamRandom
    ) -> AbstractAsyncContextManager[Client]:
        addresses = [member.client_address for member in self._cluster.config.replicas]
        return self._open(cluster=CLUSTER, replicas=addresses, timeout_s=timeout_s, random=random)

    def _next(self, number: int) -> Operation:
        return self._workload.next(number)

    def _last(self, number: int) -> Operation:
        return self._workload.last_read(number)

    async def _read_once(self, number: int, life: Life, random: StreamRandom) -> None:
        async with self._open_client(BOUND_S, random) as client:
            read = self._last(number)
            found = await self._perform(number, self._recording(number, client), read, life)
            if found is None:
                self._blame(number, read)
        self._reading[number].set()

    def _blame(self, number: int, what: object) -> None:
        self._cluster.fail(
            FailureKind.LIVENESS,
            "stuck",
            f"client {number} was not answered within {BOUND_S:.0f} s although a quorum "
            f"was healed: {what}",
        )

    def _recording(self, number: int, client: Client) -> RecordingClient:
        count = self._cluster.world.clients
        recording = RecordingClient(
            self._asked_through(number, client),
            self.recorder,
            process=number - FIRST_CLIENT,
            concurrency=count,
        )
        recording.process = self._process[number]
        return recording

    def _asked_through(self, number: int, client: Client) -> KvClient:
        del number
        return KvClient(client, reads_through_log=self._cluster.world.reads_through_log)

    async def _turn(self, number: int) -> bool:
        """Think a while; False when there is nothing more to ask."""
        if self._workload.is_given_out:
            return False
        with trio.move_on_after(self._workload.pause(number) / SECOND):
            await self._closing.wait()
        return not (self._closing.is_set() or self._workload.is_given_out)

    async def _perform(
        self, number: int, recording: RecordingClient, operation: Operation, life: Life
    ) -> Done | Mismatch | None:
        life.host.note("invoke", repr(operation))
        self._busy[number] = repr(operation)
        # A process that is cut off in the middle has an operation of unknown outcome on record.
        self._process[number] = recording.process + self._cluster.world.clients
        result = await recording.perform(operation)
        self._process[number] = recording.process
        del self._busy[number]
        life.host.note("done", repr(result))
        if isinstance(result, Done):
            self._workload.learn(number, operation, result)
        return result

    def _leave(self, number: int) -> None:
        self._at_work.pop(number, None)
        if not self._at_work and self._workload.is_given_out:
            self.all_done.set()
