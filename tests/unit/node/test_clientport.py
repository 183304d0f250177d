"""The client port: requests in, and each answer to whoever asked last."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from node.core.interface import Propose, Read, Refusal, Refused, Transfer
from node.runtime.clientport import IN_FLIGHT_MAX, ClientPort, Replies
from node.runtime.connection import Counters
from node.runtime.inbox import Inbox
from node.runtime.ticker import clock_ns
from node.types import OPEN_SESSION, ClientId, Command, Query, ReplicaId, RequestNumber
from node.wire.framing import frame
from node.wire.messages import (
    CLIENT_CODEC,
    COMMAND_BYTES_MAX,
    FRAME_BYTES_MAX,
    PROTOCOL_VERSION,
    ClientHello,
    Executed,
    Goodbye,
    Interrupted,
    NotExecuted,
    Opened,
    Request,
    StatusReply,
    StatusRequest,
    TransferReply,
    TransferRequest,
)
from tests.support.streams import Talker

ONE, TWO = ReplicaId(1), ReplicaId(2)
CLIENT = ClientId(7)
STATUS = StatusReply(ONE, "follower", 3, TWO, TWO, 9, 9, 9)


def request(number: int, body: bytes = b"body") -> Request:
    return Request(CLIENT, RequestNumber(number), RequestNumber(0), body)


def executed(number: int) -> Executed:
    return Executed(CLIENT, RequestNumber(number), b"result")


class Port:
    """A client port, and what stands behind it."""

    def __init__(self, nursery: trio.Nursery, status: StatusReply) -> None:
        self.inbox: Inbox[Any] = Inbox()
        self.replies = Replies({ONE: "one:1", TWO: "two:2"})
        self.counters = Counters()
        self._nursery = nursery
        self._port = ClientPort(
            cluster="test",
            inbox=self.inbox,
            replies=self.replies,
            status=lambda: status,
            counters=self.counters,
        )

    async def connect(self, *, cluster: str = "test") -> Talker:
        near, far = memory_stream_pair()
        self._nursery.start_soon(self._port.serve, far)
        talker = Talker(near)
        await talker.say(ClientHello(PROTOCOL_VERSION, cluster))
        return talker

    async def ask(self, talker: Talker, number: int) -> None:
        """Ask, and wait until the driver would see it."""
        await talker.say(request(number))
        assert await self.inbox.take_all() == [Propose(command(number))]


def command(number: int) -> Command:
    return Command(
        client=CLIENT, number=RequestNumber(number), answered=RequestNumber(0), body=b"body"
    )


@asynccontextmanager
async def open_port(status: StatusReply = STATUS) -> AsyncIterator[Port]:
    async with trio.open_nursery() as nursery:
        yield Port(nursery, status)
        nursery.cancel_scope.cancel()


async def test_a_request_becomes_a_proposal_and_its_answer_comes_back() -> None:
    async with open_port() as port:
        client = await port.connect()
        await port.ask(client, 1)
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await client.hear() == executed(1)


async def test_a_query_becomes_a_read_and_its_answer_comes_back() -> None:
    async with open_port() as port:
        client = await port.connect()
        query = Query(CLIENT, RequestNumber(3), b"what?")
        before = clock_ns()
        await client.say(query)
        (read,) = await port.inbox.take_all()
        assert read == Read(query, read.clock)
        assert read.clock >= before, "a lease must hold when the query is here"
        port.replies.answer(executed(3))
        port.replies.flush()
        assert await client.hear() == executed(3)


@pytest.mark.parametrize(
    ("role", "leader", "to", "problem"),
    [
        ("leader", ONE, TWO, ""),
        ("leader", ONE, ReplicaId(9), "9 is no replica of this cluster"),
        ("follower", TWO, ONE, "replica 1 does not lead: replica 2 does"),
        ("candidate", None, ONE, "replica 1 does not lead: nobody does"),
    ],
)
async def test_a_leader_is_asked_to_let_another_lead(
    role: str, leader: ReplicaId | None, to: ReplicaId, problem: str
) -> None:
    status = dataclasses.replace(STATUS, role=role, leader=leader)
    async with open_port(status) as port:
        client = await port.connect()
        await client.say(TransferRequest(to))
        assert await client.hear() == TransferReply(problem)
        if not problem:
            assert await port.inbox.take_all() == [Transfer(to)]


async def test_opening_a_session_is_answered_as_request_zero() -> None:
    async with open_port() as port:
        client = await port.connect()
        await port.ask(client, OPEN_SESSION)
        port.replies.answer(Opened(CLIENT, ClientId(4711)))
        port.replies.flush()
        assert await client.hear() == Opened(CLIENT, ClientId(4711))


async def test_an_answer_goes_to_the_connection_that_asked_last() -> None:
    """A client that asks again elsewhere, or here again, no longer listens where it was."""
    async with open_port() as port:
        old, new = await port.connect(), await port.connect()
        await port.ask(old, 1)
        await port.ask(new, 1)
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await new.hear() == executed(1)
        await old.say(StatusRequest())
        assert await old.hear() == STATUS, "and nothing before it"


async def test_when_the_older_connection_closes_the_newer_one_still_gets_the_answer() -> None:
    async with open_port() as port:
        old, new = await port.connect(), await port.connect()
        await port.ask(old, 1)
        await port.ask(new, 1)
        await old.stream.aclose()
        await wait_all_tasks_blocked()
        assert port.counters.ended == {"client: closed": 1}
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await new.hear() == executed(1)


async def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    async with open_port() as port:
        client = await port.connect()
        await port.ask(client, 1)
        await client.stream.aclose()
        await wait_all_tasks_blocked()
        port.replies.answer(executed(1))
        port.replies.answer(executed(2))
        port.replies.interrupt_all(None)
        port.replies.flush()


async def test_a_refusal_names_the_reason_and_the_leader() -> None:
    async with open_port() as port:
        client = await port.connect()
        await port.ask(client, 1)
        await port.ask(client, 2)
        port.replies.refuse(Refused(CLIENT, RequestNumber(1), Refusal.NOT_LEADER), TWO)
        port.replies.refuse(Refused(CLIENT, RequestNumber(2), Refusal.OVERLOADED), None)
        port.replies.flush()
        assert await client.hear() == NotExecuted(
            CLIENT, RequestNumber(1), "not-leader", TWO, "two:2"
        )
        assert await client.hear() == NotExecuted(
            CLIENT, RequestNumber(2), "overloaded", None, None
        )


async def test_when_leadership_is_lost_everyone_who_waits_is_interrupted_once() -> None:
    async with open_port() as port:
        first, second = await port.connect(), await port.connect()
        await port.ask(first, 1)
        await port.ask(second, 2)
        port.replies.interrupt_all(TWO)
        port.replies.flush()
        assert await first.hear() == Interrupted(CLIENT, RequestNumber(1), TWO, "two:2")
        assert await second.hear() == Interrupted(CLIENT, RequestNumber(2), TWO, "two:2")
        port.replies.interrupt_all(TWO)
        port.replies.flush()
        await first.say(StatusRequest())
        assert await first.hear() == STATUS


async def test_a_client_of_any_cluster_may_ask_for_the_status() -> None:
    async with open_port() as port:
        client = await port.connect(cluster="")
        await client.say(StatusRequest())
        assert await client.hear() == STATUS


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (request(1, bytes(COMMAND_BYTES_MAX + 1)), "1048577 bytes; 1048576 are allowed"),
        (executed(1), "a client does not send Executed"),
        (ClientHello(PROTOCOL_VERSION, "test"), "a client does not send ClientHello"),
    ],
    ids=["too long", "an answer", "a second hello"],
)
async def test_a_client_that_breaks_the_rules_is_told_and_left(
    message: object, reason: str
) -> None:
    async with open_port() as port:
        good, bad = await port.connect(), await port.connect()
        await port.ask(good, 1)
        await bad.say(message)
        goodbye = await bad.hear()
        assert isinstance(goodbye, Goodbye)
        assert reason in goodbye.reason
        assert await bad.hear() is None
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await good.hear() == executed(1)


async def test_a_client_at_its_credit_is_not_read_until_it_is_answered() -> None:
    async with open_port() as port:
        client = await port.connect()
        flood = b"".join(
            frame(CLIENT_CODEC.encode(request(number)), FRAME_BYTES_MAX)
            for number in range(1, IN_FLIGHT_MAX + 3)
        )
        await client.stream.send_all(flood)
        await wait_all_tasks_blocked()
        assert len(await port.inbox.take_all()) == IN_FLIGHT_MAX
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await port.inbox.take_all() == [Propose(command(IN_FLIGHT_MAX + 1))]


async def test_a_request_that_is_asked_twice_on_one_connection_is_answered_once() -> None:
    async with open_port() as port:
        client = await port.connect()
        await port.ask(client, 1)
        await port.ask(client, 1)
        port.replies.answer(executed(1))
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await client.hear() == executed(1)
        await client.say(StatusRequest())
        assert await client.hear() == STATUS
