"""Which queries may be answered: those for which a quorum confirmed a round that began after they came."""

import pytest

from node.core.multipaxos.reading import Reads
from node.types import ClientId, Query, ReplicaId, RequestNumber

ONE, TWO, THREE, FOUR, FIVE = MEMBERS = tuple(ReplicaId(n) for n in range(1, 6))


def query(number: int) -> Query:
    return Query(ClientId(7), RequestNumber(number), b"")


def reads(members: tuple[ReplicaId, ...] = MEMBERS) -> Reads:
    return Reads(ONE, members)


def test_a_quorum_is_counted_with_the_leader() -> None:
    it = reads()
    it.add(query(1), 1)
    number = it.begin_round()
    it.confirm(TWO, number)
    it.confirm(TWO, number)
    assert it.take() == []
    it.confirm(FIVE, number)
    assert it.take() == [query(1)]
    assert it.take() == []


def test_a_confirmation_counts_for_all_earlier_rounds_and_for_no_later_one() -> None:
    it = reads(MEMBERS[:3])
    it.add(query(1), 1)
    it.begin_round()
    it.add(query(2), 2)
    it.begin_round()
    it.add(query(3), 3)
    it.confirm(TWO, 2)
    assert it.take() == [query(1), query(2)]
    it.begin_round()
    it.confirm(TWO, 2)
    assert it.take() == []


def test_members_may_have_confirmed_different_rounds() -> None:
    it = reads()
    for _ in range(5):
        it.begin_round()
    for member, number in ((TWO, 4), (THREE, 2), (FOUR, 3)):
        it.confirm(member, number)
    assert it.confirmed_upto == 3, "1 has confirmed 5, 2 has 4, and 4 has 3"


def test_an_old_confirmation_that_arrives_late_takes_nothing_back() -> None:
    it = reads(MEMBERS[:3])
    it.begin_round()
    it.begin_round()
    it.confirm(TWO, 2)
    it.confirm(TWO, 1)
    assert it.confirmed_upto == 2


def test_a_round_that_was_never_begun_cannot_be_confirmed() -> None:
    it = reads(MEMBERS[:3])
    it.begin_round()
    it.confirm(TWO, 9)
    assert it.confirmed_upto == 0


def test_alone_a_leader_confirms_itself() -> None:
    it = reads(MEMBERS[:1])
    it.add(query(1), 1)
    assert it.wants_round
    it.begin_round()
    assert it.take() == [query(1)]


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_query_begins_a_round_unless_one_is_on_its_way(*, confirmed: bool) -> None:
    it = reads(MEMBERS[:3])
    assert not it.wants_round, "nobody waits"
    it.begin_round()
    if confirmed:
        it.confirm(THREE, 1)
    it.add(query(1), 2)
    assert it.wants_round is confirmed
    it.begin_round()
    assert not it.wants_round, "the query has its round"


def test_what_waits_is_handed_out_once_to_be_refused() -> None:
    it = reads()
    it.add(query(1), 1)
    it.begin_round()
    it.add(query(2), 2)
    assert len(it) == 2
    assert it.take_all() == [query(1), query(2)]
    assert len(it) == 0
