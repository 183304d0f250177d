"""The storage stage: saves what rests on disk, then lets go of what rests on it.

    driver ──Work──▶ storage stage ──(append, one fsync)──▶ release(envelopes), in order

A disk that has proved quick saves at once, in the driver's own step. Otherwise a thread does it, and
everything that waits when the disk becomes free shares one fsync (group commit). A failure ends
whoever saves, and with that the replica, before anything that rests on the lost bytes is released.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import trio

from node.core.interface import Envelope
from node.failpoints import failpoint
from node.runtime.codecs import RECORD_CODEC
from node.runtime.counters import Durations
from node.runtime.journal import Journal

QUEUE_MAX: Final = 64
"""Works that wait; when there are so many the disk holds the driver up."""

GROUP_MAX: Final = 256
"""Works in one group; more than wait, unless the driver has submitted many in one step."""

QUICK_S: Final = 0.002
"""A replica may stand still for so long to save a group, on average: a fraction of a tick."""


@dataclass(frozen=True, slots=True)
class Work:
    """The durable part of one `Ready`."""

    records: tuple[Any, ...]
    messages_after_persist: tuple[Envelope[Any], ...]
    journal: tuple[Any, ...] | None = None
    """Not None: all that the journal is to hold from now on; `records` come behind it."""

    @property
    def switches(self) -> bool:
        """Whether another journal takes the place of this one."""
        return self.journal is not None


Release = Callable[[Sequence[Envelope[Any]]], None]
"""Sends what rested on records that are durable now."""


class StorageStage:
    """The one way to the journal while a replica runs."""

    def __init__(self, journal: Journal, syncs: Durations, release: Release) -> None:
        """How long each fsync took goes into `syncs`."""
        self._journal = journal
        self._release = release
        self._syncs = syncs
        self._works: deque[Work] = deque()
        self._is_saving = False
        self._is_closed = False
        self._arrived = trio.Event()
        self._taken = trio.Event()
        self._pace = _Pace()

    @property
    def has_room(self) -> bool:
        """Whether more may be submitted."""
        return len(self._works) < QUEUE_MAX

    async def wait_room(self) -> None:
        """Wait until the disk has caught up; the driver calls this before it steps on."""
        while not self.has_room:
            await self._taken.wait()

    def submit(self, work: Work) -> None:
        """Save this behind all before it: now, if that is quick, or soon. Raises StorageError."""
        if self._pace.is_quick and not self._is_saving and not self._works and not work.switches:
            began = self._begin()
            self._save([work])
            self._pace.note(trio.current_time() - began)
            self._saved([work])
        else:
            self._works.append(work)
            self._arrived.set()

    def close(self) -> None:
        """Nothing more will be submitted: `run` ends when all is durable."""
        self._is_closed = True
        self._arrived.set()

    async def run(self) -> None:
        """Save what has to wait, until `close`; then everything is durable. Raises StorageError."""
        while self._works or not self._is_closed:
            if not self._works:
                await self._arrived.wait()
                self._arrived = trio.Event()
                continue
            group = [self._works.popleft() for _ in range(min(len(self._works), GROUP_MAX))]
            self._is_saving = True
            self._taken.set()
            self._taken = trio.Event()
            began = self._begin()
            await trio.to_thread.run_sync(self._save, group)
            # To switch a journal takes longer, and says nothing about an fsync.
            if not any(work.switches for work in group):
                self._pace.note(trio.current_time() - began)
            self._is_saving = False
            self._saved(group)
        await trio.to_thread.run_sync(self._journal.sync)

    def _begin(self) -> float:
        failpoint("before-save")
        return trio.current_time()

    def _save(self, group: Sequence[Work]) -> None:
        """Append the group's records; fsync if anything is waiting for them. It blocks."""
        records = write_journal(self._journal, group)
        if records:
            self._journal.append(records)
        if any(work.messages_after_persist for work in group):
            failpoint("before-sync")
            started = time.perf_counter()
            self._journal.sync()
            self._syncs.add(time.perf_counter() - started)

    def _saved(self, group: Sequence[Work]) -> None:
        failpoint("after-save")
        for work in group:
            if work.messages_after_persist:
                self._release(work.messages_after_persist)


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
