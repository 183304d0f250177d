"""Multi-Paxos that counts wrongly: quorums too small, votes twice, votes for something else."""

from collections.abc import Sequence
from dataclasses import replace

from node.core.log import Value
from node.core.multipaxos import MultiPaxos
from node.core.multipaxos.leader import OpenSlot
from node.core.multipaxos.messages import Accepted, Promise
from node.core.quorum import Tally
from node.types import ReplicaId


class HalfIsEnough(MultiPaxos):
    """Half of the members, rounded down, count as a quorum: two such halves need not meet."""

    @property
    def _half(self) -> int:
        return max(1, len(self.members) // 2)

    def _on_promise(self, sender: ReplicaId, promise: Promise) -> None:
        if self.campaign is not None:
            self.campaign.promises.size = self._half
        super()._on_promise(sender, promise)

    def _is_chosen(self, open_slot: OpenSlot) -> bool:
        return open_slot.votes.count >= self._half


class CountDuplicateVotes(MultiPaxos):
    """Every vote that arrives counts, also the second copy of one that was counted."""

    def _propose(self, value: Value) -> None:
        super()._propose(value)
        assert self.leadership is not None
        opened = self.leadership.open[self.leadership.next_slot - 1]
        opened.votes = _Forgetful(opened.votes.members)


class _Forgetful(Tally):
    """Counts votes, not voters."""

    __slots__ = ("_votes",)

    def __init__(self, members: Sequence[ReplicaId]) -> None:
        super().__init__(members)
        self._votes = 0

    def add(self, voter: ReplicaId) -> None:
        super().add(voter)
        self._votes += 1

    @property
    def is_reached(self) -> bool:
        return self._votes >= self.size


class CountStaleVotes(MultiPaxos):
    """A vote for an earlier ballot counts for whatever is proposed in its slot now."""

    def _on_accepted(self, sender: ReplicaId, accepted: Accepted) -> None:
        if self.leadership is not None and accepted.ballot < self.leadership.ballot:
            accepted = replace(accepted, ballot=self.leadership.ballot)
        super()._on_accepted(sender, accepted)
