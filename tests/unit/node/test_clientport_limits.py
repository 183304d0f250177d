"""The client port at its limits: who asks for too much is held back or refused."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from node.core.interface import Propose, Read, Refusal, Refused, Withdraw
from node.runtime.clientport import FIRST_CREDIT, REFUSAL_PAUSE_S
from node.settings import Limits
from node.types import ClientId, Query, RequestNumber
from node.wire.framing import frame
from node.wire.messages import (
    CLIENT_CODEC,
    FRAME_BYTES_MAX,
    Goodbye,
    NotExecuted,
    Overloaded,
    Request,
    StatusRequest,
    TooLarge,
)
from tests.support.inboxes import take_all
from tests.support.ports import CLIENT, STATUS, TWO, command, executed, open_port, request
from tests.support.streams import Talker

at_each_limit = pytest.mark.parametrize(
    ("limits", "size", "reason"),
    [
        (Limits(requests_max=3), 1, "3 requests are in flight"),
        (Limits(request_bytes_max=16 * 100, command_bytes_max=100), 81, "bytes are in flight"),
        (Limits(requests_per_session_max=3), 1, "3 requests of this session are in flight"),
    ],
    ids=["in total", "bytes in total", "of a session"],
)


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
        assert len(await take_all(port.inbox)) == credit
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await take_all(port.inbox) == [Propose(command(credit + 1))]


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
        assert len(await take_all(port.inbox)) == 1
        port.replies.answer(executed(2))
        port.replies.flush()
        assert await client.hear() == executed(2)


@at_each_limit
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
        assert len(await take_all(port.inbox)) == 1


async def test_what_a_connection_has_asked_counts_until_it_is_done_with() -> None:
    """The connection is gone, the commands are not: asking and leaving must not make room."""
    async with open_port(Limits(requests_max=2)) as port:
        for number in (1, 2):
            client = await port.connect()
            await port.ask(client, number)
            await client.stream.aclose()
            assert await take_all(port.inbox) == [Withdraw(((CLIENT, RequestNumber(number)),))]
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
        asked = [event.command.number for event in await take_all(port.inbox)]
        assert asked == [1, 2, 4]
        port.replies.answer(executed(1))
        port.replies.flush()
        await wait_all_tasks_blocked()
        assert [event.command.number for event in await take_all(port.inbox)] == [3]


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


# Queries


def query(number: int, body: bytes = b"question", client: ClientId = CLIENT) -> Query:
    return Query(client, RequestNumber(number), body)


async def test_a_query_that_is_too_long_is_answered_so_and_its_client_stays() -> None:
    async with open_port(Limits(command_bytes_max=100)) as port:
        client = await port.connect()
        await client.say(query(1, bytes(101)))
        assert await client.hear() == TooLarge(CLIENT, RequestNumber(1), 100)
        assert len(port.inbox) == 0
        await client.say(query(2, bytes(100)))
        (read,) = await take_all(port.inbox)
        assert read.query == query(2, bytes(100))
        port.replies.answer(executed(2))
        port.replies.flush()
        assert await client.hear() == executed(2)


@at_each_limit
async def test_a_query_beyond_a_limit_is_refused_and_never_read(
    limits: Limits, size: int, reason: str
) -> None:
    """Commands and queries share the limits: both keep memory until they are answered."""
    async with open_port(limits) as port:
        asked, answer = 0, None
        while answer is None and asked < 100:
            asked += 1
            talker = await port.connect()
            ask = query if asked % 2 else request
            await talker.say(ask(asked, bytes(size)))
            await wait_all_tasks_blocked()
            if len(port.replies) < asked:
                answer = await talker.hear()
        assert isinstance(answer, Overloaded)
        assert answer.number == asked
        assert reason in answer.reason
        assert len(port.inbox) == asked - 1
        port.replies.answer(executed(1))
        port.replies.flush()
        late = await port.connect()
        await late.say(query(asked, bytes(size)))
        await wait_all_tasks_blocked()
        assert len(port.inbox) == asked, "there is room again"


async def test_no_query_is_too_far_ahead_of_what_its_client_has_answered() -> None:
    """It takes no place in a session, so nothing is kept for it."""
    async with open_port() as port:
        client = await port.connect()
        await client.say(query(1_000_000))
        (read,) = await take_all(port.inbox)
        assert read.query.number == 1_000_000


async def test_a_query_that_waits_already_is_redirected_and_not_read_again() -> None:
    """The one that was asked first is answered, to where it was asked last."""
    async with open_port() as port:
        old, new = await port.connect(), await port.connect()
        await old.say(query(1))
        (read,) = await take_all(port.inbox)
        assert isinstance(read, Read)
        for talker in (old, new, old, new):
            await talker.say(query(1))
            await wait_all_tasks_blocked()
        assert len(port.inbox) == 0
        assert len(port.replies) == 1
        port.replies.answer(executed(1))
        port.replies.flush()
        assert await new.hear() == executed(1)
        await old.say(StatusRequest())
        assert await old.hear() == STATUS, "it was told nothing"
        await new.say(query(1))
        assert len(await take_all(port.inbox)) == 1, "asked again, after the answer"


async def test_a_query_that_is_redirected_gives_its_credit_back() -> None:
    async with open_port(Limits(requests_per_connection_max=1)) as port:
        old, new = await port.connect(), await port.connect()
        await old.say(query(1))
        await take_all(port.inbox)
        await old.say(query(2))
        await wait_all_tasks_blocked()
        assert len(port.inbox) == 0, "its connection is at its credit"
        await new.say(query(1))
        (read,) = await take_all(port.inbox)
        assert read.query == query(2)


async def test_who_floods_a_replica_that_does_not_lead_is_left_alone_for_a_while(
    autojump_clock: MockClock,
) -> None:
    """To say so costs time, too, which a leader beside it needs, or the work of a follower."""
    async with open_port() as port, trio.open_nursery() as nursery:
        refused = 0

        async def follow() -> None:
            nonlocal refused
            while True:
                await port.inbox.wait()
                for event in port.inbox.take_all():
                    number = event.command.number
                    port.replies.refuse(Refused(CLIENT, number, Refusal.NOT_LEADER), TWO)
                    refused += 1
                port.replies.flush()

        nursery.start_soon(follow)
        client = await port.connect()
        flood = [frame(CLIENT_CODEC.encode(request(n)), FRAME_BYTES_MAX) for n in range(1, 1001)]
        began = autojump_clock.current_time()
        nursery.start_soon(client.stream.send_all, b"".join(flood))
        for _ in range(500):
            assert isinstance(await client.hear(), NotExecuted)
        took_s = autojump_clock.current_time() - began
        nursery.cancel_scope.cancel()
    assert refused < FIRST_CREDIT + 2 * took_s / REFUSAL_PAUSE_S
    assert took_s > 1


async def test_who_was_refused_may_ask_for_more_and_more_once_it_is_answered() -> None:
    async with open_port() as port:
        client = await port.connect()
        await port.ask(client, 1)
        port.replies.refuse(Refused(CLIENT, RequestNumber(1), Refusal.NOT_LEADER), TWO)
        port.replies.flush()
        for number in range(2, 12):
            await client.say(request(number))
        rounds = []
        number = 2
        while number < 12:
            asked: list[Any] = []
            while not asked:
                await trio.sleep(REFUSAL_PAUSE_S)
                asked = await take_all(port.inbox)
            rounds.append(len(asked))
            for _ in asked:
                port.replies.answer(executed(number))
                number += 1
            port.replies.flush()
        assert rounds[:3] == [1, 2, 4]
