"""What a journal gives back after clean ends, crashes, failures and damage."""

import errno
from pathlib import Path

import pytest

from node.errors import CorruptRecord, StorageError
from node.runtime.disk import OsDisk
from node.runtime.journal import FILE_HEADER_BYTES, Journal, open_journal
from node.types import ReplicaId
from tests.support.fake_disk import FakeDisk, Operation

PATH = Path("/disk/journal")
ME = ReplicaId(1)


def reopen(disk: FakeDisk) -> tuple[Journal, list[bytes]]:
    return open_journal(disk, PATH, "blue", ME)


def write_groups(disk: FakeDisk, *groups: list[bytes]) -> list[int]:
    """Append and sync each group; returns where each frame starts."""
    journal, _ = reopen(disk)
    starts = []
    for group in groups:
        starts.append(journal.length)
        journal.append(group)
        journal.sync()
    journal.close()
    return starts


def test_records_come_back_in_order() -> None:
    disk = FakeDisk()
    write_groups(disk, [b"one", b""], [b"two"])
    journal, records = reopen(disk)
    assert records == [b"one", b"", b"two"]
    assert journal.dropped_bytes == 0


def test_a_journal_lives_in_a_real_directory(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal, records = open_journal(OsDisk(), path, "blue", ME)
    assert records == []
    journal.append([b"one"])
    journal.sync()
    with pytest.raises(StorageError, match="in use"):
        open_journal(OsDisk(), path, "blue", ME)
    journal.close()
    journal, records = open_journal(OsDisk(), path, "blue", ME)
    assert records == [b"one"]
    journal.close()


def test_a_path_that_cannot_be_opened_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with pytest.raises(StorageError, match="cannot be opened"):
        open_journal(OsDisk(), tmp_path / "journal", "blue", ME)


def test_what_was_synced_survives_a_crash_and_the_rest_was_promised_to_nobody() -> None:
    disk = FakeDisk()
    journal, _ = reopen(disk)
    journal.append([b"synced"])
    journal.sync()
    journal.append([b"not synced"])
    assert not journal.is_durable
    disk.crash()
    assert reopen(disk)[1] == [b"synced"]


def test_syncing_when_all_is_durable_does_nothing() -> None:
    disk = FakeDisk()
    journal, _ = reopen(disk)
    before = disk.sync_count
    journal.sync()
    journal.append([b"x"])
    journal.sync()
    journal.sync()
    assert disk.sync_count == before + 1


def test_recovered_records_are_made_durable_before_anyone_relies_on_them() -> None:
    # A killed process leaves its un-synced writes in the page cache. They are read back, the
    # replica speaks of them, and then the power goes.
    disk = FakeDisk()
    journal, _ = reopen(disk)
    journal.append([b"only in the cache"])
    journal.close()
    assert reopen(disk)[1] == [b"only in the cache"]
    disk.crash()
    assert reopen(disk)[1] == [b"only in the cache"]


def test_a_torn_tail_is_cut_off_counted_and_written_over() -> None:
    disk = FakeDisk()
    journal, _ = reopen(disk)
    journal.append([b"whole"])
    journal.sync()
    journal.append([b"torn" * 100])
    disk.crash(keep=50)
    journal, records = reopen(disk)
    assert records == [b"whole"]
    assert journal.dropped_bytes == 50
    journal.append([b"next"])
    journal.sync()
    disk.crash()
    journal, records = reopen(disk)
    assert records == [b"whole", b"next"]
    assert journal.dropped_bytes == 0


def test_damage_before_a_frame_that_knew_it_to_be_durable_is_refused() -> None:
    disk = FakeDisk()
    starts = write_groups(disk, [b"one"], [b"two"], [b"three"])
    disk.flip_bit(PATH, starts[1] + 25)
    before = disk.contents(PATH)
    with pytest.raises(CorruptRecord) as caught:
        reopen(disk)
    assert caught.value.offset == starts[1]
    assert f"the frame at {starts[2]}" in caught.value.reason
    assert disk.contents(PATH) == before, "the evidence is kept"


def test_a_refused_journal_is_closed_again() -> None:
    disk = FakeDisk()
    starts = write_groups(disk, [b"one"], [b"two"])
    disk.flip_bit(PATH, starts[0])
    for _ in range(2):
        with pytest.raises(CorruptRecord):
            reopen(disk)


def test_a_frame_whose_payload_was_torn_still_vouches_for_those_before_it() -> None:
    disk = FakeDisk()
    starts = write_groups(disk, [b"one"], [b"two"])
    disk.flip_bit(PATH, starts[0] + 25)
    disk.flip_bit(PATH, len(disk.contents(PATH)) - 1)
    with pytest.raises(CorruptRecord):
        reopen(disk)


def test_damage_to_the_very_last_durable_frame_looks_like_a_torn_tail() -> None:
    # What the module's docstring admits. Not wanted: known.
    disk = FakeDisk()
    starts = write_groups(disk, [b"one"], [b"two"])
    disk.flip_bit(PATH, starts[1])
    journal, records = reopen(disk)
    assert records == [b"one"]
    assert journal.dropped_bytes > 0


def test_a_record_that_looks_like_a_frame_accuses_nobody() -> None:
    # A client may put the bytes of another journal's frame, vouching for anything, into a command.
    other = FakeDisk()
    other.salt()  # another file, another salt
    starts = write_groups(other, [b"x"] * 100, [b"y"])
    stolen = other.contents(PATH)[starts[1] :]
    disk = FakeDisk()
    journal, _ = reopen(disk)
    journal.append([stolen] * 50)
    file_end = journal.length
    disk.crash(keep=file_end - FILE_HEADER_BYTES - 1)
    assert reopen(disk)[1] == []


@pytest.mark.parametrize("cluster_and_replica", [("green", 1), ("blue", 2)])
def test_the_journal_of_another_replica_is_refused_and_said_whose_it_is(
    cluster_and_replica: tuple[str, int],
) -> None:
    disk = FakeDisk()
    write_groups(disk, [b"one"])
    cluster, replica = cluster_and_replica
    with pytest.raises(
        StorageError, match="belongs to replica 1 of cluster 'blue', not to replica"
    ):
        open_journal(disk, PATH, cluster, ReplicaId(replica))


def test_a_damaged_file_header_is_refused() -> None:
    disk = FakeDisk()
    write_groups(disk, [b"one"])
    disk.flip_bit(PATH, 20)
    with pytest.raises(CorruptRecord, match="file header"):
        reopen(disk)


@pytest.mark.parametrize("length", [0, 1, 20, FILE_HEADER_BYTES - 1])
def test_a_file_whose_creation_was_cut_short_is_started_anew(length: int) -> None:
    disk = FakeDisk()
    write_groups(disk)
    disk.put(PATH, disk.contents(PATH)[:length])
    assert reopen(disk)[1] == []
    disk.put(PATH, bytes(length))
    journal, _ = reopen(disk)
    journal.append([b"one"])
    journal.sync()
    disk.crash()
    assert reopen(disk)[1] == [b"one"]


def test_a_short_file_of_somebody_else_is_not_overwritten() -> None:
    disk = FakeDisk()
    disk.put(PATH, b"[cluster]\n")
    with pytest.raises(CorruptRecord, match="this is no journal"):
        reopen(disk)
    assert disk.contents(PATH) == b"[cluster]\n"


def test_a_created_journal_exists_after_a_crash() -> None:
    disk = FakeDisk()
    reopen(disk)
    disk.crash()
    assert len(disk.contents(PATH)) == FILE_HEADER_BYTES


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_after_a_failed_write_the_journal_is_of_no_use(code: int) -> None:
    disk = FakeDisk()
    journal, _ = reopen(disk)
    disk.fail_next("append", code, written_bytes=7)
    with pytest.raises(StorageError, match="writing 27 bytes at 512 failed"):
        journal.append([b"x"])
    for use in (journal.sync, lambda: journal.append([b"x"])):
        with pytest.raises(StorageError, match="unusable since an earlier failure"):
            use()
    journal.close()
    assert reopen(disk)[1] == []


def test_a_failed_fsync_is_not_tried_again() -> None:
    # Linux marks the pages clean: a second fsync would say that all is well.
    disk = FakeDisk()
    journal, _ = reopen(disk)
    journal.append([b"x"])
    disk.fail_next("sync")
    with pytest.raises(StorageError, match="fsync"):
        journal.sync()
    syncs = disk.sync_count
    with pytest.raises(StorageError, match="unusable"):
        journal.sync()
    assert disk.sync_count == syncs


@pytest.mark.parametrize(
    "operation",
    ["make_directory", "open", "read", "append", "sync", "truncate", "sync_directory"],
)
def test_a_failure_while_opening_is_a_storage_error_and_the_next_attempt_may_succeed(
    operation: Operation,
) -> None:
    disk = FakeDisk()
    disk.fail_next(operation)
    with pytest.raises(StorageError, match=r"open|created"):
        reopen(disk)
    assert reopen(disk)[1] == []


def test_a_failed_close_is_a_storage_error_once() -> None:
    disk = FakeDisk()
    journal, _ = reopen(disk)
    disk.fail_next("close")
    with pytest.raises(StorageError, match="closing failed"):
        journal.close()
    journal.close()


def test_what_a_failed_fsync_left_in_the_page_cache_is_written_again_at_opening() -> None:
    """The process is started again, not the machine: an fsync alone would have nothing to do."""
    disk = FakeDisk()
    write_groups(disk, [b"safe"])
    journal, _ = reopen(disk)
    journal.append([b"lost by the disk, still in memory"])
    disk.fail_next("sync")
    with pytest.raises(StorageError):
        journal.sync()
    journal.close()
    again, records = reopen(disk)
    again.append([b"later"])
    again.sync()
    disk.crash()
    _, found = reopen(disk)
    assert found == [*records, b"later"]
    assert records[0] == b"safe"


def test_an_overwrite_of_the_real_disk_stands_where_it_was_told(tmp_path: Path) -> None:
    file = OsDisk().open(tmp_path / "file")
    file.append(b"abcdef")
    file.overwrite(2, b"XY")
    file.append(b"g")
    file.truncate(5)
    file.append(b"h")
    file.sync()
    assert file.read() == b"abXYeh"
    file.close()
    again = OsDisk().open(tmp_path / "file")
    again.append(b"i")
    assert again.read() == b"abXYehi"
    again.close()
