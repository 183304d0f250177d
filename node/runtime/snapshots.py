"""Snapshots as files: written beside the journal, found again at a start.

    replica-1/
      journal                            begins behind some slot T
      snapshot-00000000000000004000      the state after slot 4000, and T <= 4000
      snapshot-….new                     one that was not finished; removed at the next start

A snapshot gets its name when all of it is durable, and counts when its name is: written, synced,
renamed, directory synced. Only then may the journal be switched for one that begins later, and the
snapshot before it goes. So a crash at any moment leaves a snapshot and the log behind it, complete:

    written ─ synced ─ renamed ─ directory synced ─┬─ older one removed
                                                   └─ journal switched (see `journal`)

At a start the newest one is taken. One that is damaged is refused, since what it stands for is gone
from the journal; unless an older one is there and the journal still has all that follows it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from node.core.interface import Image, Snapshot
from node.errors import CorruptRecord, StorageError, WireError
from node.failpoints import failpoint
from node.marks import sometimes
from node.runtime.disk import Disk, DiskFile
from node.runtime.logs import logger
from node.state_machine.snapshot import State

_log = logger("snapshots")

_LEFT_OVER = sometimes("a snapshot that was not finished is removed")
_SEVERAL = sometimes("a crash has left an older snapshot beside the newest")
_DAMAGED = sometimes("a damaged snapshot is refused")
_OLDER_SERVES = sometimes("an older snapshot serves where the newest is damaged")

PREFIX: Final = "snapshot-"
_UNFINISHED: Final = ".new"

Decode = Callable[[bytes], Iterator[State | None]]
"""`SessionedStateMachine.decode`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When to take a snapshot: each replica for itself, leader or not."""

    slots: int
    """After this many slots since the last one."""
    journal_bytes: int
    """When the journal has grown by this much, or by as much as the last snapshot has if that is more:
    so at most about half of what is written is snapshots, however large the state is."""

    def is_due(self, *, executed_upto: int, newest: Snapshot | None, journal_bytes: int) -> bool:
        """`journal_bytes`: how much the journal has grown since it was last switched."""
        slot, size = (0, 0) if newest is None else (newest.slot, len(newest.image))
        if executed_upto <= slot:
            return False
        is_long = journal_bytes >= max(self.journal_bytes, size)
        return is_long or executed_upto - slot >= self.slots


class Writer:
    """One snapshot that is being written. Not for two threads at once; `finish()` closes it."""

    def __init__(self, disk: Disk, directory: Path, slot: int) -> None:
        failpoint("before-snapshot")
        self._disk = disk
        self._slot = slot
        self._path = path_of(directory, slot)
        self._unfinished = self._path.with_name(self._path.name + _UNFINISHED)
        with _translated(self._unfinished, "cannot be opened"):
            self._file = disk.open(self._unfinished)
            self._file.truncate(0)

    def append(self, data: bytes) -> None:
        """Write a part."""
        with _translated(self._unfinished, f"writing {len(data)} bytes failed"):
            self._file.append(data)

    def finish(self) -> Snapshot:
        """Make it durable under its name; then those before it go."""
        directory = self._path.parent
        with _translated(self._path, "saving it failed"):
            self._file.sync()
            failpoint("before-snapshot-rename")
            self._disk.rename(self._unfinished, self._path)
            failpoint("after-snapshot-rename")
            self._disk.sync_directory(directory)
            failpoint("after-snapshot")
            snapshot = Snapshot(self._slot, self._file.view())
            self._file.close()
            for slot in slots_in(self._disk, directory):
                if slot < self._slot:
                    self._disk.remove(path_of(directory, slot))
        return snapshot

    def abandon(self) -> None:
        """Close what will not be finished; it goes at the next start."""
        with suppress(OSError):
            self._file.close()


def save(disk: Disk, directory: Path, slot: int, parts: Iterable[bytes]) -> Snapshot:
    """All of it in one go, for those who may hold everything up."""
    writer = Writer(disk, directory, slot)
    try:
        for part in parts:
            writer.append(part)
        return writer.finish()
    except BaseException:
        writer.abandon()
        raise


def with_members(snapshot: Snapshot, state: State) -> Snapshot:
    """`snapshot`, telling who the members are in the state that was read from it."""
    return replace(snapshot, configuration=state.configuration)


def recover(
    disk: Disk, directory: Path, truncated_upto: int, decode: Decode
) -> tuple[Snapshot, State] | None:
    """The newest snapshot and its state; None when there is none, and the journal needs none.

    Raises CorruptRecord when it is damaged, and StorageError when the journal begins later than any.
    """
    with _translated(directory, "cannot be read"):
        _remove_unfinished(disk, directory)
        slots = slots_in(disk, directory)
    if len(slots) > 1:
        _SEVERAL.hit()
    damage: CorruptRecord | None = None
    for slot in reversed(slots):
        if slot < truncated_upto:
            break
        path = path_of(directory, slot)
        try:
            found = _read(disk, path, slot, decode)
        except CorruptRecord as error:
            damage = damage or error
            continue
        if damage is not None:
            _OLDER_SERVES.hit()
            _log.warning("%s: going back to slot %d, which the journal follows", damage, slot)
        with _translated(directory, "cannot be cleared"):
            # A damaged one would be met again; an older one is of no use any more.
            for other in slots:
                if other != slot:
                    disk.remove(path_of(directory, other))
            disk.sync_directory(directory)
        return found
    if damage is not None:
        _DAMAGED.hit()
        raise damage
    if truncated_upto:
        newest = f"the newest is of slot {slots[-1]}" if slots else "there is none"
        raise StorageError(
            f"{directory}: the journal begins behind slot {truncated_upto}, and no snapshot "
            f"reaches so far: {newest}"
        )
    return None


def path_of(directory: Path, slot: int) -> Path:
    """The file of the snapshot of `slot`."""
    return directory / f"{PREFIX}{slot:020d}"


def slots_in(disk: Disk, directory: Path) -> list[int]:
    """The slots of the finished snapshots, ascending."""
    numbers = [name.removeprefix(PREFIX) for name in disk.names(directory) if PREFIX in name]
    return sorted(int(number) for number in numbers if number.isdigit())


def _remove_unfinished(disk: Disk, directory: Path) -> None:
    for name in disk.names(directory):
        if name.startswith(PREFIX) and name.endswith(_UNFINISHED):
            _LEFT_OVER.hit()
            disk.remove(directory / name)


def _read(disk: Disk, path: Path, slot: int, decode: Decode) -> tuple[Snapshot, State]:
    with _translated(path, "cannot be read"):
        file = disk.open(path)
        try:
            data, image = _contents(file)
        finally:
            file.close()
    state = None
    try:
        for state in decode(data):  # noqa: B007 - the last one is the state
            pass
    except WireError as error:
        raise CorruptRecord(path, 0, str(error)) from error
    if state is None or state.slot != slot:
        found = "nothing" if state is None else f"the state after slot {state.slot}"
        raise CorruptRecord(path, 0, f"holds {found}")
    return Snapshot(slot, image, state.configuration), state


def _contents(file: DiskFile) -> tuple[bytes, Image]:
    return file.read(), file.view()


class _translated:  # noqa: N801 - reads as a function, as `suppress` does
    """Raise as StorageError, with a path, what the disk reports."""

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, OSError):
            raise StorageError(f"{self._path}: {self._what}: {error}") from error
