"""Quorums: sets of replicas any two of which intersect. Here: majorities."""

from collections.abc import Sequence

from node.types import ReplicaId


def majority(members: Sequence[ReplicaId]) -> int:
    """How many of `members` form a majority."""
    return len(members) // 2 + 1


class Tally:
    """Which members voted, each counted once however often the network delivers the vote.

    Anybody may say that he votes. Only members count, so that two quorums always meet.
    """

    __slots__ = ("_voters", "members", "size")

    def __init__(self, members: Sequence[ReplicaId]) -> None:
        self.members = members
        """Whose votes count."""
        self.size = majority(members)
        """Votes that make a quorum."""
        self._voters: dict[ReplicaId, None] = {}

    def add(self, voter: ReplicaId) -> None:
        """Count `voter`, once, if it is a member."""
        if voter in self.members:
            self._voters[voter] = None

    def has(self, voter: ReplicaId) -> bool:
        """Did `voter` vote?"""
        return voter in self._voters

    @property
    def count(self) -> int:
        """How many members voted."""
        return len(self._voters)

    @property
    def is_reached(self) -> bool:
        """A quorum has voted."""
        return len(self._voters) >= self.size
