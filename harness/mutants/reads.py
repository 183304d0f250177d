"""Multi-Paxos whose leaders answer queries from a state that may be too old."""

from node.core.ballot import Ballot
from node.core.multipaxos import MultiPaxos
from node.core.multipaxos.leader import Leadership
from node.core.multipaxos.messages import Heard
from node.types import Query, ReplicaId


class LocalReads(MultiPaxos):
    """Whoever believes to lead answers at once from its own state."""

    def _on_query(self, query: Query, clock: int) -> None:
        if self.leadership is None:
            super()._on_query(query, clock)
        else:
            self._outbox.reads.append(query)


class FollowerReads(MultiPaxos):
    """Whoever is asked answers from its own state, however old that is."""

    def _on_query(self, query: Query, clock: int) -> None:
        del clock
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


class LeaseWithoutMargin(MultiPaxos):
    """A lease is held as long as it is granted, by the ticks that its holder has lived through."""

    def _lease_clock(self) -> int:
        return self._now * self.settings.tick_ns

    def _lease_held_ns(self) -> int:
        return self.settings.lease_ticks * self.settings.tick_ns


class ForgetGrants(MultiPaxos):
    """A replica that restarts promises at once what it is asked for."""

    def _first_grant_ends(self) -> int:
        return 0


class ConfirmsWithoutMemory(MultiPaxos):
    """A replica that lost its disk confirms whoever asks, though it may have promised more."""

    def _confirms(self, ballot: Ballot) -> bool:
        return ballot == self._followed


class HandOverKeepsLease(MultiPaxos):
    """A leader that lets another one lead goes on answering by its lease."""

    def _end_lease(self, leadership: Leadership) -> None:
        """Nothing."""
