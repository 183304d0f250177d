"""One replica: core, state machine and journal on a virtual disk, joined as by the driver.

    inbox ──▶ core ──Ready──▶ records ─▶ storage stage ─▶ journal, fsync ─▶ what rested on it
                              messages ─▶ links
                              chosen ─▶ state machine ─▶ answers

In the order of `node.runtime.driver` and `storage`, group commit included. A crash spares the disk.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from harness.simulation.core_floor.loop import Loop
from harness.simulation.core_floor.parts import Parts
from harness.simulation.disk import SimulatedDisk
from harness.simulation.draws import Stream, StreamRandom
from harness.simulation.programs.clocks import HostClock
from harness.simulation.stalls import sync_time
from harness.simulation.watching import Event, Watcher
from harness.simulation.world import Rates
from node.core.interface import (
    Core,
    Envelope,
    Ready,
    Received,
    Role,
    Snapshot,
    SnapshotSaved,
)
from node.core.multipaxos import truncated_upto
from node.errors import StorageError
from node.failpoints import failpoint
from node.runtime.codecs import RECORD_CODEC
from node.runtime.journal import Journal
from node.runtime.recovery import begin, begin_rejoining
from node.runtime.snapshots import recover, save, with_members
from node.runtime.storage import GROUP_MAX, Work, write_journal
from node.state_machine.sessions import SessionedStateMachine
from node.types import ClientId, ReplicaId, RequestNumber
from node.wire.messages import Answer, Interrupted, NotExecuted

JOURNAL: Final = Path("/replica/journal")

RequestId = tuple[ClientId, RequestNumber]


class Died(BaseException):
    """A failpoint struck: nothing of this incarnation runs on from here."""


class Replica:
    """One member of the cluster, up or down."""

    on_rejoined: Callable[["Replica"], None]
    """Told when it has learned what it had lost with its disk; set by who made it."""

    def __init__(
        self,
        number: ReplicaId,
        *,
        loop: Loop,
        parts: Parts,
        disk: SimulatedDisk,
        clock: HostClock,
        rates: Rates,
        sync_draws: Stream,
        send: Callable[[ReplicaId, ReplicaId, Any], None],
        answer: Callable[[ReplicaId, int, Answer], None],
        log: Callable[[ReplicaId, str], None],
        watcher: Watcher,
        guard: Callable[["Replica", Callable[[], None]], None],
    ) -> None:
        """`guard` calls, and cleans up when what it called ends in `Died` or in a failure."""
        self.number: Final = number
        self.disk: Final = disk
        self.incarnation = 0
        self.core: Core[Any, Any] | None = None
        self.machine: SessionedStateMachine | None = None
        self.store = parts.store(number)
        self.refuses = ""
        self.stopped_by = ""
        """Why it stopped by itself, when it did: its disk failed."""
        self.has_lost_disk = False
        """Its disk is new; what stood on the one before is lost, and has not been made good."""
        self.is_frozen = False
        self.paused_until = 0
        self.slow_by = 0
        self.clock: Final = clock
        self.waiting: dict[RequestId, int] = {}
        self._loop = loop
        self._parts = parts
        self.rates = rates
        self._sync_draws = sync_draws
        self._send = send
        self._answer = answer
        self._log = log
        self._watcher = watcher
        self._guard = guard
        self._journal: Journal | None = None
        self._newest: Snapshot | None = None
        self._inbox: deque[Event] = deque()
        self._works: deque[Work] = deque()
        self._is_opening = self._is_saving = self._is_capturing = False
        self._is_stepping = self._leads = False
        self._busy_until = 0

    @property
    def is_up(self) -> bool:
        """Whether there is anything to crash."""
        return self.core is not None or self._is_opening

    # ── Life and death ───────────────────────────────────────────────────────────────────────

    def start(self, random: StreamRandom) -> None:
        """Begin from what the disk holds; when that is damaged, refuse to."""
        assert self.core is None
        self.incarnation += 1
        self.stopped_by = self.refuses = ""
        self._is_opening = True
        self.store = self._parts.store(self.number)
        self.machine = self._parts.machine(self.store)
        try:
            records = self._recover(self.machine)
        except StorageError as why:
            if self._journal is not None:
                self._journal.close()
            self._forget()
            self.refuses = str(why)
            self._is_opening = False
            return
        self._is_opening = False
        self.core = self._parts.core(self.number, random, records, self._newest, self.machine)
        self._watcher.on_started(self)
        if self._newest is not None:
            self._watcher.on_restored(self, self._newest.slot)
        self._guard(self, self._run)

    def _recover(self, machine: SessionedStateMachine) -> list[Any]:
        """What the journal holds; `machine` has the state of the newest snapshot then."""
        disk = self._parts.disk(self.disk)
        self._journal, frames = self._parts.open_journal(disk, JOURNAL, "simulated", self.number)
        if self.has_lost_disk and self._parts.admits_loss:
            frames = begin_rejoining(self._journal, frames)
        elif self.number not in self._parts.members_of(self.number):
            frames = begin(self._journal, frames, ())
        records = [RECORD_CODEC.decode(frame) for frame in frames]
        found = recover(disk, JOURNAL.parent, truncated_upto(records), machine.decode)
        if found is not None:
            self._newest, state = found
            machine.restore(state)
        return records

    def crash(self, *, tear: int, survive: int) -> None:
        """Lose all but what the disk keeps."""
        self.disk.crash(tear=tear, survive=survive)
        self._forget()

    def lose_disk(self) -> None:
        """Lose all."""
        self.disk.wipe()
        self.has_lost_disk = True
        self._watcher.on_disk_lost(self)
        self._forget()

    def end(self) -> None:
        """The process ends, not the machine: what it wrote stays readable, durable or not."""
        assert self._journal is not None
        self._journal.close()
        self._forget()

    def freeze(self) -> None:
        """Do nothing any more, for good: the world goes on without this replica."""
        self.is_frozen = True
        self._forget()

    def _forget(self) -> None:
        self.core = self.machine = self._journal = self._newest = None
        self._is_capturing = False
        self.waiting.clear()
        self._inbox.clear()
        self._works.clear()
        self._is_opening = self._is_saving = self._is_stepping = self._leads = False
        self.paused_until = 0
        self._busy_until = 0

    # ── Events ───────────────────────────────────────────────────────────────────────────────

    def post(self, event: Event) -> None:
        """Something for the core; it is stepped now, or when it wakes up."""
        if self.core is None:
            return
        self._inbox.append(event)
        if self._is_stepping:
            return
        now = self._loop.now
        if self.slow_by:
            self._busy_until = max(now, self._busy_until) + self.slow_by
        ready_at = max(self.paused_until, self._busy_until)
        if ready_at > now:
            self._loop.at(ready_at, self._wake, self.incarnation)
        else:
            self._guard(self, self._run)

    def _wake(self, incarnation: int) -> None:
        if incarnation != self.incarnation or self.core is None or not self._inbox:
            return
        if self._loop.now >= self.paused_until:
            self._guard(self, self._run)
        else:
            self._loop.at(self.paused_until, self._wake, incarnation)

    def _run(self) -> None:
        """What the driver does until there is nothing to do."""
        core = self.core
        assert core is not None
        self._is_stepping = True
        while True:
            while self._inbox:
                event = self._inbox.popleft()
                self._watcher.on_event(self, event)
                core.step(event)
            ready = core.take_ready()
            if ready is None and not self._inbox:
                break
            if ready is not None:
                self._watcher.on_ready(self, ready)
                self._carry_out(ready)
        self._is_stepping = False
        self._note_rejoined(core)
        self._watcher.on_stepped(self)

    def _note_rejoined(self, core: Core[Any, Any]) -> None:
        """A lost disk is made good when that is durable: until then a crash would forget it."""
        if not self.has_lost_disk or self._works or self._is_saving or core.status().is_rejoining:
            return
        if self._journal is not None and self._journal.is_durable:
            self.has_lost_disk = False
            self.on_rejoined(self)

    def _carry_out(self, ready: Ready[Any, Any]) -> None:
        if ready.records or ready.messages_after_persist or ready.journal is not None:
            self._works.append(Work(ready.records, ready.messages_after_persist, ready.journal))
            if not self._is_saving:
                self._save()
        self._deliver(ready.messages)
        assert self.machine is not None
        if ready.received is not None:
            self._save_snapshot(ready.received.slot, ready.received.image[:], is_received=True)
        if ready.restored is not None:
            self.machine.restore(ready.restored.state)
            self._watcher.on_restored(self, ready.restored.snapshot.slot)
        for chosen in ready.chosen:
            failpoint("before-execute")
            answers = self.machine.execute_slot(chosen.slot, chosen.commands, chosen.configuration)
            self._watcher.on_executed(self, chosen.slot, chosen.commands, answers)
            failpoint("after-execute")
            for answer in answers:
                self.reply(answer)
        self._consider_snapshot()
        self._answer_clients(ready)
        for note in ready.notes:
            self._log(self.number, note)

    def _answer_clients(self, ready: Ready[Any, Any]) -> None:
        assert self.machine is not None
        for query in ready.reads:
            self._watcher.on_read(self, query, self.machine.executed_upto)
            self.reply(self.machine.read(query))
        for answer in ready.answers:
            self.reply(answer)
        leader = self.leader() if ready.refused or ready.leader_hint is not None else None
        for refused in ready.refused:
            self.reply(NotExecuted(refused.client, refused.number, refused.why.value, leader, None))
        if ready.leader_hint is not None:
            if self._leads:
                for client, number in list(self.waiting):
                    self.reply(Interrupted(client, number, leader, None))
            self._leads = ready.leader_hint.role is Role.LEADER

    def leader(self) -> ReplicaId | None:
        """Whom this replica believes to lead."""
        return None if self.core is None else self.core.status().leader

    def reply(self, answer: Answer) -> None:
        """Give an answer to whoever waits for it here; mostly nobody does."""
        number = getattr(answer, "number", RequestNumber(0))  # Opened answers request 0
        client = self.waiting.pop((answer.client, number), None)
        if client is not None:
            self._answer(self.number, client, answer)

    def _deliver(self, envelopes: Sequence[Envelope[Any]]) -> None:
        if not envelopes:
            return
        failpoint("before-send")
        for envelope in envelopes:
            self._watcher.on_sent(self, envelope)
            if envelope.to == self.number:
                self._inbox.append(Received(self.number, envelope.message))
            else:
                self._send(self.number, envelope.to, envelope.message)
        failpoint("after-send")

    # ── The storage stage ────────────────────────────────────────────────────────────────────

    def _save(self) -> None:
        """Write what waits, in one group; the fsync ends some time later."""
        group = [self._works.popleft() for _ in range(min(len(self._works), GROUP_MAX))]
        self._is_saving = True
        failpoint("before-save")
        assert self._journal is not None
        try:
            records = write_journal(self._journal, group)
            if records:
                self._journal.append(records)
        except StorageError as why:
            self._stop(why)
            return
        must_sync = any(work.messages_after_persist for work in group)
        delay = 0
        if must_sync:
            failpoint("before-sync")
            delay, stalls = sync_time(self._sync_draws, self.rates)
            if stalls:
                self.disk.bites["sync-stall"] += 1
        self._loop.after(delay, self._saved, self.incarnation, group, must_sync)

    def _saved(self, incarnation: int, group: list[Work], must_sync: bool) -> None:
        if incarnation != self.incarnation or self._journal is None:
            return
        if self._loop.now < self.paused_until:
            self._loop.at(self.paused_until, self._saved, incarnation, group, must_sync)
            return
        self._guard(self, partial(self._release, group, must_sync=must_sync))

    def _release(self, group: list[Work], *, must_sync: bool) -> None:
        assert self._journal is not None
        if must_sync:
            try:
                self._journal.sync()
            except StorageError as why:
                self._stop(why)
                return
        failpoint("after-save")
        self._is_saving = False
        for work in group:
            self._deliver(work.messages_after_persist)
        if self._works and not self._is_saving:
            self._save()
        if not self._is_stepping and self.core is not None:
            self._run()

    # ── The snapshotter ──────────────────────────────────────────────────────────────────────

    def _consider_snapshot(self) -> None:
        assert self.machine is not None
        if not self._is_capturing and self._parts.policy.is_due(
            executed_upto=self.machine.executed_upto, newest=self._newest, journal_bytes=0
        ):
            capture = self.machine.capture()
            image = b"".join(self.machine.encode(capture))
            self._watcher.on_captured(self, capture.slot, image)
            self._save_snapshot(capture.slot, image, is_received=False)

    def _save_snapshot(self, slot: int, image: bytes, *, is_received: bool) -> None:
        """Beside everything else: it is durable some time later."""
        self._is_capturing = True
        delay = 3 * self._sync_draws.exponential(self.rates.sync_mean)
        self._loop.after(delay, self._snapshot_due, self.incarnation, slot, image, is_received)

    def _snapshot_due(self, incarnation: int, slot: int, image: bytes, is_received: bool) -> None:
        if incarnation != self.incarnation or self.machine is None:
            return
        if self._loop.now < self.paused_until:
            self._loop.at(
                self.paused_until, self._snapshot_due, incarnation, slot, image, is_received
            )
            return
        self._guard(self, partial(self._finish_snapshot, slot, image, is_received=is_received))

    def _finish_snapshot(self, slot: int, image: bytes, *, is_received: bool) -> None:
        machine = self.machine
        assert machine is not None
        state = list(machine.decode(image))[-1] if is_received else None
        try:
            disk = self._parts.disk(self.disk)
            self._newest = save(disk, JOURNAL.parent, slot, [image])
        except StorageError as why:
            self._stop(why)
            return
        self._is_capturing = False
        saved = self._newest if state is None else with_members(self._newest, state)
        self.post(SnapshotSaved(saved, state))

    def _stop(self, why: StorageError) -> None:
        """The replica ends before anything that rests on the lost bytes is released."""
        self.stopped_by = str(why)
        raise Died
