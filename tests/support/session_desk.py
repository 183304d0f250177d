"""A desk that takes the requests of one simulated session client; a test says which answers arrive."""

from typing import Any, Final, cast

from harness.simulation.core_floor.loop import Loop
from harness.simulation.core_floor.sessions import SessionClient
from harness.simulation.draws import Draws
from harness.simulation.world import SECOND
from history import Event, Recorder
from node.dispatch import Dispatch, read_dispatch
from node.types import OPEN_SESSION, ClientId, ReplicaId
from node.wire.kv import Done, Operation, encode_result
from node.wire.messages import Answer, Executed, Opened, Request

A, B = ReplicaId(1), ReplicaId(2)
"""The one replica of each shard."""


class Desk:
    """Stands for the `SessionOffice` and two shards; key "a" belongs to the first."""

    def __init__(self, client: type[SessionClient] = SessionClient, *, window: int = 4) -> None:
        self.loop: Final = Loop()
        self.recorder: Final = Recorder(None, lambda: self.loop.now, keep_events=True)
        self.processes: Final = 1
        self.patience: Final = 2 * SECOND
        self.window: Final = window
        self.sent: list[tuple[ReplicaId, Request]] = []
        """And not answered."""
        self.finished = 0
        self.client = client(101, cast("Any", self), Draws(1), process=0)

    @property
    def now(self) -> int:
        return self.loop.now

    def done(self, _: SessionClient) -> None:
        self.finished += 1

    def learn(self, *_: object) -> None: ...

    def believe(self, *_: object) -> None: ...

    def leader_for(self, _: SessionClient, shard: int) -> ReplicaId | None:
        return (A, B)[shard]

    def hosts_of(self, shard: int) -> tuple[ReplicaId]:
        return ((A, B)[shard],)

    def shard_of(self, replica: ReplicaId) -> int:
        return replica - 1

    def shard_of_key(self, key: str) -> int:
        return "ab".index(key)

    def send(self, _: SessionClient, to: ReplicaId, request: Request) -> None:
        self.sent.append((to, request))

    # What a test does.

    def begin(self, *operations: Operation) -> None:
        """Ask, and have the sessions opened."""
        self.client.begin(operations)
        self.open()

    def open(self) -> None:
        for to, request in list(self.sent):
            if request.number == OPEN_SESSION:
                self.sent.remove((to, request))
                self.client.on_answer(to, Opened(request.client, name_at(to)))

    def take(self, number: int) -> tuple[ReplicaId, Request]:
        """The request of that number; it is the oldest one of it that is not answered."""
        found = next(each for each in self.sent if each[1].number == number)
        self.sent.remove(found)
        return found

    def execute(self, number: int, value: str | None = None) -> None:
        """Its answer arrives."""
        to, request = self.take(number)
        self.answer(to, Executed(request.client, request.number, encode_result(Done(value))))

    def answer(self, to: ReplicaId, answer: Answer) -> None:
        self.client.on_answer(to, answer)

    def wait(self, nanoseconds: int) -> None:
        self.loop.run_until(self.loop.now + nanoseconds, unless=lambda: False)

    def outcomes(self, session: int = 0) -> dict[int, type[Event]]:
        """By number of the operation, what is on record; `Invocation` is nothing yet."""
        found: dict[int, type[Event]] = {}
        for event in self.recorder.events:
            if event.session == session:
                assert event.seq is not None
                found[event.seq] = type(event)
        return found


def name_at(replica: ReplicaId) -> ClientId:
    return ClientId(1000 + replica)


def dispatch(request: Request) -> Dispatch:
    found = read_dispatch(request.body)
    assert found is not None
    return found
