"""The fault atlas: whose disk may be damaged, so that a quorum keeps all that was ever synced.

A replica whose disk lost something that it had made durable may have forgotten a promise. No protocol
survives that at a majority, and nobody could be blamed for the outcome. So the world damages at most
a minority: everything that was chosen, and every promise, is then still at some replica of each
quorum that can be formed, and a damaged replica that refuses to start tells no lies.

    flipped bit    the replica refuses to start, for good: nothing here repairs a disk
    failed read    it refuses to start, once
    lost disk      it learns from all others before it votes again; until then it keeps silent
    failed fsync   it stops; what was lost rested on nothing and nothing rested on it

The last two lose nothing that was synced, but they take a replica away as long as they last, so they
count while they do. This is the simplest rule that is sound; TigerBeetle's atlas counts by sector
and so damages more.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from harness.simulation.world import Kind

_FOR_GOOD: Final = frozenset({Kind.FLIP_BIT, Kind.LOSE_DISK})
DAMAGING: Final = _FOR_GOOD | {Kind.FAIL_READ, Kind.FAIL_FSYNC}
"""The kinds of fault that have to be asked for here."""


class Atlas:
    """Which disks are damaged. One for a run."""

    def __init__(self, members: Sequence[int]) -> None:
        self._configurations: tuple[tuple[int, ...], ...] = (tuple(members),)
        """Who the members are, and who they will or may be when a change is under way."""
        self._damage: dict[int, dict[Kind, None]] = {}

    def may_become(self, members: Sequence[int]) -> bool:
        """Whether these could be the members, with the damage that there is."""
        return _is_minority(self._damage, members)

    def turn_to(self, *configurations: Sequence[int]) -> None:
        """Each of these has to have a quorum of intact disks from now on."""
        self._configurations = tuple(tuple(members) for members in configurations)

    def allows(self, replica: int) -> bool:
        """Whether the disk of `replica` may be damaged now, once more or for the first time."""
        if replica in self._damage:
            return True
        return any(replica in members for members in self._configurations) and all(
            _is_minority((*self._damage, replica), members) for members in self._configurations
        )

    def struck(self, replica: int, kind: Kind) -> None:
        """The fault was given to `replica`, or will hit it the next time it reads or syncs."""
        assert kind in DAMAGING, kind
        assert self.allows(replica), f"{kind} at {replica} is one too many: {self.damaged}"
        self._damage.setdefault(replica, {})[kind] = None

    def restarted(self, replica: int) -> None:
        """`replica` has opened its journal: it was read and synced, so what passes has passed."""
        kept = {kind: None for kind in self._damage.pop(replica, {}) if kind in _FOR_GOOD}
        if kept:
            self._damage[replica] = kept

    def replaced(self, replica: int) -> None:
        """`replica` has another disk, an empty one: whatever was wrong with the old one is gone."""
        assert self.allows(replica), f"a lost disk at {replica} is one too many: {self.damaged}"
        self._damage[replica] = {Kind.LOSE_DISK: None}

    def made_good(self, replica: int) -> None:
        """`replica` lost its disk, and has learned all that it could have promised or accepted."""
        self._damage[replica].pop(Kind.LOSE_DISK, None)
        if not self._damage[replica]:
            del self._damage[replica]

    def may_refuse(self, replica: int) -> bool:
        """Whether `replica` is right to stop, or not to start, for the sake of its disk."""
        return replica in self._damage

    def is_gone(self, replica: int) -> bool:
        """Whether `replica` is damaged for good: once it is down it will not start again."""
        return any(kind in _FOR_GOOD for kind in self._damage.get(replica, {}))

    @property
    def damaged(self) -> list[int]:
        """The replicas that count as damaged now."""
        return sorted(self._damage)

    @property
    def intact(self) -> list[int]:
        """All members but those: always a majority."""
        return [member for member in self._configurations[0] if member not in self._damage]


def _is_minority(damaged: Iterable[int], members: Sequence[int]) -> bool:
    return sum(replica in members for replica in damaged) <= (len(members) - 1) // 2
