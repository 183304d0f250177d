"""The storage stage: saves what rests on disk, then lets go of what rests on it.

    driver ──Work──▶ storage stage ──(thread: append, one fsync)──▶ release(envelopes), in order

Everything that waits when the disk becomes free shares one fsync (group commit). A failure ends the
stage, and with it the replica, before anything that rests on the lost bytes is released.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import trio

from node.core.interface import Envelope
from node.failpoints import failpoint
from node.runtime.codecs import RECORD_CODEC
from node.runtime.counters import Durations
from node.runtime.journal import Journal

GROUP_MAX: Final = 256
"""Works in one group; more than the driver can have outstanding at the default channel size."""


@dataclass(frozen=True, slots=True)
class Work:
    """The durable part of one `Ready`."""

    records: tuple[Any, ...]
    messages_after_persist: tuple[Envelope[Any], ...]


async def storage_stage(
    works: trio.MemoryReceiveChannel[Work],
    journal: Journal,
    release: Callable[[Sequence[Envelope[Any]]], None],
    syncs: Durations,
) -> None:
    """Serve until `works` is closed at the other end; then everything is durable.

    How long each fsync took goes into `syncs`.
    """
    # Not `async with`: that would pass a checkpoint, where the driver, whose channel has just closed,
    # may have failed already, and a cancellation would take the place of what the disk said.
    with works:
        async for first in works:
            group = [first]
            while len(group) < GROUP_MAX:
                try:
                    group.append(works.receive_nowait())
                except (trio.WouldBlock, trio.EndOfChannel):
                    break
            failpoint("before-save")
            await trio.to_thread.run_sync(_save, journal, group, syncs)
            failpoint("after-save")
            for work in group:
                if work.messages_after_persist:
                    release(work.messages_after_persist)
        await trio.to_thread.run_sync(journal.sync)


def _save(journal: Journal, group: Sequence[Work], syncs: Durations) -> None:
    """Append the group's records; fsync if anything is waiting for them. Runs in a thread."""
    records = [RECORD_CODEC.encode(record) for work in group for record in work.records]
    if records:
        journal.append(records)
    if any(work.messages_after_persist for work in group):
        failpoint("before-sync")
        started = time.perf_counter()
        journal.sync()
        syncs.add(time.perf_counter() - started)
