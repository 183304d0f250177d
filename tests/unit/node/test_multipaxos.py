"""The core as its driver sees it; what a cluster of them does is in the golden files."""

from random import Random

from node.core.ballot import Ballot
from node.core.interface import Chosen, Propose, Received, Refusal, Role, Tick, Withdraw
from node.core.log import Batch, Entry
from node.core.multipaxos import MultiPaxos, Settings
from node.core.multipaxos.messages import (
    Accept,
    Accepted,
    AcceptRecord,
    ChosenRecord,
    Declined,
    Fetch,
    Heartbeat,
    Prepare,
    Probe,
    PromiseRecord,
)
from tests.support.cores import ONE, THREE, TWO, candidate, command, core, leader, take


def test_a_replica_that_is_no_member_never_campaigns() -> None:
    it = MultiPaxos(replica=ONE, members=(TWO,), settings=Settings(), random=Random(0))
    for _ in range(1000):
        it.step(Tick())
    ready = it.take_ready()
    assert ready is not None
    assert not ready.messages
    assert not ready.records


def test_members_are_sorted_however_they_are_given() -> None:
    assert core().members == (ONE, TWO, THREE)
    assert core().peers == (TWO, THREE)


def test_a_follower_without_a_leader_asks_around_after_one_to_two_timeouts() -> None:
    timeouts = []
    for seed in range(40):
        it = core(seed=seed)
        ticks = 0
        while it.canvass is None:
            it.step(Tick())
            ticks += 1
        timeouts.append(ticks)
    assert min(timeouts) >= 10
    assert max(timeouts) < 20
    assert len(set(timeouts)) > 5, "campaigns would collide"


def test_a_heartbeat_puts_a_campaign_off() -> None:
    it = core()
    for _ in range(10):
        for _ in range(9):
            it.step(Tick())
        it.step(Received(TWO, Heartbeat(Ballot(1, TWO), 0, 1)))
    assert it.canvass is None
    assert it.status().leader == TWO


def test_a_campaign_says_nothing_before_its_ballot_is_durable() -> None:
    it = candidate()
    ready = take(it)
    assert ready.records == (PromiseRecord(Ballot(1, ONE)),)
    assert all(isinstance(envelope.message, Probe) for envelope in ready.messages)
    assert [e.to for e in ready.messages_after_persist] == [ONE, TWO, THREE]


def test_commands_wait_for_those_who_were_answered_while_more_comes() -> None:
    it = leader()
    ballot = it.status().ballot
    for number in (1, 2):
        it.step(Propose(command(number)))
    assert it.take_ready(more_comes=True), "nobody was answered: nobody is waited for"
    it.step(Propose(command(3)))
    for acceptor in (ONE, TWO):
        it.step(Received(acceptor, Accepted(ballot, 1)))
    ready = it.take_ready(more_comes=True)
    assert ready is not None
    assert [chosen.slot for chosen in ready.chosen] == [1]
    assert not ready.records
    assert it.lacks_company
    it.step(Propose(command(4)))
    assert it.take_ready(more_comes=True) is None
    (envelope, _) = take(it).messages
    assert isinstance(envelope.message, Accept)
    assert [c.number for c in envelope.message.value.commands] == [3, 4], "two of three came"
    assert not it.lacks_company


def test_equal_events_give_equal_work() -> None:
    work = []
    for _ in range(2):
        it = leader()
        it.step(Propose(command(1)))
        it.step(Tick())
        work.append(take(it))
    assert work[0] == work[1]


def test_a_follower_refuses() -> None:
    it = core()
    it.step(Propose(command(1)))
    (refused,) = take(it).refused
    assert (refused.client, refused.number, refused.why) == (1, 1, Refusal.NOT_LEADER)


def test_a_leader_whose_queue_is_full_refuses() -> None:
    it = leader(Settings(pending_max=2))
    for number in range(1, 4):
        it.step(Propose(command(number)))
    ready = take(it)
    assert [(r.number, r.why) for r in ready.refused] == [(3, Refusal.OVERLOADED)]


def test_a_command_that_nobody_waits_for_any_more_is_dropped_unless_it_was_proposed() -> None:
    it = leader(Settings(batch_wait_ticks=5))
    it.step(Propose(command(1)))
    take(it)
    for number in (2, 3):
        it.step(Propose(command(number)))
    one, two = command(1), command(2)
    it.step(Withdraw(((one.client, one.number), (two.client, two.number))))
    ready = take(it)
    assert [(r.number, r.why) for r in ready.refused] == [(2, Refusal.WITHDRAWN)]
    for _ in range(5):
        it.step(Tick())
    sent = [e.message.value for e in take(it).messages if isinstance(e.message, Accept)]
    assert sent
    assert all(value == Batch((command(3),)) for value in sent)


