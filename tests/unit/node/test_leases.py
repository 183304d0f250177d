"""A lease is held for less time than it is granted, whatever clocks do within the bound."""

import pytest
from hypothesis import given, strategies as st

from node.core.ballot import Ballot
from node.core.multipaxos import Settings
from node.core.multipaxos.leases import Grant, Lease, held_ns
from node.types import ReplicaId

ONE, TWO, THREE = (ReplicaId(n) for n in (1, 2, 3))
OLD, NEW = Ballot(1, ONE), Ballot(2, TWO)


def test_a_grant_helps_nobody_but_the_leader_until_it_ends() -> None:
    grant = Grant(0)
    grant.renew(OLD, 10)
    assert grant.forbids(TWO, None, 9)
    assert not grant.forbids(ONE, None, 9), "the leader itself may be elected again"
    assert not grant.forbids(TWO, None, 10)


def test_the_leader_may_release_its_own_ballot_only() -> None:
    grant = Grant(0)
    grant.renew(NEW, 10)
    assert grant.forbids(THREE, OLD, 9)
    assert not grant.forbids(THREE, NEW, 9)


def test_after_a_start_nobody_is_helped_whoever_let_go() -> None:
    grant = Grant(10)
    assert all(grant.forbids(who, OLD, 9) for who in (ONE, TWO, THREE))
    assert not grant.forbids(ONE, None, 10)


def test_a_lease_counts_from_the_beginning_of_the_last_round_that_a_quorum_confirmed() -> None:
    lease = Lease(100)
    assert not lease.holds(0)
    for number, clock in ((1, 1000), (2, 1050), (3, 1090)):
        lease.begin_round(number, clock)
    lease.confirm(2)
    assert lease.holds(1149)
    assert not lease.holds(1150)
    lease.confirm(3)
    assert lease.holds(1189)


def test_a_lease_that_was_ended_stays_ended() -> None:
    lease = Lease(100)
    lease.begin_round(1, 1000)
    lease.confirm(1)
    lease.end()
    lease.begin_round(2, 1001)
    lease.confirm(2)
    assert not lease.holds(1002)


def test_leases_are_off_by_default() -> None:
    lease = Lease(held_ns(Settings()))
    lease.begin_round(1, 1000)
    lease.confirm(1)
    assert not lease.holds(1000)


@given(
    ticks=st.integers(1, 200),
    drift=st.integers(0, 50),
    holder=st.integers(-100, 100),
    grantor=st.integers(-100, 100),
)
def test_within_the_bound_the_holder_is_done_before_the_shortest_grant_can_end(
    ticks: int, drift: int, holder: int, grantor: int
) -> None:
    """A grant of n ticks lasts n - 2 intervals at least: when a tick is late, two come in a row.

    In true time both are divided by the rate of their clock, which is off by up to `drift` percent.
    """
    settings = Settings(
        election_timeout_ticks=200, lease_ticks=ticks, clock_drift_percent=drift, tick_ns=1000
    )
    slow, fast = 10_000 + holder * drift, 10_000 + grantor * drift
    shortest_grant = max(0, ticks - 2) * settings.tick_ns
    assert held_ns(settings) * fast <= shortest_grant * slow


@pytest.mark.parametrize("wrong", [{"lease_ticks": 31}, {"clock_drift_percent": 100}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        Settings(**wrong)
