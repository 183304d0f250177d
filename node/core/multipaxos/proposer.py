"""Phase 2, as its leader sees it: commands become proposals, and proposals with a quorum of votes are chosen.

"Paxos made simple" (Lamport 2001), sections 2.2 and 3.
"""

from abc import ABC, abstractmethod

from node.core.ballot import Ballot
from node.core.interface import Refusal
from node.core.log import Entry, Members, Noop, Value
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.leader import Leadership, OpenSlot
from node.core.multipaxos.membership import Reconfigurer
from node.core.multipaxos.messages import Accept, Accepted
from node.marks import always, sometimes
from node.types import Command, ReplicaId

_HEARS_NO_QUORUM = sometimes("a leader hears no quorum and steps down")
_FILLS_A_HOLE = sometimes("a new leader fills a hole with a no-op")
_PROPOSES_AGAIN = sometimes("a new leader proposes again what an older one did")
_OVERLOADED = sometimes("a leader refuses a command because too many wait")
_SLOTS_IN_FLIGHT = sometimes("commands wait because too many slots are open")
_SENT_AGAIN = sometimes("a proposal is sent again")
_VOTE_OF_OLD = sometimes("a vote comes to somebody who no longer leads its ballot")
_VOTES_OVERTAKE = sometimes("a slot has its votes before the one in front of it")
_OWN_VALUE = always("a leader chooses only what it accepted under its own ballot")


class Proposer(Reconfigurer, ABC):
    """The part of a replica that proposes, while it leads."""

    @abstractmethod
    def _choose(self, slot: int) -> None:
        """The next slot is chosen."""

    def _on_propose(self, command: Command) -> None:
        if self.leadership is None:
            self._refuse(command, Refusal.NOT_LEADER)
        elif len(self.leadership.pending) >= self.settings.pending_max:
            _OVERLOADED.hit()
            self._refuse(command, Refusal.OVERLOADED)
        else:
            self.leadership.add(command, self._now)

    def _lead(self, campaign: Campaign) -> None:
        """Propose again all that may have been chosen, and no-ops for holes; then serve."""
        self._take_office(campaign)
        first = self.log.chosen_upto + 1
        last = campaign.reported_upto
        self.leadership = Leadership(
            campaign, first, self.members, self._now, held_ns=self._lease_held_ns()
        )
        recovery = f"recovers slots {first} to {last}" if first <= last else "nothing to recover"
        self._note(f"leads with {campaign.ballot}, {recovery}")
        self._recover_on(self.leadership)
        self._send_heartbeats()

    def _recover_on(self, leadership: Leadership) -> None:
        """All at once, but for slots behind a change of members, until that is chosen."""
        campaign = leadership.campaign
        while leadership.next_slot <= campaign.reported_upto and self._may_open(leadership):
            self._propose(self._value_to_recover(leadership.next_slot, campaign))

    def _value_to_recover(self, slot: int, campaign: Campaign) -> Value:
        """The only value that may have been chosen in `slot`, or a no-op when none was."""
        reported = campaign.reported.get(slot)
        if reported is None:
            # No acceptor of the quorum has a value for this slot, so none was chosen. Later slots
            # may be, and they cannot execute past a hole: propose a no-op ("Paxos made simple",
            # section 3).
            _FILLS_A_HOLE.hit()
            return Noop()
        _PROPOSES_AGAIN.hit()
        return reported.value

    def _propose_pending(self) -> None:
        leadership = self.leadership
        if leadership is None or not self._takes_new(leadership):
            return
        while leadership.may_open(self.settings, self._now):
            batch = leadership.next_batch(
                commands_max=self.settings.batch_commands_max,
                bytes_max=self.settings.batch_bytes_max,
            )
            self._propose(batch)
        if len(leadership.open) >= self.settings.slots_in_flight_max and leadership.pending:
            _SLOTS_IN_FLIGHT.hit()

    def _propose(self, value: Value) -> None:
        """Phase 2a: the own acceptor accepts at once, and its vote counts when it is durable."""
        assert self.leadership is not None
        leadership = self.leadership
        ballot = leadership.ballot
        slot = leadership.open_slot(value, self._now)
        if isinstance(value, Members):
            leadership.reconfigures_in = slot
            leadership.is_steady = False
        # May leave before the own record is durable: it claims nothing about this disk, and after
        # a crash this replica never proposes under this ballot again.
        accept = self._accept(ballot, slot, value)
        for peer in self._audience(leadership):
            self._send(peer, accept)
        self._record(self.acceptor.accept(Entry(slot, ballot, value)))
        self._send_after_persist(self.replica, Accepted(ballot, slot))

    def _accept(self, ballot: Ballot, slot: int, value: Value) -> Accept:
        return Accept(ballot, slot, value, self.log.chosen_upto, self.configuration.slot)

    def _lead_on(self, leadership: Leadership) -> None:
        """A heartbeat, if anybody hears it."""
        if not leadership.hears_quorum(self._now, self.settings.election_timeout_ticks):
            # Nothing can be chosen here. If followers hear this leader all the same, they would
            # wait for ever; and clients had better ask elsewhere.
            _HEARS_NO_QUORUM.hit()
            self._step_down("hears no quorum")
            return
        self._send_heartbeats()
        self._repeat_proposals(leadership)
        if self.is_member and not leadership.campaign.promises.is_reached:
            self._ask_for_promises(leadership.campaign)

    def _repeat_proposals(self, leadership: Leadership) -> None:
        patience = 2 * self.settings.heartbeat_ticks
        for slot in leadership.overdue(self._now, patience, self.settings.slots_in_flight_max):
            open_slot = leadership.open[slot]
            open_slot.proposed_at = self._now
            for peer in self.peers:
                if not open_slot.votes.has(peer):
                    _SENT_AGAIN.hit()
                    self._send(peer, self._accept(leadership.ballot, slot, open_slot.value))

    def _on_accepted(self, sender: ReplicaId, accepted: Accepted) -> None:
        leadership = self.leadership
        if leadership is None or accepted.ballot != leadership.ballot:
            _VOTE_OF_OLD.hit()  # says nothing about this ballot
            return
        leadership.hear(sender, self._now)
        open_slot = leadership.open.get(accepted.slot)
        if open_slot is None:
            return
        open_slot.votes.add(sender)
        if open_slot.votes.is_reached and accepted.slot > self.log.chosen_upto + 1:
            _VOTES_OVERTAKE.hit()
        self._choose_open_slots(leadership)

    def _choose_open_slots(self, leadership: Leadership) -> None:
        """Votes may arrive in any order, but slots are chosen, and executed, without a gap."""
        while (next_open := leadership.open.get(self.log.chosen_upto + 1)) is not None:
            if not self._is_chosen(next_open):
                break
            slot = self.log.chosen_upto + 1
            entry = self.log.get(slot)
            _OWN_VALUE.check(entry is not None and entry.ballot == leadership.ballot)
            leadership.has_chosen = True
            self._choose(slot)

    def _is_chosen(self, open_slot: OpenSlot) -> bool:
        """A quorum has durably accepted this value under this ballot."""
        return open_slot.votes.is_reached
