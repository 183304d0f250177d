"""The operator of the simulation: what changes, and whose disks have to be intact meanwhile."""

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from harness.simulation.atlas import Atlas
from harness.simulation.draws import Draws
from harness.simulation.operator import Operator
from harness.simulation.world import Fault, Kind
from node.core.interface import Add, Remove
from node.types import ReplicaId, ReplicaInfo

ONE, TWO, FIVE = ReplicaId(1), ReplicaId(2), ReplicaId(5)
FOUR_MEMBERS = tuple(ReplicaId(number) for number in range(1, 5))
FIVE_MEMBERS = (*FOUR_MEMBERS, FIVE)


class Cluster:
    """What an operator looks at, and the time."""

    def __init__(self) -> None:
        self.newest = FOUR_MEMBERS
        self.needed = [FOUR_MEMBERS]
        self.atlas = Atlas(FOUR_MEMBERS)
        self.asked: list[Add | Remove] = []
        self.bites: Counter[str] = Counter()
        self._later: list[Callable[[], None]] = []
        self.operator = Operator(
            invariants=cast("Any", self),
            atlas=self.atlas,
            draws=Draws(1).stream("operator"),
            spares=[ReplicaInfo(FIVE, "", "")],
            bites=self.bites,
            after=lambda _, call: self._later.append(call),
            ask=self.asked.append,
            note=lambda _: None,
        )

    def look(self) -> None:
        """The operator looks again."""
        later, self._later = self._later, []
        for call in later:
            call()


def wants_a_fifth() -> Cluster:
    it = Cluster()
    it.operator.wish(Fault(number=1, kind=Kind.ADD_REPLICA, at=0, target=0))
    assert it.asked == [Add(ReplicaInfo(FIVE, "", ""))]
    return it


def test_he_asks_until_it_is_done() -> None:
    it = wants_a_fifth()
    it.look()
    assert len(it.asked) == 2
    it.newest, it.needed = FIVE_MEMBERS, [FIVE_MEMBERS]
    it.look()
    it.look()
    assert len(it.asked) == 2
    assert it.bites["members-changed"] == 1


def test_those_before_a_change_keep_a_quorum_of_intact_disks_until_it_is_settled() -> None:
    """Seed 193 of the core floor: it was chosen, one disk more was lost, and no quorum was left."""
    it = wants_a_fifth()
    it.atlas.struck(ONE, Kind.FLIP_BIT)
    it.newest, it.needed = FIVE_MEMBERS, [FOUR_MEMBERS, FIVE_MEMBERS]
    it.look()
    assert not it.atlas.allows(TWO), "two of four would be too many, though not two of five"
    it.needed = [FIVE_MEMBERS]
    it.look()
    assert it.atlas.allows(TWO)


def test_a_wish_that_would_leave_too_few_intact_disks_waits() -> None:
    it = Cluster()
    it.atlas.struck(ONE, Kind.FAIL_FSYNC)
    it.operator.wish(Fault(number=1, kind=Kind.REMOVE_REPLICA, at=0, target=1))
    assert it.asked == [Remove(TWO)], "one of three may be damaged"
    it = Cluster()
    it.newest, it.needed = FOUR_MEMBERS[:3], [FOUR_MEMBERS[:3]]
    it.atlas = it.operator._atlas = Atlas(FOUR_MEMBERS[:3])
    it.atlas.struck(ONE, Kind.FAIL_FSYNC)
    it.operator.wish(Fault(number=1, kind=Kind.REMOVE_REPLICA, at=0, target=1))
    assert it.asked == [], "of two it would be half"
    it.atlas.restarted(ONE)
    it.look()
    assert it.asked == [Remove(TWO)]
