"""A journal that is switched for a shorter one: one or the other, and never a part."""

from pathlib import Path

import pytest

from harness.simulation.disk import SimulatedDisk
from harness.simulation.draws import MILLION, Stream
from node.errors import CorruptRecord, StorageError
from node.failpoints import listen
from node.runtime.disk import OsDisk
from node.runtime.journal import FILE_HEADER_BYTES, Journal, open_journal
from node.types import ReplicaId

PATH = Path("/disk/journal")
ME = ReplicaId(1)


class Died(BaseException):
    """At a failpoint."""


def reopen(disk: SimulatedDisk) -> tuple[Journal, list[bytes]]:
    return open_journal(disk, PATH, "blue", ME)


def written(*records: bytes) -> tuple[SimulatedDisk, Journal]:
    disk = SimulatedDisk(Stream(1))
    journal, _ = reopen(disk)
    for record in records:
        journal.append([record])
    journal.sync()
    return disk, journal


def test_what_was_switched_to_is_all_that_there_is_and_is_durable() -> None:
    disk, journal = written(b"one", b"two")
    journal.append([b"not synced, and said again by what follows"])
    journal.switch([b"both"])
    assert journal.is_durable
    journal.append([b"three"])
    journal.sync()
    disk.crash()
    again, records = reopen(disk)
    assert records == [b"both", b"three"]
    assert again.switched_length < again.length
    assert disk.names(PATH.parent) == ["journal"]


@pytest.mark.parametrize("survive", [0, MILLION])
@pytest.mark.parametrize("place", ["before-journal-switch", "after-journal-switch"])
def test_a_crash_leaves_the_old_or_the_new_one(place: str, survive: int) -> None:
    disk, journal = written(b"one", b"two")

    def die(name: str) -> None:
        if name == place:
            raise Died

    listen(die)
    try:
        with pytest.raises(Died):
            journal.switch([b"both"])
    finally:
        listen(None)
    disk.crash(survive=survive)
    _, records = reopen(disk)
    is_new = place == "after-journal-switch" and survive
    assert records == ([b"both"] if is_new else [b"one", b"two"])
    assert disk.names(PATH.parent) == ["journal"]


@pytest.mark.parametrize("cuts", [False, True])
def test_damage_to_what_was_switched_to_is_never_taken_for_a_torn_tail(*, cuts: bool) -> None:
    """No frame stands behind it to vouch for it; its header does."""
    disk, journal = written(b"one")
    journal.switch([b"promise"])
    journal.close()
    last = len(disk.contents(PATH)) - 1
    file = disk.open(PATH)
    if cuts:
        file.truncate(last)
    else:
        file.overwrite(last, b"#")
    file.sync()
    file.close()
    with pytest.raises(CorruptRecord, match="was switched to"):
        reopen(disk)


def test_what_comes_behind_a_switch_is_torn_as_ever() -> None:
    disk, journal = written(b"one")
    journal.switch([b"promise"])
    end = journal.length
    journal.append([b"x" * 2000])
    disk.crash(tear=MILLION)
    again, records = reopen(disk)
    assert records == [b"promise"]
    assert again.length == end > FILE_HEADER_BYTES


def test_a_switch_that_fails_ends_the_journal() -> None:
    disk, journal = written(b"one")
    disk.fail_next_sync()
    with pytest.raises(StorageError, match="switching to"):
        journal.switch([b"promise"])
    with pytest.raises(StorageError, match="unusable"):
        journal.append([b"two"])


def test_a_real_journal_is_switched_and_stays_locked(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal, _ = open_journal(OsDisk(), path, "blue", ME)
    journal.append([b"one"])
    journal.switch([b"both"])
    with pytest.raises(StorageError, match="in use"):
        open_journal(OsDisk(), path, "blue", ME)
    journal.close()
    again, records = open_journal(OsDisk(), path, "blue", ME)
    assert records == [b"both"]
    again.close()
