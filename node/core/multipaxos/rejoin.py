"""Rejoining: how a replica that lost its disk becomes one that may vote again.

It may have promised and voted, and nobody can tell it what. As if it were new it would take promises
and votes back, and two values could be chosen in one slot. So it learns in silence first:

    1. asks every other member:   Rejoin ─▶ ◀─ Standing        all of them, so a ballot that it may
                                                                have promised is among the answers
    2. promises a ballot F above all that it was told, and declines the leader of a lower one
    3. a leader of a ballot above F was elected by others alone; it asks how far that one's log went
       when it had taken office
    4. has learned that far, by log or snapshot: votes and promises again

Why that is safe, in short (docs/internals/snapshots.md has all of it). A ballot that it promised before
was recorded by its candidate first, who has now answered with at least that: so it keeps every old
promise by promising F. And the quorum that elected the leader above F did not need it, so that quorum
shares a member with an intact disk with each quorum that ever counted a lost vote: what was chosen
with it was recovered by that leader, and is below the slot that is waited for.

"Paxos made live" (Chandra et al. 2007, section 5.1) lets such a replica vote when it has seen one
instance begin and end. With one promise for the whole log that is not enough: a candidate that holds
its old promise may lead later, and recover without what it voted for meanwhile.
"""

from abc import ABC

from node.core.multipaxos.amnesia import Amnesia
from node.core.multipaxos.catchup import CatchUp
from node.core.multipaxos.messages import Rejoin, RejoinedRecord, Standing
from node.marks import sometimes
from node.types import Configuration, ReplicaId

_ALL_ANSWERED = sometimes("a replica that lost its disk has heard from all others")
_ASKED_BY_LOST = sometimes("a replica that lost its disk asks another one")
_ASKS_NEWCOMERS = sometimes("a replica that lost its disk learns of members whom it has to ask")
_REJOINED = sometimes("a replica that lost its disk votes again")


class Rejoining(CatchUp, ABC):
    """The part of a replica that comes back without its memory, and answers one that does."""

    @property
    def is_rejoining(self) -> bool:
        """Whether this replica lost its disk and may not vote yet."""
        return self.acceptor.is_rejoining

    def _lose_patience(self) -> None:
        """Nobody who may not vote campaigns."""
        if self.is_rejoining:
            self.leader = None
            self._expect_leader()
        else:
            super()._lose_patience()

    def _adopt(self, configuration: Configuration) -> None:
        """Ask also who has become a member; who is none any more need not answer."""
        super()._adopt(configuration)
        if self.amnesia is not None and self.amnesia.turn_to(self.peers):
            _ASKS_NEWCOMERS.hit()

    def _rejoin_on(self, amnesia: Amnesia) -> None:
        """Ask who has not answered; after that, the leader above the floor."""
        if amnesia.floor is None and not amnesia.unheard:
            self._set_floor(amnesia)
        elif amnesia.floor is None:
            for peer in amnesia.unheard:
                self._send(peer, Rejoin(amnesia.nonce))
        elif amnesia.goal is None and self.leader is not None and self._followed > amnesia.floor:
            self._send(self.leader, Rejoin(amnesia.nonce))
        self._vote_again_when_caught_up(amnesia)

    def _on_rejoin(self, sender: ReplicaId, rejoin: Rejoin) -> None:
        """Say what is promised here. Who has lost that itself says nothing."""
        if self.is_rejoining:
            return
        _ASKED_BY_LOST.hit()
        self._send(
            sender,
            Standing(
                nonce=rejoin.nonce,
                promised=max(self.acceptor.promised, self._ballot_seen),
                leads=None if self.leadership is None else self.leadership.ballot,
                accepted_upto=self.log.accepted_upto,
            ),
        )

    def _on_standing(self, sender: ReplicaId, standing: Standing) -> None:
        amnesia = self.amnesia
        if amnesia is None or standing.nonce != amnesia.nonce:
            return
        amnesia.hear(sender)
        amnesia.highest = max(amnesia.highest, standing.promised)
        if amnesia.floor is None and not amnesia.unheard:
            self._set_floor(amnesia)
        elif (
            amnesia.floor is not None
            and amnesia.goal is None
            and standing.leads is not None
            and standing.leads > amnesia.floor
        ):
            amnesia.goal = standing.accepted_upto
            self._note(f"votes again when it has learned slot {amnesia.goal}")
        self._vote_again_when_caught_up(amnesia)

    def _set_floor(self, amnesia: Amnesia) -> None:
        _ALL_ANSWERED.hit()
        floor = max(amnesia.highest, self._ballot_seen).next_for(self.replica)
        amnesia.floor = floor
        self._ballot_seen = floor
        self._record(self.acceptor.promise(floor))
        self._note(f"all others have answered: promises {floor}")

    def _vote_again_when_caught_up(self, amnesia: Amnesia) -> None:
        if amnesia.goal is None or self.log.chosen_upto < amnesia.goal:
            return
        _REJOINED.hit()
        # In front of the first vote in the journal, so a restart that finds one finds this, too.
        self._record(RejoinedRecord())
        self.acceptor.is_rejoining = False
        self.amnesia = None
        self._note("has made good what it lost: votes again")
