"""What a replica can say about its own process."""

import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Memory that this process holds; 0 where the system does not say."""
    try:
        fields = _STATM.read_text().split()
    except FileNotFoundError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


@cache
def gong_version() -> str:
    """Of the installed distribution."""
    return version("gong")
