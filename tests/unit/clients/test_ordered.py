"""Sessions over shards: issued in order, answered in order, and over with the first failure."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Final

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from clients import (
    Handle,
    Indeterminate,
    KvClient,
    KvSession,
    NoRoom,
    Rejected,
    open_client,
    shard_of,
)
from clients.recording import RecordingSession
from history import MISMATCH, Fail, Info, Invocation, Ok, Recorder
from node.dispatch import Dispatch, read_dispatch
from node.types import OPEN_SESSION, Address, ClientId
from node.wire.kv import Cas, Done, Get, Mismatch, Put, Result, decode_operation, encode_result
from node.wire.messages import (
    Answer,
    ClientHello,
    Executed,
    Expired,
    Failed,
    NotExecuted,
    Opened,
    Request,
)
from tests.support.streams import FakeNetwork, Talker, fake_network

A, B = "g", "a"
"""Keys: one on shard 0, one on shard 1."""
PLACES: Final = (Address("shard-0", 1), Address("shard-1", 1))
OTHER: Final = Address("shard-0-other", 1)


def test_the_keys_are_on_two_shards() -> None:
    assert (shard_of(A, 2), shard_of(B, 2)) == (0, 1)


class Shard:
    """Opens sessions; what else is asked a test answers, or a rule."""

    def __init__(self, rule: Callable[[Request], Answer | None] | None = None) -> None:
        self.asked: list[Request] = []
        self.openings: list[ClientId] = []
        self.talkers: list[Talker] = []
        self._rule = rule

    async def handle(self, talker: Talker) -> None:
        assert isinstance(await talker.hear(), ClientHello)
        self.talkers.append(talker)
        while isinstance(request := await talker.hear(), Request):
            if request.number == OPEN_SESSION:
                self.openings.append(request.client)
                await talker.say(Opened(request.client, ClientId(1000 + len(self.openings))))
                continue
            self.asked.append(request)
            answer = self._rule(request) if self._rule is not None else None
            if answer is not None:
                await talker.say(answer)

    async def say(self, answer: Answer) -> None:
        await self.talkers[-1].say(answer)

    async def execute(
        self,
        number: int,
        result: Result = Done(None),  # noqa: B008
        *,
        stamp: int | None = None,
    ) -> None:
        (request,) = [each for each in self.asked if each.number == number]
        await self.say(Executed(request.client, request.number, encode_result(result), stamp))

    @property
    def numbers(self) -> list[int]:
        return [request.number for request in self.asked]

    def dispatch(self, place: int = -1) -> Dispatch:
        found = read_dispatch(self.asked[place].body)
        assert found is not None
        return found


def executes(request: Request) -> Answer:
    return Executed(request.client, request.number, encode_result(Done(None)))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


@asynccontextmanager
async def store_on(
    network: FakeNetwork, *shards: Shard, others: tuple[Shard, ...] = (), timeout_s: float = 3.0
) -> AsyncIterator[KvClient]:
    async with AsyncExitStack() as stack:
        for place, shard in zip(PLACES, shards, strict=False):
            await stack.enter_async_context(network.serve(place, shard.handle))
        for shard in others:
            await stack.enter_async_context(network.serve(OTHER, shard.handle))
        client = await stack.enter_async_context(
            open_client(
                shards=[[place] for place in PLACES],
                protocol="mdl",
                timeout_s=timeout_s,
                random=Random(1),
            )
        )
        yield KvClient(client)


async def test_answers_come_in_the_order_of_issue_whatever_comes_first(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    zero, one = Shard(), Shard()
    async with store_on(network, zero, one) as store, store.session() as session:
        first, second = session.put(A, "1"), session.get(B)
        await wait_all_tasks_blocked()
        await one.execute(2, Done("v"))
        await wait_all_tasks_blocked()
        assert not second.is_done
        assert second.is_settled
        await zero.execute(1)
        await wait_all_tasks_blocked()
        assert first.is_done
        assert await second == "v"
        await first


async def test_each_operation_names_the_shard_of_the_one_before_it_until_that_is_answered(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    zero, one = Shard(), Shard()
    async with store_on(network, zero, one) as store, store.session() as session:
        handles = [session.put(A, "1"), session.put(B, "2"), session.put(B, "3")]
        await wait_all_tasks_blocked()
        assert zero.dispatch().after == -1
        assert [one.dispatch(0).after, one.dispatch(1).after] == [0, 1]
        assert [request.answered for request in one.asked] == [0, 0]
        await zero.execute(1)
        await one.execute(2)
        await one.execute(3)
        for handle in handles:
            await handle
        last = session.put(A, "4")
        await wait_all_tasks_blocked()
        assert zero.dispatch().after == -1
        assert zero.asked[-1].answered == 3
        assert decode_operation(zero.dispatch().body) == Put(A, "4")
        await zero.execute(4)
        await last
    assert zero.openings == one.openings, "one token on all shards"


async def test_a_failed_operation_fails_all_later_ones_and_none_before_it(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    zero, one = Shard(), Shard()
    async with store_on(network, zero, one) as store:
        async with store.session() as session:
            first, second, third = session.put(A, "1"), session.put(B, "2"), session.put(A, "3")
            await wait_all_tasks_blocked()
            await one.say(Failed(one.asked[0].client, one.asked[0].number, "too late"))
            await wait_all_tasks_blocked()
            assert session.is_over
            assert not first.is_done
            with pytest.raises(Rejected, match="the session is over: too late"):
                _ = session.put(A, "4")
            await zero.execute(1)
            await first
            for handle in (second, third):
                with pytest.raises(Rejected, match="too late"):
                    await handle
        async with store.session() as again:
            handle = again.put(A, "5")
            await wait_all_tasks_blocked()
            assert zero.asked[-1].number == 1
            await zero.say(executes(zero.asked[-1]))
            await handle
        assert zero.openings[0] != zero.openings[-1], "a session of its own"


async def test_without_an_answer_all_that_was_sent_is_unknown_also_what_was_answered_later(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    zero, one = Shard(), Shard(executes)
    async with store_on(network, zero, one) as store, store.session() as session:
        first, second = session.put(A, "1"), session.put(B, "2")
        with pytest.raises(Indeterminate, match="no answer in time"):
            await first
        with pytest.raises(Indeterminate, match="one before it is unknown"):
            await second
        assert session.is_over


async def test_what_never_left_is_rejected(network: FakeNetwork, autojump_clock: MockClock) -> None:
    async with store_on(network) as store, store.session() as session:
        first, second = session.put(A, "1"), session.put(B, "2")
        for handle in (first, second):
            with pytest.raises(Rejected, match="cannot connect"):
                await handle


async def test_a_forgotten_session_leaves_everything_unknown(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    zero = Shard(lambda request: Expired(request.client, request.number))
    async with store_on(network, zero) as store, store.session() as session:
        with pytest.raises(Indeterminate, match="forgotten this session"):
            await session.put(A, "1")


async def test_another_leader_is_asked_for_all_that_is_open_under_the_same_numbers(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    def redirect(request: Request) -> Answer | None:
        if request.number == 1:
            return None
        return NotExecuted(request.client, request.number, "not-leader", None, str(OTHER))

    zero, other = Shard(redirect), Shard(executes)
    async with (
        store_on(network, zero, others=(other,)) as store,
        store.session() as session,
    ):
        first = session.put(A, "1")
        await wait_all_tasks_blocked()
        second = session.put(A, "2")
        await first
        await second
        assert other.numbers == [1, 2]
        assert other.asked[0].client == zero.asked[0].client
        assert session.retries == 2


async def test_the_window_bounds_what_is_in_flight(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    zero = Shard()
    async with store_on(network, zero) as store, store.session(window=2) as session:
        first = session.put(A, "1")
        _ = session.put(A, "2")
        with pytest.raises(NoRoom, match="2 operations are in flight"):
            _ = session.put(A, "3")
        waited: list[str] = []

        async def wait() -> None:
            await session.wait_room()
            waited.append("room")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            assert not waited
            await zero.execute(1)
            await first
        assert waited
        assert session.room == 1
        await zero.execute(2)


async def test_leaving_by_an_error_leaves_it_bare_and_what_is_in_flight_unknown(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    async with store_on(network, Shard()) as store:
        kept: list[tuple[KvSession, Handle[None]]] = []

        async def fail() -> None:
            async with store.session() as session:
                kept.append((session, session.put(A, "1")))
                await wait_all_tasks_blocked()
                raise KeyError("mine")

        with pytest.raises(KeyError):
            await fail()
        ((session, handle),) = kept
        assert session.is_over
        with pytest.raises(Indeterminate, match="was left"):
            await handle


async def test_a_cluster_without_sessions_says_so(network: FakeNetwork) -> None:
    async with open_client(replicas=[PLACES[0]]) as client:
        with pytest.raises(Rejected, match="sessions need protocol 'mdl'"):
            async with client.session():
                pass


async def test_single_operations_are_dispatched_in_a_session_of_the_clients_own(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    zero, one = Shard(executes), Shard(executes)
    async with store_on(network, zero, one) as store:
        await store.put(A, "1")
        await store.get(B)
        assert (zero.numbers, one.numbers) == ([1], [2])


async def test_on_record_are_issues_and_results_in_the_order_of_issue(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    times = iter(range(1_000_000))
    recorder = Recorder(None, lambda: next(times), keep_events=True)
    zero, one = Shard(), Shard()
    async with store_on(network, zero, one) as store, store.session() as session:
        recording = RecordingSession(session, recorder, process=7)
        _ = recording.issue(Put(A, "1"))
        _ = recording.issue(Cas(B, "o", "n"))
        last = recording.issue(Get(A))
        _ = recording.issue(Get(B))
        await wait_all_tasks_blocked()
        await one.execute(2, Mismatch(), stamp=5)
        await zero.execute(3, Done("v"), stamp=8)
        await zero.execute(1)
        assert await last == Done("v")
    events = recorder.events
    assert [type(event) for event in events] == [*[Invocation] * 4, Ok, Fail, Ok, Info]
    assert [event.seq for event in events] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert {event.session for event in events} == {7}
    assert isinstance(events[5], Fail)
    assert (events[5].error, events[6].value) == (MISMATCH, "v")
    assert [event.stamp for event in events[4:]] == [None, (1, 5), (0, 8), None]
