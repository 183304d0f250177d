"""The part of a replica that answers queries; why it may is in `reading`."""

from node.core.interface import Refusal
from node.core.multipaxos.election import Elector
from node.core.multipaxos.leader import Leadership
from node.core.multipaxos.leases import held_ns
from node.core.multipaxos.messages import Heard, Heartbeat
from node.marks import sometimes
from node.types import Query, ReplicaId

_QUERY_REFUSED = sometimes("a query comes to somebody who does not lead")
_QUERIES_OVERLOAD = sometimes("a leader refuses a query because too many wait")
_BY_LEASE = sometimes("a query is answered by a lease")
_ROUND_AT_ONCE = sometimes("a query begins a round at once")
_WAITS_FOR_RECOVERY = sometimes(
    "a confirmed query waits until what a new leader recovers is chosen"
)


class Reader(Elector):
    """Rounds of heartbeats, and the queries that wait for them."""

    def _on_query(self, query: Query, clock: int) -> None:
        """Answer now, if a lease says that nobody else led when the query was here already."""
        self._clock = max(self._clock, clock)
        leadership = self.leadership
        if leadership is None:
            _QUERY_REFUSED.hit()
            self._refuse(query, Refusal.NOT_LEADER)
        elif leadership.lease.holds(self._lease_clock()) and self._has_recovered(leadership):
            _BY_LEASE.hit()
            self._outbox.reads.append(query)
        elif len(leadership.reads) >= self.settings.pending_max:
            _QUERIES_OVERLOAD.hit()
            self._refuse(query, Refusal.OVERLOADED)
        else:
            leadership.reads.add(query, self._round_for(leadership))

    def _lease_clock(self) -> int:
        """By which clock a lease is held: one that goes on when this replica stands still."""
        return self._clock

    def _lease_held_ns(self) -> int:
        """How long a lease is held after its round began: shorter than it is granted."""
        return held_ns(self.settings)

    def _round_for(self, leadership: Leadership) -> int:
        """The round whose confirmation a query that arrives now needs: one that has not begun.

        What confirms an earlier one may have been said before the query was asked, and the leader
        may have been replaced since.
        """
        return leadership.reads.round + 1

    def _read_on(self) -> None:
        """Ask whether this replica still leads, if anybody waits for that; answer who may be."""
        leadership = self.leadership
        if leadership is None:
            return
        if leadership.reads.wants_round:
            _ROUND_AT_ONCE.hit()
            self._send_heartbeats()
        if self._has_recovered(leadership):
            self._outbox.reads += leadership.reads.take()
        elif leadership.reads:
            _WAITS_FOR_RECOVERY.hit()

    def _has_promises(self, leadership: Leadership) -> bool:
        """A quorum of the members of the next slot will accept nothing of a lower ballot in it."""
        return leadership.campaign.promises.is_reached

    def _has_recovered(self, leadership: Leadership) -> bool:
        """All that lower ballots may have chosen is executed here.

        Before that, a value that a client was told by the last leader may be missing.
        """
        return self._has_promises(leadership) and self.log.chosen_upto >= leadership.recovers_upto

    def _send_heartbeats(self) -> None:
        assert self.leadership is not None
        number = self.leadership.reads.begin_round()
        # The clock may have gone on since it was read: then the lease ends too early, never too late.
        self.leadership.lease.begin_round(number, self._lease_clock())
        heartbeat = Heartbeat(self.leadership.ballot, self.log.chosen_upto, number)
        for peer in self._audience(self.leadership):
            self._send(peer, heartbeat)

    def _audience(self, leadership: Leadership) -> tuple[ReplicaId, ...]:
        """Who hears what this leader proposes, and how far it has come."""
        del leadership
        return self.peers

    def _on_heard(self, sender: ReplicaId, heard: Heard) -> None:
        leadership = self.leadership
        if leadership is not None and heard.ballot == leadership.ballot:
            leadership.hear(sender, self._now)
            leadership.reads.confirm(sender, heard.round)
            leadership.lease.confirm(leadership.reads.confirmed_upto)
