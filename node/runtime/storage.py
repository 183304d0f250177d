"""The storage stage: saves what rests on disk, then lets go of what rests on it.

    driver ──Work──▶ storage stage ──(append, one fsync)──▶ release(envelopes), in order

Everything that waits when the disk becomes free shares one fsync (group commit). A failure ends the
stage, and with it the replica, before anything that rests on the lost bytes is released.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import trio

from node.core.interface import Envelope
from node.failpoints import failpoint
from node.runtime.codecs import RECORD_CODEC
from node.runtime.journal import Journal

GROUP_MAX: Final = 256
"""Works in one group; more than the driver can have outstanding at the default channel size."""


QUICK_S: Final = 0.001
"""A replica may stand still for so long to save a group: a fraction of a tick."""


@dataclass(frozen=True, slots=True)
class Work:
    """The durable part of one `Ready`."""

    records: tuple[Any, ...]
    messages_after_persist: tuple[Envelope[Any], ...]
    journal: tuple[Any, ...] | None = None
    """Not None: all that the journal is to hold from now on; `records` come behind it."""


async def storage_stage(
    works: trio.MemoryReceiveChannel[Work],
    journal: Journal,
    release: Callable[[Sequence[Envelope[Any]]], None],
) -> None:
    """Serve until `works` is closed at the other end; then everything is durable."""
    pace = _Pace()
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
            began = trio.current_time()
            # To switch a journal takes longer, and says nothing about an fsync.
            switches = any(work.journal is not None for work in group)
            if pace.is_quick and not switches:
                _save(journal, group)
            else:
                await trio.to_thread.run_sync(_save, journal, group)
            if not switches:
                pace.note(trio.current_time() - began)
            failpoint("after-save")
            for work in group:
                if work.messages_after_persist:
                    release(work.messages_after_persist)
        await trio.to_thread.run_sync(journal.sync)


class _Pace:
    """Whether the disk is quicker than a thread: then it is not worth one.

    A thread there and back costs two switches and the lock of the interpreter: as much as an fsync
    of a good disk, again. But the whole replica stands still meanwhile. So a disk has to prove
    itself quick, and one that has stalled once has to prove it again, for long.
    """

    def __init__(self) -> None:
        self._average_s = 5 * QUICK_S

    @property
    def is_quick(self) -> bool:
        return self._average_s < QUICK_S

    def note(self, took_s: float) -> None:
        """One more group was saved."""
        self._average_s += (took_s - self._average_s) / 16


def _save(journal: Journal, group: Sequence[Work]) -> None:
    """Append the group's records; fsync if anything is waiting for them. It blocks."""
    records = write_journal(journal, group)
    if records:
        journal.append(records)
    if any(work.messages_after_persist for work in group):
        failpoint("before-sync")
        journal.sync()


def write_journal(journal: Journal, group: Sequence[Work]) -> list[bytes]:
    """Switch the journal if any work of the group says so; the records that are still to be written."""
    records: list[bytes] = []
    for work in group:
        if work.journal is not None:
            # It says all that the records before it say.
            journal.switch([RECORD_CODEC.encode(record) for record in work.journal])
            failpoint("after-truncation")
            records.clear()
        records += [RECORD_CODEC.encode(record) for record in work.records]
    return records
