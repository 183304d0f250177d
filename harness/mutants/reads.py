"""Multi-Paxos whose leaders answer queries from a state that may be too old."""

from node.core.multipaxos import MultiPaxos
from node.core.multipaxos.leader import Leadership
from node.core.multipaxos.messages import Heard
from node.types import Query, ReplicaId


class LocalReads(MultiPaxos):
    """Whoever believes to lead answers at once from its own state."""

    def _on_query(self, query: Query) -> None:
        if self.leadership is None:
            super()._on_query(query)
        else:
            self._outbox.reads.append(query)


class FollowerReads(MultiPaxos):
    """Whoever is asked answers from its own state, however old that is."""

    def _on_query(self, query: Query) -> None:
        self._outbox.reads.append(query)


class ReadBeforeRecovery(MultiPaxos):
    """A new leader answers before it has executed what the last one may have confirmed."""

    def _has_recovered(self, leadership: Leadership) -> bool:
        del leadership
        return True


class CountStaleConfirmations(MultiPaxos):
    """Whatever round a confirmation belongs to, it counts for the one that was begun last."""

    def _on_heard(self, sender: ReplicaId, heard: Heard) -> None:
        if self.leadership is not None:
            heard = Heard(heard.ballot, self.leadership.reads.round)
        super()._on_heard(sender, heard)

    def _round_for(self, leadership: Leadership) -> int:
        return max(1, leadership.reads.round)
