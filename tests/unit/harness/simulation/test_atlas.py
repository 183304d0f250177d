"""The fault atlas: at most a minority is damaged, whatever is asked for."""

import pytest

from harness.simulation.atlas import DAMAGING, Atlas
from harness.simulation.draws import Draws
from harness.simulation.world import Kind


@pytest.mark.parametrize(("replicas", "most"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (7, 3)])
def test_at_most_a_minority_is_damaged(replicas: int, most: int) -> None:
    draws = Draws(replicas).stream("atlas")
    members = range(1, replicas + 1)
    atlas = Atlas(members)
    for _ in range(200):
        replica = draws.choice(members)
        if draws.chance(300_000):
            atlas.restarted(replica)
        elif atlas.allows(replica):
            atlas.struck(replica, draws.choice(sorted(DAMAGING, key=str)))
        assert len(atlas.damaged) <= most
        assert len(atlas.intact) > replicas // 2
    assert len(atlas.damaged) == most


def test_a_restart_proves_that_what_passes_has_passed_and_heals_no_flipped_bit() -> None:
    atlas = Atlas((1, 2, 3))
    atlas.struck(1, Kind.FAIL_FSYNC)
    assert atlas.may_refuse(1)
    assert not atlas.is_gone(1)
    assert not atlas.allows(2)
    atlas.restarted(1)
    assert not atlas.may_refuse(1)
    atlas.struck(2, Kind.FAIL_READ)
    atlas.struck(2, Kind.FLIP_BIT)
    atlas.restarted(2)
    assert atlas.is_gone(2)
    assert atlas.intact == [1, 3]


def test_one_fault_too_many_is_refused() -> None:
    atlas = Atlas((1, 2, 3))
    atlas.struck(3, Kind.FLIP_BIT)
    with pytest.raises(AssertionError, match="one too many"):
        atlas.struck(1, Kind.FLIP_BIT)


def test_while_members_change_both_groups_keep_a_quorum() -> None:
    atlas = Atlas((1, 2, 3))
    atlas.struck(3, Kind.FLIP_BIT)
    assert not atlas.may_become((1, 3)), "one of two is no minority"
    assert atlas.may_become((1, 2, 3, 4))
    atlas.turn_to((1, 2, 3), (1, 2, 3, 4))
    assert not atlas.allows(4)
    assert atlas.may_become((1, 2))
    atlas.turn_to((1, 2, 4, 5, 6))
    assert atlas.allows(1)
    assert not atlas.allows(7), "it is no member"


def test_the_disk_of_who_was_removed_may_be_lost_when_it_was_damaged_before() -> None:
    atlas = Atlas((1, 2, 3))
    atlas.struck(3, Kind.FAIL_FSYNC)
    atlas.turn_to((1, 2))
    assert atlas.allows(3)
    atlas.replaced(3)
    assert atlas.is_gone(3)
