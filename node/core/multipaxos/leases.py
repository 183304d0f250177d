"""Leases: for a while nobody else can be elected, so a leader answers queries without asking.

    follower   Heard, round 8:  promises no other replica's ballot       for L ticks from now
    leader     a quorum said Heard, round 8:  nobody else leads          for D from when round 8 began

L is counted in ticks that the follower lives through; ticks that it missed make it longer. D is measured
by the leader's clock, which also goes on while the leader stands still, and is shorter than L:

    D = (L - 2) ticks · (1 - d) / (1 + d)

where d is the stated bound: no clock of the cluster runs faster or slower than true time by more. Two
ticks are for those that come in a row when a tick was late.

A follower that restarts has forgotten what it said; so it promises nothing for L ticks after any start.
A hand-over ends the lease, for the rest of the ballot: the next leader asks for promises in the name of
the one that let go.

Off by default. After Chandra, Griesemer and Redstone, "Paxos made live" (2007), section 5.2.
docs/internals/reads.md has the argument.
"""

from node.core.ballot import NO_BALLOT, Ballot
from node.core.multipaxos.settings import Settings
from node.types import ReplicaId


class Grant:
    """What a follower has said: until some tick it helps nobody to replace one leader."""

    def __init__(self, ends_at: int) -> None:
        """A replica that starts does not know whom it has told what, and helps nobody."""
        self._ballot = NO_BALLOT
        self._ends_at = ends_at

    def renew(self, ballot: Ballot, ends_at: int) -> None:
        """Follow the leader of `ballot`.

        Whatever was granted to a lower ballot is over: the higher one was promised by a quorum, so by
        the old leader itself or by somebody whose grant had ended.
        """
        self._ballot = ballot
        self._ends_at = ends_at

    def forbids(self, candidate: ReplicaId, released: Ballot | None, now: int) -> bool:
        """Whether `candidate` must not have a promise, unless the leader itself has let go."""
        if now >= self._ends_at:
            return False
        if self._ballot == NO_BALLOT:
            return True
        return candidate != self._ballot.replica and released != self._ballot


class Lease:
    """How long a leader may take for granted that it leads; in nanoseconds of its own clock."""

    def __init__(self, held_ns: int) -> None:
        self._held_ns = held_ns
        self._began: dict[int, int] = {}
        """By round that is not confirmed yet, what the clock showed at the latest when it began."""
        self._until = 0
        self._is_over = held_ns <= 0

    def begin_round(self, number: int, clock: int) -> None:
        """A heartbeat is about to leave."""
        if not self._is_over:
            self._began[number] = clock

    def confirm(self, confirmed_upto: int) -> None:
        """A quorum has granted the rounds up to this one."""
        for number in [number for number in self._began if number <= confirmed_upto]:
            self._until = max(self._until, self._began.pop(number) + self._held_ns)

    def holds(self, clock: int) -> bool:
        """Whether nobody else can have led when the clock showed this."""
        return not self._is_over and clock < self._until

    def begin_anew(self) -> None:
        """Others grant from now on: what was granted so far is not enough."""
        self._until = 0
        self._began.clear()

    def end(self) -> None:
        """Let go, for good."""
        self._is_over = True
        self._began.clear()


def held_ns(settings: Settings) -> int:
    """For how long a leader holds what a follower grants: D, in nanoseconds."""
    drift = settings.clock_drift_percent
    ticks_ns = max(0, settings.lease_ticks - 2) * settings.tick_ns
    return ticks_ns * (100 - drift) // (100 + drift)
