"""The disk of one life: as the disk of the host, but it takes time, and is closed to the dead."""

from pathlib import Path
from typing import TYPE_CHECKING

from harness.simulation.disk import SimulatedDisk, SimulatedFile
from harness.simulation.draws import Stream
from harness.simulation.stalls import sync_time

if TYPE_CHECKING:
    from harness.simulation.programs.hosts import Life


class LifeDisk:
    """Implements `node.runtime.disk.Disk`."""

    def __init__(self, life: "Life", stored: SimulatedDisk, draws: Stream) -> None:
        self._life = life
        self._stored = stored
        self._draws = draws
        self._open: dict[SimulatedFile, None] = {}

    def open(self, path: Path | str) -> "LifeFile":
        """Open or create a file; StorageError while it is open already."""
        self._life.check()
        file = self._stored.open(Path(path))
        self._open[file] = None
        return LifeFile(self, file)

    def make_directory(self, path: Path | str) -> None:
        """Make a directory, and those above it; a kill in the middle leaves them not durable."""
        self._life.check()
        self._stored.begin_directory(Path(path))
        before, after = self._times()
        self._life.block(before, lambda: self._stored.make_directory(Path(path)), after)

    def sync_directory(self, path: Path | str) -> None:
        """Make the names in a directory durable."""
        before, after = self._times()
        self._life.block(before, lambda: self._stored.sync_directory(Path(path)), after)

    def rename(self, path: Path | str, to: Path | str) -> None:
        """Give a file another name."""
        self._life.check()
        self._stored.rename(Path(path), Path(to))

    def remove(self, path: Path | str) -> None:
        """Take a file's name away."""
        self._life.check()
        self._stored.remove(Path(path))

    def names(self, path: Path | str) -> list[str]:
        """What is in a directory."""
        self._life.check()
        return self._stored.names(Path(path))

    def salt(self) -> bytes:
        """Eight bytes that nobody else has."""
        self._life.check()
        return self._stored.salt()

    def close_all(self) -> None:
        """What the kernel does for a process that has ended."""
        for file in self._open:
            file.close()
        self._open.clear()

    # For its files.

    def check(self) -> None:
        """Raise if this life is over."""
        self._life.check()

    def sync(self, file: SimulatedFile) -> None:
        """It takes time; a crash in the middle finds it not done."""
        before, after = self._times()
        self._life.block(before, file.sync, after)

    def forget(self, file: SimulatedFile) -> None:
        """It was closed."""
        self._open.pop(file, None)

    def is_dead(self) -> bool:
        """Whether nothing may be changed any more."""
        return self._life.is_over

    def _times(self) -> tuple[int, int]:
        """How long a sync takes until it is done, and until whoever asked is told."""
        total, stalls = sync_time(self._draws, self._life.host.world.rates)
        if stalls:
            self._life.host.bites("sync-stall")
        return total - total // 8, total // 8


class LifeFile:
    """Implements `node.runtime.disk.DiskFile`."""

    def __init__(self, disk: LifeDisk, file: SimulatedFile) -> None:
        self._disk = disk
        self._file = file

    def read(self) -> bytes:
        """All of it."""
        self._disk.check()
        return self._file.read()

    def view(self) -> bytes:
        """All of it."""
        return self.read()

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write at the end."""
        self._disk.check()
        self._file.append(bytes(data))

    def overwrite(self, offset: int, data: bytes) -> None:
        """Write in place."""
        self._disk.check()
        self._file.overwrite(offset, data)

    def sync(self) -> None:
        """Make it durable."""
        self._disk.sync(self._file)

    def truncate(self, length: int) -> None:
        """Drop what is behind `length`."""
        self._disk.check()
        self._file.truncate(length)

    def close(self) -> None:
        """Give it back; the dead may close what they like."""
        if not self._disk.is_dead():
            self._disk.forget(self._file)
            self._file.close()
