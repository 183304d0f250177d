"""Faults that befall whoever leads, on both floors: one has to look who that is.

    cut-leaders       every leader that is found loses the other replicas, until all are back at once
    strand-leader     asked to hand over, and deaf to the other replicas from that instant on
    suspend-leader    stands still, and what other replicas say meanwhile is lost
    usurp-leader      two successors: one leads, and loses everybody to the other
    turn-back         a successor leads, and loses those to the old leader who forgot it with their disks

In all of them clients go on asking a leader that may have been replaced: what it answers from an old
state is wrong. An old leader that has a lease is in error for no longer than the lease lasts, so
chance alone hardly ever cuts it off in time.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from msgspec import structs

from harness.simulation.links import Host, links_of
from harness.simulation.world import MS, Fault, Kind

LOOK_EVERY: Final = 1 * MS

BLINK: Final = 2 * MS
"""How long followers are without power: shorter than a lease."""


class Floor(Protocol):
    """What a floor does for these faults."""

    @property
    def members(self) -> Sequence[Host]: ...  # noqa: D102
    @property
    def now(self) -> int: ...  # noqa: D102
    def after(self, delay: int, call: Callable[[], None], /) -> None:
        """Call later, unless the faults are over by then."""

    def leader(self) -> Host | None:
        """Who leads with the highest ballot, if anybody does."""

    def is_candidate(self, member: Host, /) -> bool:
        """Whether a replica asks for promises."""

    def is_idle(self, member: Host, /) -> bool:
        """Whether all that a replica has accepted is chosen, so that a hand-over begins at once."""

    def chosen_upto(self, member: Host, /) -> int:
        """The slot up to which a replica knows all; 0 when it is down."""

    def hand_over(self, leader: Host, to: Host, /) -> None:
        """Ask a leader to let another one lead."""

    def cut(self, fault: Fault, links: list[tuple[Host, Host]], /) -> None:
        """Let nothing pass these links either."""

    def mend(self, fault: Fault, /) -> None:
        """Take back all cuts of a fault."""

    def stand_still(self, fault: Fault, member: Host, /) -> None:
        """Until the fault ends."""

    def blink(self, fault: Fault, member: Host, /) -> None:
        """Power fails at a replica, for a moment."""

    def lose_disk(self, fault: Fault, member: Host, /) -> bool:
        """A replica comes back in a moment, with an empty disk; False when that may not be."""


class Usurpers:
    """Plays them; each fault begins when there is a leader that it can befall."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def strike(self, fault: Fault) -> None:
        """The time of a fault has come."""
        if fault.kind is Kind.CUT_LEADERS:
            self._floor.after(fault.until - fault.at, lambda: self._floor.mend(fault))
            self._cut_leaders(fault)
        elif len(self._floor.members) > 2:  # otherwise nobody can lead without the old leader
            self._await_leader(fault)

    def _until(self, fault: Fault, is_time: Callable[[], bool], then: Callable[[], None]) -> None:
        """Look again and again, until the fault ends."""
        if is_time():
            then()
        elif self._floor.now < fault.until:
            self._floor.after(LOOK_EVERY, lambda: self._until(fault, is_time, then))

    def _cut_leaders(self, fault: Fault) -> None:
        if self._floor.now < fault.until:
            leader = self._floor.leader()
            if leader is not None:
                self._cut_off(fault, leader)
            self._floor.after(fault.amount, lambda: self._cut_leaders(fault))

    def _await_leader(self, fault: Fault) -> None:
        floor = self._floor

        def is_time() -> bool:
            leader = floor.leader()
            return leader is not None and floor.is_idle(leader)

        def begin() -> None:
            leader = floor.leader()
            assert leader is not None
            lasting = structs.replace(fault, until=floor.now + fault.until - fault.at)
            floor.after(lasting.until - floor.now, lambda: floor.mend(fault))
            self._befall(lasting, leader)

        self._until(fault, is_time, begin)

    def _befall(self, fault: Fault, leader: Host) -> None:
        members = self._floor.members
        heirs = [m for m in (*members[fault.target - 1 :], *members) if m != leader]
        match fault.kind:
            case Kind.STRAND_LEADER:
                self._strand(fault, leader, heirs[0])
            case Kind.TURN_BACK:
                self._turn_back(fault, leader, heirs[0])
            case Kind.SUSPEND_LEADER:
                self._cut_off(fault, leader)
                self._floor.stand_still(fault, leader)
            case Kind.USURP_LEADER:
                # The ballot of the rival is the higher one, or it would follow the first.
                first, rival = sorted(heirs[:2])
                self._usurp(fault, leader, first, rival)
            case _:
                raise AssertionError(fault.kind)

    def _strand(self, fault: Fault, leader: Host, heir: Host) -> None:
        self._floor.hand_over(leader, heir)
        self._floor.cut(fault, [(m, leader) for m in self._floor.members if m != leader])

    def _turn_back(self, fault: Fault, leader: Host, heir: Host) -> None:
        floor = self._floor

        def turn() -> None:
            floor.mend(fault)
            if floor.now < fault.until:
                self._cut_off(fault, heir)
                for member in floor.members:
                    if member not in {leader, heir} and not floor.lose_disk(fault, member):
                        # Who knows the next leader would tell the old one.
                        floor.cut(fault, [(member, leader)])

        self._strand(fault, leader, heir)
        known = floor.chosen_upto(leader)
        self._until(fault, lambda: floor.leader() == heir and floor.chosen_upto(heir) > known, turn)

    def _usurp(self, fault: Fault, leader: Host, first: Host, rival: Host) -> None:
        floor = self._floor

        def change_sides() -> None:
            floor.mend(fault)
            if floor.now < fault.until:
                self._cut_off(fault, first)
                for member in floor.members:
                    if member not in {first, rival}:
                        floor.blink(fault, member)

        def have_first_lead() -> None:
            floor.hand_over(leader, first)
            self._until(
                fault,
                lambda: floor.leader() == first,
                lambda: floor.after(fault.amount, change_sides),
            )

        floor.cut(fault, [(rival, member) for member in floor.members if member != rival])
        floor.hand_over(leader, rival)
        self._until(fault, lambda: floor.is_candidate(rival), have_first_lead)

    def _cut_off(self, fault: Fault, member: Host) -> None:
        """From the other replicas, not from clients."""
        isolated = structs.replace(fault, kind=Kind.ISOLATE, target=member)
        self._floor.cut(fault, links_of(isolated, self._floor.members, ()))
