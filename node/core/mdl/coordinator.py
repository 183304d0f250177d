"""Coordination: when an operation is certain to be executed, so that its successor may be ordered.

    leader of shard 0, has operation 4          leader of shard 1, gets operation 5
        │ ◀── Coordinate(4) ────────────────────── │  announces 5 meanwhile
        │  4 announced, coordinated, decided       │
        │ ──── Coordinated(4, stamps) ───────────▶ │  decides 5, with stamps behind those

An operation is certain when it is executed; in fast mode already when it is *announced* (chosen: no
leader will forget it), and its leader has *decided* on its place: that it has one was told nobody before,
and is told with its stamps, by which a later leader gives it the same place again. Operations that never
were announced, since they wait for nothing, are certain when they are executed (F6), and so are those
right behind them on the same shard.

Both messages are harmless when they are repeated or late: a question is asked again until it is answered,
and an answer counts once, and only from a leader that this shard still believes (F2).
"""

from abc import ABC
from typing import Final

from node.core.mdl.messages import Chain, Coordinate, Coordinated, Reigning, Tag
from node.core.mdl.office import Office, Operation
from node.core.mdl.orderer import Orderer
from node.core.mdl.settings import Coordination
from node.dispatch import NO_REIGN, WINDOW_MAX, Stamp, Standing
from node.marks import sometimes
from node.types import ReplicaId, RequestNumber

_FOR_NOBODY: Final = sometimes("a question about an operation comes to somebody who does not lead")
_FENCED_OFF: Final = sometimes("a leader that is fenced off answers for an operation")
_ANSWERED_TWICE: Final = sometimes("an operation is answered for twice, or for nobody")
_TOO_MANY_ASKERS: Final = sometimes("a question is dropped because too many wait")
_VOUCHED_EARLY: Final = sometimes("an operation is answered for before it is executed")
_DENIED: Final = sometimes("an operation is answered for that failed")
_ASKS_AGAIN: Final = sometimes("the shard of a predecessor is asked again")
_TIMED_OUT: Final = sometimes("nobody answers for a predecessor in time")
_NOBODY_CAME: Final = sometimes("a question is forgotten because its operation never came")


class Coordinator(Orderer, ABC):
    """The part of a leader that speaks with leaders of other shards while all is well."""

    def _on_reigning(self, message: Reigning) -> None:
        """Whatever was asked of the leader before this one died with it."""
        is_news = message.reign > self._leaders.get(message.shard, NO_REIGN)
        self._note_leader(message.shard, message.reign)
        if self.office is not None and is_news:
            for operation in self.office:
                if operation.after == message.shard and operation.waits:
                    self._ask_before(operation)

    def _ask_before(self, operation: Operation) -> None:
        """Ask for its predecessor."""
        self._ask(operation.after, Tag(operation.token, RequestNumber(operation.seq - 1)))

    # ── Answering ────────────────────────────────────────────────────────────────────────────

    def _on_coordinate(self, sender: ReplicaId, message: Coordinate) -> None:
        office = self.office
        if office is None or not office.has_begun:
            _FOR_NOBODY.hit()
            return
        for tag in message.tags:
            if not self._answer(office, sender, tag):
                self._remember(office, sender, tag)

    def _remember(self, office: Office, asker: ReplicaId, tag: Tag) -> None:
        if tag not in office.askers and len(office.askers) >= self._patience.askers_max:
            _TOO_MANY_ASKERS.hit()  # it asks again
            return
        office.askers.setdefault(tag, {})[asker] = self._now

    def _on_certain(self, office: Office, tag: Tag) -> None:
        """Tell those who wait for it, if there is something to tell."""
        askers = office.askers.get(tag)
        for asker in list(askers or ()):
            if not self._answer(office, asker, tag):
                return
        office.askers.pop(tag, None)

    def _answer(self, office: Office, asker: ReplicaId, tag: Tag) -> bool:
        """Say what is known of an operation; False when that is nothing yet."""
        client = self._machine.session(tag.token)
        if client is None:
            return False
        match self._machine.standing(client, tag.seq):
            case Standing.FAILED:
                _DENIED.hit()
                self._deny(asker, tag)
                return True
            case Standing.ANSWERED | Standing.PLACED:
                stamp = self._machine.stamp(client, tag.seq)
                self._vouch(asker, Chain(*tag, () if stamp is None else (stamp,)))
                return True
            case Standing.ANNOUNCED | Standing.UNKNOWN | Standing.NO_SESSION:
                pass  # it may be in hand
        operation = office.get(client, tag.seq)
        if operation is None or not self._may_vouch(operation):
            return False
        _VOUCHED_EARLY.hit()
        assert operation.stamps is not None
        office.vouched_upto = max(office.vouched_upto, operation.decision)
        self._vouch(asker, Chain(*tag, operation.stamps))
        return True

    def _may_vouch(self, operation: Operation) -> bool:
        """Whether an operation that is not executed is certain to be, and in its place."""
        return (
            self._coordination is Coordination.FAST
            and operation.stamps is not None
            and len(operation.stamps) < WINDOW_MAX
            and self._is_remembered(operation)
        )

    def _is_remembered(self, operation: Operation) -> bool:
        """Whether it, and all before it that only this shard knows, outlive this leader.

        If its predecessor is of this shard and was never announced, it may be lost, and come again:
        then behind this one.
        """
        each: Operation | None = operation
        while each is not None and not each.is_executed:
            if not each.is_announced:
                return False
            each = each.behind
        return True

    # ── Being answered ───────────────────────────────────────────────────────────────────────

    def _on_coordinated(self, message: Coordinated) -> None:
        office = self.office
        if office is None or not office.has_begun:
            return
        if not self._is_believed(message.shard, message.reign):
            _FENCED_OFF.hit()
            return
        self._note_leader(message.shard, message.reign)
        for chain in message.certain:
            operation = self._waiting_for(office, message.shard, Tag(chain.token, chain.seq))
            if operation is not None and not operation.is_doomed:
                self._coordinate(office, operation, chain.stamps)
        for tag in message.failed:
            operation = self._waiting_for(office, message.shard, tag)
            if operation is not None:
                self._fail(office, operation)

    def _waiting_for(self, office: Office, shard: int, tag: Tag) -> Operation | None:
        """The successor of an operation of another shard, while it waits for it."""
        client = self._machine.session(tag.token)
        operation = None if client is None else office.get(client, RequestNumber(tag.seq + 1))
        if operation is None or operation.after != shard or not operation.waits:
            _ANSWERED_TWICE.hit()
            return None
        return operation

    def _coordinate(self, office: Office, operation: Operation, stamps: tuple[Stamp, ...]) -> None:
        """Its predecessor is certain."""
        operation.chain = stamps
        self._consider(office, operation)

    # ── Patience ─────────────────────────────────────────────────────────────────────────────

    def _remind(self, office: Office) -> None:
        """Ask again for what was not answered, and give up what waits for too long."""
        oldest = self._now - self._patience.coordination_timeout_ticks
        for operation in list(office):
            if not operation.waits:
                continue
            if max(operation.came_at, office.decides_since) <= oldest and office.may_decide:
                _TIMED_OUT.hit()
                if operation.is_announcing or operation.is_announced:
                    self._fail(office, operation)
                else:
                    self._give_up(office, operation)
            elif operation.after != self.shard:
                _ASKS_AGAIN.hit()
                self._lost[operation.after] = None
                self._ask_before(operation)
        for tag, askers in list(office.askers.items()):
            if max(askers.values()) <= oldest:
                _NOBODY_CAME.hit()
                del office.askers[tag]
