"""What a measurement rests on: processor time and memory of processes, and the disk below the data.

Processor time is what can be compared on a machine that others use as well; rates cannot.
"""

import os
import time
from pathlib import Path
from statistics import median
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_SYNCS: Final = 50
"""How often fsync is tried; their median is reported."""

MEMORY_FILESYSTEMS: Final = ("tmpfs", "ramfs")
"""Where an fsync costs nothing, and proves nothing."""


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, user and system; Linux."""
    # The command's name, in brackets, may hold anything; fields count from behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def peak_rss_mb(pid: int) -> float:
    """The most memory that a process had resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no VmHWM of process {pid}")


def filesystem(directory: Path) -> str:
    """The type of the file system that holds `directory`."""
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        if mount.split()[2] == wanted:
            return kind.split()[0]
    return "unknown"


def fsync_ms(directory: Path) -> float:
    """How long an fdatasync of a few appended bytes takes there: the median of some."""
    path = directory / "fsync-probe"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    times: list[float] = []
    try:
        for _ in range(_SYNCS):
            os.write(descriptor, b"x" * 200)
            began = time.perf_counter()
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    return median(times) * 1000
