"""The journal: records appended to one file, and which of them a crash has left.

    | file header |  frame  |   frame   |  frame  |
                  ^         ^           ^
                  one append() each: the records of one group commit

    frame = | Jl | length | durable_upto | crc of payload | crc of these | payload: records |
              2      4           8               4               4

A crash may tear what was not yet fsynced: any of its sectors may be there or not. That is normal, the
records in it were promised to nobody, and the torn tail is cut off. Damage to bytes that had been
fsynced is another thing: promises stood there, and a replica without its promises lies. From the
bad bytes alone the two cannot be told apart. But each frame says how far the file was durable when
it was written, and so vouches for the bytes before that point:

    | frame A |  frame B   | frame C (durable_upto = o2) |         B is damaged:
    0         o1 ## bad ## o2                                      o2 > o1, so B was durable, refuse

    | frame A |  frame B   | frame C (durable_upto = o1) |         B is torn:
    0         o1 ## bad ## o2                                      nobody vouches for B, cut at o1

One frame per group commit, not per record, because a group is what becomes durable at once: inside it
there is nothing to vouch for, and it comes back whole or not at all. A frame's header has its own
checksum, so that a frame whose payload was torn can still vouch for those before it, and so that a
search through damaged bytes costs their length and not its square. The checksums start from a salt
in the file header and the frame's offset: bytes that a client made look like a frame are none,
and neither is a frame left over from elsewhere.

Zeros behind the last frame are a clean end: room for more (see `node.runtime.disk`). What cannot be told
apart: damage to the last group that was synced, when nothing was written after it, looks like a torn
tail; likewise a file that somebody cut between frames, or deleted. Then a promise may be gone.

A journal is switched for a shorter one by writing that beside it, syncing it, and renaming it over the
old one. A crash leaves one or the other, each with all that must be remembered. Such a file says in its
header how long it was when it got its name, and so vouches for that much of itself from the start: the
switch is only durable once the directory is synced, and nothing is appended before.

A failed fsync ends a journal for good. Until the next reboot Linux may then show bytes that are not on
the disk, and report success for an fsync that has nothing to do, since the pages count as clean. So
whoever opens a journal writes everything that no frame vouches for once more, the same bytes in the
same place, and syncs that, before anything rests on it (Rebello et al., "Can applications recover from
fsync failures?", ATC 2020).

The recovery rule is that of TigerBeetle and of "Protocol-aware recovery for consensus-based storage"
(Alagappan et al., FAST 2018): never treat damage as a crash.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn
from zlib import crc32

from node.errors import CorruptRecord, StorageError
from node.failpoints import failpoint
from node.marks import sometimes
from node.runtime.disk import Disk, DiskFile
from node.types import ReplicaId

_TORN_TAIL = sometimes("a torn tail of the journal is cut off")
_DAMAGED = sometimes("a damaged journal is refused")
_UNFINISHED = sometimes("a journal whose creation was cut short is begun again")
_SWITCHED = sometimes("a journal is switched for a shorter one")
_LEFT_OVER = sometimes("a journal that was not switched to is removed")
_DISK_FAILED = sometimes("a disk fails, and its journal is not used again")

FORMAT_VERSION: Final = 2
FILE_MAGIC: Final = b"gong-journal\n"
FILE_HEADER_BYTES: Final = 512
"""One sector, so that a crash while it is written leaves all of it or nothing."""
CLUSTER_BYTES_MAX: Final = 255
PAYLOAD_BYTES_MAX: Final = (1 << 32) - 1

_FILE_HEADER: Final = struct.Struct(">13sHQ8sB")  # magic, version, replica, salt, cluster's length
_CRC: Final = struct.Struct(">I")
_FRAME_MAGIC: Final = b"Jl"
_FRAME: Final = struct.Struct(">2sIQI")  # magic, payload length, durable_upto, crc of payload
_FRAME_HEADER_BYTES: Final = _FRAME.size + _CRC.size
_OFFSET: Final = struct.Struct(">Q")
_SWITCHED_LENGTH: Final = struct.Struct(">Q")
_RECORD_LENGTH: Final = struct.Struct(">I")


class Journal:
    """Where a replica's records are made durable. `open_journal()` makes one; `close()` it.

    Not for two threads at once. The first failure is the last: every later call raises StorageError,
    because after a failed write or fsync nobody knows what the disk holds, and a second fsync may
    report success for data that is gone.
    """

    def __init__(
        self,
        disk: Disk,
        file: DiskFile,
        path: Path,
        owner: "_Owner",
        *,
        seed: int,
        length: int,
        dropped: int,
        switched_length: int,
    ) -> None:
        self.path = path
        self.dropped_bytes = dropped
        """Length of the torn tail that was cut off at opening; 0 after a clean end, or zeros."""
        self.switched_length = switched_length
        """How long it was when it took the place of another one; 0 if it never did."""
        self._disk = disk
        self._owner = owner
        self._file = file
        self._seed = seed
        self._length = length
        self._durable_length = length
        self._failure: StorageError | None = None
        self._closed = False

    @property
    def length(self) -> int:
        """Bytes written, durable or not."""
        return self._length

    @property
    def is_durable(self) -> bool:
        """Whether everything appended would survive a crash now."""
        return self._length == self._durable_length

    def append(self, records: Sequence[bytes]) -> None:
        """Write `records`, at least one, as one group. Durable only once `sync()` has returned."""
        self._check_usable()
        assert records, "an empty group would say nothing"
        payload = _pack_records(records)
        frame = _pack_frame_header(self._seed, self._length, payload, self._durable_length)
        try:
            self._file.append(frame + payload)
        except OSError as exc:
            self._fail(f"writing {len(frame) + len(payload)} bytes at {self._length}", exc)
        self._length += len(frame) + len(payload)

    def sync(self) -> None:
        """Make everything appended durable; nothing to do when it is."""
        self._check_usable()
        if self.is_durable:
            return
        try:
            self._file.sync()
        except OSError as exc:
            self._fail(f"fsync of {self._length - self._durable_length} bytes", exc)
        self._durable_length = self._length

    def switch(self, records: Sequence[bytes]) -> None:
        """Go on with a journal that holds `records` and nothing else; durable on return.

        They must say all that the records so far have said. A crash leaves the old or the new one.
        """
        self._check_usable()
        fresh = _beside(self.path)
        payload = _pack_records(records)
        length = FILE_HEADER_BYTES + _FRAME_HEADER_BYTES + len(payload)
        header = _pack_file_header(self._owner, self._disk.salt(), length)
        seed = crc32(header)
        frame = _pack_frame_header(seed, FILE_HEADER_BYTES, payload, FILE_HEADER_BYTES)
        try:
            file = self._disk.open(fresh)
            file.truncate(0)
            file.append(header + frame + payload)
            file.sync()
            failpoint("before-journal-switch")
            self._disk.rename(fresh, self.path)
            failpoint("after-journal-switch")
            self._disk.sync_directory(self.path.parent)
            self._file.close()
        except OSError as exc:
            self._fail(f"switching to {length} bytes", exc)
        self._file, self._seed = file, seed
        self._length = self._durable_length = self.switched_length = length
        _SWITCHED.hit()

    def close(self) -> None:
        """Give the file back; what was not synced stays so. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        try:
            self._file.close()
        except OSError as exc:
            raise StorageError(f"{self.path}: closing failed: {exc}") from exc

    def _check_usable(self) -> None:
        assert not self._closed, f"{self.path} is closed"
        if self._failure is not None:
            raise StorageError(f"unusable since an earlier failure: {self._failure}") from (
                self._failure
            )

    def _fail(self, attempt: str, exc: OSError) -> NoReturn:
        _DISK_FAILED.hit()
        self._failure = StorageError(f"{self.path}: {attempt} failed: {exc}")
        raise self._failure from exc


