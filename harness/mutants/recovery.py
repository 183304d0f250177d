"""Multi-Paxos whose new leaders recover the wrong value. `IgnoreAccepted` is another of these."""

from node.core.log import Noop, Value
from node.core.multipaxos import MultiPaxos
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.messages import Promise
from node.types import ReplicaId


class BelieveTheFirst(MultiPaxos):
    """Of two values reported for a slot the one that came first wins, not the higher ballot."""

    def _on_promise(self, sender: ReplicaId, promise: Promise) -> None:
        known = self.campaign
        if known is not None and not isinstance(known, _FirstReported):
            self.campaign = _FirstReported(known.ballot, known.from_slot, self.members)
        super()._on_promise(sender, promise)


class _FirstReported(Campaign):
    def on_promise(self, acceptor: ReplicaId, promise: Promise) -> bool:
        before = dict(self.reported)
        is_news = super().on_promise(acceptor, promise)
        self.reported.update(before)
        return is_news


class FillGapsAtOnce(MultiPaxos):
    """A new leader fills the gaps of its own log with no-ops, though others report values there."""

    def _value_to_recover(self, slot: int, campaign: Campaign) -> Value:
        if slot < self.log.accepted_upto and self.log.get(slot) is None:
            return Noop()
        return super()._value_to_recover(slot, campaign)
