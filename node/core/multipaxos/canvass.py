"""A canvass: before it campaigns, a follower asks around whether that would be welcome.

    follower ── Probe 2.3 ──▶ all
             ◀── Willing 2.3 ── who hears no leader either, and has promised nothing higher
             ◀── Declined 5.1 ── who would be willing, but for a higher ballot
                                 who hears a leader says nothing

A campaign disturbs: whoever promises its ballot declines the leader of a lower one. A canvass binds
nobody and writes nothing, so a replica whose links are broken may repeat it for ever.

After Ongaro, "Consensus: bridging theory and practice" (2014), section 9.6, "pre-vote". Here logs are
not compared: a Paxos candidate with an old log recovers what is missing from its quorum.
"""

from collections.abc import Sequence

from node.core.ballot import Ballot
from node.core.quorum import Tally
from node.types import ReplicaId


class Canvass:
    """One round of asking, and who is willing."""

    def __init__(self, ballot: Ballot, asked_at: int, members: Sequence[ReplicaId]) -> None:
        self.ballot = ballot
        """Nobody's yet; the campaign takes one at least as high."""
        self.asked_at = asked_at
        self.willing = Tally(members)
        # The replica that asks hears no leader: it need not be asked.
        self.willing.add(ballot.replica)

    def asks_again(self, now: int, heartbeat_ticks: int) -> bool:
        """Whether now is a time to repeat the question to those who have not answered.

        The first ones to run out of patience ask when others are about to: they may be willing a
        tick or two later. Who is alone with its question after that need not hurry.
        """
        age = now - self.asked_at
        return age < heartbeat_ticks or age % heartbeat_ticks == 0
