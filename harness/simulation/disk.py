"""A disk that keeps what was made durable, and does with the rest what a seed decides.

    file = durable image + the operations since, in order        a reader sees both
                           append   append   truncate
                              │        │         │
    sync() makes them durable │        │         │
    crash() decides each:   there    torn      lost              of a torn one: any of its sectors,
                                                                 and its length or not

Every operation takes one draw when it is made, and its fate at a crash follows from that draw alone:
another crash, or another file, changes nothing for it. So a later write may be there and an earlier
one not, in the same file or in another; what is missing before it reads as zeros. That is what file
systems promise: nothing, before `sync()`.

    names = durable directory + the entries since, in order     created, renamed, removed

Each of these is there or lost at a crash, whatever becomes of the others and of what is in the files: a
new file may have taken its new name and an older one may still be there. `sync_directory()` makes all
entries of one directory durable.

A failed sync takes its operations away for good, although a reader still sees them until the next
crash: Linux counts the pages as clean afterwards, so that a second sync has nothing to do and
reports success. After Rebello et al., "Can applications recover from fsync failures?" (ATC 2020).
"""

import errno
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.simulation.draws import MILLION, Stream
from node.errors import StorageError

SECTOR_BYTES: Final = 512
"""Written whole or not at all, which is what disks promise."""


@dataclass(frozen=True, slots=True)
class _Write:
    draw: int
    offset: int
    data: bytes
    vouched: int
    """What was durable when this was written. Whoever finds this write may conclude that."""


@dataclass(frozen=True, slots=True)
class _Truncate:
    draw: int
    length: int


@dataclass(slots=True)
class _Contents:
    """One file, whoever has it open."""

    durable: bytearray = field(default_factory=bytearray)
    visible: bytearray = field(default_factory=bytearray)
    pending: list[_Write | _Truncate] = field(default_factory=list)
    synced_length: int = 0
    """The length at the last sync that succeeded."""
    vouched: int = 0
    """Bytes up to here were durable before some other durable write was made."""
    flipped: dict[tuple[int, int], None] = field(default_factory=dict)
    """Bits that are not as they were written: byte and bit."""
    opened_in_life: int = -1


@dataclass(frozen=True, slots=True)
class _Entry:
    """A change of a directory: `contents`, if any, are called `path` now, and no longer `before`."""

    draw: int
    path: Path
    contents: _Contents | None
    before: Path | None = None

    def apply(self, names: dict[Path, _Contents]) -> None:
        """Make the change."""
        if self.before is not None:
            names.pop(self.before, None)
        if self.contents is None:
            names.pop(self.path, None)
        else:
            names[self.path] = self.contents


