"""Links: bounded outboxes, reconnection with back-off, and whom a peer port lets in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from node.core.ballot import Ballot
from node.core.interface import Received
from node.core.multipaxos.messages import Fetch, Heartbeat
from node.errors import Removed
from node.readers import Readers
from node.runtime.codecs import PEER_CODEC
from node.runtime.counters import Counters
from node.runtime.handshake import HELLO_TIMEOUT_S
from node.runtime.inbox import Inbox
from node.runtime.outbox import PeerOutbox
from node.runtime.peerlink import BACK_OFF_MAX_S, PeerLink, PeerPort
from node.settings import Limits
from node.types import Address, ReplicaId
from node.wire.framing import frame
from node.wire.messages import FRAME_BYTES_MAX, Dismissed, Goodbye, PeerHello
from tests.support.inboxes import take_all
from tests.support.streams import FakeNetwork, Talker, fake_network

ONE, TWO, THREE, FOUR = (ReplicaId(number) for number in (1, 2, 3, 4))
PEER = Address("peer", 1)
HELLO = PeerHello("test", ONE, TWO, 5)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


def encoded(message: object) -> bytes:
    return frame(PEER_CODEC.encode(message), FRAME_BYTES_MAX)


async def test_an_outbox_hands_out_everything_as_one_piece() -> None:
    outbox = PeerOutbox()
    outbox.put(b"one")
    outbox.put(b"two")
    outbox.flush()
    assert await outbox.take_all() == b"onetwo"


async def test_a_full_outbox_drops_the_oldest() -> None:
    outbox = PeerOutbox(bytes_max=10)
    for text in (b"aaaa", b"bbbb", b"cccc"):
        outbox.put(text)
        outbox.flush()
    assert outbox.dropped_count == 1
    assert await outbox.take_all() == b"bbbbcccc"


async def test_the_newest_frame_is_kept_however_large_it_is() -> None:
    outbox = PeerOutbox(bytes_max=10)
    outbox.put(b"old")
    outbox.put(b"x" * 100)
    outbox.flush()
    assert outbox.dropped_count == 1
    assert await outbox.take_all() == b"x" * 100


async def test_what_was_dropped_or_taken_makes_room() -> None:
    outbox = PeerOutbox(bytes_max=10)
    for _ in range(3):
        outbox.put(b"12345678")
        outbox.flush()
        assert await outbox.take_all() == b"12345678"
    outbox.put(b"12345678")
    outbox.flush()
    outbox.clear()
    outbox.put(b"12345678")
    outbox.flush()
    assert await outbox.take_all() == b"12345678"
    assert outbox.dropped_count == 1


async def test_an_outbox_that_was_cleared_while_somebody_waits_hands_out_what_comes_next() -> None:
    outbox = PeerOutbox()
    taken: list[bytes] = []

    async def take() -> None:
        taken.append(await outbox.take_all())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await wait_all_tasks_blocked()
        outbox.put(b"stale")
        outbox.flush()
        outbox.clear()
        await wait_all_tasks_blocked()
        assert taken == []
        outbox.put(b"fresh")
        outbox.flush()
    assert taken == [b"fresh"]


@asynccontextmanager
async def running_link(outbox: PeerOutbox) -> AsyncIterator[None]:
    link = PeerLink(hello=HELLO, address=PEER, outbox=outbox, random=Random(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        yield
        nursery.cancel_scope.cancel()


async def test_a_link_greets_and_then_sends_what_is_put_into_its_outbox(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    outbox = PeerOutbox()
    heard: list[Any] = []

    async def listen(talker: Talker) -> None:
        while (message := await talker.hear()) is not None:
            heard.append(message)

    async with network.serve(PEER, listen, PEER_CODEC), running_link(outbox):
        await trio.sleep(1)
        outbox.put(encoded(Fetch(7)))
        outbox.flush()
        await trio.sleep(1)
    assert heard == [HELLO, Fetch(7)]


async def test_a_link_comes_back_when_its_peer_does_and_sends_nothing_stale(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    outbox = PeerOutbox()
    lives: list[list[Any]] = []

    async def listen(talker: Talker) -> None:
        heard: list[Any] = []
        lives.append(heard)
        while (message := await talker.hear()) is not None:
            heard.append(message)
            if message == Fetch(1):
                return  # dies

    async with running_link(outbox):
        await trio.sleep(10)
        outbox.put(encoded(Fetch(99)))  # nobody is there: stale when somebody is
        outbox.flush()
        async with network.serve(PEER, listen, PEER_CODEC):
            await trio.sleep(2 * BACK_OFF_MAX_S)
            outbox.put(encoded(Fetch(1)))
            outbox.flush()
            await trio.sleep(2 * BACK_OFF_MAX_S)
            outbox.put(encoded(Fetch(2)))
            outbox.flush()
            await trio.sleep(1)
    assert lives == [[HELLO, Fetch(1)], [HELLO, Fetch(2)]]


async def test_a_peer_that_refuses_at_once_is_not_asked_in_a_busy_loop(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    async def refuse(talker: Talker) -> None:
        await talker.say(Goodbye("another cluster"))

    async with network.serve(PEER, refuse, PEER_CODEC), running_link(PeerOutbox()):
        await trio.sleep(10)
    assert 10 < len(network.connections) < 1000


async def test_a_link_of_a_replica_that_was_removed_ends_it(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    async def dismiss(talker: Talker) -> None:
        await talker.say(Dismissed(ONE))

    async with network.serve(PEER, dismiss, PEER_CODEC):
        link = PeerLink(hello=HELLO, address=PEER, outbox=PeerOutbox(), random=Random(1))
        with pytest.raises(Removed, match="replica 1 was removed from the cluster, says replica 2"):
            await link.run()


@pytest.mark.parametrize("nonsense", [Dismissed(TWO), Fetch(1)], ids=["another", "a message"])
async def test_nonsense_from_a_peer_port_ends_a_connection_and_nothing_else(
    nonsense: object, network: FakeNetwork, autojump_clock: MockClock
) -> None:
    async def talk(talker: Talker) -> None:
        await talker.say(nonsense)
        await talker.hear()
        await talker.hear()

    async with network.serve(PEER, talk, PEER_CODEC), running_link(PeerOutbox()):
        await trio.sleep(10)
    assert len(network.connections) > 1


class Port:
    """A peer port of replica 1, whose peers are 2 and 3, and the end of a stream to it."""

    def __init__(self) -> None:
        self.inbox: Inbox[Any] = Inbox()
        self.counters = Counters()
        self.near, self.far = memory_stream_pair()
        self.talker = Talker(self.near, PEER_CODEC)
        self._port = PeerPort(
            cluster="test",
            replica=ONE,
            admit=lambda hello: (
                "" if hello.sender in (TWO, THREE) else f"replica {hello.sender} is no peer"
            ),
            is_dismissed=lambda replica: replica == FOUR,
            limits=Limits(),
            inbox=self.inbox,
            counters=self.counters,
            readers=Readers(),
        )

    async def serve(self) -> None:
        await self._port.serve(self.far)


async def test_messages_of_a_peer_reach_the_inbox_with_their_sender() -> None:
    port = Port()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(port.serve)
        await port.talker.say(PeerHello("test", THREE, ONE, 5))
        await port.talker.say(Fetch(5))
        assert await take_all(port.inbox) == [Received(THREE, Fetch(5))]
        await port.near.aclose()
    assert port.counters.ended == {"peer: closed": 1}


@pytest.mark.parametrize(
    ("messages", "why", "reason"),
    [
        ([PeerHello("test", ReplicaId(9), ONE, 5)], "WrongPeer", "replica 9 is no peer"),
        ([PeerHello("test", ONE, ONE, 5)], "WrongPeer", "replica 1 is no peer"),
        (
            [PeerHello("test", TWO, THREE, 5)],
            "WrongPeer",
            "2 looks for replica 3; this is replica 1",
        ),
        ([PeerHello("blue", TWO, ONE, 5)], "ClusterMismatch", "cluster 'blue'"),
        ([PeerHello("", TWO, ONE, 5)], "ClusterMismatch", "cluster ''"),
        ([Heartbeat(Ballot(9, TWO), 1, 1)], "ForeignBytes", "not gong's protocol"),
        (
            [PeerHello("test", TWO, ONE, 5), Goodbye("x")],
            "WireError",
            "does not carry Goodbye",
        ),
    ],
    ids=["stranger", "itself", "lost", "cluster", "any", "no hello", "not a core's message"],
)
async def test_who_is_no_peer_is_told_why_and_shut_out(
    messages: list[object], why: str, reason: str
) -> None:
    port = Port()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(port.serve)
        for message in messages:
            await port.talker.say(message)
        goodbye = await port.talker.hear()
        assert isinstance(goodbye, Goodbye)
        assert reason in goodbye.reason
        assert await port.talker.hear() is None
    assert port.counters.ended == {f"peer: {why}": 1}


async def test_who_was_removed_and_does_not_know_it_is_told() -> None:
    port = Port()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(port.serve)
        await port.talker.say(PeerHello("test", FOUR, ONE, 5))
        assert await port.talker.hear() == Dismissed(FOUR)
        assert isinstance(await port.talker.hear(), Goodbye)


async def test_a_link_that_never_says_who_it_is_is_closed(autojump_clock: MockClock) -> None:
    port = Port()
    await port.serve()
    assert trio.current_time() == HELLO_TIMEOUT_S
    assert port.counters.ended == {"peer: TooSlow": 1}


async def test_the_newest_link_over_which_something_comes_replaces_the_older_one() -> None:
    """A peer that crashed without a word leaves its old link half open.

    A hello alone, which anybody can say, is not enough to cut a link that works.
    """
    port = Port()
    async with trio.open_nursery() as nursery:

        async def link() -> Talker:
            near, far = memory_stream_pair()
            nursery.start_soon(port._port.serve, far)
            talker = Talker(near, PEER_CODEC)
            await talker.say(PeerHello("test", TWO, ONE, 6))
            await wait_all_tasks_blocked()
            return talker

        old = await link()
        await old.say(Fetch(1))
        assert await take_all(port.inbox) == [Received(TWO, Fetch(1))]
        silent, new = await link(), await link()
        goodbye = await silent.hear()
        assert isinstance(goodbye, Goodbye)
        assert "replica 2 has opened a newer link" in goodbye.reason
        await old.say(Fetch(2))
        assert await take_all(port.inbox) == [Received(TWO, Fetch(2))]
        await new.say(Fetch(3))
        assert await take_all(port.inbox) == [Received(TWO, Fetch(3))]
        assert isinstance(await old.hear(), Goodbye)
        assert await old.hear() is None
        await wait_all_tasks_blocked()
        assert port.counters.ended == {"peer: LinkReplaced": 2}
        assert list(port._port.links) == [TWO]
        await new.say(Fetch(4))
        assert await take_all(port.inbox) == [Received(TWO, Fetch(4))]
        nursery.cancel_scope.cancel()
