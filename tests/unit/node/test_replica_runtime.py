"""Whole replicas on a network and a disk in memory: how they start, serve, fail and stop."""

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from msgspec import structs
from trio.testing import MockClock

from clients import KvClient, open_client
from clients.connection import ask_status
from harness.ports import free_ports
from node.config import ClusterConfig, ReplicaConfig
from node.core.ballot import Ballot
from node.core.multipaxos.messages import Prepare, Probe, Promise, PromiseRecord, Willing
from node.errors import ConfigError, CorruptRecord, StorageError
from node.failpoints import listen
from node.runtime.codecs import PEER_CODEC, RECORD_CODEC
from node.runtime.journal import FILE_HEADER_BYTES, open_journal
from node.runtime.replica import Replica, open_replica
from node.settings import Timing
from node.types import Address, ReplicaId
from node.wire.messages import PeerHello
from tests.support.fake_disk import FakeDisk
from tests.support.streams import FakeNetwork, Talker, fake_network

ONE, TWO, THREE = ReplicaId(1), ReplicaId(2), ReplicaId(3)
NEVER = 100_000
"""Ticks; for replicas that shall not campaign by themselves."""


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    monkeypatch.setattr(trio.to_thread, "run_sync", run_here)
    return fake_network(monkeypatch)


async def run_here(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """In place of a thread: while one works, the fake clock would think that nobody does."""
    await trio.lowlevel.checkpoint()
    return function(*arguments)


def config(directory: Path, *, replicas: int = 3, election_ticks: int = 30) -> ClusterConfig:
    return ClusterConfig(
        cluster="test",
        data_dir=directory,
        replicas=tuple(
            ReplicaConfig(
                id=ReplicaId(number),
                peer_address=Address("peer", number),
                client_address=Address("client", number),
            )
            for number in range(1, replicas + 1)
        ),
        timing=Timing(election_timeout_ticks=election_ticks),
    )


@asynccontextmanager
async def running(
    settings: ClusterConfig, disk: FakeDisk, *replicas: ReplicaId
) -> AsyncIterator[list[Replica]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                open_replica(settings, replica, random=Random(replica), disk=disk)
            )
            for replica in replicas
        ]


@asynccontextmanager
async def peer_of(network: FakeNetwork, replica: ReplicaId) -> AsyncIterator[Talker]:
    """Replica 2's link to `replica`."""
    async with await network.open_tcp_stream("peer", replica) as stream:
        talker = Talker(stream, PEER_CODEC)
        await talker.say(PeerHello("test", TWO, replica, 5))
        yield talker


async def wait(condition: Callable[[], bool]) -> None:
    with trio.fail_after(1000):
        while not condition():  # noqa: ASYNC110 - the clock jumps
            await trio.sleep(0.1)


async def test_three_replicas_elect_a_leader_and_serve(
    network: FakeNetwork, autojump_clock: MockClock, tmp_path: Path
) -> None:
    settings, disk = config(tmp_path), FakeDisk()
    async with (
        running(settings, disk, ONE, TWO, THREE) as replicas,
        open_client(replicas=[m.client_address for m in settings.replicas], timeout_s=1000) as c,
    ):
        store = KvClient(c)
        await store.put("k", "v")
        assert await store.get("k") == "v"
        await wait(lambda: len({r.status().executed_upto for r in replicas}) == 1)
        assert len({r.status().leader for r in replicas}) == 1
        status = await ask_status(Address("client", 1), "test", timeout_s=1000)
        assert (status.replica, status.incarnation) == (ONE, replicas[0].incarnation)
    assert network.listeners == {}


