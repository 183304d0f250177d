"""Changes of members at one core: what is refused, what is waited for, what is counted anew."""

from random import Random

import pytest

from node.core.ballot import Ballot
from node.core.interface import Add, Ready, Received, Reconfigure, Remove, Role, Status, Tick
from node.core.log import Batch, Entry, Members, Noop
from node.core.multipaxos import MultiPaxos, Settings
from node.core.multipaxos.membership import MEMBERS_MAX, obstacle
from node.core.multipaxos.messages import (
    Accept,
    Accepted,
    AcceptRecord,
    BeginRecord,
    ChosenRecord,
    Heard,
    Heartbeat,
    Message,
    Outdated,
    Prepare,
    Probe,
    Promise,
    Record,
)
from node.types import Configuration, ReplicaId, ReplicaInfo

ONE, TWO, THREE, FOUR = (ReplicaId(number) for number in (1, 2, 3, 4))
SETTINGS = Settings(election_timeout_ticks=6, heartbeat_ticks=2)


def info(replica: int) -> ReplicaInfo:
    return ReplicaInfo(ReplicaId(replica), f"peer:{replica}", f"client:{replica}")


def take(it: MultiPaxos) -> Ready[Message, Record]:
    ready = it.take_ready()
    assert ready is not None
    return ready


def promise(ballot: Ballot, from_slot: int = 1) -> Promise:
    return Promise(
        ballot, from_slot, from_slot - 1, (), is_last=True, chosen_upto=0, truncated_upto=0
    )


def leader() -> MultiPaxos:
    """Replica 1 of three, which leads with 1.1 and has had slot 1 chosen."""
    it = MultiPaxos(
        replica=ONE, members=[info(n) for n in (1, 2, 3)], settings=SETTINGS, random=Random(1)
    )
    it._start_campaign()
    ballot = Ballot(1, ONE)
    for acceptor in (ONE, TWO):
        it.step(Received(acceptor, promise(ballot)))
    assert it.role is Role.LEADER
    it._propose(Noop())
    vote(it, 1, ONE, TWO)
    take(it)
    assert it.log.chosen_upto == 1
    return it


def vote(it: MultiPaxos, slot: int, *voters: ReplicaId) -> None:
    for voter in voters:
        it.step(Received(voter, Accepted(Ballot(1, ONE), slot)))


def open_slots(it: MultiPaxos) -> list[int]:
    assert it.leadership is not None
    return list(it.leadership.open)


def status(*members: int, removed: tuple[int, ...] = (), **named: object) -> Status:
    configuration = Configuration(
        7, tuple(info(member) for member in members), tuple(ReplicaId(r) for r in removed)
    )
    return Status(
        replica=ONE,
        role=Role.LEADER,
        ballot=Ballot(1, ONE),
        leader=ONE,
        chosen_upto=9,
        accepted_upto=9,
        configuration=configuration,
        **named,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("at", "change", "problem"),
    [
        (status(1, 2, 3), Add(info(4)), ""),
        (status(1, 2, 3), Remove(ONE), ""),
        (status(1, 2, 3), Add(info(3)), "replica 3 is a member already"),
        (status(1, 2), Remove(THREE), "replica 3 is no member; the members are 1, 2"),
        (status(1), Remove(ONE), "replica 1 is the only member"),
        (status(1, 2, removed=(3,)), Add(info(3)), "replica 3 was removed before"),
        (status(1, 2, is_settled=False), Remove(TWO), "another change of members is under way"),
        (status(1, 2, change="1, 2, 3"), Remove(TWO), "is under way: 1, 2, 3"),
        (
            status(1, 2),
            Add(ReplicaInfo(FOUR, "peer:2", "x:1")),
            "peer:2 is an address of replica 2",
        ),
        (status(*range(1, MEMBERS_MAX + 1)), Add(info(99)), f"there are {MEMBERS_MAX} members"),
    ],
)
def test_what_is_not_possible_is_said_in_a_sentence(
    at: Status, change: Add | Remove, problem: str
) -> None:
    said = obstacle(at, change)
    assert problem in said
    assert bool(problem) == bool(said)


def test_a_follower_changes_nothing() -> None:
    it = MultiPaxos(replica=ONE, members=(ONE, TWO, THREE), settings=SETTINGS, random=Random(1))
    it.step(Reconfigure(Remove(TWO)))
    assert not take(it).records


