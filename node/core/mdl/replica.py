"""Mdl: Multi-Paxos, and above its log the order of operations over several shards.

The log below is an unmodified Multi-Paxos. What this layer knows is either in the log, so in the
state that every replica of the shard executes (`node.state_machine.ordering`), or in the `Office` of
its leader, who may lose it. docs/internals/mdl.md says why that is enough.

A leader proposes its own first entry, and does nothing before that is executed: from then on it knows
all that its shard ever chose, and nothing that an earlier leader decided counts any more.
"""

from typing import Final, assert_never

from node.core.interface import Add, Ready, Refusal, Remove
from node.core.mdl.messages import (
    Coordinate,
    Coordinated,
    Reigning,
    ShardMessage,
    Stamped,
    WhichStamps,
)
from node.core.mdl.queries import Questioned
from node.core.multipaxos import Message, Record
from node.marks import sometimes
from node.types import OPEN_SESSION, ReplicaId

_STRANGER: Final = sometimes("a message comes from a replica of another shard than it says")
_FIXED: Final = sometimes("a shard among several is asked to change its members")
_LOST_IN_HAND: Final = sometimes("a leader that steps down has operations in hand")


class Mdl(Questioned):
    """One replica of one shard. Owned by one driver; deterministic given its random generator."""

    def take_ready(self, *, more_comes: bool = False) -> Ready[Message, Record] | None:
        """Hand out all outstanding work, once; what follows from it when it is executed comes next."""
        self._look_at_state()
        if self.office is not None:
            self._speak(self.office)
        self._outbox.looks_again = bool(self._outbox.chosen)
        return super().take_ready(more_comes=more_comes)

    def _look_at_state(self) -> None:
        """What was executed since the last time?"""
        news = self._machine.take_news()
        office = self.office
        if office is None:
            return
        if not office.has_begun:
            if self._machine.reign == office.reign:
                self._begin(office)  # with all that the news could say
                self._ask_on(office)
            return
        for client, seq in news:
            self._on_news(office, client, seq)
        for shard, reign in list(office.fencing.items()):
            if self._machine.fence(shard) >= reign:
                del office.fencing[shard]
                inquiry = office.inquiries.get(shard)
                if inquiry is not None:
                    self._answer_inquiry(office, shard, inquiry)
        self._ask_on(office)

    def _on_message(self, sender: ReplicaId, message: Message | ShardMessage) -> None:
        if isinstance(message, ShardMessage):
            if message.shard != self.shard and self._shard_of.get(sender) == message.shard:
                self._on_shard_message(sender, message)
            else:
                _STRANGER.hit()
        elif self._shard_of.get(sender, self.shard) == self.shard:
            super()._on_message(sender, message)
        else:
            _STRANGER.hit()

    def _on_shard_message(self, sender: ReplicaId, message: ShardMessage) -> None:
        match message:
            case Coordinate():
                self._on_coordinate(sender, message)
            case Coordinated():
                self._on_coordinated(message)
            case Reigning():
                self._on_reigning(message)
            case WhichStamps():
                self._on_which_stamps(sender, message)
            case Stamped():
                self._on_stamped(message)
            case _:
                assert_never(message)

    def _on_tick(self) -> None:
        super()._on_tick()
        office = self.office
        if office is not None and office.has_begun and self._now % self._patience.ask_ticks == 0:
            self._remind(office)
            self._inquire(office)

    def _step_down(self, reason: str) -> None:
        """What is in hand is lost here; clients ask again, and what was promised is in the log."""
        office, leadership = self.office, self.leadership
        if office is not None and leadership is not None:
            self.office = None
            self._hold_tongue()
            # Entries that wait for a slot are not refused: what they speak of may be executed all
            # the same, on account of others. Nothing of what wants a session stands anywhere.
            kept = [each for each in leadership.pending if each.number == OPEN_SESSION]
            leadership.pending.clear()
            leadership.pending.extend(kept)
            for _, query in office.queries:
                self._refuse(query, Refusal.NOT_LEADER)
            for operation in office:
                _LOST_IN_HAND.hit()
                if not operation.is_in_log:
                    self._turn_away(operation, Refusal.NOT_LEADER)
        super()._step_down(reason)

    def _on_reconfigure(self, change: Add | Remove) -> None:
        """Leaders of other shards know each other by the file; so who may lead stays as it is."""
        if len(self._groups) > 1:
            _FIXED.hit()
            self._note("does not change the members: those of a shard among several are fixed")
        else:
            super()._on_reconfigure(change)
