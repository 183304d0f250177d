"""One connection: who gets which answer, and what its end means to those who wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from clients.connection import (
    CannotConnect,
    ConnectionLost,
    ReplicaConnection,
    ask_status,
    connect,
    locate,
)
from node.types import ClientId, ReplicaId, RequestNumber
from node.wire.framing import frame
from node.wire.messages import (
    MASTER_CODEC,
    Answer,
    ClientHello,
    Executed,
    Goodbye,
    Located,
    Request,
    Shards,
    StatusReply,
    StatusRequest,
)
from tests.support.streams import FakeNetwork, Talker, fake_network
from tests.unit.clients.scripted import MASTER, A

STATUS = StatusReply(
    replica=ReplicaId(1),
    role="leader",
    ballot_round=3,
    ballot_replica=ReplicaId(1),
    leader=ReplicaId(1),
    chosen_upto=9,
    executed_upto=8,
    accepted_upto=10,
)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


def request(number: int) -> Request:
    return Request(ClientId(7), RequestNumber(number), RequestNumber(0), b"")


def executed(number: int) -> Executed:
    return Executed(ClientId(7), RequestNumber(number), b"result")


@asynccontextmanager
async def connected(network: FakeNetwork) -> AsyncIterator[tuple[ReplicaConnection, Talker]]:
    """A connection that runs, and the far end of it, which has been greeted."""
    listeners = await network.open_tcp_listeners(A.port, host=A.host)
    connection = await connect(A, "test", timeout_s=1)
    async with await listeners[0].accept() as stream, trio.open_nursery() as nursery:
        replica = Talker(stream)
        assert await replica.hear() == ClientHello("test")
        nursery.start_soon(connection.run)
        yield connection, replica
        nursery.cancel_scope.cancel()


async def test_answers_find_whoever_asked_in_any_order(network: FakeNetwork) -> None:
    answers: dict[int, Answer] = {}
    async with connected(network) as (connection, replica):

        async def ask(number: int) -> None:
            answers[number] = await connection.ask(request(number))

        async with trio.open_nursery() as nursery:
            for number in (1, 2):
                nursery.start_soon(ask, number)
            assert {(await replica.hear()).number, (await replica.hear()).number} == {1, 2}
            await replica.say(executed(2))
            await replica.say(executed(5))  # nobody asked: an old question
            await replica.say(executed(1))
    assert answers == {1: executed(1), 2: executed(2)}


@pytest.mark.parametrize("end", ["close", "goodbye", "garbage", "foreign message"])
async def test_the_end_of_a_connection_wakes_everyone_who_waits(
    network: FakeNetwork, end: str
) -> None:
    async with connected(network) as (connection, replica):

        async def end_it() -> None:
            await replica.hear()
            match end:
                case "close":
                    await replica.stream.aclose()
                case "goodbye":
                    await replica.say(Goodbye("you are too slow"))
                case "garbage":
                    await replica.stream.send_all(frame(b"\xff", 10))
                case _:
                    await replica.stream.send_all(frame(msgspec.msgpack.encode([72]), 10))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(end_it)
            with pytest.raises(ConnectionLost) as caught:
                await connection.ask(request(1))
        expected = {"close": "closed", "goodbye": "too slow"}.get(end, "not speak our protocol")
        if end == "foreign message":
            expected = "StatusRequest"
        assert expected in str(caught.value)
        assert connection.is_lost
        with pytest.raises(ConnectionLost):
            await connection.ask(request(2))


async def test_a_retired_connection_closes_when_its_last_question_is_answered(
    network: FakeNetwork,
) -> None:
    async with connected(network) as (connection, replica):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.ask, request(1))
            await replica.hear()
            connection.retire()
            await wait_all_tasks_blocked()
            assert not connection.is_lost
            await replica.say(executed(1))
        assert await replica.hear() is None


async def test_status_is_asked_over_a_connection_of_its_own(network: FakeNetwork) -> None:
    async def handle(talker: Talker) -> None:
        assert await talker.hear() == ClientHello("test")
        assert await talker.hear() == StatusRequest()
        await talker.say(STATUS)

    async with network.serve(A, handle):
        assert await ask_status(A, "test", timeout_s=1) == STATUS


async def test_a_replica_that_accepts_and_says_nothing_gives_no_status(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    async def say_nothing(_talker: Talker) -> None:
        await trio.sleep_forever()

    async with network.serve(A, say_nothing):
        with pytest.raises(CannotConnect, match="no status from replica-a:1 within 1 s"):
            await ask_status(A, "test", timeout_s=1)
    with pytest.raises(CannotConnect, match="cannot connect to replica-a:1"):
        await ask_status(A, "test", timeout_s=1)


async def hang_up(talker: Talker) -> None:
    await talker.hear()


async def garble(talker: Talker) -> None:
    await talker.stream.send_all(frame(b"\xc1", 10))
    await talker.hear()
    await talker.hear()


async def say_goodbye(talker: Talker) -> None:
    await talker.say(Goodbye("another cluster"))
    await talker.hear()
    await talker.hear()


async def say_nothing(_talker: Talker) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        (hang_up, "closed the connection|broke|Broken|peer closed"),
        (garble, "not the MessagePack we speak"),
        (say_goodbye, "answered Goodbye.*another cluster"),
        (say_nothing, "did not answer within 1 s"),
    ],
    ids=["hang up", "garbage", "goodbye", "silence"],
)
async def test_a_master_that_is_no_help_raises_cannot_connect(
    network: FakeNetwork, autojump_clock: MockClock, handle: object, reason: str
) -> None:
    assert callable(handle)
    async with network.serve(MASTER, handle, MASTER_CODEC):
        with pytest.raises(CannotConnect, match=reason):
            await locate(MASTER, "test", timeout_s=1)


async def test_a_master_that_answers_is_believed(network: FakeNetwork) -> None:
    async def handle(talker: Talker) -> None:
        await talker.hear()
        await talker.hear()
        await talker.say(Shards("multipaxos", (Located((), ReplicaId(3)),)))

    async with network.serve(MASTER, handle, MASTER_CODEC):
        assert await locate(MASTER, "test", timeout_s=1) == Shards(
            "multipaxos", (Located((), ReplicaId(3)),)
        )
