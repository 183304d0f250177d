"""The client port: requests in, and each answer to whoever asked last."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from node.config import Limits
from node.core.interface import Propose, Read, Refusal, Refused, Transfer
from node.runtime.clientport import ClientPort
from node.runtime.counters import Counters
from node.runtime.inbox import Inbox
from node.runtime.replies import Replies
from node.runtime.ticker import clock_ns
from node.types import OPEN_SESSION, ClientId, Command, Query, ReplicaId, RequestNumber
from node.wire.framing import frame
from node.wire.messages import (
    CLIENT_CODEC,
    FRAME_BYTES_MAX,
    ClientHello,
    Executed,
    Goodbye,
    Interrupted,
    NotExecuted,
    Opened,
    Overloaded,
    Request,
    StatusReply,
    StatusRequest,
    TooLarge,
    TransferReply,
    TransferRequest,
)
from tests.support.streams import Talker

ONE, TWO = ReplicaId(1), ReplicaId(2)
CLIENT = ClientId(7)
DEFAULT = Limits()
STATUS = StatusReply(ONE, "follower", 3, TWO, TWO, 9, 9, 9)


def request(number: int, body: bytes = b"body") -> Request:
    return Request(CLIENT, RequestNumber(number), RequestNumber(0), body)


def executed(number: int) -> Executed:
    return Executed(CLIENT, RequestNumber(number), b"result")


class Port:
    """A client port, and what stands behind it."""

    def __init__(self, nursery: trio.Nursery, limits: Limits, status: StatusReply) -> None:
        self.inbox: Inbox[Any] = Inbox()
        self.replies = Replies({ONE: "one:1", TWO: "two:2"}, limits)
        self.counters = Counters()
        self._nursery = nursery
        self._port = ClientPort(
            cluster="test",
            limits=limits,
            inbox=self.inbox,
            replies=self.replies,
            status=lambda: status,
            counters=self.counters,
        )

    async def connect(self, *, cluster: str = "test") -> Talker:
        near, far = memory_stream_pair()
        self._nursery.start_soon(self._port.serve, far)
        talker = Talker(near)
        await talker.say(ClientHello(cluster))
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
async def open_port(limits: Limits = DEFAULT, status: StatusReply = STATUS) -> AsyncIterator[Port]:
    async with trio.open_nursery() as nursery:
        yield Port(nursery, limits, status)
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
    async with open_port(status=status) as port:
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
        await new.say(request(1))
        await wait_all_tasks_blocked()
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await new.hear() == executed(1)
        await old.say(StatusRequest())
        assert await old.hear() == STATUS, "and nothing before it"


async def test_when_the_older_connection_closes_the_newer_one_still_gets_the_answer() -> None:
    async with open_port() as port:
        old, new = await port.connect(), await port.connect()
        await port.ask(old, 1)
        await new.say(request(1))
        await wait_all_tasks_blocked()
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
        assert await client.hear() == Overloaded(
            CLIENT, RequestNumber(2), "the leader has enough to do"
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
        (executed(1), "a client does not send Executed"),
        (ClientHello("test"), "a client does not send ClientHello"),
    ],
    ids=["an answer", "a second hello"],
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
    credit = 20
    async with open_port(Limits(requests_per_connection_max=credit)) as port:
        client = await port.connect()
        flood = b"".join(
            frame(CLIENT_CODEC.encode(request(number)), FRAME_BYTES_MAX)
            for number in range(1, credit + 3)
        )
        await client.stream.send_all(flood)
        await wait_all_tasks_blocked()
        assert len(await port.inbox.take_all()) == credit
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await port.inbox.take_all() == [Propose(command(credit + 1))]


async def test_a_request_that_is_asked_twice_on_one_connection_is_answered_once() -> None:
    async with open_port() as port:
        client = await port.connect()
        await port.ask(client, 1)
        await client.say(request(1))
        await wait_all_tasks_blocked()
        port.replies.answer(executed(1))
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await client.hear() == executed(1)
        await client.say(StatusRequest())
        assert await client.hear() == STATUS


async def test_a_request_that_waits_already_is_not_proposed_again() -> None:
    """Or one client could fill a leader's memory with copies of one request."""
    async with open_port() as port:
        old, new = await port.connect(), await port.connect()
        await port.ask(old, 1)
        for talker in (old, new, old, new):
            await talker.say(request(1))
        await wait_all_tasks_blocked()
        assert len(port.inbox) == 0
        assert len(port.replies) == 1
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await new.hear() == executed(1)
        assert len(port.replies) == 0
        await port.ask(new, 1)


