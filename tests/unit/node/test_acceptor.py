"""What an acceptor may still accept, and what it remembers."""

import pytest

from node.core.ballot import NO_BALLOT, Ballot
from node.core.log import Batch, Entry, Noop
from node.core.multipaxos.acceptor import Acceptor
from node.core.multipaxos.messages import AcceptRecord, ChosenRecord, PromiseRecord, Record
from node.errors import ProtocolViolation
from node.types import ClientId, Command, ReplicaId, RequestNumber

LOW = Ballot(1, ReplicaId(1))
MIDDLE = Ballot(2, ReplicaId(1))
HIGH = Ballot(3, ReplicaId(1))


def batch(body: bytes) -> Batch:
    number, answered = RequestNumber(1), RequestNumber(0)
    return Batch((Command(client=ClientId(1), number=number, answered=answered, body=body),))


A, B = batch(b"a"), batch(b"b")


def test_a_promise_is_recorded() -> None:
    acceptor = Acceptor()
    assert acceptor.promised == NO_BALLOT
    assert acceptor.promise(MIDDLE) == PromiseRecord(MIDDLE)
    assert acceptor.promised == MIDDLE


def test_a_promise_is_never_lowered() -> None:
    acceptor = Acceptor()
    acceptor.promise(MIDDLE)
    with pytest.raises(AssertionError, match="after"):
        acceptor.promise(LOW)
    with pytest.raises(AssertionError, match="after promising"):
        acceptor.accept(Entry(1, LOW, A))


def test_to_accept_is_to_promise() -> None:
    acceptor = Acceptor()
    entry = Entry(1, MIDDLE, A)
    assert acceptor.accept(entry) == AcceptRecord(entry)
    assert acceptor.promised == MIDDLE


def test_a_higher_ballot_may_bring_another_value() -> None:
    acceptor = Acceptor()
    acceptor.accept(Entry(1, LOW, A))
    acceptor.accept(Entry(1, HIGH, B))
    assert acceptor.log.get(1) == Entry(1, HIGH, B)


def test_two_values_in_one_ballot_are_a_violation() -> None:
    acceptor = Acceptor()
    acceptor.accept(Entry(1, LOW, A))
    with pytest.raises(ProtocolViolation, match="two values in one ballot"):
        acceptor.accept(Entry(1, LOW, B))


def test_another_value_for_a_chosen_slot_is_a_violation() -> None:
    acceptor = Acceptor()
    acceptor.accept(Entry(1, LOW, A))
    acceptor.log.choose(1)
    with pytest.raises(ProtocolViolation, match="was chosen"):
        acceptor.accept(Entry(1, HIGH, B))


def test_what_is_learned_may_be_below_the_promise_and_leaves_it() -> None:
    acceptor = Acceptor()
    acceptor.promise(HIGH)
    assert acceptor.learn(Entry(1, LOW, A)) == AcceptRecord(Entry(1, LOW, A))
    assert acceptor.promised == HIGH


def test_what_is_learned_above_the_promise_raises_it() -> None:
    """Else the late proposal of an older ballot could overwrite what was chosen.

    And after a restart it would be raised anyway, by the same record.
    """
    acceptor = Acceptor()
    acceptor.promise(LOW)
    record = acceptor.learn(Entry(1, HIGH, A))
    assert acceptor.promised == HIGH
    assert record is not None
    assert Acceptor.restored([record]).promised == HIGH


def test_learning_what_is_held_already_needs_no_record() -> None:
    acceptor = Acceptor()
    acceptor.accept(Entry(1, MIDDLE, A))
    assert acceptor.learn(Entry(1, MIDDLE, A)) is None
    assert acceptor.learn(Entry(1, LOW, A)) is None
    assert acceptor.log.get(1) == Entry(1, MIDDLE, A)


def test_what_was_chosen_replaces_what_lost() -> None:
    acceptor = Acceptor()
    acceptor.accept(Entry(1, LOW, A))
    assert acceptor.learn(Entry(1, MIDDLE, B)) == AcceptRecord(Entry(1, MIDDLE, B))
    assert acceptor.log.get(1) == Entry(1, MIDDLE, B)


def test_a_chosen_value_that_a_later_ballot_contradicts_is_a_violation() -> None:
    acceptor = Acceptor()
    acceptor.accept(Entry(1, HIGH, A))
    with pytest.raises(ProtocolViolation, match="was chosen, but"):
        acceptor.learn(Entry(1, LOW, B))


def test_a_restart_gives_back_promise_entries_and_what_was_known_to_be_chosen() -> None:
    records: list[Record] = [
        PromiseRecord(LOW),
        AcceptRecord(Entry(1, LOW, A)),
        AcceptRecord(Entry(2, LOW, A)),
        ChosenRecord(1),
        AcceptRecord(Entry(2, MIDDLE, B)),
        PromiseRecord(HIGH),
    ]
    acceptor = Acceptor.restored(records)
    assert acceptor.promised == HIGH
    assert list(acceptor.log.entries(1, 2)) == [Entry(1, LOW, A), Entry(2, MIDDLE, B)]
    assert acceptor.log.chosen_upto == 1


def test_a_report_of_nothing_is_complete() -> None:
    acceptor = Acceptor()
    acceptor.promise(LOW)
    report = acceptor.report(1, entries_max=2, commands_bytes_max=10)
    assert (report.ballot, report.from_slot, report.to_slot) == (LOW, 1, 0)
    assert report.is_last
    assert report.entries == ()


def test_a_report_ends_before_it_has_too_many_entries() -> None:
    acceptor = Acceptor()
    for slot in (1, 2, 4):
        acceptor.accept(Entry(slot, LOW, Noop()))
    report = acceptor.report(1, entries_max=2, commands_bytes_max=10)
    assert [entry.slot for entry in report.entries] == [1, 2]
    assert (report.to_slot, report.is_last) == (3, False)
    rest = acceptor.report(4, entries_max=2, commands_bytes_max=10)
    assert [entry.slot for entry in rest.entries] == [4]
    assert (rest.to_slot, rest.is_last) == (4, True)


def test_a_report_ends_before_it_has_too_many_bytes_but_holds_one_entry_at_least() -> None:
    acceptor = Acceptor()
    acceptor.accept(Entry(1, LOW, batch(b"0123456789")))
    acceptor.accept(Entry(2, LOW, A))
    report = acceptor.report(1, entries_max=9, commands_bytes_max=5)
    assert [entry.slot for entry in report.entries] == [1]
    assert not report.is_last
