"""A disk in memory whose fate a test decides: what fails, and what a crash leaves.

Where chance may decide there is `harness.simulation.disk.SimulatedDisk`.

Each file is its durable image and, behind it, the writes that no `sync()` has covered yet; a reader
sees both. `crash()` decides what becomes of those writes:

    crash()            all are lost
    crash(keep=n)      the first n bytes of them are there, and nothing else

A failed sync loses its writes for good although they can still be read, as on Linux, where the pages
count as clean afterwards: a second sync reports success and the data is not there.
"""

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from node.errors import StorageError

Operation = Literal[
    "open",
    "read",
    "append",
    "sync",
    "truncate",
    "close",
    "make_directory",
    "sync_directory",
    "rename",
]


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Truncate:
    length: int


@dataclass(slots=True)
class _Contents:
    durable: bytearray = field(default_factory=bytearray)
    visible: bytearray = field(default_factory=bytearray)
    pending: list[_Write | _Truncate] = field(default_factory=list)
    name_is_durable: bool = False
    opened_in_life: int = -1


@dataclass(frozen=True, slots=True)
class _Fault:
    code: int
    written_bytes: int


class FakeDisk:
    """Implements `node.runtime.disk.Disk`."""

    def __init__(self) -> None:
        self.directories: dict[Path, None] = {}
        """Those that somebody asked for; they are durable, and all others exist too."""
        self._files: dict[Path, _Contents] = {}
        self._faults: dict[Operation, _Fault] = {}
        self._life = 0
        self._salts = 0
        self.sync_count = 0

    # What a Disk does.

    def open(self, path: Path) -> "FakeFile":
        self.raise_fault("open")
        contents = self._files.setdefault(path, _Contents())
        if contents.opened_in_life == self._life:
            raise StorageError(f"{path}: in use")
        contents.opened_in_life = self._life
        return FakeFile(self, contents, self._life)

    def make_directory(self, path: Path) -> None:
        self.raise_fault("make_directory")
        self.directories.setdefault(path)

    def sync_directory(self, path: Path) -> None:
        self.raise_fault("sync_directory")
        for name, contents in self._files.items():
            if name.parent == path:
                contents.name_is_durable = True

    def rename(self, path: Path, to: Path) -> None:
        """At once and for good: what a crash makes of renames, `SimulatedDisk` knows."""
        self.raise_fault("rename")
        self._files[to] = self._files.pop(path)
        self._files[to].name_is_durable = True

    def remove(self, path: Path) -> None:
        del self._files[path]

    def names(self, path: Path) -> list[str]:
        return sorted(name.name for name in self._files if name.parent == path)

    def salt(self) -> bytes:
        self._salts += 1
        return self._salts.to_bytes(8, "big")

    # What a test does to it.

    def fail_next(
        self, operation: Operation, code: int = errno.EIO, written_bytes: int = 0
    ) -> None:
        """Fail once; of a failing append, the first `written_bytes` are written."""
        self._faults[operation] = _Fault(code, written_bytes)

    def crash(self, keep: int = 0) -> None:
        """The power goes: every open file is dead, and of what was not synced `keep` bytes are there."""
        self._life += 1
        for path, contents in list(self._files.items()):
            for operation in _prefix(contents.pending, keep):
                _apply(contents.durable, operation)
            contents.pending.clear()
            contents.visible[:] = contents.durable
            if not contents.name_is_durable and not keep:
                del self._files[path]

    def contents(self, path: Path) -> bytes:
        """What a reader sees now."""
        return bytes(self._files[path].visible)

    def durable_length(self, path: Path) -> int:
        return len(self._files[path].durable)

    def put(self, path: Path, data: bytes) -> None:
        """Make a durable file out of nothing."""
        self._files[path] = _Contents(bytearray(data), bytearray(data), name_is_durable=True)

    def flip_bit(self, path: Path, offset: int, bit: int = 0) -> None:
        """Damage what is stored."""
        contents = self._files[path]
        for image in (contents.durable, contents.visible):
            if offset < len(image):
                image[offset] ^= 1 << bit

    # For its files.

    def raise_fault(self, operation: Operation) -> None:
        fault = self._faults.pop(operation, None)
        if fault is not None:
            raise OSError(fault.code, os.strerror(fault.code))

    def take_append_fault(self) -> _Fault | None:
        return self._faults.pop("append", None)

    def is_alive(self, life: int) -> bool:
        return life == self._life


class FakeFile:
    """Implements `node.runtime.disk.DiskFile`."""

    def __init__(self, disk: FakeDisk, contents: _Contents, life: int) -> None:
        self._disk = disk
        self._contents = contents
        self._life = life

    def read(self) -> bytes:
        self._check("read")
        return bytes(self._contents.visible)

    def view(self) -> bytes:
        return self.read()

    def append(self, data: bytes) -> None:
        self._check_alive()
        fault = self._disk.take_append_fault()
        written = data if fault is None else data[: fault.written_bytes]
        self._change(_Write(len(self._contents.visible), written))
        if fault is not None:
            raise OSError(fault.code, os.strerror(fault.code))

    def overwrite(self, offset: int, data: bytes) -> None:
        self._check_alive()
        self._change(_Write(offset, data))

    def sync(self) -> None:
        self._check_alive()
        pending = self._contents.pending[:]
        self._contents.pending.clear()
        self._disk.raise_fault("sync")
        for operation in pending:
            _apply(self._contents.durable, operation)
        self._disk.sync_count += 1

    def truncate(self, length: int) -> None:
        self._check("truncate")
        self._change(_Truncate(length))

    def close(self) -> None:
        self._check("close")
        self._contents.opened_in_life = -1

    def _change(self, operation: _Write | _Truncate) -> None:
        _apply(self._contents.visible, operation)
        self._contents.pending.append(operation)

    def _check(self, operation: Operation) -> None:
        self._check_alive()
        self._disk.raise_fault(operation)

    def _check_alive(self) -> None:
        if not self._disk.is_alive(self._life):
            raise OSError(errno.EBADF, "this file was open when the power went")


def _apply(image: bytearray, operation: _Write | _Truncate) -> None:
    match operation:
        case _Write(offset, data):
            if data:
                image.extend(bytes(max(0, offset - len(image))))  # a hole reads as zeros
                image[offset : offset + len(data)] = data
        case _Truncate(length):
            del image[length:]


def _prefix(pending: list[_Write | _Truncate], keep: int) -> list[_Write | _Truncate]:
    survivors: list[_Write | _Truncate] = []
    for operation in pending:
        if keep <= 0:
            break
        if isinstance(operation, _Write):
            survivors.append(_Write(operation.offset, operation.data[:keep]))
            keep -= len(operation.data)
        else:
            survivors.append(operation)
    return survivors
