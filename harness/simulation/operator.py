"""An operator who changes the members, one at a time, and asks until each change is done.

    wishes ──▶ one under way ──▶ asks who leads, now and then, until the new members are chosen ──▶ the next

Nobody tells the operator that a change was made, and settled: he looks. A wish that would leave a quorum with too few
intact disks waits until that has changed; a person would look at the disks, too.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from harness.simulation.atlas import Atlas
from harness.simulation.draws import Stream
from harness.simulation.invariants import Invariants
from harness.simulation.world import MS, Fault, Kind
from node.core.interface import Add, Remove
from node.core.quorum import majority
from node.types import ReplicaId, ReplicaInfo

_ASKS_EVERY: Final = 60 * MS
"""At most; drawn anew each time, so that leaders are asked in all states."""


class Operator:
    """Has wishes granted, in the order in which they came."""

    def __init__(
        self,
        *,
        invariants: Invariants,
        atlas: Atlas,
        draws: Stream,
        spares: Iterable[ReplicaInfo],
        bites: Counter[str],
        after: Callable[[int, Callable[[], None]], object],
        ask: Callable[[Add | Remove], None],
        note: Callable[[str], None],
    ) -> None:
        """`after` calls something later; `ask` asks everybody who believes to lead: some do no more."""
        self._invariants = invariants
        self._atlas = atlas
        self._draws = draws
        self._spares = deque(spares)
        self._bites = bites
        self._after = after
        self._ask = ask
        self._note = note
        self._wishes: deque[Fault] = deque()
        self._change: Add | Remove | None = None
        self._goal: tuple[ReplicaId, ...] = ()
        self.is_over = False

    def wish(self, fault: Fault) -> None:
        """Add a spare replica, or remove a member."""
        self._wishes.append(fault)
        if len(self._wishes) == 1 and self._change is None:
            self._ask_on()

    @property
    def configurations(self) -> list[tuple[ReplicaId, ...]]:
        """Each of which needs a quorum, so that all that is under way can end."""
        needed = self._invariants.needed
        if self._change is not None and self._goal != self._invariants.newest:
            needed.append(self._goal)
        return needed

    def _ask_on(self) -> None:
        if self.is_over:
            return
        if self._change is not None and self._invariants.needed == [self._goal]:
            self._change = None
            self._bites["members-changed"] += 1
            self._atlas.turn_to(self._goal)
        if self._change is None and self._wishes:
            self._begin(self._wishes[0])
        if self._change is not None:
            self._ask(self._change)
        if self._change is not None or self._wishes:
            self._after(1 + self._draws.below(_ASKS_EVERY), self._ask_on)

    def _begin(self, wish: Fault) -> None:
        members = self._invariants.newest
        change: Add | Remove
        if wish.kind is Kind.ADD_REPLICA:
            change = Add(self._spares[0])
            goal = tuple(sorted((*members, change.info.replica)))
        else:
            change = Remove(members[wish.target % len(members)])
            goal = tuple(member for member in members if member != change.replica)
        if len(goal) < 2:
            self._wishes.popleft()  # one alone would be no cluster to look at
        elif self._atlas.may_become(goal):
            self._wishes.popleft()
            if isinstance(change, Add):
                self._spares.popleft()
            self._change, self._goal = change, goal
            self._atlas.turn_to(members, goal)
            self._bites[wish.kind.value] += 1
            self._note(f"wants the members {goal}")


def lacks(members: Sequence[ReplicaId], quorum: Sequence[ReplicaId]) -> bool:
    """Whether `quorum` holds no majority of `members`."""
    return sum(member in quorum for member in members) < majority(members)
