"""Journals that do not keep what they promised. Each is the real journal on a disk that misleads it.

    open_journal(MisleadingDisk(disk, …), …)     each of its files, or the disk itself, differs

So nothing of the journal is repeated here, and a mutant is what its one method says.
"""

from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

from node.core.interface import Image
from node.errors import WireError
from node.runtime.codecs import RECORD_CODEC
from node.runtime.disk import Disk, DiskFile
from node.runtime.journal import FILE_HEADER_BYTES, Journal, open_journal
from node.types import ReplicaId

OpenJournal = Callable[[Disk, Path, str, ReplicaId], tuple[Journal, list[bytes]]]
"""What a storage mutant replaces: `node.runtime.journal.open_journal`."""


class MisleadingFile:
    """A DiskFile on another one; by itself it misleads nobody."""

    def __init__(self, file: DiskFile) -> None:
        self._file = file

    def read(self) -> bytes:
        """All of the file."""
        return self._file.read()

    def view(self) -> Image:
        """All of the file, to be read in parts."""
        return self._file.view()

    def append(self, data: bytes) -> None:
        """Write at the end."""
        self._file.append(data)

    def overwrite(self, offset: int, data: bytes) -> None:
        """As it is."""
        self._file.overwrite(offset, data)

    def sync(self) -> None:
        """Make durable."""
        self._file.sync()

    def truncate(self, length: int) -> None:
        """Drop what is behind `length`."""
        self._file.truncate(length)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


class MisleadingDisk:
    """A Disk whose files are of one class; by itself it misleads nobody."""

    def __init__(self, disk: Disk, file: Callable[[DiskFile], DiskFile] = MisleadingFile) -> None:
        self._disk = disk
        self._make_file = file

    def open(self, path: Path) -> DiskFile:
        """Open or create."""
        return self._make_file(self._disk.open(path))

    def make_directory(self, path: Path) -> None:
        """Make a directory."""
        self._disk.make_directory(path)

    def sync_directory(self, path: Path) -> None:
        """Make names durable."""
        self._disk.sync_directory(path)

    def rename(self, path: Path, to: Path) -> None:
        """Give a file another name."""
        self._disk.rename(path, to)

    def remove(self, path: Path) -> None:
        """Take a file's name away."""
        self._disk.remove(path)

    def names(self, path: Path) -> list[str]:
        """What is in a directory."""
        return self._disk.names(path)

    def salt(self) -> bytes:
        """Eight bytes that nobody can guess."""
        return self._disk.salt()


def truthful(disk: Disk) -> Disk:
    """The disk as it is."""
    return disk


class NameNotDurable(MisleadingDisk):
    """What is in a new file is durable, but not that there is such a file."""

    def sync_directory(self, path: Path) -> None:
        """Do nothing."""


def on(
    file: Callable[[DiskFile], DiskFile] = MisleadingFile,
    disk_class: type[MisleadingDisk] = MisleadingDisk,
) -> OpenJournal:
    """`open_journal`, on a disk of that class whose files are made by `file`."""

    def open_misled(
        disk: Disk, path: Path, cluster: str, replica: ReplicaId
    ) -> tuple[Journal, list[bytes]]:
        return open_journal(disk_class(disk, file), path, cluster, replica)

    return open_misled


class NoFsync(MisleadingFile):
    """What was written counts as durable, though no fsync covered it."""

    def sync(self) -> None:
        """Do nothing."""


class SyncThenWrite(MisleadingFile):
    """The fsync of a group comes before its write, so each group is durable one group too late."""

    def __init__(self, file: DiskFile) -> None:
        super().__init__(file)
        self._held = b""

    def append(self, data: bytes) -> None:
        """Keep it for later."""
        self._held += data

    def sync(self) -> None:
        """First the fsync, then the write that it was for."""
        self._file.sync()
        self._write()

    def truncate(self, length: int) -> None:
        """In order with the writes."""
        self._write()
        self._file.truncate(length)

    def close(self) -> None:
        """Write what is left, and give the file back."""
        self._write()
        self._file.close()

    def _write(self) -> None:
        self._file.append(self._held)
        self._held = b""


class RetryFsync(MisleadingFile):
    """After a failed fsync another one is tried, and its success is believed."""

    def sync(self) -> None:
        """Sync, and sync again."""
        try:
            self._file.sync()
        except OSError:
            self._file.sync()


class TrustChecksums(MisleadingFile):
    """Recovery believes every byte it finds: no checksum is looked at, torn frames included."""

    def read(self) -> bytes:
        """The file with every checksum made right."""
        return _sealed(self._file.read())


class CutAtDamage(MisleadingFile):
    """Recovery takes any damage for a torn tail and drops all that was written behind it."""

    def read(self) -> bytes:
        """The file up to the first bad byte; the rest is cut off."""
        data = self._file.read()
        end = _intact_end(data)
        if end < len(data):
            self._file.truncate(end)
        return data[:end]


_MAGIC: Final = b"Jl"
_FRAME: Final = Struct(">2sIQI")  # as in the journal: magic, length, durable_upto, crc of payload
_CRC: Final = Struct(">I")
_HEADER_BYTES: Final = _FRAME.size + _CRC.size
_OFFSET: Final = Struct(">Q")


def _seal(seed: int, offset: int, payload: bytes, durable_upto: int) -> bytes:
    """A frame's header, with both its checksums."""
    start = _FRAME.pack(_MAGIC, len(payload), durable_upto, crc32(payload, seed))
    return start + _CRC.pack(crc32(start, crc32(_OFFSET.pack(offset), seed)))


def _sealed(data: bytes) -> bytes:
    """`data` with new checksums for each frame, up to where nothing looks like one."""
    header, offset = data[:FILE_HEADER_BYTES], FILE_HEADER_BYTES
    seed, pieces = crc32(header), [header]
    while data[offset : offset + 2] == _MAGIC and offset + _HEADER_BYTES <= len(data):
        _, length, durable_upto, _ = _FRAME.unpack_from(data, offset)
        payload = data[offset + _HEADER_BYTES :][:length]
        if len(payload) < length or not _are_records(payload):
            break
        pieces.append(_seal(seed, offset, payload, durable_upto) + payload)
        offset += _HEADER_BYTES + length
    return b"".join(pieces) + data[offset:]


def _are_records(payload: bytes) -> bool:
    """Whether a replica could read this, right or wrong: one that dies of it harms nobody."""
    at = 0
    while at < len(payload):
        length = int.from_bytes(payload[at : at + _CRC.size], "big")
        at += _CRC.size + length
        try:
            RECORD_CODEC.decode(payload[at - length : at])
        except WireError:
            return False
    return at == len(payload)


def _intact_end(data: bytes) -> int:
    """Where the first frame with a wrong checksum begins, or the data ends."""
    offset, seed = FILE_HEADER_BYTES, crc32(data[:FILE_HEADER_BYTES])
    while data[offset : offset + 2] == _MAGIC and offset + _HEADER_BYTES <= len(data):
        _, length, durable_upto, _ = _FRAME.unpack_from(data, offset)
        payload = data[offset + _HEADER_BYTES :][:length]
        if data[offset:][:_HEADER_BYTES] != _seal(seed, offset, payload, durable_upto):
            break
        offset += _HEADER_BYTES + length
    return min(offset, len(data))
