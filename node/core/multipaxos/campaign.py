"""A campaign: one candidate collects promises, and with them everything that may be chosen.

Replies come in parts, so that a long log fits into bounded frames: the candidate asks each
acceptor for the next part until it has the last one, and only then counts its promise. Asking
again is harmless, so a lost part is simply asked for again.

Phase 1 of "Paxos made simple", sections 2.2 and 3, for all slots from the first that the candidate
does not know to be chosen.
"""

from collections.abc import Sequence

from node.core.ballot import Ballot
from node.core.log import Entry
from node.core.multipaxos.messages import Promise
from node.core.quorum import Tally
from node.marks import sometimes
from node.types import ReplicaId

_HEARD_TWICE = sometimes("a part of a promise comes twice")
_IN_PARTS = sometimes("a promise comes in several parts")
_RIVAL_VALUES = sometimes("two acceptors report different values for one slot")


class Campaign:
    """What one candidate has heard under one ballot."""

    def __init__(
        self,
        ballot: Ballot,
        from_slot: int,
        members: Sequence[ReplicaId],
        released: Ballot | None = None,
    ) -> None:
        self.ballot = ballot
        self.from_slot = from_slot
        self.released = released
        """The ballot whose leader asked for this campaign."""
        self.promises = Tally(members)
        """Members that promised and reported everything."""
        self.reported: dict[int, Entry] = {}
        """By slot, the entry of the highest ballot that any acceptor reported."""
        self.reported_upto = from_slot - 1
        """The highest slot in which anybody reported a value."""
        self.chosen_upto = from_slot - 1
        """The highest slot that any acceptor knows to be chosen, with all before it."""
        self.truncated_upto = 0
        """Slots up to here are chosen, and not everyone who promised could report them."""
        self.knows_most = ballot.replica
        """Who said so."""
        self._next_slots = dict.fromkeys(members, from_slot)

    def elect(self, members: Sequence[ReplicaId], from_slot: int) -> None:
        """Others are members now, who report from `from_slot` on; who promised has promised."""
        before, self.promises = self.promises, Tally(members)
        for member in members:
            if before.has(member):
                self.promises.add(member)
            self._next_slots[member] = max(self._next_slots.get(member, 0), from_slot)

    def next_slot(self, acceptor: ReplicaId) -> int | None:
        """Where the next part of `acceptor`'s report begins; None when it has reported all."""
        return None if self.promises.has(acceptor) else self._next_slots.get(acceptor)

    def on_promise(self, acceptor: ReplicaId, promise: Promise) -> bool:
        """Take in one part; True when it is news, False for a duplicate."""
        assert promise.ballot == self.ballot, f"{promise.ballot} is not {self.ballot}"
        if self.next_slot(acceptor) != promise.from_slot:
            _HEARD_TWICE.hit()
            return False
        for entry in promise.entries:
            held = self.reported.get(entry.slot)
            if held is not None and held.value != entry.value:
                _RIVAL_VALUES.hit()
            if held is None or held.ballot < entry.ballot:
                self.reported[entry.slot] = entry
                self.reported_upto = max(self.reported_upto, entry.slot)
        self.chosen_upto = max(self.chosen_upto, promise.chosen_upto)
        if promise.truncated_upto > self.truncated_upto:
            self.truncated_upto = promise.truncated_upto
            self.knows_most = acceptor
        if promise.is_last:
            self.promises.add(acceptor)
        else:
            _IN_PARTS.hit()
            self._next_slots[acceptor] = promise.to_slot + 1
        return True
