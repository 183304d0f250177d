"""The driver: the one that owns the core.

    inbox ──events──▶ core.step* ──▶ take_ready ──▶ storage stage, peers, state machine, clients

Its task waits for two things only: for events, and for the disk. Peers and clients never hold it up:
their queues drop or close. Nothing waits within a turn, so no two are ever in the middle of one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.core.interface import (
    Core,
    Envelope,
    Input,
    LeaderHint,
    Ready,
    Received,
    Role,
    Tick,
)
from node.errors import Removed
from node.failpoints import failpoint
from node.marks import sometimes
from node.runtime.codecs import PEER_CODEC
from node.runtime.counters import Counters
from node.runtime.inbox import Inbox
from node.runtime.logs import logger
from node.runtime.outbox import PeerOutbox
from node.runtime.replies import Replies
from node.runtime.snapshotter import Snapshotter
from node.runtime.storage import Release, StorageStage, Work
from node.state_machine.sessions import SessionedStateMachine
from node.types import ReplicaId, ReplicaInfo
from node.wire.framing import frame
from node.wire.messages import FRAME_BYTES_MAX

_log = logger("driver")

_NO_WAY = sometimes("a message to somebody who is no peer")


@dataclass(frozen=True, slots=True)
class Stop:
    """Nobody will post any more: take a last `Ready`, close the storage stage, end."""


Event = Received[Any] | Input | Stop


class Driver:
    """Carries a core's work out. Owns core and state machine; not the disk, not connections."""

    def __init__(
        self,
        *,
        replica: ReplicaId,
        core: Core[Any, Any],
        machine: SessionedStateMachine,
        inbox: Inbox[Event],
        storage: Callable[[Release], StorageStage],
        outboxes: Mapping[ReplicaId, PeerOutbox],
        replies: Replies,
        counters: Counters,
        snapshots: Snapshotter,
        turn_to: Callable[[tuple[ReplicaInfo, ...]], None],
        due: Callable[[], Tick | None],
    ) -> None:
        """`turn_to` opens and closes `outboxes`, when others are to be talked with.

        `due` gives the tick whose time has come.
        """
        self._replica = replica
        self._core = core
        self._machine = machine
        self._inbox = inbox
        self.storage = storage(self.deliver)
        self._outboxes = outboxes
        self._replies = replies
        self._counters = counters
        self._snapshots = snapshots
        self._turn_to = turn_to
        self._due = due
        self._hint: LeaderHint | None = None
        self._encoded: tuple[object, bytes] = (None, b"")
        self._is_stopping = False

    async def run(self) -> None:
        """Run until `Stop`; closes the storage stage at the end."""
        while not self._is_stopping:
            await self._inbox.wait()
            self.turn()
            if not self.storage.has_room:
                await self.storage.wait_room()
                self.turn()
        self._snapshots.stop()
        self.storage.close()

    def turn(self, *, more_comes: bool = False) -> None:
        """Step everything that has arrived, and carry out what comes of it.

        Whoever has posted may call this to save the driver a wake-up; nothing in it waits. With
        `more_comes` it has to be called again, soon.
        """
        while self.storage.has_room and not self._is_stopping:
            events = self._inbox.take_all()
            tick = self._due()
            if tick is not None:
                # Behind what has arrived: among that may be the leader's sign of life.
                events.append(tick)
            if not events and (more_comes or not self._core.lacks_company):
                return
            for event in events:
                if isinstance(event, Stop):
                    self._is_stopping = True
                else:
                    self._core.step(event)
            ready = self._core.take_ready(more_comes=more_comes)
            while ready is not None:
                self._carry_out(ready)
                if not ready.looks_again:
                    break
                ready = self._core.take_ready(more_comes=more_comes)

    def take_batch(self, may_wait: bool) -> bool:
        """Whoever holds the inbox has posted all that there was: a turn, without a wake-up.

        True, if it `may_wait`, when more would be welcome; then another batch has to follow soon, if
        only an empty one that may not wait.
        """
        self.turn(more_comes=may_wait)
        self._inbox.release()
        return may_wait and self._core.lacks_company

    def deliver(self, envelopes: Sequence[Envelope[Any]]) -> None:
        """Put messages on their way: to peers' outboxes, or back into the own inbox."""
        if not envelopes:
            return
        failpoint("before-send")
        written: dict[ReplicaId, PeerOutbox] = {}
        for envelope in envelopes:
            if envelope.to == self._replica:
                self._inbox.post(Received(self._replica, envelope.message))
            else:
                outbox = self._outboxes.get(envelope.to)
                if outbox is None:
                    # It has just been removed, or has not said where it is: as good as lost.
                    _NO_WAY.hit()
                    continue
                outbox.put(self._encode(envelope.message))
                written[envelope.to] = outbox
        for outbox in written.values():
            outbox.flush()
        failpoint("after-send")

    def _carry_out(self, ready: Ready[Any, Any]) -> None:
        """Field by field, almost in the order of `Ready`."""
        if ready.acquainted is not None:
            self._turn_to(ready.acquainted)
        # These first, so that the disks of others work at the same time as this one.
        self.deliver(ready.messages)
        if ready.records or ready.messages_after_persist or ready.journal is not None:
            self.storage.submit(Work(ready.records, ready.messages_after_persist, ready.journal))
        if ready.received is not None:
            self._snapshots.install(ready.received)
        if ready.restored is not None:
            self._machine.restore(ready.restored.state)
        for chosen in ready.chosen:
            failpoint("before-execute")
            self._machine.execute_and_tell(
                chosen.slot, chosen.commands, self._replies.answer, chosen.configuration
            )
            failpoint("after-execute")
            self._counters.slots += 1
            self._counters.commands += len(chosen.commands)
        self._snapshots.consider()
        for query in ready.reads:
            self._replies.answer(self._machine.read(query))
        for answer in ready.answers:
            self._replies.answer(answer)
        for refused in ready.refused:
            self._counters.refused_requests[refused.why.value] += 1
            self._replies.refuse(refused, self._leader(ready.leader_hint))
        if ready.leader_hint is not None:
            self._on_leader_hint(ready.leader_hint)
        self._replies.flush()
        for note in ready.notes:
            _log.info("%s", note)
        if ready.is_retired:
            raise Removed(f"replica {self._replica} was removed from the cluster: it is not needed")

    def _on_leader_hint(self, hint: LeaderHint) -> None:
        led = self._hint is not None and self._hint.role is Role.LEADER
        self._hint = hint
        if hint.role is Role.LEADER:
            self._counters.leaderships += 1
        if led:
            # What this replica proposed under the old ballot may or may not be chosen by others.
            self._replies.interrupt_all(hint.leader)

    def _leader(self, hint: LeaderHint | None) -> ReplicaId | None:
        current = hint or self._hint
        return None if current is None else current.leader

    def _encode(self, message: object) -> bytes:
        """Encode once what goes to several peers."""
        if self._encoded[0] is not message:
            self._encoded = (message, frame(PEER_CODEC.encode(message), FRAME_BYTES_MAX))
        return self._encoded[1]
