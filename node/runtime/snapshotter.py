"""The snapshotter: makes states durable beside everything else, without holding it up for long.

    driver ──capture, when due──▶ snapshotter ── piece, piece, … ──▶ file ─▶ SnapshotSaved ─▶ inbox
    core ──received from a peer──▶     "      ── read it, piece by piece ──┘

What a replica waits for is the capture, a copy of the map and the sessions whose texts are shared: some
milliseconds for 100,000 keys. The rest is done a piece at a time, with everybody else's turn in
between; only writing and syncing happen in a thread. (Encoding in a thread would gain nothing: it
needs the interpreter all the time, and would give it back at longer intervals than a piece takes.)
"""

import math
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import trio

from node.core.interface import Snapshot, SnapshotSaved
from node.errors import ProtocolViolation, WireError
from node.runtime.disk import Disk
from node.runtime.inbox import Inbox
from node.runtime.journal import Journal
from node.runtime.logs import logger
from node.runtime.snapshots import Policy, Writer, with_members
from node.state_machine.sessions import SessionedStateMachine
from node.state_machine.snapshot import Capture, State

_log = logger("snapshots")

_WRITE_BYTES: Final = 1024 * 1024
"""In one call of a thread, which costs as much as encoding some hundred keys."""


@dataclass(frozen=True, slots=True)
class _Take:
    capture: Capture


@dataclass(frozen=True, slots=True)
class _Install:
    snapshot: Snapshot


class Snapshotter:
    """Takes the snapshots of one replica, one at a time. The driver asks; `run` is its task."""

    def __init__(
        self,
        *,
        disk: Disk,
        journal: Journal,
        policy: Policy,
        machine: SessionedStateMachine,
        inbox: Inbox[Any],
        newest: Snapshot | None,
    ) -> None:
        self._disk = disk
        self._journal = journal
        self._directory = journal.path.parent
        self._policy = policy
        self._machine = machine
        self._inbox = inbox
        self._newest = newest
        self._outstanding = 0
        # Bounded by those who ask: one is taken at a time, and a core waits for the one it received.
        self._sender, self._receiver = trio.open_memory_channel[_Take | _Install](math.inf)
        self._lifetime = trio.CancelScope()

    def consider(self) -> None:
        """Capture the executed state if a snapshot is due. Costs a comparison otherwise."""
        if self._outstanding:
            return
        grown = self._journal.length - self._journal.switched_length
        executed_upto = self._machine.executed_upto
        if self._policy.is_due(
            executed_upto=executed_upto, newest=self._newest, journal_bytes=grown
        ):
            self._post(_Take(self._machine.capture()))

    def install(self, snapshot: Snapshot) -> None:
        """Save what a peer has sent, and make a state of it."""
        self._post(_Install(snapshot))

    def stop(self) -> None:
        """End `run`; what is not finished is of no use to anybody."""
        self._lifetime.cancel()

    async def run(self) -> None:
        """Serve until `stop`."""
        with self._lifetime:
            async for job in self._receiver:
                if isinstance(job, _Take):
                    parts = self._machine.encode(job.capture)
                    saved = SnapshotSaved(await self._save(job.capture.slot, parts))
                else:
                    saved = await self._take_over(job.snapshot)
                self._newest = saved.snapshot
                self._outstanding -= 1
                self._inbox.post(saved)

    def _post(self, job: _Take | _Install) -> None:
        self._outstanding += 1
        self._sender.send_nowait(job)

    async def _take_over(self, received: Snapshot) -> SnapshotSaved:
        data = received.image[:]
        state: State | None = None
        try:
            for state in self._machine.decode(data):  # noqa: B007 - the last one is the state
                await trio.lowlevel.checkpoint()
        except WireError as error:
            # Its checksum is that of the sender: he sent what he has, and it is no snapshot.
            raise ProtocolViolation(
                f"a peer sent a snapshot that cannot be read: {error}"
            ) from error
        if state is None or state.slot != received.slot:
            raise ProtocolViolation(f"a peer sent a snapshot as of slot {received.slot}: {state}")
        saved = await self._save(received.slot, [data])
        return SnapshotSaved(with_members(saved, state), state)

    async def _save(self, slot: int, parts: Iterable[bytes]) -> Snapshot:
        began = trio.current_time()
        writer = await trio.to_thread.run_sync(Writer, self._disk, self._directory, slot)
        try:
            async with aclosing(_in_turns(parts)) as pieces:
                async for data in pieces:
                    await trio.to_thread.run_sync(writer.append, data)
            snapshot = await trio.to_thread.run_sync(writer.finish)
        except BaseException:
            writer.abandon()
            raise
        _log.info(
            "saved a snapshot of slot %d, %d bytes, in %.3f s",
            slot,
            len(snapshot.image),
            trio.current_time() - began,
        )
        return snapshot


async def _in_turns(parts: Iterable[bytes]) -> AsyncGenerator[bytes, None]:
    """The parts, put together to some size, letting others run after each."""
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _WRITE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
        await trio.lowlevel.checkpoint()
    if waiting:
        yield b"".join(waiting)
