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
        self.highest = NO_BALLOT
        self.floor: Ballot | None = None
        """Promised, once all have answered; whoever leads above it was elected by others."""
        self.goal: int | None = None
        """The slot up to which everything must be learned."""
