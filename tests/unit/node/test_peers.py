"""Whom a replica talks with, as members come and go, and strangers."""

from pathlib import Path
from random import Random

import pytest

from node.config import ClusterConfig, ReplicaConfig
from node.errors import WrongPeer
from node.runtime.peers import GUESTS_MAX, Peers
from node.types import Address, ReplicaId, ReplicaInfo
from node.wire.messages import PeerHello

ONE, TWO, THREE, FOUR = (ReplicaId(number) for number in (1, 2, 3, 4))


def info(replica: int) -> ReplicaInfo:
    return ReplicaInfo(ReplicaId(replica), f"peer:{replica}", f"client:{replica}")


def hello(replica: int, address: str | None = None) -> PeerHello:
    at = f"peer:{replica}" if address is None else address
    return PeerHello("test", ReplicaId(replica), ONE, 5, at, f"client:{replica}")


class Stage:
    """Peers of replica 1, whose file names 1, 2 and 3."""

    def __init__(self, directory: Path) -> None:
        config = ClusterConfig(
            cluster="test",
            data_dir=directory,
            replicas=tuple(
                ReplicaConfig(
                    id=replica,
                    peer_address=Address("file", replica),
                    client_address=Address("client", replica),
                )
                for replica in (ONE, TWO, THREE)
            ),
        )
        self.removed: tuple[ReplicaId, ...] = ()
        self.gone: list[ReplicaId] = []
        self.it = Peers(config, ONE, 7, Random(1), lambda: self.removed)
        self.it.on_gone = self.on_gone
        self.it.turn_to([info(1), info(2), info(3)])

    def on_gone(self, replica: ReplicaId, why: WrongPeer) -> None:
        assert f"replica {replica} is no member" in str(why)
        self.gone.append(replica)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_members_come_and_go(stage: Stage) -> None:
    outboxes = stage.it.outboxes
    assert list(outboxes) == [TWO, THREE]
    stage.it.turn_to([info(1), info(2), info(3), info(4)])
    assert list(outboxes) == [TWO, THREE, FOUR]
    assert stage.it.client_addresses[FOUR] == "client:4"
    stage.it.turn_to([info(1), info(2), info(4)])
    assert list(outboxes) == [TWO, FOUR]
    assert stage.gone == [THREE]
    assert THREE not in stage.it.client_addresses


def test_an_address_of_the_file_counts_more_than_one_of_the_log(stage: Stage) -> None:
    assert [each.info.peer_address for each in stage.it] == ["file:2", "file:3"]


def test_a_stranger_that_says_where_it_is_can_be_answered_as_long_as_it_stays(stage: Stage) -> None:
    assert stage.it.admit(hello(9)) == ""
    assert ReplicaId(9) in stage.it.outboxes
    stage.it.turn_to([info(1), info(2)])
    assert ReplicaId(9) in stage.it.outboxes, "nobody said that it does not belong here"
    stage.it.leave(ReplicaId(9))
    assert list(stage.it.outboxes) == [TWO]


def test_a_stranger_that_becomes_a_member_stays(stage: Stage) -> None:
    assert stage.it.admit(hello(4)) == ""
    stage.it.turn_to([info(1), info(2), info(3), info(4)])
    stage.it.leave(FOUR)
    assert FOUR in stage.it.outboxes


def test_who_was_removed_is_not_let_in(stage: Stage) -> None:
    assert stage.it.admit(hello(4)) == ""
    stage.removed = (THREE, FOUR)
    stage.it.turn_to([info(1), info(2)])
    assert list(stage.it.outboxes) == [TWO]
    assert stage.it.admit(hello(4)) == "replica 4 was removed from this cluster: switch it off"


def test_who_does_not_say_where_it_is_is_not_let_in(stage: Stage) -> None:
    assert stage.it.admit(hello(9, "")) == "replica 9 is no peer of this one"
    assert stage.it.admit(hello(1)) == "replica 1 is no peer of this one"


def test_strangers_are_few(stage: Stage) -> None:
    for number in range(GUESTS_MAX):
        assert stage.it.admit(hello(10 + number)) == ""
    assert stage.it.admit(hello(9)) == "replica 9 is no peer of this one"
    assert stage.it.admit(hello(2)) == ""
