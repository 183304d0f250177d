"""Snapshots as bytes and as files: what is refused, what goes, what serves."""

from pathlib import Path

import pytest

from harness.simulation.disk import SimulatedDisk
from harness.simulation.draws import Stream
from node.core.interface import Snapshot
from node.core.multipaxos.messages import Chunk, FetchChunk
from node.core.multipaxos.snapshots import Download, Shelf
from node.errors import CorruptRecord, MalformedFrame, StorageError
from node.runtime.snapshots import Policy, path_of, recover, save, slots_in
from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SessionedStateMachine
from node.state_machine.snapshot import State
from node.types import OPEN_SESSION, ClientId, Command, RequestNumber
from node.wire.kv import Append, Get, encode_operation
from node.wire.messages import Executed, Expired, Opened

DIRECTORY = Path("/replica")


def machine_after(slots: int) -> SessionedStateMachine:
    """One that opened a session, and appended in it."""
    machine = SessionedStateMachine(KeyValueStore())
    for slot in range(1, slots + 1):
        machine.execute_slot(slot, (command(slot),))
    return machine


def command(slot: int) -> Command:
    if slot == 1:
        return Command(client=ClientId(5), number=OPEN_SESSION, answered=OPEN_SESSION, body=b"")
    body = encode_operation(Append("k", f"{slot},"))
    number, client = RequestNumber(slot - 1), ClientId(1 << 20)
    return Command(client=client, number=number, answered=OPEN_SESSION, body=body)


def image_of(machine: SessionedStateMachine) -> bytes:
    return b"".join(machine.encode(machine.capture()))


def decoded(data: bytes) -> State:
    *_, state = SessionedStateMachine(KeyValueStore()).decode(data)
    assert state is not None
    return state


def restored(data: bytes) -> SessionedStateMachine:
    machine = SessionedStateMachine(KeyValueStore())
    machine.restore(decoded(data))
    return machine


def test_a_state_that_was_restored_answers_as_the_one_that_was_captured() -> None:
    """Sessions are part of it: a request asked again is answered, not executed."""
    before = machine_after(4)
    after = restored(image_of(before))
    assert image_of(after) == image_of(before)
    again, forgotten = command(3), Command(
        client=ClientId(9), number=RequestNumber(1), answered=OPEN_SESSION, body=b""
    )  # fmt: skip
    answers = after.execute_slot(5, (again, forgotten))
    assert answers == before.execute_slot(5, (again, forgotten))
    assert isinstance(answers[0], Executed)
    assert isinstance(answers[1], Expired)
    read = Command(
        client=ClientId(1 << 20),
        number=RequestNumber(9),
        answered=OPEN_SESSION,
        body=encode_operation(Get("k")),
    )
    assert after.execute_slot(6, (read,)) == before.execute_slot(6, (read,))


def test_a_capture_does_not_change_with_what_is_executed_later() -> None:
    machine = machine_after(3)
    captured = machine.capture()
    image = b"".join(machine.encode(captured))
    for slot in range(4, 8):
        machine.execute_slot(slot, (command(slot),))
    assert b"".join(machine.encode(captured)) == image


def test_a_session_that_is_opened_later_has_the_name_it_has_everywhere() -> None:
    machine = restored(image_of(machine_after(3)))
    (opened,) = machine.execute_slot(4, (command(1),))
    assert opened == Opened(ClientId(5), ClientId(4 << 20))


def test_no_byte_of_a_snapshot_may_change() -> None:
    image = image_of(machine_after(3))
    for place in range(len(image)):
        damaged = bytearray(image)
        damaged[place] ^= 4
        with pytest.raises(MalformedFrame):
            decoded(bytes(damaged))
    for length in range(len(image)):
        with pytest.raises(MalformedFrame):
            decoded(image[:length])


def saved_disk(*slots: int, keep: bool = False) -> SimulatedDisk:
    """With finished snapshots; `keep` brings back those that newer ones made go."""
    disk = SimulatedDisk(Stream(1))
    disk.make_directory(DIRECTORY)
    for slot in slots:
        if keep:
            file = disk.open(path_of(DIRECTORY, slot))
            file.append(image_of(machine_after(slot)))
            file.sync()
            file.close()
        else:
            save(disk, DIRECTORY, slot, [image_of(machine_after(slot))])
    disk.sync_directory(DIRECTORY)
    return disk


def damage(disk: SimulatedDisk, slot: int) -> None:
    file = disk.open(path_of(DIRECTORY, slot))
    file.overwrite(30, b"#")
    file.sync()
    file.close()


def recovered(disk: SimulatedDisk, truncated_upto: int) -> int:
    machine = SessionedStateMachine(KeyValueStore())
    found = recover(disk, DIRECTORY, truncated_upto, machine.decode)
    assert found is not None
    snapshot, state = found
    assert snapshot.slot == state.slot
    return snapshot.slot