def open_journal(
    disk: Disk, path: Path, cluster: str, replica: ReplicaId
) -> tuple[Journal, list[bytes]]:
    """Open or create the journal of `replica`, and its directory: the journal, its records in order.

    All of these records are durable on return, and so is the file's existence. Raises CorruptRecord
    when durable bytes have changed, and StorageError when the file belongs to another cluster or
    replica, is in use, or the disk fails; the file is then closed again, and as it was.
    """
    try:
        disk.make_directory(path.parent)
    except OSError as exc:
        raise StorageError(f"{path.parent}: cannot be created: {exc.strerror}") from exc
    try:
        file = disk.open(path)
    except OSError as exc:
        raise StorageError(f"{path}: cannot be opened: {exc}") from exc
    try:
        return _open_file(disk, file, path, _Owner(cluster=cluster, replica=replica))
    except (OSError, StorageError) as exc:
        with suppress(OSError):
            file.close()
        if isinstance(exc, StorageError):
            raise
        raise StorageError(f"{path}: opening failed: {exc}") from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owner:
    """Whose journal it is: to recover from a stranger's would be to keep his promises, not ours."""

    cluster: str
    replica: ReplicaId


def _open_file(
    disk: Disk, file: DiskFile, path: Path, owner: _Owner
) -> tuple[Journal, list[bytes]]:
    data = file.read()
    header = _read_file_header(data, path, owner)
    _remove_left_over(disk, path)
    if header is None:
        if data:
            _UNFINISHED.hit()
        header = _pack_file_header(owner, disk.salt(), 0)
        file.truncate(0)
        file.append(header)
        data = header
    seed = crc32(header)
    groups, end, vouched = _read_groups(data, seed)
    switched_length = _switched_length(header)
    vouched = max(vouched, switched_length)
    if end < switched_length:
        _DAMAGED.hit()
        reason = f"this journal was switched to with {switched_length} bytes, all durable"
        raise CorruptRecord(path, end, reason)
    torn = len(data[end:].rstrip(b"\0"))
    if torn:
        _refuse_damage(data, seed, end, path)
        _TORN_TAIL.hit()
    if end < len(data):
        file.truncate(end)
    # Also when nothing was cut: these bytes may so far have survived only a process, or a failed
    # fsync, and whatever we say from now on rests on them.
    file.overwrite(vouched, data[vouched:end])
    failpoint("at-opening")
    file.sync()
    disk.sync_directory(path.parent)
    journal = Journal(
        disk,
        file,
        path,
        owner,
        seed=seed,
        length=end,
        dropped=torn,
        switched_length=switched_length,
    )
    return journal, [record for group in groups for record in group]


