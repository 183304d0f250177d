"""Whether a replica that is to join is new."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from node.config import ClusterConfig, ReplicaConfig
from node.errors import ConfigError
from node.runtime.newcomer import check_is_new
from node.types import Address, ReplicaId, ReplicaInfo
from node.wire.messages import ClientHello, Goodbye, StatusReply, StatusRequest
from tests.support.streams import FakeNetwork, Handler, Talker, fake_network

ONE, TWO, THREE, FOUR = (ReplicaId(number) for number in (1, 2, 3, 4))
STATUS = StatusReply(ONE, "follower", 3, TWO, TWO, 9, 9, 9)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


def at(replica: int) -> Address:
    return Address("client", replica)


@pytest.fixture
def config(tmp_path: Path) -> ClusterConfig:
    replicas = tuple(
        ReplicaConfig(id=replica, peer_address=Address("peer", replica), client_address=at(replica))
        for replica in (ONE, TWO, THREE, FOUR)
    )
    return ClusterConfig(cluster="test", data_dir=tmp_path, replicas=replicas)


def who_knows(replica: ReplicaId, *members: ReplicaId) -> Handler:
    infos = tuple(ReplicaInfo(member, "", "") for member in members)

    async def answer(talker: Talker) -> None:
        assert await talker.hear() == ClientHello("test")
        assert await talker.hear() == StatusRequest()
        await talker.say(dataclasses.replace(STATUS, replica=replica, members=infos))

    return answer


def who_says(message: object) -> Handler:
    async def answer(talker: Talker) -> None:
        await talker.say(message)

    return answer


async def silent(talker: Talker) -> None:
    heard: Any = ""
    while heard is not None:
        heard = await talker.hear()


async def test_who_is_no_member_may_join(
    network: FakeNetwork, config: ClusterConfig, autojump_clock: MockClock
) -> None:
    async with (
        network.serve(at(1), who_knows(ONE, ONE, TWO, THREE)),
        network.serve(at(2), silent),
        network.serve(at(3), who_says(Goodbye("another cluster"))),
    ):
        await check_is_new(config, FOUR)


async def test_a_member_without_a_disk_may_not_even_if_only_one_knows(
    network: FakeNetwork, config: ClusterConfig
) -> None:
    async with (
        network.serve(at(1), who_knows(ONE, ONE, TWO, THREE)),
        network.serve(at(2), who_knows(TWO, ONE, TWO, THREE, FOUR)),
    ):
        with pytest.raises(ConfigError, match="replica 4 is a member, says replica 2: if its disk"):
            await check_is_new(config, FOUR)


async def test_it_does_not_join_blindly(
    network: FakeNetwork, config: ClusterConfig, autojump_clock: MockClock
) -> None:
    async with network.serve(at(2), silent):
        with pytest.raises(ConfigError, match=r"nobody answers .* replica 4 is new: 1, 2, 3"):
            await check_is_new(config, FOUR)