def test_a_newer_snapshot_makes_the_older_one_go() -> None:
    disk = saved_disk(3, 5)
    assert slots_in(disk, DIRECTORY) == [5]
    assert recovered(disk, truncated_upto=5) == 5


def test_of_several_snapshots_the_newest_is_taken_and_the_others_go() -> None:
    disk = saved_disk(3, 5, keep=True)
    assert recovered(disk, truncated_upto=0) == 5
    disk.crash()
    assert slots_in(disk, DIRECTORY) == [5]


def test_a_damaged_snapshot_is_refused() -> None:
    disk = saved_disk(5)
    damage(disk, 5)
    with pytest.raises(CorruptRecord, match="00005: damaged"):
        recovered(disk, truncated_upto=0)


def test_an_older_snapshot_serves_for_a_damaged_one_if_the_log_behind_it_is_there() -> None:
    disk = saved_disk(3, 5, keep=True)
    damage(disk, 5)
    assert recovered(disk, truncated_upto=2) == 3
    assert slots_in(disk, DIRECTORY) == [3]


def test_an_older_snapshot_does_not_serve_if_the_log_behind_it_is_gone() -> None:
    disk = saved_disk(3, 5, keep=True)
    damage(disk, 5)
    with pytest.raises(CorruptRecord):
        recovered(disk, truncated_upto=4)


def test_a_log_that_begins_behind_every_snapshot_is_refused() -> None:
    with pytest.raises(StorageError, match=r"behind slot 6.* newest is of slot 5"):
        recovered(saved_disk(5), truncated_upto=6)
    with pytest.raises(StorageError, match="there is none"):
        recovered(SimulatedDisk(Stream(1)), truncated_upto=6)


def test_what_was_not_finished_is_removed() -> None:
    disk = saved_disk(3)
    disk.open(path_of(DIRECTORY, 9).with_suffix(".new")).append(b"half")
    disk.sync_directory(DIRECTORY)
    disk.crash()
    assert recovered(disk, truncated_upto=0) == 3
    assert disk.names(DIRECTORY) == [path_of(DIRECTORY, 3).name]


def test_a_snapshot_is_due_by_slots_or_by_the_size_of_the_journal() -> None:
    policy = Policy(slots=10, journal_bytes=100)
    large = Snapshot(5, b"x" * 1000)

    def is_due(executed_upto: int, journal_bytes: int) -> bool:
        return policy.is_due(executed_upto=executed_upto, newest=large, journal_bytes=journal_bytes)

    assert not is_due(14, 0)
    assert is_due(15, 0)
    assert not is_due(6, 999)  # less than for the last one
    assert is_due(6, 1000)
    assert not is_due(5, 10_000)  # there is nothing new
    assert policy.is_due(executed_upto=1, newest=None, journal_bytes=100)


# ── From one core to another ─────────────────────────────────────────────────────────────────


def test_chunks_put_together_are_the_snapshot() -> None:
    shelf = Shelf(Snapshot(7, bytes(range(100))))
    first = shelf.chunk(None, 30, now=0)
    assert first is not None
    download = Download(first, now=0)
    download.add(first, now=0)
    while not download.is_whole:
        chunk = shelf.chunk(download.question, 30, now=0)
        assert chunk is not None
        download.add(chunk, now=0)
    whole = download.snapshot()
    assert whole == Snapshot(7, bytes(range(100)))


def test_who_reads_an_older_snapshot_may_finish_and_who_begins_gets_the_newest() -> None:
    shelf = Shelf(Snapshot(7, b"old" * 20))
    first = shelf.chunk(None, 30, now=0)
    assert first is not None
    shelf.put(Snapshot(9, b"new" * 20), now=1, patience=10)
    goes_on = shelf.chunk(FetchChunk(7, first.checksum, 30), 30, now=2)
    assert goes_on is not None
    assert (goes_on.slot, goes_on.offset) == (7, 30)
    begins = shelf.chunk(None, 30, now=3)
    assert begins is not None
    assert (begins.slot, begins.offset) == (9, 0)


def test_who_asks_for_a_snapshot_that_is_gone_begins_with_the_newest() -> None:
    shelf = Shelf(Snapshot(9, b"new" * 20))
    chunk = shelf.chunk(FetchChunk(7, 1234, 30), 30, now=0)
    assert chunk is not None
    assert (chunk.slot, chunk.offset) == (9, 0)


def test_a_snapshot_that_is_not_what_was_announced_is_none() -> None:
    chunk = Chunk(slot=7, size=3, checksum=1, offset=0, data=b"abc")
    download = Download(chunk, now=0)
    download.add(chunk, now=0)
    assert download.snapshot() is None


@pytest.mark.parametrize(("offset", "data"), [(0, b""), (2, b"abc")])
def test_a_chunk_beyond_the_size_that_it_names_is_no_message(offset: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="of 4"):
        Chunk(slot=7, size=4, checksum=1, offset=offset, data=data)
