"""The acceptor: what it has promised, what it may still accept, what it must remember first.

Invariant: `promised` never goes down, not even across a crash; so every change of it comes with a
record that must be durable before any message that rests on it leaves.

After "Paxos made simple" (Lamport 2001), section 2, with one promise for the whole log
(section 3).
"""

from collections.abc import Iterable

from node.core.ballot import NO_BALLOT, Ballot
from node.core.log import Entry, Log
from node.core.multipaxos.messages import (
    AcceptRecord,
    BeginRecord,
    ChosenRecord,
    Promise,
    PromiseRecord,
    Record,
    RejoinedRecord,
    RejoinRecord,
    TruncatedRecord,
)
from node.errors import ProtocolViolation
from node.marks import sometimes
from node.types import ReplicaInfo

_REPLACES = sometimes("a higher ballot replaces an accepted value")
_SNAPSHOT_AHEAD = sometimes("a replica starts with a snapshot that is ahead of its journal")
_LEARNS_ANOTHER = sometimes("what is learned replaces an accepted value that lost")


class Acceptor:
    """The memory of one replica. Methods return the record to be made durable."""

    def __init__(self) -> None:
        self.promised: Ballot = NO_BALLOT
        self.log = Log()
        self.is_rejoining = False
        """The disk was lost, and with it promises and votes: see `rejoin`."""
        self.began_with: tuple[ReplicaInfo, ...] | None = None
        """The members when the journal began, if it says so."""

    @classmethod
    def restored(cls, records: Iterable[Record], snapshot_slot: int = 0) -> "Acceptor":
        """The acceptor that wrote `records`, as of its last durable one.

        `snapshot_slot` is the last slot of its newest durable snapshot. It may be ahead of the
        journal, when a crash came between the two.
        """
        acceptor = cls()
        for record in records:
            match record:
                case PromiseRecord(ballot):
                    acceptor.promised = max(acceptor.promised, ballot)
                case AcceptRecord(entry):
                    acceptor.promised = max(acceptor.promised, entry.ballot)
                    acceptor.log.put(entry)
                case ChosenRecord(upto):
                    while acceptor.log.chosen_upto < upto:
                        acceptor.log.choose(acceptor.log.chosen_upto + 1)
                case TruncatedRecord(upto):
                    assert upto <= snapshot_slot, f"no snapshot stands for slots up to {upto}"
                    acceptor.log.skip_to(upto)
                case RejoinRecord():
                    acceptor.is_rejoining = True
                case RejoinedRecord():
                    acceptor.is_rejoining = False
                case BeginRecord(members):
                    acceptor.began_with = members
        if snapshot_slot > acceptor.log.chosen_upto:
            _SNAPSHOT_AHEAD.hit()
            acceptor.log.skip_to(snapshot_slot)
        return acceptor

    def records(self) -> tuple[Record, ...]:
        """All that must be remembered, as a journal of its own; `restored` reads it back."""
        log = self.log
        begin: list[Record] = [RejoinRecord()] if self.is_rejoining else []
        if self.began_with is not None:
            begin.append(BeginRecord(self.began_with))
        if log.truncated_upto:
            begin.append(TruncatedRecord(log.truncated_upto))
        entries = log.entries(log.truncated_upto + 1, log.accepted_upto)
        return (
            *begin,
            *(AcceptRecord(entry) for entry in entries),
            # The promise outlives what it was made for, and may be above every entry.
            PromiseRecord(self.promised),
            ChosenRecord(log.chosen_upto),
        )

    def promise(self, ballot: Ballot) -> PromiseRecord:
        """Promise to accept nothing below `ballot`."""
        assert ballot >= self.promised, f"{ballot} after {self.promised}"
        self.promised = ballot
        return PromiseRecord(ballot)

    def accept(self, entry: Entry) -> AcceptRecord:
        """Accept `entry`; it must keep the promise."""
        assert entry.ballot >= self.promised, f"{entry} after promising {self.promised}"
        held = self.log.get(entry.slot)
        if held is not None and held.value != entry.value:
            if held.ballot == entry.ballot:
                raise ProtocolViolation(f"two values in one ballot: {held} and {entry}")
            if entry.slot <= self.log.chosen_upto:
                raise ProtocolViolation(f"{held} was chosen, but a later ballot carries {entry}")
            _REPLACES.hit()
        self.promised = entry.ballot
        self.log.put(entry)
        return AcceptRecord(entry)

    def learn(self, entry: Entry) -> AcceptRecord | None:
        """Hold the chosen `entry`; None when its value is held already.

        This may be below the promise: every ballot above the one in which a value was chosen can
        only carry that value ("Paxos made simple", P2c), so reporting it later misleads nobody.
        Above the promise it raises it, as any `AcceptRecord` does at a restart: a late proposal of
        an older ballot must not overwrite what was chosen.
        """
        held = self.log.get(entry.slot)
        if held is not None and held.value == entry.value and held.ballot >= entry.ballot:
            return None
        if held is not None and held.ballot >= entry.ballot:
            raise ProtocolViolation(f"{entry} was chosen, but a later ballot carries {held}")
        if held is not None and held.value != entry.value:
            _LEARNS_ANOTHER.hit()
        self.promised = max(self.promised, entry.ballot)
        self.log.put(entry)
        return AcceptRecord(entry)

    def report(self, from_slot: int, *, entries_max: int, commands_bytes_max: int) -> Promise:
        """What was accepted from `from_slot` on, as much as fits into one message.

        What was truncated is chosen, and not reported: the candidate has to learn it first.
        """
        entries: list[Entry] = []
        size = 0
        first = max(from_slot, self.log.truncated_upto + 1)
        to_slot = max(self.log.accepted_upto, first - 1)
        for entry in self.log.entries(first, self.log.accepted_upto):
            size += sum(len(command.body) for command in entry.value.commands)
            if entries and (len(entries) >= entries_max or size > commands_bytes_max):
                to_slot = entry.slot - 1
                break
            entries.append(entry)
        return Promise(
            ballot=self.promised,
            from_slot=from_slot,
            to_slot=to_slot,
            entries=tuple(entries),
            is_last=to_slot >= self.log.accepted_upto,
            chosen_upto=self.log.chosen_upto,
            truncated_upto=self.log.truncated_upto,
        )
