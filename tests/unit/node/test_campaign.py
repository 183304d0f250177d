"""What a candidate concludes from promises."""

import pytest

from node.core.ballot import Ballot
from node.core.log import Batch, Entry, Noop
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.messages import Promise
from node.types import ReplicaId

ONE, TWO, THREE = (ReplicaId(n) for n in (1, 2, 3))
BALLOT = Ballot(5, ONE)


def campaign() -> Campaign:
    return Campaign(BALLOT, 1, (ONE, TWO, THREE))


def promise(*entries: Entry, from_slot: int = 1, to_slot: int = 0, is_last: bool = True) -> Promise:
    return Promise(
        BALLOT, from_slot, to_slot, entries, is_last=is_last, chosen_upto=0, truncated_upto=0
    )


def test_a_majority_of_complete_promises_ends_a_campaign() -> None:
    it = campaign()
    it.on_promise(ONE, promise())
    assert not it.promises.is_reached
    it.on_promise(TWO, promise())
    assert it.promises.is_reached


def test_a_promise_twice_is_no_news() -> None:
    it = campaign()
    assert it.on_promise(ONE, promise())
    assert not it.on_promise(ONE, promise())
    assert it.promises.count == 1


@pytest.mark.parametrize("order", [(TWO, THREE), (THREE, TWO)])
def test_the_entry_of_the_highest_ballot_counts_in_any_order(order: tuple[ReplicaId, ...]) -> None:
    entries = {
        TWO: Entry(1, Ballot(1, TWO), Batch(())),
        THREE: Entry(1, Ballot(2, THREE), Noop()),
    }
    it = campaign()
    for acceptor in order:
        it.on_promise(acceptor, promise(entries[acceptor], to_slot=1))
    assert it.reported == {1: entries[THREE]}
    assert it.reported_upto == 1


def test_an_acceptor_has_promised_when_its_last_part_has_come() -> None:
    low = Ballot(1, TWO)
    it = campaign()
    it.on_promise(TWO, promise(Entry(1, low, Noop()), to_slot=1, is_last=False))
    assert it.promises.count == 0
    assert it.next_slot(TWO) == 2
    it.on_promise(TWO, promise(Entry(2, low, Noop()), from_slot=2, to_slot=2))
    assert it.promises.count == 1
    assert it.next_slot(TWO) is None
    assert list(it.reported) == [1, 2]


def test_a_part_that_was_not_asked_for_is_left_alone() -> None:
    it = campaign()
    assert not it.on_promise(TWO, promise(from_slot=3, to_slot=3))
    assert it.promises.count == 0
    assert it.next_slot(TWO) == 1


def test_without_reports_there_is_nothing_to_recover() -> None:
    assert Campaign(BALLOT, 7, (ONE,)).reported_upto == 6
