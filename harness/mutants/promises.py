"""Multi-Paxos whose acceptors forget what they promised, or break it, or whose ballots are shared."""

from node.core.ballot import Ballot
from node.core.interface import Role
from node.core.multipaxos import MultiPaxos, Record
from node.core.multipaxos.leader import Leadership
from node.core.multipaxos.messages import Accept, Prepare, PromiseRecord
from node.types import ReplicaId


class PromiseNotDurable(MultiPaxos):
    """A promise is kept in memory only: after a restart the acceptor may break it."""

    def _record(self, record: Record) -> None:
        if not isinstance(record, PromiseRecord):
            super()._record(record)


class AcceptLowerBallot(MultiPaxos):
    """A follower accepts whatever it is sent, below its promise too."""

    def _on_accept(self, sender: ReplicaId, accept: Accept) -> None:
        promised = self.acceptor.promised
        if self.role is Role.FOLLOWER:
            self.acceptor.promised = min(promised, accept.ballot)
        super()._on_accept(sender, accept)
        self.acceptor.promised = max(self.acceptor.promised, promised)


class PromiseLower(MultiPaxos):
    """An acceptor promises whatever it is asked last, and so takes a higher promise back."""

    def _on_prepare(self, sender: ReplicaId, prepare: Prepare) -> None:
        self.acceptor.promised = min(self.acceptor.promised, prepare.ballot)
        super()._on_prepare(sender, prepare)


class SharedBallots(MultiPaxos):
    """A ballot is a round without the replica that claims it, so two leaders may have the same."""

    def _next_ballot(self) -> Ballot:
        return Ballot(super()._next_ballot().round, ReplicaId(0))

    # The ballot does not say who leads: what else reads that from it is told here, so that only
    # the rule that is removed does harm.

    def _follow(self, sender: ReplicaId, ballot: Ballot) -> bool:
        follows = super()._follow(sender, ballot)
        if follows:
            self.leader = sender
        return follows

    def _lead_on(self, leadership: Leadership) -> None:
        leadership.hear(self.replica, self._now)
        super()._lead_on(leadership)
