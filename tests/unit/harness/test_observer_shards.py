"""Leaders are seen shard by shard, and where they should be at the start."""

from pathlib import Path

from harness.observer import Observer
from harness.placement import preferred_leaders
from node.config import ClusterConfig, ReplicaConfig
from node.core.ballot import Ballot
from node.types import Address, ReplicaId
from node.wire.messages import StatusReply


def config(*, shards: int, replicas: int) -> ClusterConfig:
    return ClusterConfig(
        cluster="test",
        data_dir=Path("/disk"),
        replicas=tuple(
            ReplicaConfig(
                id=ReplicaId(place + 1),
                peer_address=Address("peer", place + 1),
                client_address=Address("client", place + 1),
                shard=place // replicas,
                process=place % replicas + 1,
            )
            for place in range(shards * replicas)
        ),
    )


def status(replica: int, round_: int, *, leads: bool, leader: int, chosen: int) -> StatusReply:
    role = "leader" if leads else "follower"
    owner = ReplicaId(leader)
    return StatusReply(ReplicaId(replica), role, round_, owner, owner, chosen, chosen, chosen)


def test_each_shard_has_a_leader_of_its_own() -> None:
    observer = Observer(config(shards=2, replicas=2))
    observer._on_status(status(2, 1, leads=True, leader=2, chosen=9))
    assert [seen.leader for seen in observer.shards] == [2, None]
    observer._on_status(status(3, 7, leads=True, leader=3, chosen=5))
    assert [seen.ballot for seen in observer.shards] == [
        Ballot(1, ReplicaId(2)),
        Ballot(7, ReplicaId(3)),
    ]
    assert observer.leader_changes == 0, "both are the first of their shard"
    assert not observer.all_serve(), "nobody has heard of replicas 1 and 4"
    observer._on_status(status(1, 1, leads=False, leader=2, chosen=9))
    observer._on_status(status(4, 7, leads=False, leader=3, chosen=4))
    assert not observer.all_serve(), "replica 4 lacks a slot"
    observer._on_status(status(4, 7, leads=False, leader=3, chosen=5))
    assert observer.all_serve()
    observer.forget(ReplicaId(3))
    assert [seen.leader for seen in observer.shards] == [2, None]
    observer._on_status(status(4, 8, leads=True, leader=4, chosen=5))
    assert observer.leader_changes == 1


def test_leaders_are_spread_over_processes() -> None:
    wanted = preferred_leaders(config(shards=5, replicas=3).shards)
    layout = config(shards=5, replicas=3)
    assert [layout.replica(leader).host for leader in wanted] == [1, 2, 3, 1, 2]
    assert [layout.replica(leader).shard for leader in wanted] == [0, 1, 2, 3, 4]
