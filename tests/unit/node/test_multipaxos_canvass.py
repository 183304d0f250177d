"""Who is willing, whom a leader needs to hear: what keeps elections from going on for ever."""

import pytest

from node.core.ballot import Ballot
from node.core.interface import Propose, Received, Role, Tick
from node.core.multipaxos import Message, MultiPaxos, Settings
from node.core.multipaxos.messages import (
    Accepted,
    Declined,
    Fetch,
    Heard,
    Heartbeat,
    Prepare,
    Probe,
    PromiseRecord,
    Willing,
)
from node.types import ReplicaId
from tests.support.cores import ONE, THREE, TWO, candidate, command, core, leader, take


def probed(it: MultiPaxos, *, round_: int = 9) -> list[Message]:
    """What replica 1 answers when 2 asks around."""
    it.take_ready()
    it.step(Received(TWO, Probe(Ballot(round_, TWO), 77)))
    ready = it.take_ready()
    if ready is None:
        return []
    assert ready.records == ()
    assert ready.messages_after_persist == ()
    assert ready.leader_hint is None
    return [envelope.message for envelope in ready.messages]


def ticked(it: MultiPaxos, count: int) -> MultiPaxos:
    for _ in range(count):
        it.step(Tick())
    return it


def test_who_has_just_started_is_not_willing_and_later_is() -> None:
    it = ticked(core(), 9)
    assert probed(it) == []
    assert probed(ticked(it, 1)) == [Willing(Ballot(9, TWO), 77)]


def test_who_hears_a_leader_is_not_willing() -> None:
    it = ticked(core(), 9)
    it.step(Received(THREE, Heartbeat(Ballot(1, THREE), 0, 1)))
    assert probed(ticked(it, 9)) == []
    assert probed(ticked(it, 1)) == [Willing(Ballot(9, TWO), 77)]


def test_who_has_just_promised_is_not_willing_to_promise_another() -> None:
    it = ticked(core(), 10)
    it.step(Received(THREE, Prepare(Ballot(1, THREE), 1)))
    assert probed(it) == []


def test_leaders_and_candidates_are_not_willing() -> None:
    assert probed(leader()) == []
    assert probed(candidate()) == []


def test_being_willing_binds_nobody() -> None:
    it = ticked(core(), 10)
    before = it.status()
    assert probed(it) == [Willing(Ballot(9, TWO), 77)]
    assert it.status() == before
    it.step(Received(THREE, Prepare(Ballot(1, THREE), 1)))
    assert it.status().ballot == Ballot(1, THREE)


def test_who_promised_more_says_so() -> None:
    it = ticked(core(PromiseRecord(Ballot(4, ONE))), 10)
    assert probed(it, round_=3) == [Declined(Ballot(4, ONE))]


def test_asking_around_takes_no_ballot_however_often() -> None:
    it = ticked(core(), 1000)
    ready = take(it)
    assert ready.records == ()
    assert {e.message.ballot for e in ready.messages if isinstance(e.message, Probe)} == {
        Ballot(1, ONE)
    }
    assert it.status().ballot == Ballot(0, ReplicaId(0))


def test_a_question_is_repeated_at_once_for_a_while_and_then_seldom() -> None:
    it = core(settings=Settings(election_timeout_ticks=30, heartbeat_ticks=5))
    while it.canvass is None:
        it.step(Tick())
    take(it)
    asked = []
    for tick in range(1, 30):
        ready = ticked(it, 1).take_ready()
        if ready is not None and ready.messages:
            asked.append(tick)
    assert asked == [1, 2, 3, 4, 5, 10, 15, 20, 25]


def test_a_sign_of_life_ends_the_asking() -> None:
    it = core()
    while it.canvass is None:
        it.step(Tick())
    late = Willing(it.canvass.ballot, it.canvass.asked_at)
    it.step(Received(THREE, Heartbeat(Ballot(1, THREE), 0, 1)))
    it.step(Received(TWO, late))
    assert it.role is Role.FOLLOWER
    assert it.status().leader == THREE


def test_a_follower_answers_heartbeats_of_the_leader_it_follows_only() -> None:
    it = core()
    it.step(Received(THREE, Heartbeat(Ballot(2, THREE), 0, 1)))
    assert [e.message for e in take(it).messages] == [Heard(Ballot(2, THREE), 1)]
    it.step(Received(TWO, Heartbeat(Ballot(1, TWO), 0, 1)))
    assert it.take_ready() is None, "valid, since nothing was promised; but nobody to follow"


@pytest.mark.parametrize("answer", [Heard(Ballot(1, ONE), 1), Accepted(Ballot(1, ONE), 1)])
def test_a_leader_stays_while_a_quorum_answers(answer: Message) -> None:
    it = leader()
    for _ in range(20):
        ticked(it, 5)
        it.step(Received(THREE, answer))
    assert it.role is Role.LEADER


@pytest.mark.parametrize(
    "noise",
    [Heard(Ballot(1, TWO), 1), Probe(Ballot(2, TWO), 1), Accepted(Ballot(1, TWO), 1), Fetch(1)],
)
def test_a_leader_that_nobody_follows_steps_down_whatever_else_it_hears(noise: Message) -> None:
    it = leader()
    it.step(Propose(command(1)))
    take(it)
    for _ in range(20):
        it.step(Tick())
        it.step(Received(TWO, noise))
    assert it.role is Role.FOLLOWER
    hint = take(it).leader_hint
    assert hint is not None
    assert (hint.leader, hint.ballot) == (None, Ballot(1, ONE))


def test_a_campaign_that_comes_to_nothing_is_given_up_and_asked_about_again() -> None:
    it = ticked(candidate(), 25)
    assert it.role is Role.FOLLOWER
    assert it.status().ballot == Ballot(1, ONE)
    assert it.canvass is not None
    assert it.canvass.ballot == Ballot(2, ONE)
