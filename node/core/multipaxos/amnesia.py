"""Amnesia: what a replica that lost its disk has found out so far, on its way to vote again.

What it means is in `rejoin`.
"""

from collections.abc import Sequence

from node.core.ballot import NO_BALLOT, Ballot
from node.types import ReplicaId


class Amnesia:
    """How far one replica has come; volatile, since a restart may ask again."""

    def __init__(self, nonce: int, peers: Sequence[ReplicaId]) -> None:
        self.nonce = nonce
        """Of this life: an answer to an earlier one may be older than a promise."""
        self.unheard = dict.fromkeys(peers)
        """Who has not answered."""
        self._heard: dict[ReplicaId, None] = {}
        self.highest = NO_BALLOT
        self.floor: Ballot | None = None
        """Promised, once all have answered; whoever leads above it was elected by others."""
        self.goal: int | None = None
        """The slot up to which everything must be learned."""

    def hear(self, peer: ReplicaId) -> None:
        """`peer` has answered."""
        self.unheard.pop(peer, None)
        self._heard[peer] = None

    def turn_to(self, peers: Sequence[ReplicaId]) -> bool:
        """These are the other members; True when there is somebody new among them to be asked."""
        self.unheard = {peer: None for peer in peers if peer not in self._heard}
        if self.unheard:
            # One of them may have campaigned with a higher ballot than anybody has told so far.
            self.floor = self.goal = None
        return bool(self.unheard)
