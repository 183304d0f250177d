"""The clients of a world: who asks what and when, and the record of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from harness.simulation.links import FIRST_CLIENT
from harness.simulation.workload import Workload
from harness.simulation.world import MS
from history import Recorder
from node.types import Query, ReplicaId
from node.wire.kv import Done, Operation
from node.wire.messages import Answer, Request

if TYPE_CHECKING:
    from harness.simulation.core_floor.cluster import Cluster

NOTICE_MAX: Final = 5 * MS
"""How long it takes until a client notices that a connection broke."""


class Customer(Protocol):
    """A client, as far as the floor knows it."""

    process: int
    """The number of its next operation's process."""
    is_patient: bool
    """In the last phase nothing times out any more: what is pending has to end."""

    @property
    def number(self) -> int: ...  # noqa: D102
    @property
    def is_crashed(self) -> bool: ...  # noqa: D102
    @property
    def pending(self) -> Any:  # noqa: ANN401 - for people
        """What it waits for; None when that is nothing."""

    def begin(self, work: Any, /) -> None:  # noqa: ANN401 - what its workload gives out
        """Ask; `office.done` hears of the end."""

    def crash(self) -> None:
        """Nobody will hear of what is pending."""

    def on_answer(self, replica: ReplicaId, answer: Answer, /) -> None:
        """Something arrived."""

    def on_broken(self, replica: ReplicaId, /, *, is_certain: bool) -> None:
        """The connection to a replica broke; `is_certain` when nothing can have been asked on it."""


class Office:
    """Gives each client its next operation until all are given out."""

    def __init__(self, cluster: "Cluster", client: Callable[..., Customer]) -> None:
        world = cluster.world
        self.loop: Final = cluster.loop
        self.members: Final = cluster.members
        self.recorder: Final = Recorder(None, self.clock, keep_events=True)
        self.processes: Final = world.clients
        """Process numbers grow by it after an unknown outcome."""
        self.patience: Final = world.patience
        """After which a client gives an operation up."""
        self.reads_through_log: Final = world.reads_through_log
        """A get is a request like any other; otherwise a query."""
        self.workload = Workload(world, cluster.draws.stream)
        self.is_closed = False
        """No more operations, except those of the finale."""
        self._cluster = cluster
        self._client_class = client
        self._answers = cluster.draws.stream("notice")
        self._leader: dict[tuple[int, int], ReplicaId | None] = {}
        """By client and shard."""
        self.clients: Final[dict[int, Customer]] = {
            FIRST_CLIENT + n: client(FIRST_CLIENT + n, self, cluster.draws, process=n)
            for n in range(world.clients)
        }

    @property
    def now(self) -> int:
        """Virtual nanoseconds."""
        return self.loop.now

    def clock(self) -> int:
        """What the record is stamped with; a planted bug may use another."""
        return self.loop.now

    def wall_clock(self, client: Customer) -> int:
        """What the clock shows on the machine that `client` shares with a replica."""
        machine = self.members[client.number % len(self.members)]
        return self._cluster.wall_clocks[machine].read(self.loop.now)

    @property
    def has_pending(self) -> bool:
        """Whether some client that lives waits for an answer."""
        return any(c.pending is not None and not c.is_crashed for c in self.clients.values())

    @property
    def is_done(self) -> bool:
        """All operations are given out and none is pending."""
        return self.workload.is_given_out and not self.has_pending

    def begin(self) -> None:
        """Everybody thinks a while first."""
        for client in self.clients.values():
            self._think(client)

    # ── For clients ──────────────────────────────────────────────────────────────────────────

    def done(self, client: Customer) -> None:
        """A client's operation is over."""
        self._cluster.note(f"client {client.number}", "done")
        if not self.is_closed:
            self._think(client)

    def learn(self, client: Customer, operation: Operation, result: Done) -> None:
        """What a client was answered may decide what it asks next."""
        self.workload.learn(client.number, operation, result)

    def send(self, client: Customer, to: ReplicaId, request: Request | Query) -> None:
        """Ask a replica."""
        self._cluster.send_request(client, to, request)

    def leader_for(self, client: Customer, shard: int = 0) -> ReplicaId | None:
        """Whom this client believes to lead a shard."""
        return self._leader.get((client.number, shard))

    def believe(self, client: Customer, leader: ReplicaId | None, shard: int = 0) -> None:
        """Somebody said so."""
        self._leader[client.number, shard] = leader

    # ── For the cluster ──────────────────────────────────────────────────────────────────────

    def on_answer(self, number: int, sender: ReplicaId, answer: Answer) -> None:
        """An answer arrived at whoever bears this number now."""
        self.clients[number].on_answer(sender, answer)

    def on_broken(self, number: int, replica: ReplicaId, *, is_certain: bool) -> None:
        """A connection broke; the client notices a little later."""
        client = self.clients[number]
        delay = self._answers.below(NOTICE_MAX)
        self.loop.after(delay, self._tell_broken, client, replica, is_certain)

    def replace(self, number: int) -> None:
        """A new client where one has crashed."""
        old = self.clients[number]
        if old.is_crashed:
            fresh = self._client_class(
                number, self, self._cluster.draws, process=old.process + self.processes
            )
            self.clients[number] = fresh
            self._think(fresh)

    def ask(self, client: Customer, work: Any) -> None:  # noqa: ANN401 - what the workload gave out
        """Have one operation begun now, or several."""
        if client.number - FIRST_CLIENT < self._cluster.world.restless:
            for group in self._cluster.groups:
                self.believe(client, None, group.shard)
        self._cluster.note(f"client {client.number}", "invoke", repr(work))
        client.begin(work)

    def _tell_broken(self, client: Customer, replica: ReplicaId, is_certain: bool) -> None:
        client.on_broken(replica, is_certain=is_certain)

    def _think(self, client: Customer) -> None:
        self.loop.after(self.workload.pause(client.number), self._turn, client)

    def _turn(self, client: Customer) -> None:
        if not (self.is_closed or client.is_crashed or self.workload.is_given_out):
            self.ask(client, self.next_work(client))

    def next_work(self, client: Customer) -> Any:  # noqa: ANN401 - what its clients understand
        """What a client asks next."""
        return self.workload.next(client.number)

    def last_work(self, client: Customer) -> Any:  # noqa: ANN401 - what its clients understand
        """What a client asks when all is over."""
        return self.workload.last_read(client.number)
