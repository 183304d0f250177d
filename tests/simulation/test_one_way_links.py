"""Whatever one-way links are cut: elections end, and whoever could lead a quorum lets one be led.

A replica is *connected* when it and a quorum, itself included, hear each other. With a connected
replica there must be a leader that gets commands chosen and keeps its office; without one nothing
can be chosen, and ballots must not grow for ever. docs/internals/multipaxos.md has the argument;
here it is tried: for three replicas with every set of cut links and every leader to begin with.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from random import Random
from typing import Final

import pytest

from harness.mutants.multipaxos import ElectionLivelock
from node.core.ballot import Ballot
from node.core.interface import Role
from node.core.multipaxos import MultiPaxos
from node.types import ClientId, Command, ReplicaId, RequestNumber
from tests.support.cluster import QUICK, Cluster

Link = tuple[int, int]

_SETTLING_ROUNDS: Final = 20 * QUICK.election_timeout_ticks
"""A tick at every replica, and all messages: some elections, should candidates collide."""
_WATCHED_ROUNDS: Final = 8 * QUICK.election_timeout_ticks


def links(replicas: int) -> list[Link]:
    members = range(1, replicas + 1)
    return [(sender, to) for sender in members for to in members if sender != to]


def all_cuts(replicas: int) -> Iterator[tuple[Link, ...]]:
    every = links(replicas)
    for count in range(len(every) + 1):
        yield from combinations(every, count)


def some_cuts(replicas: int, *, seed: int, count: int) -> Iterator[tuple[Link, ...]]:
    """Each link is cut with a chance that differs from set to set."""
    rng = Random(seed)
    for _ in range(count):
        chance = rng.choice((0.1, 0.25, 0.4, 0.55))
        yield tuple(link for link in links(replicas) if rng.random() < chance)


def is_connected(cluster: Cluster, replica: ReplicaId, cuts: Iterable[Link]) -> bool:
    lost = set(cuts)
    partners = [
        peer
        for peer in cluster.members
        if peer != replica and (peer, replica) not in lost and (replica, peer) not in lost
    ]
    return 1 + len(partners) > len(cluster.members) // 2


def rounds(cluster: Cluster, count: int) -> None:
    for _ in range(count):
        for member in cluster.members:
            cluster.tick(member)
        cluster.settle()


def highest(cluster: Cluster) -> Ballot:
    return max(cluster.core(member).status().ballot for member in cluster.members)


def leaders(cluster: Cluster) -> list[ReplicaId]:
    return [m for m in cluster.members if cluster.core(m).role is Role.LEADER]


def play(
    cuts: tuple[Link, ...], *, first: int, replicas: int, core: type[MultiPaxos] = MultiPaxos
) -> None:
    """Elect `first`, cut, let time pass; AssertionError unless the cluster comes to terms with it."""
    where = f"leader {first}, cut {cuts}"
    cluster = Cluster(replicas=replicas, seed=first, core=core, syncs_at_once=True)
    cluster.elect(first)
    for sender, to in cuts:
        cluster.cut(sender, to)
    was_connected = is_connected(cluster, ReplicaId(first), cuts)
    ballot_before = highest(cluster)
    rounds(cluster, _SETTLING_ROUNDS)
    if was_connected:
        assert highest(cluster) == ballot_before, f"a leader that was heard is deposed: {where}"
    ballot, leading = highest(cluster), leaders(cluster)
    rounds(cluster, _WATCHED_ROUNDS)
    assert highest(cluster) == ballot, f"elections go on for ever: {where}"
    assert leaders(cluster) == leading, f"leaders change for ever: {where}"
    if not any(is_connected(cluster, member, cuts) for member in cluster.members):
        assert leading == [], f"nothing can be chosen, and {leading} leads: {where}"
        return
    (leader,) = leading
    before = cluster.core(leader).status().chosen_upto
    command = Command(
        client=ClientId(1), number=RequestNumber(1), answered=RequestNumber(0), body=b""
    )
    cluster.propose(leader, command)
    cluster.settle()
    assert cluster.core(leader).status().chosen_upto > before, f"no progress: {where}"


@pytest.mark.parametrize("first", [1, 2, 3])
def test_three_replicas_come_to_terms_with_every_set_of_cut_links(first: int) -> None:
    for cuts in all_cuts(3):
        play(cuts, first=first, replicas=3)


def test_five_replicas_come_to_terms_with_cut_links() -> None:
    for number, cuts in enumerate(some_cuts(5, seed=0, count=12)):
        play(cuts, first=number % 5 + 1, replicas=5)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [4, 5])
def test_more_replicas_come_to_terms_with_many_sets_of_cut_links(replicas: int) -> None:
    for number, cuts in enumerate(some_cuts(replicas, seed=1, count=300)):
        play(cuts, first=number % replicas + 1, replicas=replicas)


def test_without_asking_first_one_deaf_follower_deposes_every_leader() -> None:
    deaf = ((1, 3), (2, 3))
    play(deaf, first=1, replicas=3)
    with pytest.raises(AssertionError, match="deposed"):
        play(deaf, first=1, replicas=3, core=ElectionLivelock)