def test_a_newcomer_that_does_not_catch_up_is_given_up_and_nothing_waited_for_it() -> None:
    it = leader()
    it.step(Reconfigure(Add(info(4))))
    ready = take(it)
    assert [e.to for e in ready.messages if isinstance(e.message, Heartbeat)] == [TWO, THREE, FOUR]
    assert ready.acquainted == tuple(info(n) for n in (1, 2, 3, 4))
    assert "once 4 has caught up" in it.status().change
    for _ in range(200):
        for follower in (TWO, THREE):
            it.step(Received(follower, Heard(Ballot(1, ONE), 1)))
        it.step(Tick())
        it.take_ready()
    assert it.status().change == ""
    assert it.status().acquainted == tuple(info(n) for n in (1, 2, 3))
    assert open_slots(it) == []


def test_slots_behind_a_change_wait_for_a_quorum_of_the_new_members() -> None:
    it = leader()
    it.step(Reconfigure(Add(info(4))))
    it.step(Received(FOUR, Heard(Ballot(1, ONE), 1, 1)))
    take(it)
    assert open_slots(it) == [2]
    it.step(Reconfigure(Remove(TWO)))  # too early
    vote(it, 2, ONE, FOUR)
    it.take_ready()
    assert it.log.chosen_upto == 1, "4 is no member yet"
    vote(it, 2, TWO)
    ready = take(it)
    assert it.members == (ONE, TWO, THREE, FOUR)
    assert ChosenRecord(2) in ready.records
    asked = [e.to for e in ready.messages_after_persist if isinstance(e.message, Prepare)]
    assert asked == [THREE, FOUR]
    assert open_slots(it) == [], "two of four have promised"
    it.step(Received(FOUR, promise(Ballot(1, ONE), 3)))
    ready = take(it)
    (accept, *_) = [e.message for e in ready.messages if isinstance(e.message, Accept)]
    assert (accept.slot, accept.value, accept.configured_in) == (3, Noop(), 2)
    assert not it.status().is_settled
    vote(it, 3, ONE, TWO, FOUR)
    it.take_ready()
    assert it.status().is_settled


def test_a_proposal_is_not_voted_for_before_its_members_are_known() -> None:
    it = MultiPaxos(replica=TWO, members=(ONE, TWO, THREE), settings=SETTINGS, random=Random(1))
    ballot = Ballot(1, ONE)
    it.step(Received(ONE, Accept(ballot, 3, Batch(()), chosen_upto=2, configured_in=2)))
    ready = take(it)
    assert not ready.records
    assert not ready.messages_after_persist
    members = Members((info(1), info(2)), (THREE,))
    it.step(Received(ONE, Accept(ballot, 1, Noop(), chosen_upto=0)))
    it.step(Received(ONE, Accept(ballot, 2, members, chosen_upto=1)))
    it.step(Received(ONE, Accept(ballot, 3, Batch(()), chosen_upto=2, configured_in=2)))
    ready = take(it)
    records = list(ready.records)
    third = AcceptRecord(Entry(3, ballot, Batch(())))
    assert records.index(ChosenRecord(2)) < records.index(third)
    assert it.members == (ONE, TWO)


def test_who_was_removed_is_only_told_that_it_lacks_something() -> None:
    records = (
        AcceptRecord(Entry(1, Ballot(1, ONE), Members((info(1), info(2)), (THREE,)))),
        ChosenRecord(1),
    )
    it = MultiPaxos(
        replica=TWO,
        members=(ONE, TWO, THREE),
        settings=SETTINGS,
        random=Random(1),
        records=records,
    )
    take(it)
    for question in (Probe(Ballot(9, THREE), 1), Prepare(Ballot(9, THREE), 1)):
        it.step(Received(THREE, question))
        assert [e.message for e in take(it).messages] == [Outdated(1)]
    assert it.acceptor.promised == Ballot(1, ONE)


def test_what_a_journal_began_with_counts_more_than_a_file_that_was_edited() -> None:
    it = MultiPaxos(
        replica=FOUR,
        members=(ONE, TWO, THREE, FOUR),
        settings=SETTINGS,
        random=Random(1),
        records=(BeginRecord(()),),
    )
    assert it.members == ()
    assert it.acceptor.records()[0] == BeginRecord(())
