"""The real disk, and that the fake one forgets and fails as it says."""

import errno
import os
from pathlib import Path

import pytest

from node.errors import StorageError
from node.runtime.disk import OsDisk
from tests.support.fake_disk import FakeDisk

PATH = Path("/disk/file")


def test_what_is_appended_is_read_back_by_the_next_who_opens(tmp_path: Path) -> None:
    disk = OsDisk()
    file = disk.open(tmp_path / "file")
    file.append(b"one")
    file.append(b"two")
    file.sync()
    disk.sync_directory(tmp_path)
    file.close()
    file = disk.open(tmp_path / "file")
    assert file.read() == b"onetwo"
    file.truncate(4)
    file.append(b"!")
    assert file.read() == b"onet!"
    file.close()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The directories that were synced, in order, once what is in them had been made."""
    found: list[Path] = []
    sync = OsDisk.sync_directory

    def note(self: OsDisk, path: Path) -> None:
        found.append(path)
        sync(self, path)

    monkeypatch.setattr(OsDisk, "sync_directory", note)
    return found


def test_directories_are_made_and_synced_from_the_top(tmp_path: Path, synced: list[Path]) -> None:
    OsDisk().make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [tmp_path.parent, tmp_path, tmp_path / "a"]


def test_a_directory_that_exists_may_not_be_durable_yet(tmp_path: Path, synced: list[Path]) -> None:
    """Whoever made it may have been killed before the fsync."""
    OsDisk().make_directory(tmp_path)
    assert synced == [tmp_path.parent]


def test_a_directory_is_not_made_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError):
            OsDisk().make_directory(path)


def test_a_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    OsDisk().open(tmp_path / "file").close()
    assert (tmp_path / "file").stat().st_mode & 0o077 == 0


def test_a_file_that_is_open_is_refused_until_it_is_closed(tmp_path: Path) -> None:
    disk = OsDisk()
    first = disk.open(tmp_path / "file")
    with pytest.raises(StorageError, match="in use"):
        disk.open(tmp_path / "file")
    first.close()
    disk.open(tmp_path / "file").close()


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: whole_write(fd, data[:3], at))
    file = OsDisk().open(tmp_path / "file")
    file.append(b"0123456789")
    assert file.read() == b"0123456789"
    file.close()


def test_a_write_that_accepts_nothing_does_not_loop_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = OsDisk().open(tmp_path / "file")
    monkeypatch.setattr(os, "pwrite", lambda _fd, _data, _at: 0)
    with pytest.raises(OSError, match="accepted nothing"):
        file.append(b"x")
    file.close()


def test_what_is_appended_after_a_sync_finds_room_that_no_reader_sees(tmp_path: Path) -> None:
    path = tmp_path / "file"
    file = OsDisk().open(path)
    file.append(b"one")
    file.sync()
    assert path.stat().st_size == 3
    file.append(b"two")
    file.sync()
    room = path.stat().st_size
    file.append(b"three")
    assert path.stat().st_size == room > 1000
    assert file.read() == bytes(file.view()[:]) == b"onetwothree"
    assert path.read_bytes().rstrip(b"\0") == b"onetwothree"
    file.truncate(4)
    file.append(b"!")
    file.close()
    assert path.read_bytes() == b"onet!"


def test_room_grows_before_it_is_too_small(tmp_path: Path) -> None:
    file = OsDisk().open(tmp_path / "file")
    written = b""
    for letter in b"abc":
        data = bytes([letter]) * 700_000
        file.append(data)
        file.sync()
        written += data
    assert file.read() == written
    file.close()
    assert (tmp_path / "file").read_bytes() == written


def test_salts_differ() -> None:
    assert OsDisk().salt() != OsDisk().salt()


def open_fake(synced: bytes) -> FakeDisk:
    disk = FakeDisk()
    disk.put(PATH, synced)
    return disk


def test_a_crash_loses_what_was_not_synced() -> None:
    disk = open_fake(b"old")
    file = disk.open(PATH)
    file.append(b" new")
    assert file.read() == b"old new"
    disk.crash()
    assert disk.contents(PATH) == b"old"
    with pytest.raises(OSError, match="when the power went"):
        file.read()


def test_a_crash_may_keep_a_prefix() -> None:
    disk = open_fake(b"old")
    file = disk.open(PATH)
    file.append(b" new")
    file.append(b" newer")
    disk.crash(keep=6)
    assert disk.contents(PATH) == b"old new n"


def test_a_new_file_whose_directory_was_not_synced_is_lost() -> None:
    disk = FakeDisk()
    file = disk.open(PATH)
    file.append(b"x")
    file.sync()
    disk.crash()
    assert disk.open(PATH).read() == b""


def test_after_a_failed_sync_the_next_one_succeeds_and_the_data_is_gone() -> None:
    disk = open_fake(b"")
    file = disk.open(PATH)
    file.append(b"lost")
    disk.fail_next("sync")
    with pytest.raises(OSError, match="Input/output"):
        file.sync()
    file.sync()
    file.append(b"kept")
    file.sync()
    assert file.read() == b"lostkept"
    disk.crash()
    assert disk.contents(PATH) == b"\0\0\0\0kept"


def test_a_full_disk_takes_part_of_a_write() -> None:
    disk = open_fake(b"")
    file = disk.open(PATH)
    disk.fail_next("append", errno.ENOSPC, written_bytes=2)
    with pytest.raises(OSError, match="No space"):
        file.append(b"abcd")
    assert file.read() == b"ab"