def _beside(path: Path) -> Path:
    """Where a new journal is written before it is switched to."""
    return path.with_name(path.name + ".new")


def _remove_left_over(disk: Disk, path: Path) -> None:
    """What a crash before the switch has left says nothing that `path` does not."""
    fresh = _beside(path)
    if fresh.name in disk.names(path.parent):
        _LEFT_OVER.hit()
        disk.remove(fresh)


@dataclass(frozen=True, slots=True)
class _FrameHeader:
    payload_length: int
    durable_upto: int
    payload_crc: int


def _pack_file_header(owner: _Owner, salt: bytes, switched_length: int) -> bytes:
    cluster = owner.cluster.encode()
    assert len(cluster) <= CLUSTER_BYTES_MAX, f"cluster name {owner.cluster!r} is too long"
    start = _FILE_HEADER.pack(FILE_MAGIC, FORMAT_VERSION, owner.replica, salt, len(cluster))
    # Zero in files from before there were switches, which is what they would say.
    end = _SWITCHED_LENGTH.pack(switched_length)
    padded = (start + cluster).ljust(FILE_HEADER_BYTES - _CRC.size - len(end), b"\0") + end
    return padded + _CRC.pack(crc32(padded))


def _switched_length(header: bytes) -> int:
    place = FILE_HEADER_BYTES - _CRC.size - _SWITCHED_LENGTH.size
    length: int = _SWITCHED_LENGTH.unpack_from(header, place)[0]
    return length


def _pack_records(records: Sequence[bytes]) -> bytes:
    payload = b"".join([_RECORD_LENGTH.pack(len(r)) + r for r in records])
    assert len(payload) <= PAYLOAD_BYTES_MAX, f"a group of {len(payload)} bytes"
    return payload


