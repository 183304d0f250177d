"""The log of one acceptor: for each slot the value it accepted last, and how far slots are chosen.

    slot      1    2    3    4    5    6
    entry     a    b    c    .    e    f        . is a hole: nothing accepted there
              └─ chosen ─┘
              chosen_upto = 3

A *chosen* slot never changes again. Above `chosen_upto` entries may be overwritten by higher
ballots, and some may be chosen without this replica knowing.

    slot      1    2    3    4    5    6
              └ truncated ┘  d    e    f        a snapshot stands for slots 1 to 3
                   truncated_upto = 3

A slot that was *truncated* is chosen, and its entry is gone: whoever asks for it gets the snapshot.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from node.core.ballot import Ballot
from node.types import Command, ReplicaId, ReplicaInfo


@dataclass(frozen=True, slots=True)
class Noop:
    """An explicit value that changes nothing: it fills a hole so that later slots can execute.

    It must be a value. A protocol that shows "no-op" as the absence of a value lets a chosen no-op
    be overwritten.
    """

    commands = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Commands that share one slot, executed in this order."""

    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """Who the members are from the next slot on: see `node.core.multipaxos.membership`."""

    replicas: tuple[ReplicaInfo, ...]
    """All of them, ascending."""
    removed: tuple[ReplicaId, ...]
    """Whoever was one and is no more, ever."""

    commands = ()

    def __post_init__(self) -> None:
        numbers = [info.replica for info in self.replicas]
        if not numbers or numbers != sorted(dict.fromkeys(numbers)):
            raise ValueError(f"members {numbers}: expected different numbers, ascending")


Value = Noop | Batch | Members


@dataclass(frozen=True, slots=True)
class Entry:
    """A value with the slot and the ballot in which it was accepted."""

    slot: int
    ballot: Ballot
    value: Value

    def __post_init__(self) -> None:
        check_slot(self.slot)


def check_slot(slot: int) -> None:
    """Refuse, as a wrong value in a message, a slot that cannot exist."""
    if slot < 1:
        raise ValueError(f"slot {slot}: slots count from 1")


class Log:
    """Entries by slot, counted from 1. Owned by one acceptor; keeps no file."""

    def __init__(self) -> None:
        self._entries: list[Entry | None] = []
        """Of the slots behind `truncated_upto`."""
        self.truncated_upto = 0
        """Every slot up to this one is chosen, and its entry is no longer here."""
        self.chosen_upto = 0
        """Every slot up to this one is chosen, and its entry is here unless it was truncated."""

    @property
    def accepted_upto(self) -> int:
        """The highest slot with an entry, or that was truncated; 0 when there is none."""
        return self.truncated_upto + len(self._entries)

    def get(self, slot: int) -> Entry | None:
        """What is accepted in `slot`, if anything. Not for a slot that was truncated."""
        assert slot > self.truncated_upto, f"slot {slot} was truncated with {self.truncated_upto}"
        place = slot - self.truncated_upto - 1
        return self._entries[place] if place < len(self._entries) else None

    def put(self, entry: Entry) -> None:
        """Accept `entry`, replacing what its slot held. A chosen slot keeps its value."""
        held = self.get(entry.slot)
        if entry.slot <= self.chosen_upto:
            assert held is not None
            assert held.value == entry.value, f"slot {entry.slot} is chosen: {held} is not {entry}"
        missing = entry.slot - self.accepted_upto
        if missing > 0:
            self._entries.extend([None] * missing)
        self._entries[entry.slot - self.truncated_upto - 1] = entry

    def choose(self, slot: int) -> Entry:
        """Note that the next slot is chosen; returns its entry."""
        assert slot == self.chosen_upto + 1, f"slot {slot} after {self.chosen_upto}"
        entry = self.get(slot)
        assert entry is not None, f"slot {slot} is a hole"
        self.chosen_upto = slot
        return entry

    def entries(self, first: int, last: int) -> Iterator[Entry]:
        """The entries of slots `first` … `last`, holes left out; none of them truncated."""
        assert first > self.truncated_upto, f"{first} was truncated with {self.truncated_upto}"
        before = self.truncated_upto + 1
        for entry in self._entries[first - before : max(0, last + 1 - before)]:
            if entry is not None:
                yield entry

    def truncate(self, upto: int) -> None:
        """Forget the entries up to `upto`, all chosen; a snapshot must stand for them."""
        assert self.truncated_upto <= upto <= self.chosen_upto, f"{upto} of {self.chosen_upto}"
        del self._entries[: upto - self.truncated_upto]
        self.truncated_upto = upto

    def skip_to(self, upto: int) -> None:
        """Everything up to `upto` is chosen and known elsewhere, whatever is held in these slots."""
        assert upto > self.chosen_upto, f"{upto} after {self.chosen_upto}"
        # What is held below may have lost: it must not stay as if it were chosen.
        del self._entries[: upto - self.truncated_upto]
        self.truncated_upto = self.chosen_upto = upto
