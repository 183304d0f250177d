"""Leader hand-over: a leader lets another replica lead, at once and without a silence.

    leader ── takes no new slots; those that are open get chosen
           ── HandOver, chosen_upto ──▶ target    repeated every tick, until it lacks nothing
    target ── Prepare, above the leader's ballot, without asking around ──▶ all
    leader ── promises it, and follows

What waits for a slot goes on waiting: it is refused when the leader steps down, and proposed after all
when the target does not campaign within an election timeout. Nothing here makes anything safe, nor
unsafe: the target wins by an ordinary campaign, which it may begin at any time.

After Ongaro, "Consensus: bridging theory and practice" (2014), section 3.10, where the message is
called TimeoutNow. A target that lacks entries could lead here too: it would recover them.
"""

from abc import ABC, abstractmethod

from node.core.ballot import Ballot
from node.core.interface import Role
from node.core.multipaxos.leader import Handover, Leadership
from node.core.multipaxos.messages import HandOver
from node.core.multipaxos.reader import Reader
from node.marks import sometimes
from node.types import ReplicaId

_NOT_LEADING = sometimes("a replica that does not lead is asked to hand over")
_HANDS_OVER = sometimes("a leader hands over")
_IN_VAIN = sometimes("a hand-over ends without another leader")
_CAMPAIGNS = sometimes("a replica campaigns because the leader asks for it")
_LACKS = sometimes("a replica that is to lead lacks something yet")


class Abdicator(Reader, ABC):
    """Lets go of the leadership, and takes it when it is offered."""

    @abstractmethod
    def _on_chosen_upto(self, sender: ReplicaId, ballot: Ballot, chosen_upto: int) -> None:
        """Choose what is held, and ask for what is not."""

    def _on_transfer(self, to: ReplicaId | None) -> None:
        leadership = self.leadership
        if leadership is None:
            _NOT_LEADING.hit()
            return
        target = to if to is not None else leadership.freshest_follower()
        if target not in self.peers:
            return  # itself: it leads; or alone: nobody else can
        _HANDS_OVER.hit()
        self._note(f"hands over to {target}")
        self._end_lease(leadership)
        ends_at = self._now + self.settings.election_timeout_ticks
        leadership.handover = Handover(target, ends_at)

    def _end_lease(self, leadership: Leadership) -> None:
        """From now on queries ask a quorum again, in this ballot for good.

        The target campaigns in the name of this ballot, past all grants, and may do so late, when
        the hand-over has failed for a long time.
        """
        leadership.lease.end()

    def _hand_over_on(self, leadership: Leadership) -> None:
        """Once a tick: tell the target that it is its turn, when everything proposed is chosen."""
        handover = leadership.handover
        if handover is None:
            return
        if self._now >= handover.ends_at:
            _IN_VAIN.hit()
            self._note(f"goes on leading: {handover.to} did not take over")
            leadership.handover = None
        elif not leadership.open and handover.asked_at < self._now:
            handover.asked_at = self._now
            self._send(handover.to, HandOver(leadership.ballot, self.log.chosen_upto))

    def _on_hand_over(self, sender: ReplicaId, handover: HandOver) -> None:
        """Campaign now; nobody is asked whether it is welcome, since the leader itself does ask."""
        if not self._follow(sender, handover.ballot) or handover.ballot != self._followed:
            return
        self._on_chosen_upto(sender, handover.ballot, handover.chosen_upto)
        if self.log.chosen_upto < handover.chosen_upto:
            _LACKS.hit()
        elif self.role is Role.FOLLOWER:
            _CAMPAIGNS.hit()
            self._note(f"is asked by {sender} to take over")
            self._start_campaign(handover.ballot)