async def test_a_leader_that_stops_hands_over_first(
    network: FakeNetwork, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The others need not miss it: somebody leads before an election timeout has passed."""
    settings, disk = config(tmp_path), FakeDisk()
    serving: dict[ReplicaId, Replica] = {}
    stops = {member.id: trio.Event() for member in settings.replicas}
    stopped = trio.Event()

    async def serve(member: ReplicaId) -> None:
        async with running(settings, disk, member) as (replica,):
            serving[member] = replica
            await stops[member].wait()
        del serving[member]
        stopped.set()

    def leaders() -> list[ReplicaId]:
        return [member for member, it in serving.items() if it.status().leader == member]

    async with trio.open_nursery() as replicas:
        for member in stops:
            replicas.start_soon(serve, member)
        await wait(lambda: bool(leaders()))
        await wait(lambda: len({it.status().leader for it in serving.values()}) == 1)
        (first,) = leaders()
        told_at = trio.current_time()
        stops[first].set()
        await stopped.wait()
        assert [leader != first for leader in leaders()] == [True]
        timeout_s = settings.timing.election_timeout_ticks * settings.timing.tick_ms / 1000
        assert trio.current_time() - told_at < timeout_s / 3
        replicas.cancel_scope.cancel()


async def test_a_leader_that_nobody_can_replace_stops_after_an_election_timeout(
    network: FakeNetwork, autojump_clock: MockClock, tmp_path: Path
) -> None:
    settings, disk = config(tmp_path), FakeDisk()
    async with running(settings, disk, ONE) as (last,):
        async with running(settings, disk, TWO):
            await wait(lambda: last.status().leader is not None)
        assert last.status().role == "leader", "it was, or 2 handed over"
        told_at = trio.current_time()
    timeout_s = settings.timing.election_timeout_ticks * settings.timing.tick_ms / 1000
    assert trio.current_time() - told_at < 1.1 * timeout_s


async def test_after_a_stop_everything_is_durable_and_a_restart_knows_it(
    network: FakeNetwork, autojump_clock: MockClock, tmp_path: Path
) -> None:
    settings, disk = config(tmp_path, replicas=1), FakeDisk()
    for expected in (None, "kept"):
        async with (
            running(settings, disk, ONE),
            open_client(replicas=[Address("client", 1)], timeout_s=1000) as client,
        ):
            assert await KvClient(client).get("k") == expected
            await KvClient(client).put("k", "kept")
        disk.crash()


async def test_a_promise_is_not_sent_when_the_disk_could_not_keep_it(
    network: FakeNetwork, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """And the replica stops: it never speaks again with a state that it could not save."""
    settings, disk = config(tmp_path, election_ticks=NEVER), FakeDisk()
    heard: list[Any] = []

    async def listen(talker: Talker) -> None:
        while (message := await talker.hear()) is not None:
            heard.append(message)

    def promises() -> list[Promise]:
        return [message for message in heard if isinstance(message, Promise)]

    kept, lost = Ballot(5, TWO), Ballot(6, TWO)
    async with network.serve(Address("peer", 2), listen, PEER_CODEC):

        async def ask_twice() -> None:
            async with running(settings, disk, ONE), peer_of(network, ONE) as candidate:
                await wait(lambda: bool(heard))
                await candidate.say(Prepare(kept, 1))
                await wait(lambda: bool(promises()))
                disk.fail_next("sync", errno.ENOSPC)
                await candidate.say(Prepare(lost, 1))
                await trio.sleep_forever()

        with trio.fail_after(1000), pytest.raises(StorageError, match="No space left"):
            await ask_twice()
        await trio.sleep(10)
    assert [promise.ballot for promise in promises()] == [kept]
    disk.crash()
    _, records = open_journal(disk, settings.journal_path(ONE), "test", ONE)
    assert [RECORD_CODEC.decode(record) for record in records][1:] == [PromiseRecord(kept)]


async def test_a_disk_that_fails_at_a_candidate_stops_it_before_it_asks_for_promises(
    network: FakeNetwork, autojump_clock: MockClock, tmp_path: Path
) -> None:
    settings, disk = config(tmp_path), FakeDisk()
    heard: list[Any] = []

    async def listen(talker: Talker) -> None:
        while (message := await talker.hear()) is not None:
            heard.append(message)

    def probes() -> list[Probe]:
        return [message for message in heard if isinstance(message, Probe)]

    async def campaign() -> None:
        async with running(settings, disk, ONE), peer_of(network, ONE) as peer:
            disk.fail_next("append", errno.EIO, written_bytes=7)
            await wait(lambda: bool(probes()))
            for probe in probes():
                await peer.say(Willing(probe.ballot, probe.asked_at))
            await trio.sleep_forever()

    async with network.serve(Address("peer", 2), listen, PEER_CODEC):
        with trio.fail_after(1000), pytest.raises(StorageError, match="Input/output error"):
            await campaign()
    hello = heard[0]
    assert isinstance(hello, PeerHello)
    assert (hello.sender, hello.to) == (ONE, TWO)
    assert heard[1:] == probes()


async def test_a_damaged_journal_is_refused_before_anyone_may_connect(
    network: FakeNetwork, autojump_clock: MockClock, tmp_path: Path
) -> None:
    settings, disk = config(tmp_path, replicas=1), FakeDisk()
    async with running(settings, disk, ONE), open_client(replicas=[Address("client", 1)]) as c:
        for number in range(5):
            await KvClient(c).put("k", str(number))
    disk.flip_bit(settings.journal_path(ONE), FILE_HEADER_BYTES + 30)
    with pytest.raises(CorruptRecord, match="damaged at byte 512"):
        async with running(settings, disk, ONE):
            pass
    assert network.listeners == {}


async def test_records_of_another_version_are_refused(tmp_path: Path) -> None:
    settings, disk = config(tmp_path, replicas=1), FakeDisk()
    journal, _ = open_journal(disk, settings.journal_path(ONE), "test", ONE)
    journal.append([b"\x91\x63"])
    journal.sync()
    journal.close()
    with pytest.raises(StorageError, match="holds what this version cannot read: tag 99"):
        async with running(settings, disk, ONE):
            pass
    disk.open(settings.journal_path(ONE)).close()


async def test_a_journal_of_another_protocol_is_refused(
    network: FakeNetwork, autojump_clock: MockClock, tmp_path: Path
) -> None:
    settings, disk = config(tmp_path, replicas=1), FakeDisk()
    async with running(settings, disk, ONE), open_client(replicas=[Address("client", 1)]) as c:
        await KvClient(c).put("k", "1")
    other = structs.replace(settings, protocol="mdl")
    with pytest.raises(StorageError, match=r"of cluster 'test', not .* of cluster 'test \(mdl\)'"):
        async with running(other, disk, ONE):
            pass
    assert network.listeners == {}


async def test_an_address_that_is_taken_is_a_configuration_error_and_frees_the_journal(
    network: FakeNetwork, tmp_path: Path
) -> None:
    settings, disk = config(tmp_path), FakeDisk()
    await network.open_tcp_listeners(1, host="client")
    with pytest.raises(ConfigError, match="cannot listen on client:1: Address already in use"):
        async with running(settings, disk, ONE):
            pass
    disk.open(settings.journal_path(ONE)).close()


async def test_an_error_in_the_block_stops_the_replica_and_comes_out_bare(
    network: FakeNetwork, tmp_path: Path
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with running(config(tmp_path), FakeDisk(), ONE):
            raise ZeroDivisionError
    assert network.listeners == {}


async def test_a_disk_that_fails_in_a_turn_of_the_reader_ends_the_replica_bare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On real sockets, with a disk so quick that the one task that reads also saves."""
    monkeypatch.setattr("node.runtime.storage.QUICK_S", 1000)
    peer_port, client_port = free_ports(2, Random())
    here = ReplicaConfig(
        id=ONE,
        peer_address=Address("127.0.0.1", peer_port),
        client_address=Address("127.0.0.1", client_port),
    )
    settings = ClusterConfig(cluster="test", data_dir=tmp_path, replicas=(here,))
    disk = FakeDisk()
    failed_in: list[str] = []

    async def put_until_the_disk_fails() -> None:
        async with (
            open_replica(settings, ONE, random=Random(1), disk=disk),
            open_client(cluster="test", replicas=[here.client_address]) as client,
        ):
            for _ in range(60):  # until it has proved so
                await KvClient(client).put("k", "v")
            listen(fail)
            await KvClient(client).put("k", "v")

    def fail(name: str) -> None:
        if name == "before-sync":
            failed_in.append(trio.lowlevel.current_task().name)
            disk.fail_next("sync")

    try:
        with pytest.raises(StorageError, match="journal"), trio.fail_after(20):
            await put_until_the_disk_fails()
    finally:
        listen(None)
    assert len(failed_in) == 1
    assert failed_in[0].endswith("Readers._run")
