"""The master believes the highest ballot, gives each leader an epoch, and appoints nobody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from clients.connection import locate
from node.config import ClusterConfig, ReplicaConfig
from node.epochs import Epoch, EpochFile
from node.errors import ConfigError, StorageError
from node.master import Registry, open_master
from node.types import Address, ReplicaId, ReplicaInfo
from node.wire.messages import (
    MASTER_CODEC,
    ClientHello,
    Goodbye,
    Locate,
    Located,
    MemberHello,
    Register,
    Shards,
)
from tests.support.streams import FakeNetwork, Talker, fake_network

MASTER = Address("master", 1)
ONE, TWO, THREE, FOUR = ReplicaId(1), ReplicaId(2), ReplicaId(3), ReplicaId(4)


def info(replica: int) -> ReplicaInfo:
    return ReplicaInfo(ReplicaId(replica), f"peer-{replica}:1", f"client-{replica}:1")


def news(replica: int, *, ballot: tuple[int, int], leader: int | None) -> Register:
    round_, owner = ballot
    return Register(
        info(replica), round_, ReplicaId(owner), None if leader is None else ReplicaId(leader)
    )


def config(directory: Path, *, master: Address | None = MASTER) -> ClusterConfig:
    return ClusterConfig(
        cluster="test",
        data_dir=directory,
        replicas=tuple(
            ReplicaConfig(
                id=replica,
                peer_address=Address("p", replica),
                client_address=Address("c", replica),
            )
            for replica in (ONE, TWO)
        ),
        master=master,
    )


def sharded(settings: ClusterConfig) -> ClusterConfig:
    """The same twice: replicas 3 and 4 are shard 1."""
    more = [
        msgspec.structs.replace(each, id=ReplicaId(each.id + 2), shard=1, process=each.id)
        for each in settings.replicas
    ]
    return msgspec.structs.replace(settings, replicas=(*settings.replicas, *more))


def registry_in(directory: Path) -> Registry:
    """As a master that starts reads it."""
    file = EpochFile(directory / "master" / "epoch", "test")
    return Registry(file, file.load())


def test_nobody_has_registered_yet(tmp_path: Path) -> None:
    assert registry_in(tmp_path).located() == Located((), None, 0)


async def test_replicas_are_listed_in_order_and_once(tmp_path: Path) -> None:
    registry = registry_in(tmp_path)
    for replica in (3, 1, 3, 2):
        await registry.register(news(replica, ballot=(0, 0), leader=None))
    assert registry.located() == Located((info(1), info(2), info(3)), None, 0)


async def test_only_members_are_listed_whoever_told_of_them_last(tmp_path: Path) -> None:
    registry = registry_in(tmp_path)
    nobody_knows = replace(news(4, ballot=(0, 0), leader=None), members=())
    await registry.register(nobody_knows)
    assert registry.located().replicas == (info(4),)
    for replica, slot, members in ((1, 7, (1, 2, 4)), (2, 0, (1, 2, 3)), (3, 0, (1, 2, 3))):
        told = tuple(ReplicaId(member) for member in members)
        said = news(replica, ballot=(1, 1), leader=1)
        await registry.register(replace(said, configured_in=slot, members=told))
    assert registry.located().replicas == (info(1), info(2), info(4))


@pytest.mark.parametrize(
    ("said", "leader", "epoch"),
    [
        ([(1, (1, 1), 1), (2, (2, 2), 2)], 2, 2),
        ([(2, (2, 2), 2), (1, (1, 1), 1)], 2, 2),
        ([(2, (2, 2), 2), (1, (3, 1), None)], 2, 2),
        ([(2, (2, 2), 2), (1, (2, 3), 3)], 3, 3),
        ([(1, (1, 1), 1), (1, (1, 1), 1)], 1, 1),
        ([(1, (1, 1), 1), (1, (7, 3), 1)], 1, 1),
        ([(1, (9, 1), 1), (1, (12, 1), 1)], 1, 12),
    ],
    ids=[
        "newer",
        "older comes late",
        "a campaign is no leader",
        "replica breaks ties",
        "again",
        "not the ballot's own leader",
        "leads again",
    ],
)
async def test_the_leader_of_the_highest_ballot_counts(
    tmp_path: Path,
    said: list[tuple[int, tuple[int, int], int | None]],
    leader: int,
    epoch: int,
) -> None:
    registry = registry_in(tmp_path)
    for replica, ballot, believed in said:
        await registry.register(news(replica, ballot=ballot, leader=believed))
    assert (registry.located().leader, registry.located().epoch) == (leader, epoch)


async def test_epochs_only_grow_also_over_restarts_and_a_leader_keeps_its_own(
    tmp_path: Path,
) -> None:
    """Ties within a round push epochs ahead of rounds, so the file is what keeps them apart."""
    seen = []
    for ballot in [(5, 1), (5, 2), (5, 3), (5, 3), (6, 1), (5, 2), (9, 2)]:
        registry = registry_in(tmp_path)  # a master that has just started
        await registry.register(news(ballot[1], ballot=ballot, leader=ballot[1]))
        seen.append((registry.located().epoch, registry.located().leader))
    assert seen == [(5, 1), (6, 2), (7, 3), (7, 3), (8, 1), (8, 1), (9, 2)]


async def test_an_epoch_that_cannot_be_saved_is_not_handed_out(tmp_path: Path) -> None:
    (tmp_path / "master").write_text("a file where a directory should be")
    registry = Registry(EpochFile(tmp_path / "master" / "epoch", "test"), Epoch())
    with pytest.raises(StorageError, match="master/epoch: cannot be written"):
        await registry.register(news(1, ballot=(1, 1), leader=1))
    assert registry.located() == Located((info(1),), None, 0)


async def test_a_crash_while_an_epoch_is_saved_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registry_in(tmp_path).register(news(1, ballot=(4, 1), leader=1))

    def crash(_self: Path, _target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            await registry_in(tmp_path).register(news(2, ballot=(5, 2), leader=2))
    assert registry_in(tmp_path).located() == Located((), ONE, 4)


@pytest.mark.parametrize(
    ("content", "error", "reason"),
    [
        (b"", StorageError, "master/epoch: damaged at byte 0"),
        (b'{"cluster": "test", "epoch": "many"}', StorageError, "damaged"),
        (
            b'{"cluster":"blue","epoch":1,"ballot_round":1,"ballot_replica":1,"leader":1}',
            ConfigError,
            "epoch of cluster 'blue'; this is 'test'",
        ),
    ],
    ids=["empty", "not an epoch", "another cluster's"],
)
def test_a_file_that_is_not_ours_is_refused(
    tmp_path: Path, content: bytes, error: type[Exception], reason: str
) -> None:
    (tmp_path / "master").mkdir()
    (tmp_path / "master" / "epoch").write_bytes(content)
    with pytest.raises(error, match=reason):
        registry_in(tmp_path)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


@asynccontextmanager
async def talker_to(
    network: FakeNetwork, hello: ClientHello | MemberHello
) -> AsyncIterator[Talker]:
    async with await network.open_tcp_stream(*MASTER) as stream:
        talker = Talker(stream, MASTER_CODEC)
        await talker.say(hello)
        yield talker


async def test_what_replicas_register_clients_can_locate(
    network: FakeNetwork, tmp_path: Path
) -> None:
    async with (
        open_master(config(tmp_path)),
        talker_to(network, MemberHello("test", ONE)) as replica,
    ):
        await replica.say(news(1, ballot=(1, 1), leader=1))
        await replica.say(Locate())
        located = Shards("multipaxos", (Located((info(1),), ONE, 1),))
        assert await replica.hear() == located
        assert await locate(MASTER, "test", timeout_s=1) == located
        assert await locate(MASTER, "", timeout_s=1) == located
    assert network.listeners == {}


@pytest.mark.parametrize(
    ("hello", "message", "reason"),
    [
        (ClientHello("other"), None, "cluster 'other'"),
        (MemberHello("", ONE), None, "cluster ''"),
        (
            MemberHello("test", ReplicaId(2000)),
            Register(info(2000), 1, ONE, ONE),
            "2000 is no id of a replica",
        ),
        (ClientHello("test"), Shards("", ()), "a client does not send Shards to the master"),
        (ClientHello("test"), news(1, ballot=(9, 1), leader=1), "a client does not send Register"),
        (
            MemberHello("test", TWO),
            news(1, ballot=(9, 1), leader=1),
            "replica 2 registers replica 1",
        ),
        (
            MemberHello("test", ONE),
            Register(info(1), 1, ONE, ONE, shard=1),
            "replica 1 is of shard 1: unknown",
        ),
    ],
    ids=[
        "cluster",
        "any cluster",
        "stranger",
        "answer",
        "client registers",
        "for another",
        "shard",
    ],
)
async def test_a_visitor_who_breaks_the_rules_disturbs_nobody_else(
    network: FakeNetwork,
    tmp_path: Path,
    hello: ClientHello | MemberHello,
    message: object,
    reason: str,
) -> None:
    async with open_master(config(tmp_path)), talker_to(network, ClientHello("test")) as good:
        async with talker_to(network, hello) as bad:
            if message is not None:
                await bad.say(message)
            goodbye = await bad.hear()
            assert isinstance(goodbye, Goodbye)
            assert reason in goodbye.reason
        await good.say(Locate())
        assert await good.hear() == Shards("multipaxos", (Located((), None, 0),))


async def test_each_shard_has_its_leader_and_its_epochs(
    network: FakeNetwork, tmp_path: Path
) -> None:
    settings = sharded(config(tmp_path))
    asked: list[Shards] = []
    for leader in (THREE, FOUR):
        async with (
            open_master(settings),
            talker_to(network, MemberHello("test", leader)) as replica,
        ):
            await replica.say(Register(info(leader), 4 + leader, leader, leader, shard=1))
            await replica.say(Locate())
            answer = await replica.hear()
            assert isinstance(answer, Shards)
            asked.append(answer)
    assert asked[0] == Shards("multipaxos", (Located((), None, 0), Located((info(3),), THREE, 7)))
    assert asked[1].shards[1] == Located((info(4),), FOUR, 8)
    assert not settings.epoch_path(0).exists(), "nobody leads there"


async def test_a_cluster_without_a_master_has_none_to_open(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"master\.address: missing"):
        async with open_master(config(tmp_path, master=None)):
            pass


async def test_a_taken_address_is_a_configuration_error(
    network: FakeNetwork, tmp_path: Path
) -> None:
    await network.open_tcp_listeners(MASTER.port, host=MASTER.host)
    with pytest.raises(ConfigError, match="cannot listen on master:1: Address already in use"):
        async with open_master(config(tmp_path)):
            pass
