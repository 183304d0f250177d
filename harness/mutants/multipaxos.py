"""Multi-Paxos with one rule removed.

Each class overrides one seam of the core; the core itself knows nothing of them, so what is tested
without a mutant is what runs without a mutant.
"""

from node.core.log import Noop, Value
from node.core.multipaxos import Message, MultiPaxos
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.leader import OpenSlot
from node.types import ReplicaId


class ReplyBeforeQuorum(MultiPaxos):
    """The leader counts its own vote as a quorum, and so executes and answers at once."""

    def _is_chosen(self, open_slot: OpenSlot) -> bool:
        return open_slot.votes.has(self.replica)


class IgnoreAccepted(MultiPaxos):
    """A new leader fills every open slot with a no-op, whatever the acceptors reported."""

    def _value_to_recover(self, slot: int, campaign: Campaign) -> Value:
        del slot, campaign
        return Noop()


class SendBeforeSync(MultiPaxos):
    """Promises and votes leave at once; a crash may forget what they rest on."""

    def _send_after_persist(self, to: ReplicaId, message: Message) -> None:
        self._send(to, message)


class ElectionLivelock(MultiPaxos):
    """Nobody asks before a campaign, and all are patient equally long (M24).

    A replica that cannot hear deposes every leader; without that, replicas that run out of patience
    together collide for ever. No answer is ever wrong: there are just none.
    """

    def _start_canvass(self) -> None:
        self._start_campaign()

    def _draw_patience(self) -> int:
        return self.settings.election_timeout_ticks