def _read_file_header(data: bytes, path: Path, owner: _Owner) -> bytes | None:
    """The header if it is intact and ours, None if the file was never finished being created."""
    header = data[:FILE_HEADER_BYTES]
    checked = header[: -_CRC.size]
    if len(header) < FILE_HEADER_BYTES or header[-_CRC.size :] != _CRC.pack(crc32(checked)):
        # Frames follow only once the header is durable, so a file that has any was finished. Zeros
        # are what a crash leaves where the length was saved and the contents were not.
        unfinished = not any(header) or header.startswith(FILE_MAGIC[: len(header)])
        if unfinished and len(data) <= FILE_HEADER_BYTES:
            return None
        raise CorruptRecord(path, 0, "the file header is damaged, or this is no journal")
    magic, version, replica, _salt, length = _FILE_HEADER.unpack_from(header)
    if magic != FILE_MAGIC or version != FORMAT_VERSION:
        raise StorageError(f"{path}: format version {version}; this is version {FORMAT_VERSION}")
    cluster = header[_FILE_HEADER.size :][:length].decode()
    if (cluster, replica) != (owner.cluster, owner.replica):
        raise StorageError(
            f"{path} belongs to replica {replica} of cluster {cluster!r}, "
            f"not to replica {owner.replica} of cluster {owner.cluster!r}"
        )
    return header


def _pack_frame_header(seed: int, offset: int, payload: bytes, durable_upto: int) -> bytes:
    assert durable_upto <= offset, "a frame vouches for what is before it"
    start = _FRAME.pack(_FRAME_MAGIC, len(payload), durable_upto, crc32(payload, seed))
    return start + _CRC.pack(_header_crc(seed, offset, start))


def _header_crc(seed: int, offset: int, start: bytes) -> int:
    return crc32(start, crc32(_OFFSET.pack(offset), seed))


def _read_frame_header(data: bytes, seed: int, offset: int) -> _FrameHeader | None:
    """The header at `offset` if there is one that we wrote there, whatever became of its payload."""
    start = data[offset : offset + _FRAME.size]
    crc = data[offset + _FRAME.size : offset + _FRAME_HEADER_BYTES]
    if not start.startswith(_FRAME_MAGIC) or crc != _CRC.pack(_header_crc(seed, offset, start)):
        return None
    _magic, payload_length, durable_upto, payload_crc = _FRAME.unpack(start)
    return _FrameHeader(payload_length, durable_upto, payload_crc)


def _read_groups(data: bytes, seed: int) -> tuple[list[list[bytes]], int, int]:
    """The groups up to the first bad frame, where that is or the data ends, and what is vouched for."""
    groups = []
    vouched = 0
    offset = FILE_HEADER_BYTES
    while (header := _read_frame_header(data, seed, offset)) is not None:
        start = offset + _FRAME_HEADER_BYTES
        payload = data[start : start + header.payload_length]
        if len(payload) < header.payload_length or crc32(payload, seed) != header.payload_crc:
            break
        groups.append(list(_split(payload)))
        vouched = header.durable_upto
        offset = start + header.payload_length
    return groups, offset, vouched


def _split(payload: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(payload):
        (length,) = _RECORD_LENGTH.unpack_from(payload, at)
        at += _RECORD_LENGTH.size
        assert at + length <= len(payload), "a frame with a good checksum was written wrongly"
        yield payload[at : at + length]
        at += length


def _refuse_damage(data: bytes, seed: int, bad: int, path: Path) -> None:
    """Raise CorruptRecord if any frame behind the bad one at `bad` knew that to be durable."""
    at = data.find(_FRAME_MAGIC, bad + 1)
    while at >= 0:
        header = _read_frame_header(data, seed, at)
        if header is not None and header.durable_upto > bad:
            reason = f"the frame at {at} was written when {header.durable_upto} bytes were durable"
            _DAMAGED.hit()
            raise CorruptRecord(path, bad, reason)
        at = data.find(_FRAME_MAGIC, at + 1)
