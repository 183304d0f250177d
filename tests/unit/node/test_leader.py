"""What a leader has proposed, and what waits."""

from node.core.ballot import Ballot
from node.core.log import Noop
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.leader import COMPANY_MAX, Leadership
from node.core.multipaxos.settings import Settings
from node.types import ClientId, Command, ReplicaId, RequestNumber

MEMBERS = tuple(ReplicaId(n) for n in (1, 2, 3))


def leadership(next_slot: int = 1) -> Leadership:
    return Leadership(campaign(), next_slot, MEMBERS, 0)


def campaign(members: tuple[ReplicaId, ...] = MEMBERS) -> Campaign:
    return Campaign(Ballot(1, ReplicaId(1)), 1, members)


def command(number: int, body: bytes = b"12345") -> Command:
    answered = RequestNumber(0)
    return Command(client=ClientId(1), number=RequestNumber(number), answered=answered, body=body)


def test_slots_are_given_in_order() -> None:
    it = leadership(next_slot=4)
    assert [it.open_slot(Noop(), 0) for _ in range(3)] == [4, 5, 6]
    assert list(it.open) == [4, 5, 6]


def test_a_slot_needs_a_majority() -> None:
    it = leadership()
    votes = it.open[it.open_slot(Noop(), 0)].votes
    votes.add(MEMBERS[0])
    assert not votes.is_reached
    votes.add(MEMBERS[1])
    assert votes.is_reached


def test_a_batch_takes_what_waits_in_its_order() -> None:
    it = leadership()
    it.pending.extend(command(n) for n in (1, 2, 3))
    batch = it.next_batch(commands_max=2, bytes_max=100)
    assert [c.number for c in batch.commands] == [1, 2]
    assert [c.number for c in it.pending] == [3]


def test_a_batch_keeps_its_size_unless_one_command_is_larger() -> None:
    it = leadership()
    it.pending.extend(command(n) for n in (1, 2, 3))
    assert len(it.next_batch(commands_max=9, bytes_max=10).commands) == 2
    assert len(it.next_batch(commands_max=9, bytes_max=1).commands) == 1
    assert not it.pending


def test_only_what_waits_for_a_slot_is_withdrawn() -> None:
    it = leadership()
    it.pending.extend(command(n) for n in (1, 2, 3, 4))
    batch = it.next_batch(commands_max=1, bytes_max=100)
    it.open_slot(batch, 0)
    asked = [(ClientId(1), RequestNumber(n)) for n in (1, 3, 4, 9)]
    assert it.withdraw(asked) == [command(3), command(4)]
    assert list(it.pending) == [command(2)]
    assert it.open[1].value == batch
    assert it.withdraw(asked) == []


def test_a_command_waits_for_company_while_a_slot_is_open_until_a_tick_has_passed() -> None:
    settings = Settings(batch_commands_max=2, slots_in_flight_max=3, batch_wait_ticks=1)
    it = leadership()
    assert not it.may_open(settings, 5)
    it.add(command(1), 5)
    assert it.may_open(settings, 5), "nobody is ahead"
    it.open_slot(Noop(), 5)
    assert not it.may_open(settings, 5)
    assert it.may_open(settings, 6)
    it.add(command(2), 5)
    assert it.may_open(settings, 5), "a full batch"
    it.open_slot(Noop(), 5)
    it.open_slot(Noop(), 5)
    assert not it.may_open(settings, 6), "as many slots as there may be"


def test_who_waits_when_a_slot_is_chosen_may_wait_for_those_whom_it_has_answered() -> None:
    settings = Settings(batch_wait_ticks=1)
    it = leadership()
    it.add(command(1), 5)
    assert not it.lacks_company(settings), "nobody was answered"
    it.close_slot(1, 2)
    assert it.lacks_company(settings)
    assert it.may_open(settings, 5), "but it need not wait"
    assert not it.lacks_company(Settings(batch_wait_ticks=0))
    it.add(command(2), 5)
    it.add(command(3), 5)
    assert not it.lacks_company(settings), "all are there"
    it.close_slot(2, 1000)
    assert it.lacks_company(settings)
    it.pending.extend(command(number) for number in range(4, COMPANY_MAX + 1))
    assert not it.lacks_company(settings), "enough for one slot"
    it.pending.pop()
    it.open_slot(Noop(), 5)
    assert not it.lacks_company(settings), "they wait for that slot"


def test_proposals_without_an_answer_become_overdue_oldest_first() -> None:
    it = leadership()
    for now in (0, 1, 2, 9):
        it.open_slot(Noop(), now)
    assert it.overdue(9, 8, 10) == [1, 2]
    assert it.overdue(10, 8, 2) == [1, 2]
    assert it.overdue(7, 8, 10) == []


def test_a_leader_that_takes_office_counts_as_heard_by_all() -> None:
    it = Leadership(campaign(), 1, MEMBERS, 100)
    assert it.hears_quorum(109, 10)
    assert not it.hears_quorum(110, 10)


def test_a_leader_needs_to_hear_a_quorum_itself_included() -> None:
    it = leadership()
    it.hear(MEMBERS[2], 95)
    assert it.hears_quorum(100, 10)
    assert not it.hears_quorum(105, 10)
    alone = Leadership(campaign(MEMBERS[:1]), 1, MEMBERS[:1], 0)
    assert alone.hears_quorum(1000, 10)


def test_a_leader_that_hears_itself_only_hears_no_quorum() -> None:
    it = leadership()
    it.hear(MEMBERS[0], 100)
    assert not it.hears_quorum(100, 10)


def test_who_is_no_member_is_not_counted() -> None:
    it = leadership()
    it.hear(ReplicaId(4), 95)
    assert not it.hears_quorum(100, 10)
    votes = it.open[it.open_slot(Noop(), 0)].votes
    votes.add(MEMBERS[0])
    votes.add(ReplicaId(4))
    assert not votes.is_reached


def test_when_the_members_change_who_stays_has_promised_and_was_heard() -> None:
    it = leadership()
    for member in MEMBERS[:2]:
        it.campaign.promises.add(member)
    it.hear(MEMBERS[1], 100)
    it.elect((*MEMBERS[1:], ReplicaId(4), ReplicaId(5)), 101, 7)
    assert it.campaign.promises.count == 1
    assert it.campaign.next_slot(ReplicaId(4)) == 7
    assert it.campaign.next_slot(MEMBERS[2]) == 7, "what is chosen need not be reported"
    assert it.hears_quorum(109, 10)
    assert not it.hears_quorum(112, 10)
