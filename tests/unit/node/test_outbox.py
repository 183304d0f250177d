"""The outbox of a core becomes a `Ready`."""

from node.core.ballot import NO_BALLOT, Ballot
from node.core.interface import Envelope, LeaderHint, Role
from node.core.outbox import Outbox
from node.types import ReplicaId

NOBODY = LeaderHint(Role.FOLLOWER, NO_BALLOT, None)
SOMEBODY = LeaderHint(Role.FOLLOWER, Ballot(1, ReplicaId(2)), ReplicaId(2))


def test_an_idle_core_has_nothing_to_hand_out() -> None:
    outbox: Outbox[str, str] = Outbox()
    outbox.take(NOBODY)
    assert outbox.take(NOBODY) is None


def test_work_is_handed_out_once() -> None:
    outbox: Outbox[str, str] = Outbox()
    outbox.take(NOBODY)
    outbox.records.append("record")
    outbox.messages_after_persist.append(Envelope(ReplicaId(1), "message"))
    ready = outbox.take(NOBODY)
    assert ready is not None
    assert ready.records == ("record",)
    assert ready.messages_after_persist == (Envelope(ReplicaId(1), "message"),)
    assert ready.messages == ()
    assert outbox.take(NOBODY) is None


def test_a_leader_hint_is_told_when_it_changed() -> None:
    outbox: Outbox[str, str] = Outbox()
    hints = []
    for hint in (NOBODY, NOBODY, SOMEBODY, SOMEBODY, NOBODY):
        ready = outbox.take(hint)
        hints.append(None if ready is None else ready.leader_hint)
    assert hints == [NOBODY, None, SOMEBODY, None, NOBODY]


def test_a_hint_that_is_no_news_does_not_travel_with_other_work() -> None:
    outbox: Outbox[str, str] = Outbox()
    outbox.take(NOBODY)
    outbox.notes.append("something")
    ready = outbox.take(NOBODY)
    assert ready is not None
    assert ready.leader_hint is None
