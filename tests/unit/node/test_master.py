"""The master believes the replica that knows of the highest ballot, and appoints nobody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from clients.connection import locate
from node.config import ClusterConfig, ReplicaConfig
from node.errors import ConfigError
from node.master import Registry, open_master
from node.types import Address, ReplicaId
from node.wire.messages import (
    MASTER_CODEC,
    PROTOCOL_VERSION,
    ClientHello,
    Goodbye,
    Locate,
    Located,
    Register,
    ReplicaInfo,
)
from tests.support.streams import FakeNetwork, Talker, fake_network

MASTER = Address("master", 1)


def info(replica: int) -> ReplicaInfo:
    return ReplicaInfo(ReplicaId(replica), f"peer-{replica}:1", f"client-{replica}:1")


def news(replica: int, *, ballot: tuple[int, int], leader: int | None) -> Register:
    round_, owner = ballot
    return Register(
        info(replica), round_, ReplicaId(owner), None if leader is None else ReplicaId(leader)
    )


def config(*, master: Address | None = MASTER) -> ClusterConfig:
    return ClusterConfig(
        cluster="test",
        data_dir=Path("/disk"),
        replicas=(
            ReplicaConfig(
                id=ReplicaId(1), peer_address=Address("p", 1), client_address=Address("c", 1)
            ),
        ),
        master=master,
    )


def test_nobody_has_registered_yet() -> None:
    assert Registry().located() == Located((), None)


def test_replicas_are_listed_in_order_and_once() -> None:
    registry = Registry()
    for replica in (3, 1, 3, 2):
        registry.register(news(replica, ballot=(0, 0), leader=None))
    assert registry.located() == Located((info(1), info(2), info(3)), None)


@pytest.mark.parametrize(
    ("said", "leader"),
    [
        ([(1, (1, 1), 1), (2, (2, 2), 2)], 2),
        ([(2, (2, 2), 2), (1, (1, 1), 1)], 2),
        ([(2, (2, 2), 2), (1, (3, 1), None)], 2),
        ([(2, (2, 2), 2), (1, (2, 3), 3)], 3),
        ([(1, (1, 1), 1), (1, (1, 1), 1)], 1),
    ],
    ids=["newer", "older comes late", "a campaign is no leader", "replica breaks ties", "again"],
)
def test_the_leader_of_the_highest_ballot_counts(
    said: list[tuple[int, tuple[int, int], int | None]], leader: int
) -> None:
    registry = Registry()
    for replica, ballot, believed in said:
        registry.register(news(replica, ballot=ballot, leader=believed))
    assert registry.located().leader == leader


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


@asynccontextmanager
async def talker_to(network: FakeNetwork, *, cluster: str = "test") -> AsyncIterator[Talker]:
    async with await network.open_tcp_stream(*MASTER) as stream:
        talker = Talker(stream, MASTER_CODEC)
        await talker.say(ClientHello(PROTOCOL_VERSION, cluster))
        yield talker


async def test_what_replicas_register_clients_can_locate(network: FakeNetwork) -> None:
    async with open_master(config()), talker_to(network) as replica:
        await replica.say(news(1, ballot=(1, 1), leader=1))
        await replica.say(Locate())
        assert await replica.hear() == Located((info(1),), ReplicaId(1))
        assert await locate(MASTER, "test", timeout_s=1) == Located((info(1),), ReplicaId(1))
        assert await locate(MASTER, "", timeout_s=1) == Located((info(1),), ReplicaId(1))
    assert network.listeners == {}


async def test_a_visitor_who_breaks_the_rules_disturbs_nobody_else(network: FakeNetwork) -> None:
    async with open_master(config()), talker_to(network) as good:
        async with talker_to(network, cluster="other") as stranger:
            goodbye = await stranger.hear()
            assert isinstance(goodbye, Goodbye)
            assert "cluster 'other'" in goodbye.reason
        async with talker_to(network) as talkative:
            await talkative.say(Located((), None))
            goodbye = await talkative.hear()
            assert isinstance(goodbye, Goodbye)
            assert "nobody sends Located to the master" in goodbye.reason
        await good.say(Locate())
        assert await good.hear() == Located((), None)


async def test_a_cluster_without_a_master_has_none_to_open() -> None:
    with pytest.raises(ConfigError, match=r"master\.address: missing"):
        async with open_master(config(master=None)):
            pass


async def test_a_taken_address_is_a_configuration_error(network: FakeNetwork) -> None:
    await network.open_tcp_listeners(MASTER.port, host=MASTER.host)
    with pytest.raises(ConfigError, match="cannot listen on master:1: Address already in use"):
        async with open_master(config()):
            pass
