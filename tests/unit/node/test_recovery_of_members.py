"""What a journal says about how its replica began."""

from pathlib import Path

import pytest

from node.core.multipaxos import BeginRecord, RejoinRecord
from node.errors import StorageError
from node.runtime.recovery import Saved, check_joined, read_back
from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SessionedStateMachine
from node.types import ReplicaId, ReplicaInfo
from tests.support.fake_disk import FakeDisk

ONE = ReplicaId(1)
MEMBERS = (ReplicaInfo(ONE, "peer:1", "client:1"), ReplicaInfo(ReplicaId(2), "peer:2", "client:2"))


def started(disk: FakeDisk, members: tuple[ReplicaInfo, ...], *, lost_disk: bool = False) -> Saved:
    machine = SessionedStateMachine(KeyValueStore())
    path = Path("/replica/journal")
    saved = read_back(disk, path, "test", ONE, machine, members=members, lost_disk=lost_disk)
    saved.journal.close()
    return saved


def test_a_file_that_is_edited_changes_nothing_that_was_written_down() -> None:
    disk = FakeDisk()
    assert started(disk, MEMBERS).records == (BeginRecord(MEMBERS),)
    disk.crash()
    assert started(disk, MEMBERS[:1]).records == (BeginRecord(MEMBERS),)


def test_who_began_to_join_goes_on_joining_also_without_being_told() -> None:
    disk = FakeDisk()
    check_joined(started(disk, ()))
    disk.crash()
    saved = started(disk, MEMBERS)
    assert saved.records == (BeginRecord(()),)
    check_joined(saved)


def test_who_began_as_a_member_cannot_join() -> None:
    disk = FakeDisk()
    with pytest.raises(StorageError, match="without --join"):
        check_joined(started(disk, MEMBERS))


def test_who_lost_its_disk_has_not_begun() -> None:
    assert started(FakeDisk(), MEMBERS, lost_disk=True).records == (RejoinRecord(),)
