"""What a client concludes from what replicas say, and how it numbers what it asks."""

import pytest
import trio
from trio.testing import MockClock

from clients import Indeterminate, Overloaded, Rejected, open_client
from clients.session import ATTEMPT_TIMEOUT_S, PATIENT_ATTEMPTS, Session
from node.types import OPEN_SESSION, ClientId, Query, RequestNumber
from node.wire.kv import Done, decode_result
from node.wire.messages import COMMAND_BYTES_MAX
from tests.support.streams import FakeNetwork, Talker, fake_network
from tests.unit.clients.scripted import (
    A,
    Reaction,
    ScriptedReplica,
    client_of,
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


def test_numbers_count_up_and_answers_move_the_watermark_without_gaps() -> None:
    session = Session(ClientId(1))
    assert session.answered == OPEN_SESSION
    first, second, third = (session.next_number() for _ in range(3))
    assert (first, second, third) == (1, 2, 3)
    assert session.answered == 0
    session.finish(second)
    assert session.answered == 0, "1 is still out"
    session.finish(first)
    assert session.answered == 2
    session.finish(third)
    assert session.answered == 3
    assert session.next_number() == 4
    assert session.answered == 3


async def test_a_session_is_opened_once_and_each_request_has_its_own_number(
    network: FakeNetwork,
    autojump_clock: MockClock,
) -> None:
    replica = ScriptedReplica(execute)
    async with client_of(network, a=replica) as client:
        assert decode_result(await client.execute(b"x")) == Done(None)
        await client.execute(b"y")
    assert [hello.cluster for hello in replica.hellos] == ["test"]
    assert [(r.number, r.answered, r.body) for r in replica.requested] == [
        (0, 0, b""),
        (1, 0, b"x"),
        (2, 1, b"y"),
    ]
    assert client.retries == 0


async def test_refused_by_all_until_time_is_up_is_rejected(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    a = ScriptedReplica(*opening(refuse))
    b = ScriptedReplica(overloaded)
    async with client_of(network, a=a, b=b) as client:
        with pytest.raises(Rejected, match=r"refused: .*attempts: \d+"):
            await client.execute(b"x")
    assert len(a.requests) > 2
    assert len(b.requests) > PATIENT_ATTEMPTS


async def test_nobody_to_connect_to_is_rejected(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    assert network.listeners == {}
    async with open_client(replicas=[A], timeout_s=2) as client:
        with pytest.raises(Rejected, match="cannot connect to replica-a:1"):
            await client.execute(b"x")
        assert trio.current_time() >= 2


async def test_sent_and_then_cut_off_is_indeterminate_when_time_is_up(
    network: FakeNetwork,
    autojump_clock: MockClock,
) -> None:
    async with client_of(network, a=ScriptedReplica(*opening(hang_up, refuse))) as client:
        with pytest.raises(Indeterminate):
            await client.execute(b"x")


async def test_no_refusal_takes_back_what_an_earlier_attempt_may_have_done(
    network: FakeNetwork,
    autojump_clock: MockClock,
) -> None:
    """The attempt that was interrupted may still be executed, whatever later ones are told."""
    async with client_of(network, a=ScriptedReplica(*opening(interrupt, refuse))) as client:
        with pytest.raises(Indeterminate, match="refused: not-leader"):
            await client.execute(b"x")


async def test_silence_is_indeterminate_and_ends_at_the_deadline(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    async def say_nothing(talker: Talker) -> None:
        while await talker.hear() is not None:
            pass

    async with network.serve(A, say_nothing), open_client(replicas=[A], timeout_s=3) as client:
        began = trio.current_time()
        # Opening a session changes nothing that clients can see, so even here nothing was done.
        with pytest.raises(Rejected, match="no session could be opened: no answer within"):
            await client.execute(b"x")
        assert 3 <= trio.current_time() - began < 3 + ATTEMPT_TIMEOUT_S


async def test_a_lost_answer_is_asked_for_again_elsewhere_under_the_same_number(
    network: FakeNetwork,
    autojump_clock: MockClock,
) -> None:
    a = ScriptedReplica(*opening(hang_up))
    b = ScriptedReplica(execute)
    async with client_of(network, a=a, b=b) as client:
        await client.execute(b"x")
        assert client.retries == 1
    assert a.requests[1:] == b.requests
    assert b.numbers == [1]


async def test_an_interrupted_request_that_is_then_executed_is_executed(
    network: FakeNetwork,
    autojump_clock: MockClock,
) -> None:
    replica = ScriptedReplica(*opening(interrupt, interrupt, execute))
    async with client_of(network, a=replica) as client:
        assert decode_result(await client.execute(b"x")) == Done(None)
    assert replica.numbers == [0, 1, 1, 1]


async def test_a_forgotten_session_is_indeterminate_and_replaced(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(*opening(expire, execute))
    async with client_of(network, a=replica) as client:
        with pytest.raises(Indeterminate, match="forgotten"):
            await client.execute(b"x")
        await client.execute(b"y")
    assert replica.numbers == [0, 1, 0, 1]


async def test_after_an_unknown_outcome_the_next_request_opens_a_new_session(
    network: FakeNetwork,
    autojump_clock: MockClock,
) -> None:
    replica = ScriptedReplica(*opening(interrupt, execute))
    async with client_of(network, a=replica, timeout_s=0.01) as client:
        with pytest.raises(Indeterminate):
            await client.execute(b"x")
        await client.execute(b"y")
    assert replica.numbers == [0, 1, 0, 1]


async def test_a_rejected_request_does_not_hold_the_watermark_back(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    """The cluster keeps every result above the watermark: one held back would grow for ever."""
    replica = ScriptedReplica(*opening(refuse, execute))
    async with client_of(network, a=replica, timeout_s=0.01) as client:
        with pytest.raises(Rejected):
            await client.execute(b"x")
        await client.execute(b"y")
    assert [(r.number, r.answered) for r in replica.requested] == [(0, 0), (1, 0), (2, 1)]


async def test_a_cancelled_request_gives_its_session_up(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    """Nobody will ask for its result, and its number would hold the watermark back for ever."""
    asked = trio.Event()

    def note(_request: object) -> None:
        asked.set()

    replica = ScriptedReplica(*opening(note, execute))
    async with client_of(network, a=replica) as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.execute, b"x")
            await asked.wait()
            nursery.cancel_scope.cancel()
        await client.execute(b"y")
    assert replica.numbers == [0, 1, 0, 1]


async def test_many_requests_share_one_session_and_one_connection(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(execute)
    async with client_of(network, a=replica) as client, trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(client.execute, b"x")
    assert sorted(replica.numbers) == [0, 1, 2, 3, 4, 5]
    assert len(replica.hellos) == 1


async def test_a_command_that_is_too_long_is_rejected_before_anything_is_sent(
    network: FakeNetwork,
    autojump_clock: MockClock,
) -> None:
    replica = ScriptedReplica(execute)
    async with client_of(network, a=replica) as client:
        with pytest.raises(Rejected, match="1048577 bytes; 1048576 are allowed"):
            await client.execute(bytes(COMMAND_BYTES_MAX + 1))
    assert replica.requests == []


@pytest.mark.parametrize(
    ("reaction", "error"), [(refuse, Rejected), (interrupt, Indeterminate)], ids=["no", "unknown"]
)
async def test_errors_leave_the_block_of_a_client_bare(
    network: FakeNetwork, autojump_clock: MockClock, reaction: Reaction, error: type[Exception]
) -> None:
    """`except Rejected` would miss a group of one, which is what leaves a nursery."""
    caught: BaseException | None = None
    async with network.serve(A, ScriptedReplica(*opening(reaction)).handle):
        try:
            async with open_client(replicas=[A], timeout_s=0.1) as client:
                await client.execute(b"x")
        except BaseException as raised:
            caught = raised
    assert type(caught) is error


async def test_a_cluster_with_too_much_to_do_is_asked_again_ever_more_seldom(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    """Mostly at the same replica, which probably is the one that could."""
    a, b = ScriptedReplica(execute, overloaded), ScriptedReplica(overloaded)
    async with client_of(network, timeout_s=10, a=a, b=b) as client:
        with pytest.raises(Overloaded, match="refused: too much"):
            await client.execute(b"x")
        asked = len(a.requests) + len(b.requests)
        assert 10 < asked < 25, "a steady back-off of 20 ms would be hundreds"
        assert a.numbers[:5] == [0, 1, 1, 1, 1]
        assert len(a.hellos) + len(b.hellos) <= asked / 4 + 1


async def test_too_much_to_do_for_a_while_is_only_a_delay(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(*opening(overloaded, overloaded, execute))
    async with client_of(network, a=replica) as client:
        assert decode_result(await client.execute(b"x")) == Done(None)
    assert replica.numbers == [0, 1, 1, 1]


async def test_a_cluster_that_cannot_even_open_a_session_is_overloaded_too(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    async with client_of(network, a=ScriptedReplica(overloaded)) as client:
        with pytest.raises(Overloaded, match="no session could be opened"):
            await client.execute(b"x")


async def test_a_command_that_the_cluster_finds_too_large_is_rejected_at_once(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(*opening(too_large, execute))
    async with client_of(network, a=replica) as client:
        with pytest.raises(Rejected, match="a command of 4 bytes; 3 are allowed"):
            await client.execute(b"four")
        await client.execute(b"two")
    assert replica.numbers == [0, 1, 2], "asked once, and the session goes on"


async def test_too_large_after_an_attempt_without_an_answer_is_indeterminate(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(*opening(hang_up, too_large))
    async with client_of(network, a=replica) as client:
        with pytest.raises(Indeterminate, match="3 are allowed"):
            await client.execute(b"four")


# ── Queries ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_query_needs_no_session_and_keeps_its_number_when_asked_again(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    replica = ScriptedReplica(interrupt, hang_up, refuse, execute)
    async with client_of(network, a=replica) as client:
        assert decode_result(await client.query(b"x")) == Done(None)
        await client.query(b"y")
    first, *_, second = replica.requests
    assert isinstance(first, Query)
    assert replica.requests == [first] * 4 + [Query(first.client, RequestNumber(2), b"y")]
    assert second.body == b"y"


@pytest.mark.parametrize("reaction", [interrupt, hang_up, refuse])
async def test_a_query_without_an_answer_is_rejected_since_nothing_can_have_changed(
    network: FakeNetwork, autojump_clock: MockClock, reaction: Reaction
) -> None:
    async with client_of(network, a=ScriptedReplica(reaction), timeout_s=0.1) as client:
        with pytest.raises(Rejected):
            await client.query(b"x")


async def test_a_query_that_is_too_long_is_rejected_without_asking(network: FakeNetwork) -> None:
    replica = ScriptedReplica(execute)
    async with client_of(network, a=replica) as client:
        with pytest.raises(Rejected, match="are allowed"):
            await client.query(b"x" * (COMMAND_BYTES_MAX + 1))
    assert replica.requests == []
