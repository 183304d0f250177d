"""What may be chosen around a change of members, as the floors judge it."""

import pytest

from harness.simulation.invariants import Invariants, Violation
from node.core.ballot import Ballot
from node.core.log import Batch, Entry, Members, Value
from node.core.multipaxos.messages import Accepted
from node.types import ClientId, Command, ReplicaId, ReplicaInfo, RequestNumber

FIVE = tuple(ReplicaId(n) for n in range(1, 6))
SIX = (*FIVE, ReplicaId(6))
CHANGE = Members(tuple(ReplicaInfo(replica, "", "") for replica in SIX), ())
ONE = Batch((Command(ClientId(1), RequestNumber(1), RequestNumber(0), b"one"),))
OTHER = Batch((Command(ClientId(1), RequestNumber(2), RequestNumber(0), b"other"),))
LOW, HIGH = Ballot(6, ReplicaId(1)), Ballot(6, ReplicaId(3))


def vote(rules: Invariants, slot: int, ballot: Ballot, value: Value, *voters: int) -> None:
    rules._note_proposal(Entry(slot, ballot, value))
    for voter in voters:
        rules._vote(ReplicaId(voter), Accepted(ballot, slot))


def test_a_lower_ballot_may_have_a_quorum_behind_a_change_that_it_has_not_heard_of() -> None:
    """Seed 900805 of the floor core: an old change came back in a ballot that found it."""
    rules = Invariants(SIX, FIVE)
    vote(rules, 17, LOW, ONE, 1, 2, 5)
    vote(rules, 16, HIGH, CHANGE, 3, 4, 5)
    assert rules.newest == SIX
    assert rules.chosen_upto == 16, "new members have yet to vote for what is behind it"
    vote(rules, 17, HIGH, ONE, 3, 4, 5, 6)
    assert rules.chosen_upto == 17


def test_what_it_had_a_quorum_for_is_all_that_may_be_chosen_there() -> None:
    rules = Invariants(SIX, FIVE)
    vote(rules, 17, LOW, ONE, 1, 2, 5)
    vote(rules, 16, HIGH, CHANGE, 3, 4, 5)
    with pytest.raises(Violation, match=r"slot 17: a quorum votes in .* for .*other"):
        vote(rules, 17, HIGH, OTHER, 3, 4, 5, 6)


@pytest.mark.parametrize("ballot", [HIGH, Ballot(7, ReplicaId(2))])
def test_whoever_knows_of_a_change_waits_for_it(ballot: Ballot) -> None:
    rules = Invariants(SIX, FIVE)
    vote(rules, 17, ballot, ONE, 1, 2, 5)
    with pytest.raises(Violation, match=r"slot 16 changes the members .*; slot 17 is chosen"):
        vote(rules, 16, HIGH, CHANGE, 3, 4, 5)


def test_a_later_ballot_does_not_make_up_for_it() -> None:
    rules = Invariants(SIX, FIVE)
    vote(rules, 17, LOW, ONE, 1, 2, 5)
    vote(rules, 17, Ballot(7, ReplicaId(2)), ONE, 1, 2, 5)
    with pytest.raises(Violation, match="slot 17 is chosen"):
        vote(rules, 16, HIGH, CHANGE, 3, 4, 5)


def test_members_change_by_one() -> None:
    rules = Invariants(SIX, FIVE[:4])
    with pytest.raises(Violation, match="that is not one"):
        vote(rules, 16, HIGH, CHANGE, 1, 2, 3)