async def test_a_command_that_is_too_long_is_answered_so_and_its_client_stays() -> None:
    async with open_port(Limits(command_bytes_max=100)) as port:
        client = await port.connect()
        await client.say(request(1, bytes(101)))
        assert await client.hear() == TooLarge(CLIENT, RequestNumber(1), 100)
        await client.say(request(2, bytes(100)))
        assert len(await port.inbox.take_all()) == 1
        port.replies.answer(executed(2))
        port.replies.flush()
        assert await client.hear() == executed(2)


@pytest.mark.parametrize(
    ("limits", "size", "reason"),
    [
        (Limits(requests_max=3), 1, "3 requests are in flight"),
        (Limits(request_bytes_max=16 * 100, command_bytes_max=100), 81, "bytes are in flight"),
        (Limits(requests_per_session_max=3), 1, "3 requests of this session are in flight"),
    ],
    ids=["in total", "bytes in total", "of a session"],
)
async def test_what_is_asked_beyond_a_limit_is_certainly_not_proposed(
    limits: Limits, size: int, reason: str
) -> None:
    """Each over a connection of its own, so that no limit of a connection holds it back."""
    async with open_port(limits) as port:
        asked, answer = 0, None
        talkers = []
        while answer is None and asked < 100:
            asked += 1
            talker = await port.connect()
            talkers.append(talker)
            await talker.say(request(asked, bytes(size)))
            await wait_all_tasks_blocked()
            if len(port.replies) < asked:
                answer = await talker.hear()
        assert isinstance(answer, Overloaded)
        assert answer.number == asked
        assert reason in answer.reason
        assert len(port.inbox) == asked - 1
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await talkers[0].hear() == executed(1)
        await talkers[1].say(request(asked, bytes(size)))
        await wait_all_tasks_blocked()
        assert len(port.inbox) == asked, "there is room again"


async def test_a_session_may_not_run_ahead_of_what_it_has_answered() -> None:
    """The replicated state keeps the results between; so many, and no more."""
    async with open_port() as port:
        client = await port.connect()
        await client.say(Request(CLIENT, RequestNumber(1024 + 8), RequestNumber(7), b"body"))
        refused = await client.hear()
        assert isinstance(refused, Overloaded)
        assert "only 7 is answered" in refused.reason
        await client.say(Request(CLIENT, RequestNumber(1024 + 8), RequestNumber(8), b"body"))
        assert len(await port.inbox.take_all()) == 1


async def test_what_a_connection_has_asked_counts_until_it_is_done_with() -> None:
    """The connection is gone, the commands are not: asking and leaving must not make room."""
    async with open_port(Limits(requests_max=2)) as port:
        for number in (1, 2):
            client = await port.connect()
            await port.ask(client, number)
            await client.stream.aclose()
        await wait_all_tasks_blocked()
        client = await port.connect()
        await client.say(request(3))
        assert isinstance(await client.hear(), Overloaded)
        port.replies.interrupt_all(None)
        port.replies.flush()
        await port.ask(client, 3)


async def test_a_connection_with_many_bytes_in_flight_is_not_read_for_a_while() -> None:
    limits = Limits(request_bytes_max=16 * 1000, command_bytes_max=1000)
    async with open_port(limits) as port:
        greedy, modest = await port.connect(), await port.connect()
        for number in (1, 2, 3):
            await greedy.say(request(number, bytes(900)))
        await modest.say(request(4, bytes(900)))
        await wait_all_tasks_blocked()
        asked = [event.command.number for event in await port.inbox.take_all()]
        assert asked == [1, 2, 4]
        port.replies.answer(executed(1))
        port.replies.flush()
        await wait_all_tasks_blocked()
        assert [event.command.number for event in await port.inbox.take_all()] == [3]


async def test_a_connection_too_many_is_told_so_and_silent_ones_make_room_first() -> None:
    async with open_port(Limits(connections_max=2)) as port:
        client = await port.connect()
        await client.say(StatusRequest())
        assert await client.hear() == STATUS
        near, far = memory_stream_pair()
        port._nursery.start_soon(port._port.serve, far)  # says nothing
        await wait_all_tasks_blocked()
        second = await port.connect()
        await second.say(StatusRequest())
        assert await second.hear() == STATUS
        evicted = await Talker(near).hear()
        assert isinstance(evicted, Goodbye)
        third = await port.connect()
        goodbye = await third.hear()
        assert isinstance(goodbye, Goodbye)
        assert "2 connections are open" in goodbye.reason
        await wait_all_tasks_blocked()
        assert port.counters.ended == {"client: TooManyConnections": 2}
        await port.ask(client, 1)


async def test_a_request_that_is_asked_again_elsewhere_gives_its_credit_back() -> None:
    async with open_port(Limits(requests_per_connection_max=2)) as port:
        old, new = await port.connect(), await port.connect()
        await port.ask(old, 1)
        await new.say(request(1))
        await wait_all_tasks_blocked()
        await port.ask(old, 2)
        await port.ask(old, 3)
