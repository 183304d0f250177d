"""Majorities and tallies."""

import pytest

from node.core.quorum import Tally, majority
from node.types import ReplicaId

THREE = (ReplicaId(1), ReplicaId(2), ReplicaId(3))


@pytest.mark.parametrize(
    ("members", "size"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4)]
)
def test_any_two_majorities_share_a_member(members: int, size: int) -> None:
    assert majority([ReplicaId(n) for n in range(members)]) == size
    assert 2 * size > members
    assert 2 * (size - 1) <= members, "one fewer would do"


def test_a_vote_counts_once_however_often_it_comes() -> None:
    tally = Tally(THREE)
    for _ in range(3):
        tally.add(ReplicaId(1))
    assert tally.count == 1
    assert not tally.is_reached
    tally.add(ReplicaId(2))
    assert tally.is_reached


def test_a_tally_knows_who_voted() -> None:
    tally = Tally(THREE)
    tally.add(ReplicaId(3))
    assert tally.has(ReplicaId(3))
    assert not tally.has(ReplicaId(1))


def test_only_members_count() -> None:
    tally = Tally(THREE)
    tally.add(ReplicaId(4))
    assert tally.count == 0
    assert not tally.has(ReplicaId(4))
