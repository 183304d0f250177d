"""The client port: requests in, and each answer to whoever asked last."""

import dataclasses

import pytest
from trio.testing import wait_all_tasks_blocked

from node.core.interface import Read, Refusal, Refused, Transfer, Withdraw
from node.runtime.ticker import clock_ns
from node.types import OPEN_SESSION, ClientId, Query, ReplicaId, ReplicaInfo, RequestNumber
from node.wire.messages import (
    AddRequest,
    ChangeReply,
    ClientHello,
    Goodbye,
    Interrupted,
    NotExecuted,
    Opened,
    Overloaded,
    RemoveRequest,
    StatusRequest,
    TransferReply,
    TransferRequest,
)
from tests.support.inboxes import take_all
from tests.support.ports import (
    CLIENT,
    ONE,
    STATUS,
    TWO,
    executed,
    open_port,
    request,
)


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
        (read,) = await take_all(port.inbox)
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
            assert await take_all(port.inbox) == [Transfer(to)]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (AddRequest(ReplicaInfo(ReplicaId(0), "p:1", "c:1")), "0 is no id of a replica"),
        (AddRequest(ReplicaInfo(ReplicaId(4), "p", "c:1")), "'p' is not HOST:PORT"),
        (AddRequest(ReplicaInfo(ReplicaId(4), "p:1", "c:0")), "'c:0' is not HOST:PORT"),
        (AddRequest(ReplicaInfo(ReplicaId(4), "p:1", "c:1")), "no: Add"),
        (RemoveRequest(TWO), "no: Remove"),
    ],
)
async def test_a_change_of_members_that_makes_no_sense_does_not_reach_the_core(
    message: AddRequest | RemoveRequest, problem: str
) -> None:
    async with open_port() as port:
        client = await port.connect()
        await client.say(message)
        reply = await client.hear()
        assert isinstance(reply, ChangeReply)
        assert problem in reply.problem
        assert len(port.changes) == problem.startswith("no: ")


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


async def test_what_a_connection_asked_that_is_gone_is_withdrawn() -> None:
    """But for what is waited for elsewhere by now."""
    async with open_port() as port:
        old, new = await port.connect(), await port.connect()
        for number in (1, 2, 3, 4):
            await port.ask(old, number)
        await new.say(request(2))
        await wait_all_tasks_blocked()
        port.replies.answer(executed(3))
        await old.stream.aclose()
        assert await take_all(port.inbox) == [
            Withdraw(((CLIENT, RequestNumber(1)), (CLIENT, RequestNumber(4))))
        ]
        port.replies.refuse(Refused(CLIENT, RequestNumber(1), Refusal.WITHDRAWN), ONE)
        assert len(port.replies) == 2, "4 may have a slot already"


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