class SimulatedDisk:
    """Implements `node.runtime.disk.Disk` for one replica."""

    def __init__(self, draws: Stream) -> None:
        self.bites: Final[Counter[str]] = Counter()
        """How often a fault did something: "lost-write", "torn-write", "survived-write",
        "lost-name", "sync-stall", and the kinds of damage by their names."""
        self.sync_count = 0
        """Syncs of files that succeeded."""
        self._salts = Stream(draws.bits())
        self._operations = Stream(draws.bits())
        self._directories: dict[Path, bool] = {Path("/"): True}
        """Whether its name is durable, and so those of all above it."""
        self._directory_draws = Stream(draws.bits())
        self._files: dict[Path, _Contents] = {}
        self._durable_names: dict[Path, _Contents] = {}
        self._entries: list[_Entry] = []
        """Changes of directories that are not durable."""
        self._life = 0
        self._next_sync_fails = False
        self._next_read_fails = False

    # What a Disk does.

    def open(self, path: Path) -> "SimulatedFile":
        """Open or create `path` in a directory that exists; StorageError when it is open already."""
        contents = self._files.get(path)
        if contents is None:
            if path.parent not in self._directories:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            contents = _Contents()
            self._change(_Entry(self._operations.bits(), path, contents))
        if contents.opened_in_life == self._life:
            raise StorageError(f"{path}: in use")
        contents.opened_in_life = self._life
        return SimulatedFile(self, contents, self._life)

    def make_directory(self, path: Path) -> None:
        """Make `path`, and what is missing above it, and sync from the top."""
        self.begin_directory(path)
        for directory in (path, *path.parents):
            self._directories[directory] = True

    def sync_directory(self, path: Path) -> None:
        """Make the names in the directory `path` durable."""
        for entry in self._entries:
            if entry.path.parent == path:
                entry.apply(self._durable_names)
                if entry.before is not None and entry.contents is not None:
                    # Whoever finds a file by the name that it was given may conclude that all of
                    # it was durable before.
                    entry.contents.vouched = entry.contents.synced_length
        self._entries = [entry for entry in self._entries if entry.path.parent != path]
        for name in self._directories:
            if name.parent == path:
                self._directories[name] = True

    def rename(self, path: Path, to: Path) -> None:
        """Another name for a file; within one directory."""
        assert path.parent == to.parent, f"{path} to {to}"
        self._change(_Entry(self._operations.bits(), to, self._files[path], before=path))

    def remove(self, path: Path) -> None:
        """No name for a file."""
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        self._change(_Entry(self._operations.bits(), path, None))

    def names(self, path: Path) -> list[str]:
        """What a reader of the directory sees; nothing when there is none."""
        return sorted(name.name for name in self._files if name.parent == path)

    def salt(self) -> bytes:
        """Other bytes each time, and on each disk."""
        return self._salts.bits().to_bytes(8, "big")

    def begin_directory(self, path: Path) -> None:
        """Make `path`, and what is missing above it; not durable."""
        assert path.is_absolute(), f"a simulated disk has no current directory: {path}"
        for directory in (path, *path.parents):
            if directory in self._files:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(directory))
        for directory in (*reversed(path.parents), path):
            self._directories.setdefault(directory, False)

    # What the world does to it.

    def crash(self, *, tear: int = 0, survive: int = 0) -> None:
        """The power goes: every open file is dead, and what no sync covered gets what it gets.

        `survive` and `tear` are parts of a million: an operation is there, is torn, or is lost.
        The name of a new file is written apart from its bytes; it counts as half of a torn write.
        """
        self._life += 1
        lost = self._lose_directories(survive)
        for entry in self._entries:
            if Stream(entry.draw).chance(max(survive, tear // 2)):
                entry.apply(self._durable_names)
            else:
                self.bites["lost-name"] += 1
        self._entries.clear()
        for path in [p for p in self._durable_names if not lost.isdisjoint(p.parents)]:
            del self._durable_names[path]
            self.bites["lost-name"] += 1
        self._files = dict(self._durable_names)
        for contents in self._files.values():
            for operation in contents.pending:
                self._decide(contents, operation, tear, survive)
            contents.pending.clear()
            contents.visible[:] = contents.durable

    def wipe(self) -> None:
        """Everything is gone, as after `crash`; an empty disk is in its place."""
        self._life += 1
        self._files.clear()
        self._durable_names.clear()
        self._entries.clear()
        self._directories = {Path("/"): True}
        self._next_sync_fails = self._next_read_fails = False

    def fail_next_sync(self) -> None:
        """The next sync of a file raises EIO, once, and what it was to save is gone."""
        self._next_sync_fails = True

    def fail_next_read(self) -> None:
        """The next read raises EIO, once. Nothing is lost."""
        self._next_read_fails = True

    def flip_bit(self, draws: Stream) -> tuple[Path, int] | None:
        """Flip one durable bit; returns where, or None when there is none that may be flipped.

        Only bits that a later durable write vouches for. Damage to the last write that was synced
        cannot be told from a torn one by any journal: see `node.runtime.journal`.
        """
        files = [(path, contents) for path, contents in self._files.items() if contents.vouched]
        place, bit = draws.below(sum(c.vouched for _, c in files) or 1), draws.below(8)
        for path, contents in files:
            if place < contents.vouched:
                self._flip(contents, place, bit)
                return path, place
            place -= contents.vouched
        return None

    # What a test, or a floor, looks at.

    @property
    def is_damaged(self) -> bool:
        """Whether a durable bit is not as it was written: then no replica may start from this."""
        return any(contents.flipped for contents in self._files.values())

    @property
    def longest_unsynced(self) -> int:
        """Bytes of the longest write that no sync has covered."""
        return max(
            (len(o.data) for c in self._files.values() for o in c.pending if isinstance(o, _Write)),
            default=0,
        )

    def contents(self, path: Path) -> bytes:
        """What a reader sees now."""
        return bytes(self._files[path].visible)

    def durable(self, path: Path) -> bytes:
        """What would be there if nothing else survived."""
        return bytes(self._files[path].durable)

    def vouched(self, path: Path) -> int:
        """Bytes up to here may be flipped: their loss cannot be taken for a torn write."""
        return self._files[path].vouched

    def _change(self, entry: _Entry) -> None:
        entry.apply(self._files)
        self._entries.append(entry)

    # For its files.

    def draw(self) -> int:
        """The draw of one more operation."""
        return self._operations.bits()

    def is_alive(self, life: int) -> bool:
        """Whether a file that was opened in `life` was opened since the last crash."""
        return life == self._life

    def check_read(self) -> None:
        """Raise if this read is to fail."""
        if self._next_read_fails:
            self._next_read_fails = False
            self.bites["fail-read"] += 1
            raise _io_error()

    def sync_file(self, contents: _Contents) -> None:
        """Make the pending operations durable, or lose them and raise."""
        pending, contents.pending = contents.pending, []
        if self._next_sync_fails:
            self._next_sync_fails = False
            self.bites["fail-fsync"] += 1
            raise _io_error()
        for operation in pending:
            _apply(contents.durable, operation)
            if isinstance(operation, _Write):
                contents.vouched = max(contents.vouched, operation.vouched)
            else:
                contents.vouched = min(contents.vouched, operation.length)
        contents.synced_length = len(contents.durable)
        self.sync_count += 1

    def _lose_directories(self, survive: int) -> set[Path]:
        """Those whose names are gone, with all that was in them."""
        lost: set[Path] = set()
        for directory, is_durable in list(self._directories.items()):
            if directory.parent in lost or not (
                is_durable or self._directory_draws.chance(survive)
            ):
                lost.add(directory)
                del self._directories[directory]
                self.bites["lost-name"] += 1
            else:
                self._directories[directory] = True
        return lost

    def _decide(
        self, contents: _Contents, operation: _Write | _Truncate, tear: int, survive: int
    ) -> None:
        draws = Stream(operation.draw)
        fate = draws.below(MILLION)
        if fate < survive:
            _apply(contents.durable, operation)
            self.bites["survived-write"] += 1
        elif fate < survive + tear and isinstance(operation, _Write):
            sectors = _sectors(operation)
            there = [sector for sector in sectors if draws.chance(MILLION // 2)]
            for sector in there:
                _apply(contents.durable, sector)
            # The length is stored apart from the bytes: what is missing before it reads as zeros.
            missing = operation.offset + len(operation.data) - len(contents.durable)
            if missing > 0 and draws.chance(MILLION // 2):
                contents.durable += bytes(missing)
                self.bites["torn-write"] += 1
                return
            whole = {0: "lost-write", len(sectors): "survived-write"}
            self.bites[whole.get(len(there), "torn-write")] += 1
        else:
            self.bites["lost-write"] += 1

    def _flip(self, contents: _Contents, place: int, bit: int) -> None:
        for image in (contents.durable, contents.visible):
            if place < len(image):
                image[place] ^= 1 << bit
        if (place, bit) in contents.flipped:
            del contents.flipped[place, bit]
        else:
            contents.flipped[place, bit] = None


class SimulatedFile:
    """Implements `node.runtime.disk.DiskFile`. Dead after a crash: EBADF, whatever is asked."""

    def __init__(self, disk: SimulatedDisk, contents: _Contents, life: int) -> None:
        self._disk = disk
        self._contents = contents
        self._life = life
        self._is_closed = False

    def read(self) -> bytes:
        """All of the file, durable or not."""
        self._check()
        self._disk.check_read()
        if self._contents.flipped:
            self._disk.bites["flip-bit"] += 1
        return bytes(self._contents.visible)

    def view(self) -> bytes:
        """All of the file, as a copy."""
        return self.read()

    def append(self, data: bytes) -> None:
        """Write `data` at the end."""
        self._check()
        contents = self._contents
        offset = len(contents.visible)
        # A truncation that is not yet durable leaves less than was synced.
        vouched = min(contents.synced_length, offset)
        contents.visible += data
        contents.pending.append(_Write(self._disk.draw(), offset, data, vouched))

    def overwrite(self, offset: int, data: bytes) -> None:
        """Write in place."""
        self._check()
        contents = self._contents
        contents.visible[offset : offset + len(data)] = data
        # Other bytes than these it says nothing about.
        contents.pending.append(_Write(self._disk.draw(), offset, data, 0))

    def sync(self) -> None:
        """Make contents and length durable."""
        self._check()
        self._disk.sync_file(self._contents)

    def truncate(self, length: int) -> None:
        """Drop what is behind `length`."""
        self._check()
        del self._contents.visible[length:]
        self._contents.pending.append(_Truncate(self._disk.draw(), length))

    def close(self) -> None:
        """Give the file back; whoever opens it next sees what is there."""
        self._check()
        self._is_closed = True
        self._contents.opened_in_life = -1

    def _check(self) -> None:
        if self._is_closed or not self._disk.is_alive(self._life):
            raise OSError(errno.EBADF, "closed, or open when the power went")


def _io_error() -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO))


def _apply(image: bytearray, operation: _Write | _Truncate) -> None:
    match operation:
        case _Write(_, offset, data):
            if len(image) == offset:
                image += data
            elif data:
                image.extend(bytes(max(0, offset - len(image))))  # a hole reads as zeros
                image[offset : offset + len(data)] = data
        case _Truncate(_, length):
            del image[length:]


def _sectors(write: _Write) -> list[_Write]:
    """Its parts that become durable whole or not at all; at least one."""
    pieces: list[_Write] = []
    offset, end = write.offset, write.offset + len(write.data)
    while offset < end or not pieces:
        boundary = min(end, (offset // SECTOR_BYTES + 1) * SECTOR_BYTES)
        data = write.data[offset - write.offset : boundary - write.offset]
        pieces.append(_Write(write.draw, offset, data, write.vouched))
        offset = boundary
    return pieces
