"""The task that saves snapshots: what it leaves when it is given up."""

import gc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from node.errors import StorageError
from node.runtime.inbox import Inbox
from node.runtime.snapshots import Policy
from node.runtime.snapshotter import Snapshotter


class Broken:
    """A disk to which nothing can be written."""

    def open(self, _: Path) -> "Broken":
        return self

    def truncate(self, _: int) -> None:
        pass

    def append(self, _: bytes) -> None:
        raise StorageError("the disk is full")

    def close(self) -> None:
        pass


class Counter:
    """A state machine whose state is one part."""

    executed_upto = 1

    def capture(self) -> object:
        return SimpleNamespace(slot=1)

    def encode(self, _: object) -> Iterator[bytes]:
        yield b"state"


async def test_a_snapshot_that_cannot_be_written_is_not_left_to_the_garbage_collector() -> None:
    """A generator that nobody closes would end in the collector, at any time, with a warning of Trio."""
    parts: dict[str, Any] = {
        "disk": Broken(),
        "journal": SimpleNamespace(path=Path("/data/journal"), length=0, switched_length=0),
        "machine": Counter(),
    }
    snapshots = Snapshotter(
        policy=Policy(slots=1, journal_bytes=1), inbox=Inbox(), newest=None, **parts
    )
    snapshots.consider()
    with pytest.raises(StorageError, match="the disk is full"):
        await snapshots.run()
    await trio.lowlevel.checkpoint()
    gc.collect()