def test_a_follower_has_nothing_that_could_be_withdrawn() -> None:
    it = core()
    it.step(Withdraw(((command(1).client, command(1).number),)))
    assert take(it).refused == ()


def test_the_leaders_own_vote_waits_for_its_disk_and_the_proposal_does_not() -> None:
    it = leader()
    it.step(Propose(command(1)))
    ready = take(it)
    ballot = Ballot(1, ONE)
    assert ready.records == (AcceptRecord(Entry(1, ballot, Batch((command(1),)))),)
    assert [type(e.message) for e in ready.messages] == [Accept, Accept]
    assert [(e.to, e.message) for e in ready.messages_after_persist] == [(ONE, Accepted(ballot, 1))]


def test_slots_are_chosen_in_order_whatever_the_order_of_votes() -> None:
    it = leader(Settings(batch_commands_max=1))
    for number in (1, 2):
        it.step(Propose(command(number)))
    take(it)
    ballot = Ballot(1, ONE)
    for voter in (TWO, THREE):
        it.step(Received(voter, Accepted(ballot, 2)))
    assert it.take_ready() is None
    for voter in (TWO, THREE):
        it.step(Received(voter, Accepted(ballot, 1)))
    assert take(it).chosen == (Chosen(1, (command(1),)), Chosen(2, (command(2),)))


def test_a_vote_for_another_ballot_does_not_count() -> None:
    it = leader()
    it.step(Propose(command(1)))
    take(it)
    for voter in (ONE, TWO, THREE):
        it.step(Received(voter, Accepted(Ballot(1, TWO), 1)))
    assert it.status().chosen_upto == 0


def test_a_restart_executes_again_what_was_known_to_be_chosen() -> None:
    entry = Entry(1, Ballot(1, TWO), Batch((command(1),)))
    it = core(AcceptRecord(entry), ChosenRecord(1))
    assert take(it).chosen == (Chosen(1, (command(1),)),)
    assert it.status().chosen_upto == 1


def test_a_campaign_after_a_restart_uses_a_new_ballot() -> None:
    it = candidate(PromiseRecord(Ballot(4, ONE)))
    assert it.status().ballot == Ballot(5, ONE)


def test_a_lower_ballot_is_told_what_is_promised() -> None:
    it = core(PromiseRecord(Ballot(4, ONE)))
    take(it)
    it.step(Received(TWO, Prepare(Ballot(3, TWO), 1)))
    it.step(Received(TWO, Heartbeat(Ballot(3, TWO), 0, 1)))
    ready = take(it)
    assert [e.message for e in ready.messages] == [Declined(Ballot(4, ONE))] * 2
    assert ready.records == ()


def test_a_declined_leader_steps_down_once_somebody_promised_more() -> None:
    it = leader()
    it.step(Received(TWO, Declined(Ballot(1, ONE))))
    assert it.status().role is Role.LEADER
    it.step(Received(TWO, Declined(Ballot(2, TWO))))
    assert it.status().role is Role.FOLLOWER


def test_a_late_heartbeat_of_an_older_leader_changes_no_hint() -> None:
    """Replica 1 has promised neither ballot, so the late message is valid; it is only old."""
    it = core()
    it.step(Received(THREE, Heartbeat(Ballot(2, THREE), 0, 1)))
    it.step(Received(TWO, Heartbeat(Ballot(1, TWO), 0, 1)))
    hint = take(it).leader_hint
    assert hint is not None
    assert (hint.leader, hint.ballot) == (THREE, Ballot(2, THREE))


def test_a_slot_far_beyond_the_log_is_not_accepted_but_caught_up_with() -> None:
    it = core(settings=Settings(slots_ahead_max=5))
    it.step(Received(TWO, Accept(Ballot(1, TWO), 6, Batch(()), chosen_upto=5)))
    ready = take(it)
    assert not ready.records
    assert not ready.messages_after_persist
    assert [envelope.message for envelope in ready.messages] == [Fetch(1)]
    it.step(Received(TWO, Accept(Ballot(1, TWO), 5, Batch(()), chosen_upto=0)))
    assert take(it).messages_after_persist[0].message == Accepted(Ballot(1, TWO), 5)
