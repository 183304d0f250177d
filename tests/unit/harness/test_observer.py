"""Who is seen to lead, and when everyone serves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from harness.observer import ANSWER_TIMEOUT_S, Observer
from node.config import ClusterConfig, ReplicaConfig
from node.core.ballot import NO_BALLOT, Ballot
from node.types import Address, ReplicaId
from node.wire.messages import PROTOCOL_VERSION, ClientHello, StatusReply, StatusRequest
from tests.support.streams import FakeNetwork, Talker, fake_network

ONE, TWO = ReplicaId(1), ReplicaId(2)
CONFIG = ClusterConfig(
    cluster="test",
    data_dir=Path("/disk"),
    replicas=tuple(
        ReplicaConfig(
            id=ReplicaId(number),
            peer_address=Address("peer", number),
            client_address=Address("client", number),
        )
        for number in (1, 2)
    ),
)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


def status(
    replica: ReplicaId, *, leader: ReplicaId | None, ballot: Ballot, upto: int = 0
) -> StatusReply:
    return StatusReply(
        replica=replica,
        role="leader" if replica == leader else "follower",
        ballot_round=ballot.round,
        ballot_replica=ballot.replica,
        leader=leader,
        chosen_upto=upto,
        executed_upto=upto,
        accepted_upto=upto,
    )


def test_the_leader_of_the_highest_ballot_counts_and_changes_are_counted() -> None:
    seen: list[tuple[int, str]] = []
    observer = Observer(CONFIG, lambda replica, ballot: seen.append((replica, str(ballot))))
    old, new = Ballot(1, ONE), Ballot(2, TWO)
    observer._on_status(status(ONE, leader=ONE, ballot=old))
    observer._on_status(status(TWO, leader=TWO, ballot=new))
    observer._on_status(status(ONE, leader=ONE, ballot=old))  # does not know yet
    assert (observer.leader, observer.ballot, observer.leader_changes) == (TWO, new, 1)
    assert seen == [(1, "1.1"), (2, "2.2")]


def test_a_follower_that_promised_a_higher_ballot_is_no_leader() -> None:
    observer = Observer(CONFIG)
    observer._on_status(status(ONE, leader=None, ballot=Ballot(9, TWO)))
    assert (observer.leader, observer.ballot) == (None, NO_BALLOT)


def test_what_a_killed_replica_says_late_does_not_make_it_lead_again() -> None:
    observer = Observer(CONFIG)
    lead = status(ONE, leader=ONE, ballot=Ballot(1, ONE))
    observer._on_status(lead)
    observer.forget(ONE)
    assert observer.leader is None
    observer._on_status(lead)
    assert observer.leader is None


@pytest.mark.parametrize(
    ("one", "two", "serves"),
    [
        (5, 5, True),
        (5, 6, True),
        (5, 4, False),
        (5, None, False),
    ],
    ids=["level", "ahead", "behind", "away"],
)
def test_all_serve_when_everyone_has_executed_what_the_leader_knows(
    one: int, two: int | None, *, serves: bool
) -> None:
    observer, ballot = Observer(CONFIG), Ballot(1, ONE)
    observer._on_status(status(ONE, leader=ONE, ballot=ballot, upto=one))
    if two is not None:
        observer._on_status(status(TWO, leader=ONE, ballot=ballot, upto=two))
    assert observer.all_serve() is serves


def test_a_replica_that_follows_nobody_does_not_serve() -> None:
    observer, ballot = Observer(CONFIG), Ballot(1, ONE)
    assert not observer.all_serve()
    observer._on_status(status(ONE, leader=ONE, ballot=ballot))
    observer._on_status(status(TWO, leader=None, ballot=ballot))
    assert not observer.all_serve()


class Answering:
    """A replica whose view of itself a test sets."""

    def __init__(self, status: StatusReply) -> None:
        self.status = status
        self.is_silent = False

    async def handle(self, talker: Talker) -> None:
        assert await talker.hear() == ClientHello(PROTOCOL_VERSION, "test")
        while await talker.hear() == StatusRequest():
            if self.is_silent:
                await trio.sleep_forever()
            await talker.say(self.status)


@asynccontextmanager
async def observing() -> AsyncIterator[Observer]:
    observer = Observer(CONFIG)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(observer.run)
        yield observer
        nursery.cancel_scope.cancel()


async def test_replicas_are_watched_through_their_deaths(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    one = Answering(status(ONE, leader=ONE, ballot=Ballot(1, ONE)))
    two = Answering(status(TWO, leader=ONE, ballot=Ballot(1, ONE)))
    async with observing() as observer, network.serve(Address("client", 2), two.handle):
        async with network.serve(Address("client", 1), one.handle):
            with trio.fail_after(10):
                assert await observer.wait_leader() == ONE
                await observer.wait(observer.all_serve)
        await trio.sleep(1)
        assert set(observer.statuses) == {TWO}, "one has died"
        two.status = status(TWO, leader=TWO, ballot=Ballot(2, TWO))
        with trio.fail_after(10):
            assert await observer.wait_leader(above=Ballot(1, ONE)) == TWO
        one.status = status(ONE, leader=TWO, ballot=Ballot(2, TWO))
        async with network.serve(Address("client", 1), one.handle):
            with trio.fail_after(10):
                await observer.wait(observer.all_serve)


async def test_a_replica_that_stops_answering_is_not_counted_on(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    one = Answering(status(ONE, leader=ONE, ballot=Ballot(1, ONE)))
    async with observing() as observer, network.serve(Address("client", 1), one.handle):
        with trio.fail_after(10):
            await observer.wait_leader()
        one.is_silent = True
        await trio.sleep(2 * ANSWER_TIMEOUT_S)
        assert observer.statuses == {}
