"""A core and its snapshots: what it writes when, and what it refuses to believe."""

from random import Random

from node.core.ballot import Ballot
from node.core.interface import Received, Role, Snapshot, SnapshotSaved, Tick
from node.core.log import Batch, Entry
from node.core.multipaxos import MultiPaxos, Record, RejoinRecord, Settings
from node.core.multipaxos.messages import (
    Accept,
    AcceptRecord,
    Chunk,
    Fetch,
    FetchChunk,
    Heartbeat,
    Learn,
    Prepare,
    PromiseRecord,
    TruncatedRecord,
)
from node.types import ReplicaId

ONE, TWO, THREE = ReplicaId(1), ReplicaId(2), ReplicaId(3)
LEADER = Ballot(1, TWO)
NOTHING = Batch(())


def core(*records: Record, snapshot: Snapshot | None = None, **limits: int) -> MultiPaxos:
    return MultiPaxos(
        replica=ONE,
        members=(ONE, TWO, THREE),
        settings=Settings(election_timeout_ticks=10, heartbeat_ticks=2, **limits),
        random=Random(1),
        records=records,
        snapshot=snapshot,
    )


def accepted(slot: int) -> AcceptRecord:
    return AcceptRecord(Entry(slot, LEADER, NOTHING))


def learned(it: MultiPaxos, upto: int) -> None:
    """Everything up to a slot is chosen, executed and written."""
    entries = tuple(Entry(slot, LEADER, NOTHING) for slot in range(1, upto + 1))
    it.step(Received(TWO, Learn(entries, upto)))
    it.take_ready()


def chunk(slot: int, data: bytes, *, offset: int = 0, size: int = 6, checksum: int = 5) -> Chunk:
    return Chunk(slot=slot, size=size, checksum=checksum, offset=offset, data=data)


def sent(it: MultiPaxos) -> list[object]:
    ready = it.take_ready()
    return [] if ready is None else [envelope.message for envelope in ready.messages]


def test_a_snapshot_ahead_of_the_journal_has_the_journal_switched_at_once() -> None:
    """A crash came between the two. What is recorded next must not come behind a gap."""
    it = core(PromiseRecord(LEADER), accepted(1), snapshot=Snapshot(5, b"state"))
    assert it.log.truncated_upto == it.log.chosen_upto == 5
    ready = it.take_ready()
    assert ready is not None
    assert ready.journal is not None
    assert TruncatedRecord(5) in ready.journal
    assert PromiseRecord(LEADER) in ready.journal
    assert ready.chosen == ()


def test_only_what_the_snapshot_does_not_have_is_executed_again() -> None:
    it = core(
        *(accepted(slot) for slot in (1, 2, 3)),
        snapshot=Snapshot(2, b"state"),
    )
    it.step(Received(TWO, Heartbeat(LEADER, 3, 1)))
    ready = it.take_ready()
    assert ready is not None
    assert [chosen.slot for chosen in ready.chosen] == [3]


def test_a_snapshot_of_the_own_state_truncates_and_keeps_some_slots() -> None:
    it = core(log_slots_kept=2)
    learned(it, 6)
    it.step(SnapshotSaved(Snapshot(5, b"state")))
    ready = it.take_ready()
    assert ready is not None
    assert it.log.truncated_upto == 3
    assert ready.records == ()
    assert ready.journal is not None
    assert ready.journal[0] == TruncatedRecord(3)
    assert [r.entry.slot for r in ready.journal if isinstance(r, AcceptRecord)] == [4, 5, 6]


def test_bytes_bound_what_stays_too() -> None:
    it = core(log_slots_kept=5, log_bytes_kept=0)
    learned(it, 6)
    it.step(SnapshotSaved(Snapshot(5, b"state")))
    assert it.log.truncated_upto == 0  # empty batches cost nothing


def test_an_older_snapshot_than_the_newest_changes_nothing() -> None:
    it = core()
    learned(it, 6)
    it.step(SnapshotSaved(Snapshot(5, b"state")))
    it.take_ready()
    it.step(SnapshotSaved(Snapshot(4, b"old")))
    assert it.take_ready() is None
    assert it.snapshot_slot == 5


def test_what_the_log_has_overtaken_is_kept_and_not_restored() -> None:
    it = core(log_slots_kept=0)
    learned(it, 6)
    it.step(SnapshotSaved(Snapshot(5, b"state"), state=object()))
    ready = it.take_ready()
    assert ready is not None
    assert ready.restored is None
    assert it.log.chosen_upto == 6
    assert it.log.truncated_upto == 5


def test_a_leader_that_a_snapshot_overtakes_steps_down() -> None:
    """It may hold proposals of its own where a higher ballot chose something else."""
    it = MultiPaxos(replica=ONE, members=(ONE,), settings=Settings(), random=Random(1))
    while it.status().role is not Role.LEADER:
        it.step(Tick())
        while (ready := it.take_ready()) is not None:
            for envelope in (*ready.messages, *ready.messages_after_persist):
                it.step(Received(ONE, envelope.message))
    it.step(SnapshotSaved(Snapshot(9, b"state"), state=object()))
    assert it.status().role is Role.FOLLOWER
    ready = it.take_ready()
    assert ready is not None
    assert ready.restored is not None
    assert it.log.chosen_upto == 9


def test_a_part_out_of_order_or_of_something_older_is_not_taken() -> None:
    it = core()
    it.step(Received(TWO, chunk(5, b"abc")))
    assert sent(it) == [FetchChunk(5, 5, 3)]
    for other in (
        chunk(5, b"abc"),
        chunk(4, b"abc"),
        chunk(5, b"f", offset=5),
        chunk(6, b"f", offset=3),
    ):
        it.step(Received(TWO, other))
        assert sent(it) == []
    it.step(Received(TWO, chunk(6, b"ab")))  # a newer one begins
    assert sent(it) == [FetchChunk(6, 5, 2)]


def test_a_damaged_download_is_begun_again() -> None:
    it = core()
    it.step(Received(TWO, chunk(5, b"abc", size=3)))
    ready = it.take_ready()
    assert ready is not None
    assert ready.received is None
    it.step(Received(TWO, Heartbeat(LEADER, 9, 1)))
    assert Fetch(1) in sent(it)


def test_who_is_rejoining_promises_nothing_and_votes_for_nothing() -> None:
    it = core(RejoinRecord())
    it.step(Received(TWO, Prepare(LEADER, 1)))
    it.step(Received(TWO, Accept(LEADER, 1, NOTHING, 0)))
    ready = it.take_ready()
    assert ready is not None
    assert (ready.messages, ready.messages_after_persist, ready.records) == ((), (), ())
    assert it.status().is_rejoining


def test_who_is_rejoining_never_campaigns() -> None:
    it = core(RejoinRecord())
    for _ in range(200):
        it.step(Tick())
    assert it.role is Role.FOLLOWER
    assert it.campaign is None
