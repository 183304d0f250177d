"""Queries, where a snapshot stands for a part of the log."""

from random import Random

from node.core.ballot import Ballot
from node.core.interface import Read, Ready, Received, Refusal, Role, Snapshot, SnapshotSaved
from node.core.log import Batch, Entry
from node.core.multipaxos import Message, MultiPaxos, Record, Settings
from node.core.multipaxos.messages import Accepted, Heard, Promise
from node.types import ClientId, Query, ReplicaId, RequestNumber

ONE, TWO, THREE = ReplicaId(1), ReplicaId(2), ReplicaId(3)
OLD = Ballot(1, TWO)
NOTHING = Batch(())
QUERY = Query(ClientId(7), RequestNumber(1), b"")


def candidate() -> MultiPaxos:
    """1 campaigns, and has its own promise."""
    it = MultiPaxos(
        replica=ONE,
        members=(ONE, TWO, THREE),
        settings=Settings(election_timeout_ticks=10, heartbeat_ticks=2),
        random=Random(1),
    )
    it._start_campaign()
    settle(it)
    return it


def settle(it: MultiPaxos) -> list[Ready[Message, Record]]:
    """Hand back what waits for the own disk, until nothing does."""
    done = []
    while (ready := it.take_ready()) is not None:
        done.append(ready)
        for envelope in ready.messages_after_persist:
            if envelope.to == ONE:
                it.step(Received(ONE, envelope.message))
    return done


def promise(it: MultiPaxos, *entries: Entry, truncated_upto: int = 0, upto: int = 0) -> Promise:
    last = max((entry.slot for entry in entries), default=truncated_upto)
    return Promise(
        ballot=it.acceptor.promised,
        from_slot=1,
        to_slot=last,
        entries=entries,
        is_last=True,
        chosen_upto=max(upto, truncated_upto),
        truncated_upto=truncated_upto,
    )


def confirm(it: MultiPaxos) -> list[Query]:
    """2 confirms the round that was begun last; what is answered then."""
    assert it.leadership is not None
    it.step(Received(TWO, Heard(it.leadership.ballot, it.leadership.reads.round)))
    return [query for ready in settle(it) for query in ready.reads]


def test_a_query_waits_for_what_is_chosen_behind_the_truncated_slots() -> None:
    """The acceptor knows slot 4 to be chosen, has truncated 3, and reports 4 and 5."""
    it = candidate()
    reported = (Entry(4, OLD, NOTHING), Entry(5, OLD, NOTHING))
    it.step(Received(TWO, promise(it, *reported, truncated_upto=3, upto=4)))
    settle(it)
    assert it.status().role is Role.CANDIDATE, (
        "it lacks slots 1 to 3, which nobody will propose again"
    )
    it.step(Read(QUERY))
    assert [r.why for ready in settle(it) for r in ready.refused] == [Refusal.NOT_LEADER]

    it.step(SnapshotSaved(Snapshot(3, b"state"), state=object()))
    settle(it)
    assert it.leadership is not None
    assert it.leadership.recovers_upto == 5
    confirm(it)  # the round that began with its office
    it.step(Read(QUERY))
    settle(it)
    assert confirm(it) == []
    assert it.leadership.reads.confirmed_upto == 2, "but slots 4 and 5 are not executed"
    for slot in (4, 5):
        it.step(Received(TWO, Accepted(it.leadership.ballot, slot)))
    assert [query for ready in settle(it) for query in ready.reads] == [QUERY]


def test_a_leader_that_a_snapshot_overtakes_refuses_the_queries_that_wait() -> None:
    it = candidate()
    it.step(Received(TWO, promise(it)))
    settle(it)
    assert it.status().role is Role.LEADER
    it.step(Read(QUERY))
    settle(it)
    it.step(SnapshotSaved(Snapshot(9, b"state"), state=object()))
    ready = settle(it)
    assert it.status().role is Role.FOLLOWER
    assert [(r.client, r.number, r.why) for each in ready for r in each.refused] == [
        (QUERY.client, QUERY.number, Refusal.NOT_LEADER)
    ]
