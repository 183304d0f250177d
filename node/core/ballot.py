"""Ballots: totally ordered rounds, no two replicas ever share one."""

from typing import Final, NamedTuple

from node.types import ReplicaId


class Ballot(NamedTuple):
    """`(round, replica)`, compared in that order: the replica breaks ties between rounds."""

    round: int
    replica: ReplicaId

    def __str__(self) -> str:
        return f"{self.round}.{self.replica}"

    def next_for(self, replica: ReplicaId) -> "Ballot":
        """The smallest ballot of `replica` in a round above this one."""
        return Ballot(self.round + 1, replica)


NO_BALLOT: Final = Ballot(0, ReplicaId(0))
"""Below every real ballot: nothing promised, nothing accepted."""
