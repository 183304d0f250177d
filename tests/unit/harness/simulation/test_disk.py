"""The simulated disk: what survives a crash, what fails when told to, and that draws decide it."""

from pathlib import Path

import pytest

from harness.simulation.disk import SECTOR_BYTES, SimulatedDisk, SimulatedFile
from harness.simulation.draws import MILLION, Draws
from node.errors import CorruptRecord, StorageError
from node.runtime.journal import Journal, open_journal
from node.types import ReplicaId

PATH = Path("/disk/file")
TORN = {"tear": MILLION, "survive": 0}
EVEN = {"tear": MILLION // 3, "survive": MILLION // 3}


def new_disk(seed: int = 1) -> SimulatedDisk:
    return SimulatedDisk(Draws(seed).stream("disk", 1))


def new_file(disk: SimulatedDisk, path: Path = PATH, synced: bytes = b"") -> SimulatedFile:
    """A file whose name is durable, and what is `synced`."""
    disk.make_directory(path.parent)
    file = disk.open(path)
    file.append(synced)
    file.sync()
    disk.sync_directory(path.parent)
    return file


def test_a_reader_sees_what_a_crash_would_lose() -> None:
    disk = new_disk()
    file = new_file(disk, synced=b"old")
    file.append(b" new")
    assert file.read() == b"old new"
    assert disk.durable(PATH) == b"old"
    disk.crash()
    assert disk.open(PATH).read() == b"old"
    assert disk.bites == {"lost-write": 1}


def test_what_is_synced_survives() -> None:
    disk = new_disk()
    file = new_file(disk, synced=b"0123456789")
    file.truncate(4)
    file.append(b"!")
    file.sync()
    disk.crash()
    assert disk.open(PATH).read() == b"0123!"
    assert not disk.bites


def test_rates_of_a_million_leave_no_choice() -> None:
    disk = new_disk()
    file = new_file(disk)
    for _ in range(50):
        file.append(b"x" * 100)
    disk.crash(survive=MILLION)
    assert disk.open(PATH).read() == b"x" * 5000
    assert disk.bites == {"survived-write": 50}


def test_a_torn_write_leaves_any_of_its_sectors_and_zeros_between_them() -> None:
    sectors = (b"a" * SECTOR_BYTES, b"b" * SECTOR_BYTES, b"c" * 10)
    seen = set()
    for seed in range(100):
        disk = new_disk(seed)
        new_file(disk).append(b"".join(sectors))
        disk.crash(**TORN)
        seen.add(disk.contents(PATH))
        assert disk.bites.total() == 1
    assert sectors[0] + bytes(SECTOR_BYTES) + sectors[2] in seen
    # Where the last sector is missing the length may be there all the same.
    assert len(seen) == 4 + 2 * 4


def test_a_later_write_may_survive_an_earlier_one_in_the_same_file_and_in_another() -> None:
    same, other = set(), set()
    for seed in range(100):
        disk = new_disk(seed)
        first, second = new_file(disk), new_file(disk, Path("/disk/second"))
        first.append(b"1")
        first.append(b"2")
        second.append(b"3")
        disk.crash(survive=MILLION // 2)
        same.add(disk.contents(PATH))
        other.add((disk.contents(PATH), disk.contents(Path("/disk/second"))))
    assert same == {b"", b"1", b"\x002", b"12"}
    assert len(other) == 8


def test_the_fate_of_a_write_depends_on_nothing_that_was_done_before_but_its_place() -> None:
    fates = []
    for earlier_crash in (False, True):
        disk = new_disk(5)
        file = new_file(disk)
        file.append(b"a" * SECTOR_BYTES)
        file.sync()
        if earlier_crash:
            disk.crash(**EVEN)
            file = disk.open(PATH)
        for letter in b"bcdefgh":
            file.append(bytes([letter]) * SECTOR_BYTES)
        disk.crash(**EVEN)
        fates.append(disk.contents(PATH))
    assert fates[0] == fates[1]


def test_equal_draws_make_equal_disks_and_others_other_salts() -> None:
    assert new_disk(1).salt() == new_disk(1).salt()
    disk = new_disk(1)
    assert len({disk.salt(), disk.salt(), new_disk(2).salt()}) == 3


def test_a_name_is_durable_after_its_directory_is_synced() -> None:
    disk = new_disk()
    disk.make_directory(PATH.parent)
    file = disk.open(PATH)
    file.append(b"x")
    file.sync()
    disk.crash()
    assert disk.bites == {"lost-name": 1}
    assert disk.open(PATH).read() == b""
    disk.sync_directory(PATH.parent)
    disk.crash()
    assert disk.contents(PATH) == b""


def test_a_new_file_may_have_its_name_and_its_length_without_its_bytes() -> None:
    found = set()
    for seed in range(60):
        disk = new_disk(seed)
        disk.make_directory(PATH.parent)
        disk.open(PATH).append(b"x" * SECTOR_BYTES)
        disk.crash(tear=MILLION)
        found.add(disk.open(PATH).read())
    assert found == {b"", bytes(SECTOR_BYTES), b"x" * SECTOR_BYTES}


def test_every_file_opened_before_a_crash_is_dead() -> None:
    disk = new_disk()
    file = new_file(disk)
    with pytest.raises(StorageError, match="in use"):
        disk.open(PATH)
    disk.crash()
    again = disk.open(PATH)
    for use in (file.read, file.sync, file.close, lambda: file.append(b"x")):
        with pytest.raises(OSError, match="Errno 9"):
            use()
    again.close()
    with pytest.raises(OSError, match="Errno 9"):
        again.read()


def test_after_a_failed_sync_the_next_one_succeeds_and_the_data_is_gone() -> None:
    disk = new_disk()
    file = new_file(disk)
    file.append(b"lost")
    disk.fail_next_sync()
    with pytest.raises(OSError, match="Input/output"):
        file.sync()
    file.sync()
    file.append(b"kept")
    file.sync()
    assert file.read() == b"lostkept"
    disk.crash(survive=MILLION)
    assert disk.contents(PATH) == b"\0\0\0\0kept"
    assert disk.bites == {"fail-fsync": 1}


def test_a_read_fails_once() -> None:
    disk = new_disk()
    file = new_file(disk, synced=b"x")
    disk.fail_next_read()
    with pytest.raises(OSError, match="Input/output"):
        file.read()
    assert file.read() == b"x"
    assert disk.bites == {"fail-read": 1}


# With the journal that the disk is made for.


def reopen(disk: SimulatedDisk) -> tuple[Journal, list[bytes]]:
    return open_journal(disk, PATH, "blue", ReplicaId(1))


def test_no_bit_is_flipped_before_a_durable_write_vouches_for_it() -> None:
    disk = new_disk()
    flips = Draws(1).stream("flips")
    journal, _ = reopen(disk)
    assert disk.flip_bit(flips) is None
    journal.append([b"one"])
    assert disk.flip_bit(flips) is None
    journal.sync()
    assert disk.vouched(PATH) == 512
    end = journal.length
    journal.append([b"two"])
    assert disk.vouched(PATH) == 512
    journal.sync()
    assert disk.vouched(PATH) == end
    was_damaged = disk.is_damaged
    where = disk.flip_bit(flips)
    assert not was_damaged
    assert where is not None
    assert where[1] < end
    assert disk.is_damaged
    assert disk.bites["flip-bit"] == 0  # so far nobody has noticed
    disk.crash()
    disk.open(PATH).read()
    assert disk.bites["flip-bit"] == 1


@pytest.mark.parametrize("seed", range(25))
def test_a_journal_refuses_every_flipped_bit_and_recovers_from_every_crash(seed: int) -> None:
    draws = Draws(seed).stream("test")
    disk = new_disk(seed)
    synced: list[bytes] = []
    for life in range(4):
        journal, written = reopen(disk)
        assert written[: len(synced)] == synced
        synced = list(written)
        for number in range(draws.below(6)):
            written.append(b"%d %d " % (life, number) * draws.below(300))
            journal.append(written[-1:])
            if draws.chance(MILLION // 2):
                journal.sync()
                synced = list(written)
        disk.crash(**EVEN)
    journal, _ = reopen(disk)
    journal.append([b"last"])
    journal.sync()
    disk.flip_bit(draws)
    disk.crash(**EVEN)
    with pytest.raises(CorruptRecord):
        reopen(disk)


def named(disk: SimulatedDisk, name: str, data: bytes) -> Path:
    """A durable file."""
    path = PATH.with_name(name)
    disk.make_directory(path.parent)
    file = disk.open(path)
    file.append(data)
    file.sync()
    file.close()
    disk.sync_directory(path.parent)
    return path


def test_a_rename_is_undone_by_a_crash_before_the_directory_is_synced() -> None:
    disk = new_disk()
    old, new = named(disk, "log", b"old"), named(disk, "log.new", b"new")
    disk.rename(new, old)
    assert disk.contents(old) == b"new"
    assert disk.names(old.parent) == ["log"]
    disk.crash()
    assert disk.names(old.parent) == ["log", "log.new"]
    assert disk.contents(old) == b"old"
    disk.rename(new, old)
    disk.sync_directory(old.parent)
    disk.crash()
    assert disk.names(old.parent) == ["log"]
    assert disk.contents(old) == b"new"
    assert disk.vouched(old) == 3  # it was whole before it was called so


def test_a_file_that_was_removed_may_come_back() -> None:
    disk = new_disk()
    path = named(disk, "log", b"old")
    disk.remove(path)
    assert disk.names(path.parent) == []
    disk.crash()
    assert disk.contents(path) == b"old"
    disk.remove(path)
    disk.crash(survive=MILLION)
    assert disk.names(path.parent) == []


def test_a_wiped_disk_is_empty() -> None:
    disk = new_disk()
    path = named(disk, "log", b"old")
    file = disk.open(path)
    disk.wipe()
    assert disk.names(path.parent) == []
    with pytest.raises(OSError, match="Errno 9"):
        file.read()


def test_a_file_is_made_in_a_directory_that_exists() -> None:
    disk = new_disk()
    with pytest.raises(FileNotFoundError):
        disk.open(PATH)
    disk.make_directory(PATH.parent)
    disk.open(PATH)


def test_a_directory_is_not_made_where_a_file_is() -> None:
    disk = new_disk()
    new_file(disk)
    with pytest.raises(NotADirectoryError):
        disk.make_directory(PATH / "below")


def test_a_directory_that_was_made_survives_a_crash() -> None:
    disk = new_disk()
    disk.make_directory(PATH.parent)
    disk.crash()
    disk.open(PATH)
    assert not disk.bites


def test_a_crash_while_a_directory_is_made_takes_it_and_what_is_in_it() -> None:
    disk = new_disk()
    disk.begin_directory(PATH.parent)
    file = disk.open(PATH)
    file.append(b"x")
    file.sync()
    disk.crash()
    assert disk.bites == {"lost-name": 2}
    with pytest.raises(FileNotFoundError):
        disk.open(PATH)


def test_a_crash_while_a_directory_is_made_may_leave_it() -> None:
    disk = new_disk()
    disk.begin_directory(PATH.parent)
    disk.crash(survive=MILLION)
    disk.open(PATH)
