"""Multi-Paxos whose members change too early, by halves, or without those who were removed noticing."""

from node.core.log import Members, Value
from node.core.multipaxos import MultiPaxos
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.leader import Leadership
from node.core.multipaxos.messages import Accept
from node.types import Configuration, ReplicaId


class ReconfigureAtOnce(MultiPaxos):
    """A new leader that proposes other members lets them decide on that at once.

    It would be safe, and is what Raft does, if the leader waited for a slot of its own ballot before.
    """

    def _reconfigure_on(self, leadership: Leadership) -> None:
        leadership.has_chosen = True
        super()._reconfigure_on(leadership)

    def _propose(self, value: Value) -> None:
        if isinstance(value, Members):
            assert self.leadership is not None
            slot = self.leadership.next_slot
            self._adopt(Configuration(slot, value.replicas, value.removed))
        super()._propose(value)

    def _knows_members(self, sender: ReplicaId, accept: Accept) -> bool:
        del sender, accept
        return True

    @property
    def is_settled(self) -> bool:
        """Nobody waits for that, either."""
        return True


class ForgetNewQuorum(MultiPaxos):
    """A leader asks those who were members when it campaigned, and nobody who became one since."""

    def _turn_to_members(self, campaign: Campaign) -> None:
        """They have promised, so that is that."""

    def _has_promises(self, leadership: Leadership) -> bool:
        del leadership
        return True


class RemovedKeepVoting(MultiPaxos):
    """A leader goes on sending its proposals to who was removed, and counts the votes."""

    def _propose(self, value: Value) -> None:
        super()._propose(value)
        assert self.leadership is not None
        opened = self.leadership.open[self.leadership.next_slot - 1]
        opened.votes.members = (*self.members, *self.configuration.removed)

    def _audience(self, leadership: Leadership) -> tuple[ReplicaId, ...]:
        heard = (*super()._audience(leadership), *self.configuration.removed)
        return tuple(replica for replica in sorted(dict.fromkeys(heard)) if replica != self.replica)


class RemovedKeepCampaigning(MultiPaxos):
    """Who was removed campaigns when it hears no leader, and is not turned away."""

    @property
    def is_member(self) -> bool:
        """Once a member, always a member."""
        return super().is_member or self.replica in self.configuration.removed

    def _turns_away(self, sender: ReplicaId) -> bool:
        del sender
        return False
