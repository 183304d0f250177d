"""What a leader may propose, given the promises that it received: P2c, from outside."""

from harness.simulation.recovery import Reports
from node.core.ballot import Ballot
from node.core.log import Batch, Entry, Value
from node.core.multipaxos.messages import Accept, Promise
from node.types import Command, ReplicaId

ONE, TWO, THREE = ReplicaId(1), ReplicaId(2), ReplicaId(3)
MEMBERS = (ONE, TWO, THREE)
OLD, NEWER, MINE = Ballot(1, ONE), Ballot(2, TWO), Ballot(3, THREE)


def value(name: str) -> Value:
    return Batch((Command(client=1, number=1, answered=0, body=name.encode()),))  # type: ignore[arg-type]


A, B, C = value("a"), value("b"), value("c")


def part(*entries: Entry, first: int = 5, last: int = 5, is_last: bool = True) -> Promise:
    return Promise(
        MINE, first, last, entries, is_last=is_last, chosen_upto=first - 1, truncated_upto=0
    )


def may(reports: Reports, proposed: Value, slot: int = 5) -> bool:
    return not reports.why_not(THREE, Accept(MINE, slot, proposed, 4), MEMBERS)


def after(*promises: tuple[ReplicaId, Promise]) -> Reports:
    reports = Reports()
    for acceptor, promise in promises:
        reports.add(THREE, acceptor, promise)
    return reports


def test_nothing_may_be_proposed_without_a_quorum() -> None:
    assert not may(after((ONE, part())), A)
    assert not may(after((ONE, part()), (ONE, part())), A)


def test_anything_may_be_proposed_where_a_quorum_has_nothing() -> None:
    reports = after((ONE, part(Entry(5, OLD, A))), (THREE, part(Entry(5, OLD, A))))
    assert may(reports, C, slot=6)
    assert not may(reports, C, slot=5)


def test_of_two_reported_values_that_of_the_higher_ballot_is_proposed() -> None:
    for first, second in ((OLD, NEWER), (NEWER, OLD)):
        names = {OLD: A, NEWER: B}
        reports = after(
            (ONE, part(Entry(5, first, names[first]))),
            (THREE, part(Entry(5, second, names[second]))),
        )
        assert may(reports, B)
        assert not may(reports, A)


def test_a_value_that_one_of_the_quorum_has_may_be_chosen_and_nothing_else() -> None:
    reports = after((ONE, part()), (THREE, part(Entry(5, OLD, A))))
    assert may(reports, A)
    assert not may(reports, C)


def test_of_three_reports_any_two_are_a_quorum() -> None:
    reports = after((ONE, part(Entry(5, OLD, A))), (TWO, part(Entry(5, NEWER, B))), (THREE, part()))
    assert may(reports, A)  # of the first and the third
    assert may(reports, B)
    assert not may(reports, C)


def test_a_report_in_parts_covers_what_its_parts_cover() -> None:
    reports = after((ONE, part(first=5, last=6, is_last=False)), (THREE, part()))
    assert may(reports, A, slot=6)
    assert not may(reports, A, slot=7)
    reports.add(THREE, ONE, part(first=7, last=7))
    assert may(reports, A, slot=7)
    assert may(reports, A, slot=70)


def test_who_reports_twice_may_have_learned_in_between() -> None:
    """Both reports are true of their time; what is learned was chosen, so either value is safe."""
    reports = after((ONE, part(Entry(5, OLD, A))), (THREE, part(Entry(5, NEWER, B))))
    reports.add(THREE, ONE, part(Entry(5, NEWER, B)))
    assert may(reports, B)
    assert not may(reports, A)


def test_promises_of_another_ballot_or_to_another_do_not_count() -> None:
    reports = after((ONE, part()), (THREE, part()))
    assert reports.why_not(THREE, Accept(NEWER, 5, A, 4), MEMBERS)
    assert reports.why_not(TWO, Accept(MINE, 5, A, 4), MEMBERS)


def test_who_is_no_member_reports_in_vain() -> None:
    reports = after((ONE, part()), (ReplicaId(4), part()))
    assert not may(reports, A)
    assert not reports.why_not(THREE, Accept(MINE, 5, A, 4), (ONE, ReplicaId(4)))
