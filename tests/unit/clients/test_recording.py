"""What a recording client writes down, by the rules of the history format."""

from collections.abc import Callable

import pytest
import trio
from msgspec import UNSET
from trio.testing import MockClock

from clients import KvClient, RecordingClient
from history import MISMATCH, Event, Fail, Info, Invocation, Ok, Outcome, Recorder, pair
from node.types import Query
from node.wire.kv import (
    Append,
    Cas,
    Delete,
    Done,
    Get,
    Invalid,
    Mismatch,
    Operation,
    Put,
    Result,
)
from node.wire.messages import Answer, Request
from tests.support.streams import FakeNetwork, fake_network
from tests.unit.clients.scripted import (
    Reaction,
    ScriptedReplica,
    answers,
    client_of,
    execute,
    interrupt,
    opening,
    refuse,
)

CONCURRENCY = 10


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


def counting_clock() -> Callable[[], int]:
    times = iter(range(1_000_000))
    return lambda: next(times)


async def record(
    network: FakeNetwork, operation: Operation, reaction: Reaction
) -> tuple[list[Event], RecordingClient]:
    """Perform `operation` as process 3 against a replica that reacts as said."""
    recorder = Recorder(None, counting_clock(), keep_events=True)
    reactions = [reaction] if isinstance(operation, Get) else opening(reaction)
    async with client_of(network, a=ScriptedReplica(*reactions), timeout_s=0.1) as client:
        me = RecordingClient(KvClient(client), recorder, process=3, concurrency=CONCURRENCY)
        await me.perform(operation)
    return recorder.events, me


@pytest.mark.parametrize(
    ("operation", "result", "recorded"),
    [
        (Get("k"), Done("v"), ("get", UNSET, "v")),
        (Get("k"), Done(None), ("get", UNSET, None)),
        (Put("k", "v"), Done(None), ("put", "v", "v")),
        (Cas("k", "a", "b"), Done(None), ("cas", ["a", "b"], ["a", "b"])),
        (Cas("k", None, "b"), Done(None), ("cas", [None, "b"], [None, "b"])),
        (Append("k", "s"), Done(None), ("append", "s", "s")),
        (Delete("k"), Done(None), ("delete", UNSET, UNSET)),
    ],
    ids=["get", "get absent", "put", "cas", "cas absent", "append", "delete"],
)
async def test_what_was_executed_is_ok_with_its_result(
    network: FakeNetwork, operation: Operation, result: Result, recorded: tuple[object, ...]
) -> None:
    (invocation, ok), me = await record(network, operation, answers(result))
    assert isinstance(invocation, Invocation)
    assert isinstance(ok, Ok)
    assert (invocation.process, invocation.key) == (3, "k")
    assert (invocation.f, invocation.value, ok.value) == recorded
    assert me.process == 3


async def test_a_cas_that_did_not_match_took_place_as_an_observation(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    events, me = await record(network, Cas("k", "a", "b"), answers(Mismatch()))
    assert isinstance(events[1], Fail)
    assert events[1].error == MISMATCH
    assert me.process == 3
    (operation,) = pair(enumerate(events, 1)).operations
    assert operation.is_mismatch


@pytest.mark.parametrize(
    ("reaction", "why"),
    [(refuse, "refused: not-leader"), (answers(Invalid("no operation")), "no operation")],
    ids=["refused", "invalid"],
)
async def test_what_was_certainly_not_executed_is_fail_and_the_process_goes_on(
    network: FakeNetwork, autojump_clock: MockClock, reaction: Reaction, why: str
) -> None:
    events, me = await record(network, Put("k", "v"), reaction)
    assert isinstance(events[1], Fail)
    assert why in events[1].error
    assert me.process == 3
    (operation,) = pair(enumerate(events, 1)).operations
    assert operation.outcome is Outcome.FAILED


async def test_an_unknown_outcome_is_info_and_retires_the_process(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    events, me = await record(network, Put("k", "v"), interrupt)
    assert isinstance(events[1], Info)
    assert "stepped down" in events[1].error
    assert me.process == 3 + CONCURRENCY
    (operation,) = pair(enumerate(events, 1)).operations
    assert operation.outcome is Outcome.UNKNOWN


async def test_a_client_goes_on_under_its_next_process_number(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    recorder = Recorder(None, counting_clock(), keep_events=True)
    replica = ScriptedReplica(*opening(interrupt, answers(Done("v"))))
    async with client_of(network, a=replica, timeout_s=0.01) as client:
        me = RecordingClient(KvClient(client), recorder, process=0, concurrency=CONCURRENCY)
        assert await me.perform(Put("k", "v")) is None
        assert await me.perform(Get("k")) == Done("v")
    assert [event.process for event in recorder.events] == [0, 0, 10, 10]


async def test_an_operation_that_is_cancelled_is_unknown(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    recorder = Recorder(None, counting_clock(), keep_events=True)
    replica = ScriptedReplica(*opening(refuse))
    async with client_of(network, a=replica, timeout_s=10) as client:
        me = RecordingClient(KvClient(client), recorder, process=0, concurrency=CONCURRENCY)
        with trio.move_on_after(1) as impatience:
            await me.perform(Put("k", "v"))
    assert impatience.cancelled_caught
    assert [type(event) for event in recorder.events] == [Invocation, Info]
    assert recorder.events[1].error == "Cancelled"
    assert me.process == CONCURRENCY


async def test_the_invocation_is_on_record_before_anything_is_sent(network: FakeNetwork) -> None:
    recorder = Recorder(None, counting_clock(), keep_events=True)
    on_record: list[list[type]] = []

    def look(request: Request | Query) -> Answer:
        on_record.append([type(event) for event in recorder.events])
        return execute(request)

    async with client_of(network, a=ScriptedReplica(look)) as client:
        me = RecordingClient(KvClient(client), recorder, process=0, concurrency=CONCURRENCY)
        await me.perform(Put("k", "v"))
    assert on_record == [[Invocation], [Invocation]]
    assert [type(event) for event in recorder.events] == [Invocation, Ok]
