"""Snapshots: what stands for the part of the log that is no longer there, and its way to a peer.

    lagging                        whoever truncated what it lacks
      │ ── Fetch from 7 ────────────▶ │
      │ ◀── Chunk 0… of 1..4000 ───── │        the first part comes unasked
      │ ── FetchChunk at 65536 ─────▶ │        one question at a time, so no queue fills
      │ ◀── Chunk 65536… ──────────── │
      │  whole: save it, and only when it is durable skip the log to slot 4000

Who lags asks again for what does not come, from whomever it would ask for log entries now. Equal
states have equal bytes, so another replica may have the very same snapshot and go on where the first
one stopped; and if it has another, it begins with that.
"""

from typing import Final
from zlib import crc32

from node.core.interface import Snapshot
from node.core.log import Log
from node.core.multipaxos.messages import Chunk, FetchChunk

Name = tuple[int, int]
"""Slot and checksum: equal ones name equal bytes."""


class Shelf:
    """The newest snapshot, and the one before as long as a peer is reading it."""

    def __init__(self, newest: Snapshot | None) -> None:
        self.newest = newest
        self._read_at = 0
        self._kept: tuple[Name, Snapshot] | None = None
        """The one that is being read, whether or not it is the newest."""

    @property
    def slot(self) -> int:
        """The last slot of the newest one; 0 without one."""
        return 0 if self.newest is None else self.newest.slot

    def put(self, snapshot: Snapshot, now: int, patience: int) -> None:
        """Here is a newer one. Who reads an older one may finish, or it might never have one."""
        assert snapshot.slot > self.slot, f"{snapshot.slot} after {self.slot}"
        self.newest = snapshot
        if now - self._read_at >= patience:
            self._kept = None

    def chunk(self, wanted: FetchChunk | None, bytes_max: int, now: int) -> Chunk | None:
        """What is `wanted`, or else the beginning of the newest one; None without any."""
        if wanted is not None and self._kept is not None:
            name, snapshot = self._kept
            if name == (wanted.slot, wanted.checksum) and wanted.offset < len(snapshot.image):
                self._read_at = now
                return _cut(name, snapshot, wanted.offset, bytes_max)
        if self.newest is None:
            return None
        self._read_at = now
        if self._kept is None or self._kept[1] is not self.newest:
            self._kept = (_name(self.newest), self.newest)
        name, snapshot = self._kept
        is_same = wanted is not None and name == (wanted.slot, wanted.checksum)
        offset = wanted.offset if wanted is not None and is_same else 0
        return _cut(name, snapshot, offset if offset < len(snapshot.image) else 0, bytes_max)


_CHECKSUM_BYTES: Final = 1 << 20
"""Read at once while the checksum is made: an image may be a file, and need not be in memory."""


def _name(snapshot: Snapshot) -> Name:
    checksum = 0
    for offset in range(0, len(snapshot.image), _CHECKSUM_BYTES):
        checksum = crc32(snapshot.image[offset : offset + _CHECKSUM_BYTES], checksum)
    return snapshot.slot, checksum


def _cut(name: Name, snapshot: Snapshot, offset: int, bytes_max: int) -> Chunk:
    slot, checksum = name
    data = snapshot.image[offset : offset + bytes_max]
    return Chunk(slot, len(snapshot.image), checksum, offset, data)


class Download:
    """A snapshot on its way here, as much of it as has come."""

    def __init__(self, first: Chunk, now: int) -> None:
        self.slot = first.slot
        self.size = first.size
        self.checksum = first.checksum
        self.came_at = now
        """The tick of the last part that was news."""
        self._parts = bytearray()

    def takes(self, chunk: Chunk) -> bool:
        """Whether `chunk` is the next part."""
        return (chunk.slot, chunk.size, chunk.checksum, chunk.offset) == (
            self.slot,
            self.size,
            self.checksum,
            len(self._parts),
        )

    def add(self, chunk: Chunk, now: int) -> None:
        """Take in the next part."""
        assert self.takes(chunk), f"{chunk.offset} of {chunk.slot}"
        self._parts += chunk.data
        self.came_at = now

    @property
    def question(self) -> FetchChunk:
        """What is to be asked next."""
        return FetchChunk(self.slot, self.checksum, len(self._parts))

    @property
    def is_whole(self) -> bool:
        """Whether the last part has come."""
        return len(self._parts) == self.size

    def snapshot(self) -> Snapshot | None:
        """What came, once it is whole; None if it is not what was announced."""
        assert self.is_whole
        if crc32(self._parts) != self.checksum:
            return None
        return Snapshot(self.slot, bytes(self._parts))


def truncation_point(log: Log, slot: int, *, slots_kept: int, bytes_kept: int) -> int:
    """How far the log may go, when a snapshot stands for everything up to `slot`.

    Some slots before it stay, for those who lag a little: a few entries are sooner sent than a
    whole state.
    """
    upto, size = slot, 0
    lowest = max(log.truncated_upto, slot - slots_kept)
    while upto > lowest:
        entry = log.get(upto)
        assert entry is not None, f"slot {upto} is chosen and a hole"
        size += sum(len(command.body) for command in entry.value.commands)
        if size > bytes_kept:
            break
        upto -= 1
    return max(upto, log.truncated_upto)
