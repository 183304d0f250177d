"""Quorums: sets of replicas any two of which intersect. Here: majorities."""

from collections.abc import Sequence

from node.types import ReplicaId


def majority(members: Sequence[ReplicaId]) -> int:
    """How many of `members` form a majority."""
    return len(members) // 2 + 1


class Tally:
    """Who voted, each counted once however often the network delivers the vote."""

    __slots__ = ("_voters", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        """Votes that make a quorum."""
        self._voters: dict[ReplicaId, None] = {}

    def add(self, voter: ReplicaId) -> None:
        """Count `voter`, once."""
        self._voters[voter] = None

    def has(self, voter: ReplicaId) -> bool:
        """Did `voter` vote?"""
        return voter in self._voters

    @property
    def count(self) -> int:
        """How many replicas voted."""
        return len(self._voters)

    @property
    def is_reached(self) -> bool:
        """A quorum has voted."""
        return len(self._voters) >= self.size
