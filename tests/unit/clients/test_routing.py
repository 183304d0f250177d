"""Which replica a client asks next."""

from random import Random

import pytest
import trio
from trio.testing import MockClock

from clients import Indeterminate, Rejected, open_client
from clients.routing import Router
from node.types import Query, ReplicaId, ReplicaInfo
from node.wire.messages import (
    MASTER_CODEC,
    Answer,
    ClientHello,
    Locate,
    Located,
    NotExecuted,
    Request,
    Shards,
)
from tests.support.streams import FakeNetwork, Talker, fake_network
from tests.unit.clients.scripted import (
    MASTER,
    A,
    B,
    ScriptedReplica,
    client_of,
    execute,
    hang_up,
    opening,
)

ONE, TWO = ReplicaId(1), ReplicaId(2)
A_AND_B = (
    ReplicaInfo(ONE, "peer-a:1", str(A)),
    ReplicaInfo(TWO, "peer-b:2", str(B)),
)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


def redirect_to_b(request: Request | Query) -> Answer:
    return NotExecuted(request.client, request.number, "not-leader", TWO, str(B))


class ScriptedMaster:
    """Answers every question with the same page."""

    def __init__(self, located: Located) -> None:
        self.located = located
        self.questions = 0

    async def handle(self, talker: Talker) -> None:
        assert isinstance(await talker.hear(), ClientHello)
        while await talker.hear() == Locate():
            self.questions += 1
            await talker.say(Shards("multipaxos", (self.located,)))


async def test_a_redirect_leads_straight_to_the_leader(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    a, b = ScriptedReplica(redirect_to_b), ScriptedReplica(execute)
    async with client_of(network, a=a, b=b) as client:
        await client.execute(b"x")
        await client.execute(b"y")
    assert a.numbers == [0]
    assert b.numbers == [0, 1, 2]


async def test_a_redirect_to_a_replica_that_was_not_known_is_followed(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    a, b = ScriptedReplica(redirect_to_b), ScriptedReplica(execute)
    async with (
        network.serve(A, a.handle),
        network.serve(B, b.handle),
        open_client(replicas=[A]) as client,
    ):
        await client.execute(b"x")
    assert b.numbers == [0, 1]


async def test_a_replica_that_is_down_is_passed_over(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(execute)
    async with network.serve(B, replica.handle), open_client(replicas=[A, B]) as client:
        await client.execute(b"x")
    assert replica.numbers == [0, 1]


async def test_a_client_that_knows_only_the_master_goes_to_the_leader_first(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    a, b = ScriptedReplica(redirect_to_b), ScriptedReplica(execute)
    master = ScriptedMaster(Located(A_AND_B, TWO))
    async with (
        network.serve(MASTER, master.handle, MASTER_CODEC),
        network.serve(A, a.handle),
        network.serve(B, b.handle),
        open_client(master=MASTER) as client,
    ):
        await client.execute(b"x")
    assert a.requests == []
    assert b.numbers == [0, 1]
    assert master.questions == 1


async def test_a_client_that_knows_the_replicas_does_not_need_the_master(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    """It asks the master when it finds nobody, and goes on with those it knows when that is down."""
    replica = ScriptedReplica(execute)
    async with open_client(replicas=[A, B], master=MASTER, timeout_s=10) as client:

        async def come_back_later() -> None:
            await trio.sleep(3)
            async with network.serve(B, replica.handle):
                await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(come_back_later)
            await client.execute(b"x")
            nursery.cancel_scope.cancel()
    assert replica.numbers == [0, 1]
    assert client.retries > 5


async def test_when_all_known_replicas_are_gone_the_master_is_asked_for_new_ones(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(execute)
    master = ScriptedMaster(Located(A_AND_B[1:], TWO))
    async with (
        network.serve(MASTER, master.handle, MASTER_CODEC),
        network.serve(B, replica.handle),
        open_client(replicas=[A], master=MASTER) as client,
    ):
        await client.execute(b"x")
    assert replica.numbers == [0, 1]
    assert master.questions == 1


async def test_a_master_that_is_down_is_named_in_the_error(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    assert network.listeners == {}
    async with open_client(master=MASTER, timeout_s=1) as client:
        with pytest.raises(Rejected, match="cannot connect to master:3"):
            await client.execute(b"x")


async def test_a_master_that_knows_nobody_yet_is_asked_again(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    master = ScriptedMaster(Located((), None))
    async with (
        network.serve(MASTER, master.handle, MASTER_CODEC),
        open_client(master=MASTER, timeout_s=1) as client,
    ):
        with pytest.raises(Rejected, match="knows no replica yet"):
            await client.execute(b"x")
    assert master.questions > 5


async def test_requests_in_flight_are_answered_while_another_one_leaves_the_connection(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    """One request that got no help must not cut off the others that wait on its connection."""
    answered = trio.Event()

    async def slow_and_fast(talker: Talker) -> None:
        await talker.hear()
        requests = {}
        while (request := await talker.hear()) is not None:
            if request.number == 0:
                await talker.say(execute(request))
                continue
            requests[request.body] = request
            if len(requests) == 2:
                await talker.say(redirect_to_b(requests[b"fast"]))
                await answered.wait()
                await talker.say(execute(requests[b"slow"]))

    b = ScriptedReplica(execute)
    async with (
        network.serve(A, slow_and_fast),
        network.serve(B, b.handle),
        open_client(replicas=[A]) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(client.execute, b"slow")
        await client.execute(b"fast")
        answered.set()
    assert [request.body for request in b.requests] == [b"fast"]


async def test_an_unknown_outcome_on_one_replica_is_not_hidden_by_the_next_one_being_down(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    a = ScriptedReplica(*opening(hang_up))
    async with network.serve(A, a.handle), open_client(replicas=[A], timeout_s=1) as client:
        with pytest.raises(Indeterminate):
            await client.execute(b"x")


async def test_a_master_that_knows_only_of_an_earlier_leader_leads_nobody_astray(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    """A second master, or one that has lost its file: epochs say whose news is the latest."""
    master = ScriptedMaster(Located(A_AND_B, TWO, 7))
    async with (
        network.serve(MASTER, master.handle, MASTER_CODEC),
        trio.open_nursery() as nursery,
    ):
        router = Router(
            cluster="test",
            replicas=[],
            master=MASTER,
            random=Random(1),
            connection_nursery=nursery,
        )
        await router._ask_master()
        assert router._replicas[router._next] == B
        master.located = Located(A_AND_B, ONE, 6)
        await router._ask_master()
        assert router._replicas[router._next] == B
        master.located = Located(A_AND_B, ONE, 8)
        await router._ask_master()
        assert router._replicas[router._next] == A
