"""Recovery, seen from outside: what a leader proposes follows from the promises that it received.

A value may be proposed in a slot, under a ballot, when there is a quorum of acceptors that promised this
ballot and reported on this slot, such that

    none of them had accepted anything there, or
    the value is that of the highest ballot which any of them reported there

("Paxos made simple", section 2.2, P2c). Every promise that was delivered to the proposer counts,
whatever its core made of it: those beyond a quorum, parts of an unfinished report, and second copies. An
acceptor that was asked twice may have learned what was chosen in between, so of its several reports
on a slot any will do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.core.ballot import NO_BALLOT, Ballot
from node.core.log import Entry
from node.core.multipaxos.messages import Accept, Promise
from node.core.quorum import majority
from node.types import ReplicaId


@dataclass(frozen=True, slots=True)
class _Part:
    """What one promise says about the slots that it covers."""

    first: int
    last: int | None
    """None: all that follow."""
    entries: Mapping[int, Entry]

    def covers(self, slot: int) -> bool:
        return self.first <= slot and (self.last is None or slot <= self.last)


class Reports:
    """All promises that were delivered, by who received them under which ballot."""

    def __init__(self) -> None:
        self._parts: dict[tuple[ReplicaId, Ballot], dict[ReplicaId, list[_Part]]] = {}

    def add(self, candidate: ReplicaId, acceptor: ReplicaId, promise: Promise) -> None:
        """`candidate` received a promise, or a part of one."""
        last = None if promise.is_last else promise.to_slot
        entries = {entry.slot: entry for entry in promise.entries}
        parts = self._parts.setdefault((candidate, promise.ballot), {})
        # Of slots that it has truncated an acceptor reports nothing, though they are chosen.
        first = max(promise.from_slot, promise.truncated_upto + 1)
        parts.setdefault(acceptor, []).append(_Part(first, last, entries))

    def why_not(self, leader: ReplicaId, accept: Accept, members: Sequence[ReplicaId]) -> str:
        """Why `leader` must not propose this, where `members` decide; empty when it may."""
        quorum = majority(members)
        reports = self._on(leader, accept.ballot, accept.slot, members)
        if len(reports) < quorum:
            return f"only {len(reports)} acceptors reported on the slot"
        # The lowest ballot that each may be taken to report: nothing is lower than everything.
        lowest = sorted(
            min(NO_BALLOT if entry is None else entry.ballot for entry in held) for held in reports
        )
        bound = lowest[quorum - 1]
        if bound == NO_BALLOT:
            return ""
        for held in reports:
            for entry in held:
                if entry is not None and entry.ballot >= bound and entry.value == accept.value:
                    return ""
        return f"what its quorum reported of {bound} or above is another value: {reports}"

    def _on(
        self, leader: ReplicaId, ballot: Ballot, slot: int, members: Sequence[ReplicaId]
    ) -> list[list[Entry | None]]:
        """What each member reported on a slot; None is nothing."""
        found = []
        for acceptor, parts in self._parts.get((leader, ballot), {}).items():
            if acceptor not in members:
                continue
            held = [part.entries.get(slot) for part in parts if part.covers(slot)]
            if held:
                found.append(held)
        return found
