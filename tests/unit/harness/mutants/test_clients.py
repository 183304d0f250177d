"""Claim: what a client with a planted bug records is refused, and what the real one does is not.

The clients are those of the simulator, asked by hand: a desk takes their requests, and a script says
which of them are executed and which answers arrive, and when.
"""

from collections.abc import Callable
from typing import Any, Final, cast

import pytest

from checker import VerdictKind, check
from checker.models import kv
from harness.mutants import MUTANTS
from harness.simulation.core_floor.client import Client
from harness.simulation.core_floor.loop import Loop
from harness.simulation.draws import Draws
from harness.simulation.world import MS, SECOND
from history import Recorder, pair
from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SessionedStateMachine
from node.types import Command, Query, ReplicaId
from node.wire.kv import Append, Delete, Done, Get, Operation, Put
from node.wire.messages import Answer, Request


class Desk:
    """Stands for the `Office`, and for a cluster of one replica that never fails."""

    def __init__(self, client: type[Client]) -> None:
        self.loop: Final = Loop()
        self.members: Final = (ReplicaId(1), ReplicaId(2), ReplicaId(3))
        self.recorder: Final = Recorder(None, lambda: self.loop.now, keep_events=True)
        self.processes: Final = 2
        self.patience: Final = 2 * SECOND
        self.wall_offset = 0
        self.reads_through_log: Final = False
        self.asked: list[Request | Query] = []
        """What was sent and not taken yet."""
        self._machine = SessionedStateMachine(KeyValueStore())
        self.one, self.two = (
            client(101 + n, cast("Any", self), Draws(1), process=n) for n in range(2)
        )
        for each in (self.one, self.two):
            self.do(each, Delete("z"))  # opens a session

    @property
    def now(self) -> int:
        return self.loop.now

    def done(self, client: Client) -> None:
        """Nobody gives it anything else to do."""

    def learn(self, client: Client, operation: Operation, result: Done) -> None:
        """What they ask is up to the script."""

    def wall_clock(self, client: Client) -> int:
        return self.loop.now + self.wall_offset

    def send(self, client: Client, to: ReplicaId, request: Request | Query) -> None:
        self.asked.append(request)

    def leader_for(self, client: Client, shard: int) -> ReplicaId | None:
        return ReplicaId(1)

    def believe(self, client: Client, leader: ReplicaId | None, shard: int) -> None:
        """There is one replica only."""

    # What a script does.

    def wait(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.loop.run_until(self.loop.now + nanoseconds, unless=lambda: False)

    def execute(self) -> Answer:
        """Execute the oldest request; its answer is on its way."""
        asked = self.asked.pop(0)
        if isinstance(asked, Query):
            return self._machine.read(asked)
        command = Command(
            client=asked.client, number=asked.number, answered=asked.answered, body=asked.body
        )
        return self._machine.execute_slot(self._machine.executed_upto + 1, (command,))[0]

    def do(self, client: Client, operation: Operation) -> None:
        """One operation, from its beginning to its end, without trouble."""
        self.wait(MS)
        client.begin(operation)
        while client.pending is not None:
            self.wait(MS)
            client.on_answer(ReplicaId(1), self.execute())


def silence_is_failure(desk: Desk) -> None:
    """The put is executed, and nobody ever says so."""
    desk.one.begin(Put("x", "1"))
    desk.execute()
    while desk.one.pending is not None:
        desk.wait(MS)
    desk.asked.clear()
    desk.do(desk.two, Get("x"))


def new_number_each_time(desk: Desk) -> None:
    """The first answer is lost, the second attempt is executed too."""
    desk.one.begin(Append("x", "a"))
    desk.execute()
    while not desk.asked:
        desk.wait(MS)
    desk.one.on_answer(ReplicaId(1), desk.execute())
    assert desk.one.pending is None
    desk.do(desk.two, Get("x"))


def any_answer(desk: Desk) -> None:
    """The answer of a first attempt arrives when the second one was answered long ago."""
    desk.one.begin(Put("x", "1"))
    late = desk.execute()
    while not desk.asked:
        desk.wait(MS)
    desk.one.on_answer(ReplicaId(1), desk.execute())
    desk.one.begin(Get("x"))
    desk.one.on_answer(ReplicaId(1), late)
    if desk.one.pending is not None:
        desk.one.on_answer(ReplicaId(1), desk.execute())


def wall_clock_stamps(desk: Desk) -> None:
    """The clock is set back between a put and a get."""
    desk.wait(100 * MS)
    desk.do(desk.one, Put("x", "1"))
    desk.wall_offset = -90 * MS
    desk.do(desk.two, Get("x"))


def stamp_when_answered(desk: Desk) -> None:
    """A get is executed before a put begins, and its answer arrives after the put has ended."""
    desk.one.begin(Get("x"))
    late = desk.execute()
    desk.do(desk.two, Put("x", "1"))
    desk.one.on_answer(ReplicaId(1), late)


def cached_reads(desk: Desk) -> None:
    """Somebody else overwrites what is in the cache."""
    desk.do(desk.one, Put("x", "1"))
    desk.do(desk.two, Put("x", "2"))
    desk.do(desk.one, Get("x"))


SCRIPTS: Final[dict[str, Callable[[Desk], None]]] = {
    "silence-is-failure": silence_is_failure,
    "new-number-each-time": new_number_each_time,
    "any-answer": any_answer,
    "wall-clock-stamps": wall_clock_stamps,
    "stamp-when-answered": stamp_when_answered,
    "cached-reads": cached_reads,
}


def verdict(name: str, client: type[Client]) -> VerdictKind:
    desk = Desk(client)
    SCRIPTS[name](desk)
    return check(pair(enumerate(desk.recorder.events, 1)).operations, kv.MODEL).kind


def test_there_is_a_script_for_every_client_with_a_bug() -> None:
    planted = [bug for bug in MUTANTS.values() if bug.client and bug.protocol == "multipaxos"]
    assert {*SCRIPTS, "read-anywhere"} == {bug.name for bug in planted}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_checker_refuses_the_record_of(name: str) -> None:
    client = MUTANTS[name].client
    assert client is not None
    assert verdict(name, client) is VerdictKind.NOT_LINEARIZABLE


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_record_of_the_real_client_is_linearizable_in_the_same_script(name: str) -> None:
    assert verdict(name, Client) is VerdictKind.LINEARIZABLE


def test_a_get_goes_anywhere_and_all_else_to_the_leader() -> None:
    """The other half of `read-anywhere`; its cores are tested with the others."""
    client = MUTANTS["read-anywhere"].client
    assert client is not None
    desk = Desk(client)
    places = {desk.one.choose_replica(Get("x")) for _ in range(50)}
    assert places == set(desk.members)
    assert {desk.one.choose_replica(Put("x", "1")) for _ in range(50)} == {1}
