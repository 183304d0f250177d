"""The log of one acceptor."""

import pytest

from node.core.ballot import NO_BALLOT, Ballot
from node.core.log import Batch, Entry, Log, Noop, Value
from node.types import ReplicaId

LOW = Ballot(1, ReplicaId(1))
HIGH = Ballot(2, ReplicaId(1))


def test_a_new_log_is_empty() -> None:
    log = Log()
    assert (log.accepted_upto, log.chosen_upto, log.get(1)) == (0, 0, None)


def test_slots_before_the_first_entry_are_holes() -> None:
    log = Log()
    log.put(Entry(3, LOW, Noop()))
    assert [log.get(slot) for slot in (1, 2)] == [None, None]
    assert log.accepted_upto == 3
    assert [entry.slot for entry in log.entries(1, 3)] == [3]


def test_an_entry_replaces_what_its_slot_held() -> None:
    log = Log()
    log.put(Entry(1, LOW, Noop()))
    log.put(Entry(1, HIGH, Batch(())))
    assert log.get(1) == Entry(1, HIGH, Batch(()))


def test_slots_are_chosen_one_after_the_other() -> None:
    log = Log()
    for slot in (1, 2):
        log.put(Entry(slot, LOW, Noop()))
    with pytest.raises(AssertionError, match="slot 2 after 0"):
        log.choose(2)
    assert log.choose(1).slot == 1
    assert log.choose(2).slot == 2
    assert log.chosen_upto == 2


def test_a_hole_cannot_be_chosen() -> None:
    log = Log()
    log.put(Entry(2, LOW, Noop()))
    with pytest.raises(AssertionError, match="hole"):
        log.choose(1)


def test_a_chosen_slot_keeps_its_value_and_may_raise_its_ballot() -> None:
    log = Log()
    log.put(Entry(1, LOW, Noop()))
    log.choose(1)
    log.put(Entry(1, HIGH, Noop()))
    with pytest.raises(AssertionError, match="is chosen"):
        log.put(Entry(1, HIGH, Batch(())))


def test_a_no_op_is_a_value_unlike_an_empty_batch() -> None:
    no_op: Value = Noop()
    assert no_op != Batch(())
    assert Noop().commands == ()


def test_ballots_are_ordered_by_round_then_by_replica() -> None:
    one, two = ReplicaId(1), ReplicaId(2)
    assert NO_BALLOT < Ballot(1, one) < Ballot(1, two) < Ballot(2, one)
    assert Ballot(1, two).next_for(one) == Ballot(2, one)
    assert str(Ballot(2, one)) == "2.1"


def filled(*slots: int) -> Log:
    log = Log()
    for slot in slots:
        log.put(Entry(slot, LOW, Noop()))
    return log


def test_what_was_truncated_is_not_there_and_the_rest_is() -> None:
    log = filled(1, 2, 3, 5)
    for slot in (1, 2, 3):
        log.choose(slot)
    log.truncate(2)
    assert (log.truncated_upto, log.chosen_upto, log.accepted_upto) == (2, 3, 5)
    assert [entry.slot for entry in log.entries(3, 9)] == [3, 5]
    assert log.get(4) is None
    with pytest.raises(AssertionError, match="slot 2 was truncated"):
        log.get(2)


def test_only_what_is_chosen_can_be_truncated() -> None:
    log = filled(1, 2)
    log.choose(1)
    with pytest.raises(AssertionError):
        log.truncate(2)


def test_skipping_forgets_what_may_have_lost_and_keeps_what_is_behind() -> None:
    log = filled(1, 2, 3, 6)
    log.choose(1)
    log.skip_to(4)
    assert (log.truncated_upto, log.chosen_upto, log.accepted_upto) == (4, 4, 6)
    assert [entry.slot for entry in log.entries(5, 9)] == [6]
    log.skip_to(9)
    assert (log.truncated_upto, log.accepted_upto) == (9, 9)
    log.put(Entry(10, LOW, Noop()))
    assert log.choose(10).slot == 10
