"""The disk as the journal sees it: append, read, truncate, make durable.

Two small protocols, so that tests put a disk in their place that loses, tears and damages what was
not made durable. All of it blocks; it runs in a worker thread. What the operating system reports
comes out as the OSError it is: the journal translates, since it knows what was being attempted.
"""

import errno
import fcntl
import mmap
import os
from pathlib import Path
from typing import Final, Protocol

from node.core.interface import Image
from node.errors import StorageError


class DiskFile(Protocol):
    """One open file, ours alone. Nothing is durable before `sync()` returns.

    Whoever opens a file that was not closed may find zeros behind what was written to it.
    """

    def read(self) -> bytes:
        """All of the file. A journal is read once, when it is opened; it has to fit in memory."""

    def view(self) -> Image:
        """All of the file as it is now, to be read in parts; it must not change any more.

        Stays readable when the file is closed, renamed or removed.
        """

    def append(self, data: bytes) -> None:
        """Write all of `data` at the end. When this raises, any part of it may have been written."""

    def overwrite(self, offset: int, data: bytes) -> None:
        """Write `data` over what stands at `offset`, all of it within the file."""

    def sync(self) -> None:
        """Make contents and length durable. When this raises, nobody knows what is: do not retry."""

    def truncate(self, length: int) -> None:
        """Drop what is behind `length`; durable only after `sync()`."""

    def close(self) -> None:
        """Give the file back. Syncs nothing."""


class Disk(Protocol):
    """Where files are."""

    def open(self, path: Path) -> DiskFile:
        """Open, or create empty. StorageError when anyone else has it open."""

    def make_directory(self, path: Path) -> None:
        """Make the directory `path`, and those above it, where missing; durable when this returns."""

    def sync_directory(self, path: Path) -> None:
        """Make durable which files are in the directory `path`, and what they are called."""

    def rename(self, path: Path, to: Path) -> None:
        """Give a file another name, whoever has it open, in place of what had that name before.

        At once: a crash finds one file or the other under `to`. Durable after `sync_directory()`.
        """

    def remove(self, path: Path) -> None:
        """Take a file's name away. It may come back with a crash before `sync_directory()`."""

    def names(self, path: Path) -> list[str]:
        """The names in the directory `path`, sorted; none when there is no such directory."""

    def salt(self) -> bytes:
        """Eight bytes that nobody can guess."""


class OsDisk:
    """The file system of this machine."""

    def open(self, path: Path) -> "OsFile":
        """Open or create `path`, readable by its owner only, locked against a second process."""
        # Not O_APPEND: with it, Linux appends what pwrite() is to put in its place.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(path, flags, _OWNER_ONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(descriptor)
            raise StorageError(f"{path}: in use, probably by another replica process") from exc
        except OSError:
            os.close(descriptor)
            raise
        return OsFile(descriptor)

    def make_directory(self, path: Path) -> None:
        """From the top, each durable before anything is made in it.

        So of the directories that exist already only the lowest may be not durable, when whoever
        made it was killed before the fsync. Where we may not write, we have made nothing.
        """
        missing = []
        while not path.exists():
            missing.append(path)
            path = path.parent
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        if os.access(path.parent, os.W_OK):
            self.sync_directory(path.parent)
        for directory in reversed(missing):
            directory.mkdir(exist_ok=True)
            self.sync_directory(directory.parent)

    def sync_directory(self, path: Path) -> None:
        """Make the directory durable: a new file's name lives there, not in the file."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, path: Path, to: Path) -> None:
        """Rename over `to`; an open file keeps its descriptor and its lock."""
        path.rename(to)

    def remove(self, path: Path) -> None:
        """Unlink."""
        path.unlink()

    def names(self, path: Path) -> list[str]:
        """All names but those that begin with a dot."""
        if not path.exists():
            return []
        return sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))

    def salt(self) -> bytes:
        """From the operating system's randomness."""
        return os.urandom(8)


class OsFile:
    """A DiskFile on a file descriptor, which it owns.

    What is appended after a sync, as to a journal, is written over zeros that stand there already:

        | appended                      | room: zeros         |
                                        ^ the next append     ^ the file's length

    So a sync saves that data and nothing else. Without room each one also has to save a length, and
    where the new blocks are: for ext4 a transaction, which a thread of the kernel carries out.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._end = self._length = os.fstat(descriptor).st_size
        """Where the next append goes, and where the room ends."""
        self._was_synced = False

    def read(self) -> bytes:
        """All of the file, in as many calls as the system needs (one gives at most 2 GiB)."""
        chunks = []
        offset = 0
        while chunk := os.pread(self._descriptor, min(_READ_BYTES, self._end - offset), offset):
            chunks.append(chunk)
            offset += len(chunk)
        return b"".join(chunks)

    def view(self) -> Image:
        """Map the file: its pages come from the page cache and need no memory of their own."""
        if self._end == 0:
            return b""  # which cannot be mapped
        return mmap.mmap(self._descriptor, self._end, access=mmap.ACCESS_READ)

    def append(self, data: bytes) -> None:
        """Write at the end, and first some zeros behind that if this file is synced again and again."""
        end = self._end + len(data)
        if self._was_synced and end > self._length:
            self._write(self._length, bytes(end + _ROOM_BYTES - self._length))
            self._length = end + _ROOM_BYTES
        self._write(self._end, data)
        self._end = end
        self._length = max(self._length, end)

    def overwrite(self, offset: int, data: bytes) -> None:
        """Write in place; where the next append goes does not change."""
        self._write(offset, data)

    def sync(self) -> None:
        """Fdatasync: it leaves out times, but not the length, without which no data can be read.

        POSIX asks that of it ("synchronized I/O data integrity completion"), and so does fsync(2)
        of Linux.
        """
        os.fdatasync(self._descriptor)
        self._was_synced = True

    def truncate(self, length: int) -> None:
        """Cut the file; the next append goes to its new end."""
        os.ftruncate(self._descriptor, length)
        self._end = self._length = length

    def close(self) -> None:
        """Give the room back and close the descriptor; the lock goes with it."""
        try:
            if self._end < self._length:
                os.ftruncate(self._descriptor, self._end)
        finally:
            os.close(self._descriptor)

    def _write(self, offset: int, data: bytes) -> None:
        """Write until everything is written: a signal or a nearly full disk makes short writes."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            if written == 0:
                raise OSError(errno.EIO, "pwrite() accepted nothing")
            view, offset = view[written:], offset + written


_OWNER_ONLY: Final = 0o600
_READ_BYTES: Final = 1 << 26

_ROOM_BYTES: Final = 512 * 1024
"""Of zeros at a time: they take about a millisecond, so that thousands of requests share that."""
