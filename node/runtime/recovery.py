"""What a replica finds on its disk when it starts: its journal, its newest snapshot, or that they are lost.

directory ──▶ journal: every record since the newest snapshot ──▶ core
└─▶ newest snapshot that is whole                   ──▶ state machine
"""

from dataclasses import dataclass
from pathlib import Path

from node.core.interface import Snapshot
from node.core.multipaxos import (
    BeginRecord,
    Record,
    RejoinedRecord,
    RejoinRecord,
    truncated_upto,
)
from node.errors import ConfigError, MalformedFrame, StorageError, WireError
from node.runtime.codecs import RECORD_CODEC
from node.runtime.disk import Disk
from node.runtime.journal import Journal, open_journal
from node.runtime.logs import logger
from node.runtime.snapshots import recover, slots_in
from node.state_machine.sessions import SessionedStateMachine
from node.types import ReplicaId, ReplicaInfo

_log = logger("replica")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a replica begins with."""

    journal: Journal
    records: tuple[Record, ...]
    snapshot: Snapshot | None


def check_may_rejoin(members: int) -> None:
    """Refuse, with a ConfigError, where the others are too few to learn from."""
    if members < 3:
        raise ConfigError(
            f"a replica of a cluster of {members} cannot rejoin without its disk: the others are no "
            "quorum without it"
        )


def begin(journal: Journal, frames: list[bytes], members: tuple[ReplicaInfo, ...]) -> list[bytes]:
    """Note in an empty journal who the members are; its records from now on.

    None of them is for a replica that joins a cluster later.
    """
    if frames:
        return frames
    note = RECORD_CODEC.encode(BeginRecord(members))
    journal.append([note])
    journal.sync()
    return [note]


def check_joined(saved: Saved) -> None:
    """Refuse, with a StorageError, to let a replica join that has begun as a member."""
    began = [record for record in saved.records if isinstance(record, BeginRecord)]
    if not began or began[0].members:
        raise StorageError(
            f"{saved.journal.path}: was begun by a member, not by a replica that joins: start it "
            "without --join, or a new one with another id"
        )


def begin_rejoining(journal: Journal, frames: list[bytes]) -> list[bytes]:
    """Note in an empty journal that what was in it is lost; its records from now on.

    Raises StorageError when it is not empty.
    """
    note = RECORD_CODEC.encode(RejoinRecord())
    if not frames:
        journal.append([note])
        journal.sync()
        return [note]
    if frames[0] != note or RECORD_CODEC.encode(RejoinedRecord()) in frames:
        raise StorageError(
            f"{journal.path}: holds {len(frames)} records, so this replica has not lost its disk"
        )
    return frames


def check_journal_is_there(disk: Disk, path: Path) -> None:
    """Refuse to begin a journal where snapshots show that there was one."""
    if path.name not in disk.names(path.parent) and slots_in(disk, path.parent):
        raise StorageError(
            f"{path}: is not there, though snapshots are: its promises are lost, so start this "
            "replica with --lost-disk"
        )


def read_back(
    disk: Disk,
    path: Path,
    cluster: str,
    replica: ReplicaId,
    machine: SessionedStateMachine,
    *,
    members: tuple[ReplicaInfo, ...],
    lost_disk: bool = False,
) -> Saved:
    """Open the journal and read back what this replica has said. It blocks.

    `members` are noted in a journal that begins: those of the file, or none for a replica that joins.
    `machine` then holds the state of the newest snapshot. The caller closes the journal. Raises
    StorageError when what is there cannot be trusted.
    """
    if not lost_disk:
        check_journal_is_there(disk, path)
    journal, frames = open_journal(disk, path, cluster, replica)
    if journal.dropped_bytes:
        _log.warning("%s: dropped a torn tail of %d bytes", path, journal.dropped_bytes)
    records: list[Record] = []
    try:
        frames = begin_rejoining(journal, frames) if lost_disk else begin(journal, frames, members)
        for number, data in enumerate(frames):
            record = RECORD_CODEC.decode(data)
            if not isinstance(record, Record):
                raise MalformedFrame(f"record {number} is a {type(record).__name__}")
            records.append(record)
    except StorageError:
        journal.close()
        raise
    except WireError as error:
        journal.close()
        raise StorageError(f"{path}: holds what this version cannot read: {error}") from error
    _log.info("recovered %d records from %s", len(records), path)
    try:
        found = recover(disk, path.parent, truncated_upto(records), machine.decode)
    except StorageError:
        journal.close()
        raise
    if found is None:
        return Saved(journal=journal, records=tuple(records), snapshot=None)
    snapshot, state = found
    machine.restore(state)
    _log.info("recovered the state after slot %d", snapshot.slot)
    return Saved(journal=journal, records=tuple(records), snapshot=snapshot)
