"""Reads without the log: a leader answers from its state once a quorum has said that it still leads.

    client ── Query ──▶ leader    waits for the next round
                        leader ── Heartbeat, round 8 ──▶ all
                        leader ◀── Heard, round 8 ────── who has promised nothing higher
    client ◀── answer ─ leader    a quorum, itself included: the state holds all that was confirmed

All queries that wait share a round, and a heartbeat is a round: under load reads cost no message of
their own. One round is on its way at a time, or with the next heartbeat another one.

A confirmation is no promise and nothing of it is durable: it says that when its sender spoke, after
the round began, no ballot above this leader's had its vote. So no higher ballot had chosen anything
before the round began, and what lower ones chose was found in phase 1.

After Ongaro, "Consensus: bridging theory and practice" (2014), section 6.4, "read index". Other than
there, no entry of the leader's own term is awaited, nor a no-op made for it: what a Paxos leader
recovers is all that lower ballots have chosen or will choose. docs/internals/reads.md has the argument.
"""

from collections import deque
from collections.abc import Sequence

from node.core.quorum import majority
from node.types import Query, ReplicaId


class Reads:
    """The queries that wait at one leader, and the rounds in which it asks whether it still leads."""

    def __init__(self, leader: ReplicaId, members: Sequence[ReplicaId]) -> None:
        self.round = 0
        """The last one that was begun."""
        self._leader = leader
        self._quorum = majority(members)
        self._confirmed = dict.fromkeys(members, 0)
        """By member, the latest round in which it still followed."""
        self._waiting: deque[tuple[int, Query]] = deque()
        """Each with the first round that began after it arrived."""

    def elect(self, members: Sequence[ReplicaId]) -> None:
        """Others are members now, and confirm."""
        before = self._confirmed
        self._quorum = majority(members)
        self._confirmed = {member: before.get(member, 0) for member in members}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, query: Query, number: int) -> None:
        """Let `query` wait for round `number`."""
        self._waiting.append((number, query))

    def begin_round(self) -> int:
        """Number the heartbeat that is about to leave."""
        self.round += 1
        self.confirm(self._leader, self.round)
        return self.round

    def confirm(self, follower: ReplicaId, number: int) -> None:
        """`follower` still followed after round `number` began, and so after all earlier ones."""
        if follower in self._confirmed and self._confirmed[follower] < number <= self.round:
            self._confirmed[follower] = number

    @property
    def confirmed_upto(self) -> int:
        """The latest round that a quorum has confirmed."""
        return sorted(self._confirmed.values(), reverse=True)[self._quorum - 1]

    @property
    def wants_round(self) -> bool:
        """Whether a query waits for a round, and no round is on its way."""
        if not self._waiting:
            return False
        newest, _ = self._waiting[-1]
        return newest > self.round and self.confirmed_upto == self.round

    def take(self) -> list[Query]:
        """Those for which a quorum has confirmed, in the order in which they came."""
        if not self._waiting:
            return []
        confirmed_upto = self.confirmed_upto
        taken = []
        while self._waiting and self._waiting[0][0] <= confirmed_upto:
            taken.append(self._waiting.popleft()[1])
        return taken

    def take_all(self) -> list[Query]:
        """All that wait: they are to be refused."""
        taken = [query for _, query in self._waiting]
        self._waiting.clear()
        return taken
