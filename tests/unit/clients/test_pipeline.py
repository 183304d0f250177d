"""Many requests over one connection: each is answered once, wherever it has to be asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
import trio
from trio.testing import MockClock

from clients import Indeterminate, Rejected
from clients.pipeline import Pipeline
from node.readers import Readers
from node.wire.messages import Request
from tests.support.streams import FakeNetwork, Talker, fake_network
from tests.unit.clients.scripted import (
    A,
    B,
    Reaction,
    ScriptedReplica,
    execute,
    expire,
    hang_up,
    interrupt,
    opening,
    overloaded,
    refuse,
    too_large,
)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


@asynccontextmanager
async def pipeline_of(
    network: FakeNetwork, a: ScriptedReplica, b: ScriptedReplica | None = None
) -> AsyncIterator[Pipeline]:
    """A pipeline to `a` and perhaps `b` that goes to `a` first."""
    replicas = [A] if b is None else [A, B]
    first = next(seed for seed in range(100) if Random(seed).randrange(len(replicas)) == 0)
    pipeline = Pipeline(
        cluster="test", replicas=replicas, readers=Readers(), random=Random(first), timeout_s=3
    )
    async with network.serve(A, a.handle), network.serve(B, (b or a).handle):
        yield pipeline
        await pipeline.aclose()


async def answered(pipeline: Pipeline) -> list[int]:
    """The numbers that are answered, until nothing is outstanding; sorted."""
    numbers: list[int] = []
    await pipeline.run(lambda answers: numbers.extend(answer.number for answer in answers))
    assert not pipeline.outstanding
    return sorted(numbers)


async def test_requests_leave_together_and_each_has_its_own_number(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(execute)
    async with pipeline_of(network, replica) as pipeline:
        await pipeline.open()
        assert [pipeline.ask(body) for body in (b"x", b"y", b"z")] == [1, 2, 3]
        assert replica.numbers == [0]
        assert await answered(pipeline) == [1, 2, 3]
        pipeline.ask(b"w")
        assert await answered(pipeline) == [4]
    assert [(r.number, r.answered) for r in replica.requested] == [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 3),
    ]


@pytest.mark.parametrize("trouble", [refuse, interrupt, hang_up])
async def test_what_one_replica_does_not_answer_the_next_is_asked_under_the_same_number(
    network: FakeNetwork, autojump_clock: MockClock, trouble: Reaction
) -> None:
    first = ScriptedReplica(*opening(execute, trouble))
    second = ScriptedReplica(execute)
    async with pipeline_of(network, first, second) as pipeline:
        await pipeline.open()
        for body in (b"x", b"y", b"z"):
            pipeline.ask(body)
        assert await answered(pipeline) == [1, 2, 3]
    asked = {request.number: request.body for request in second.requests}
    assert asked.items() <= {1: b"x", 2: b"y", 3: b"z"}.items()
    assert asked.keys() >= {2, 3}
    assert {request.client for request in second.requests} == {first.requests[-1].client}


class Silent(ScriptedReplica):
    """Opens a session, and says no more."""

    async def handle(self, talker: Talker) -> None:
        await talker.hear()
        request = await talker.hear()
        assert isinstance(request, Request)
        await talker.say(execute(request))
        while await talker.hear() is not None:
            pass


async def test_a_silent_replica_is_left_and_the_next_one_asked(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    silent = Silent(execute)
    second = ScriptedReplica(execute)
    async with pipeline_of(network, silent, second) as pipeline:
        await pipeline.open()
        pipeline.ask(b"x")
        assert await answered(pipeline) == [1]
    assert second.numbers == [1]


async def test_a_forgotten_session_leaves_everything_unknown_and_the_next_begins_anew(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(*opening(expire, execute))
    async with pipeline_of(network, replica) as pipeline:
        await pipeline.open()
        pipeline.ask(b"x")
        with pytest.raises(Indeterminate):
            await answered(pipeline)
        assert pipeline.outstanding == 0
        await pipeline.open()
        assert pipeline.ask(b"y") == 1
        assert await answered(pipeline) == [1]


async def test_an_overloaded_replica_is_asked_again_and_not_another_one(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    """It leads: another one could only say so. What it did answer stands."""
    first = ScriptedReplica(*opening(execute, overloaded, execute))
    second = ScriptedReplica(refuse)
    async with pipeline_of(network, first, second) as pipeline:
        await pipeline.open()
        for body in (b"x", b"y", b"z"):
            pipeline.ask(body)
        began = trio.current_time()
        assert await answered(pipeline) == [1, 2, 3]
        assert trio.current_time() > began, "at once it would be refused again"
    assert first.numbers[:3] == [0, 1, 2]
    asked_again = [request for request in first.requested[3:] if request.number == 2]
    assert [request.body for request in asked_again] == [b"y"]
    assert len({request.client for request in first.requests[1:]}) == 1, "in the same session"
    assert second.requests == []


async def test_a_replica_that_stays_overloaded_leaves_the_outcome_unknown(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    """Each attempt was refused for certain; but attempts before it may not have been."""
    replica = ScriptedReplica(*opening(overloaded))
    async with pipeline_of(network, replica) as pipeline:
        await pipeline.open()
        pipeline.ask(b"x")
        with pytest.raises(Indeterminate, match="overloaded: too much"):
            await answered(pipeline)
        assert pipeline.outstanding == 0


async def test_a_request_that_is_too_large_ends_the_session_and_the_next_begins_anew(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    """Asked again it would be refused again, and late answers to the rest are of another session."""
    replica = ScriptedReplica(*opening(too_large, execute, execute))
    async with pipeline_of(network, replica) as pipeline:
        await pipeline.open()
        pipeline.ask(b"large")
        pipeline.ask(b"small")
        with pytest.raises(Indeterminate, match="more than 3 bytes"):
            await answered(pipeline)
        assert pipeline.outstanding == 0
        await pipeline.open()
        assert pipeline.ask(b"y") == 1
        assert await answered(pipeline) == [1]
    assert [request.body for request in replica.requested].count(b"large") == 1
    assert len(replica.hellos) == 2, "a connection of its own"


async def test_without_an_answer_in_time_the_outcome_is_unknown(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(*opening(interrupt))
    async with pipeline_of(network, replica) as pipeline:
        await pipeline.open()
        pipeline.ask(b"x")
        with pytest.raises(Indeterminate, match="no answer in time"):
            await answered(pipeline)


async def test_without_a_session_nothing_was_asked(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    async with pipeline_of(network, ScriptedReplica(refuse)) as pipeline:
        with pytest.raises(Rejected, match="no session"):
            await pipeline.open()
