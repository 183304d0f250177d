"""A leadership: what one leader has proposed under its ballot and who has accepted it.

Commands wait in `pending` as long as a slot is open, but at most until the next tick, so that what
arrives meanwhile shares a slot and an fsync: what Nagle's algorithm does for small packets (RFC 896).
When a slot is chosen its clients are answered, and most ask again: the next one waits for those, too,
for as long as the driver sees that more comes.
At most `slots_in_flight_max` slots are open at a time: beyond that, batches grow instead of the
pipeline.

Phase 2 of "Paxos made simple", section 3.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from node.core.log import Batch, Value
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.leases import Lease
from node.core.multipaxos.reading import Reads
from node.core.multipaxos.settings import Settings
from node.core.quorum import Tally, majority
from node.types import ClientId, Command, ReplicaId, ReplicaInfo, RequestNumber

COMPANY_MAX: Final = 64
"""Among so many commands a slot costs each of them little: no more are waited for."""


@dataclass(slots=True)
class OpenSlot:
    """A slot that is proposed and not yet known to be chosen."""

    value: Value
    votes: Tally
    proposed_at: int
    """Tick of the last time that the proposal was sent."""


@dataclass(slots=True)
class Handover:
    """Somebody else is to lead."""

    to: ReplicaId
    ends_at: int
    """The tick at which this leader goes on if it still leads."""
    asked_at: int = -1
    """The last tick at which `to` was asked."""


@dataclass(slots=True)
class Change:
    """A change of members that is to come: see `membership`."""

    replicas: tuple[ReplicaInfo, ...]
    """Who they will be."""
    removed: tuple[ReplicaId, ...]
    newcomer: ReplicaInfo | None
    """Who is to be added."""
    waits_until: int
    """The tick by which the newcomer has to have caught up."""
    has_caught_up: bool


class Leadership:
    """The volatile state of a leader; gone when it steps down."""

    def __init__(
        self,
        campaign: Campaign,
        next_slot: int,
        members: Sequence[ReplicaId],
        now: int,
        *,
        held_ns: int = 0,
    ) -> None:
        """`held_ns` is for how long a lease is held; 0 is never."""
        self.ballot: Final = campaign.ballot
        self.campaign: Final = campaign
        """Whose promises it rests on; asked for more when others become members."""
        self.next_slot = next_slot
        self.recovers_upto = max(campaign.chosen_upto, campaign.reported_upto)
        """Up to here lower ballots may have chosen something; above it they never will."""
        self.has_chosen = False
        """Whether a slot was chosen in this ballot."""
        self.change: Change | None = None
        """Not proposed yet."""
        self.reconfigures_in = 0
        """The slot of a change of members that is proposed and not yet chosen; 0 without one."""
        self.is_steady = False
        """Nothing is to be recovered, no change is under way nor asked for, and all members that
        there have to be have promised: so that this need not be looked at for every slot."""
        self.reads = Reads(self.ballot.replica, members)
        self.lease = Lease(held_ns)
        self.pending: deque[Command] = deque()
        """Commands without a slot: certainly not proposed yet."""
        self._pending_since = now
        """The tick at which the first of them came."""
        self._company = 0
        """Commands in the slot that was chosen last and those that waited then, together."""
        self.open: dict[int, OpenSlot] = {}
        """By slot, ascending."""
        self.handover: Handover | None = None
        """While it lasts no slot is opened."""
        self._members = members
        # Whoever takes office was just promised something by a quorum.
        self._heard_at = dict.fromkeys(members, now)

    def elect(self, members: Sequence[ReplicaId], now: int, from_slot: int) -> None:
        """Others are members now. All that counts them begins with what is known of those who stay."""
        self._members = members
        self._heard_at = {member: self._heard_at.get(member, now) for member in members}
        self.campaign.elect(members, from_slot)
        self.reads.elect(members)
        self.lease.begin_anew()

    def hear(self, follower: ReplicaId, now: int) -> None:
        """`follower` follows, and its messages arrive here."""
        if follower in self._heard_at:
            self._heard_at[follower] = now

    def hears_quorum(self, now: int, patience: int) -> bool:
        """Whether a quorum, the leader included, was heard within `patience` ticks."""
        leader = self.ballot.replica
        heard = [
            member
            for member, at in self._heard_at.items()
            if member == leader or now - at < patience
        ]
        return len(heard) >= majority(self._members)

    def freshest_follower(self) -> ReplicaId | None:
        """Who was heard last, of several the lowest; None when nobody else is a member."""
        leader = self.ballot.replica
        others = [member for member in self._heard_at if member != leader]
        return max(others, key=lambda member: self._heard_at[member], default=None)

    def add(self, command: Command, now: int) -> None:
        """One more command waits for a slot."""
        if not self.pending:
            self._pending_since = now
        self.pending.append(command)

    def lacks_company(self, settings: Settings) -> bool:
        """Whether a slot could be opened, and would hold less than could come soon."""
        return (
            not self.open
            and 0 < len(self.pending) < min(self._company, COMPANY_MAX)
            and settings.batch_wait_ticks > 0
        )

    def withdraw(self, requests: Iterable[tuple[ClientId, RequestNumber]]) -> list[Command]:
        """Drop those of `requests` that wait for a slot, and return them."""
        gone = frozenset(requests)
        withdrawn = [each for each in self.pending if (each.client, each.number) in gone]
        if withdrawn:
            self.pending = deque(c for c in self.pending if (c.client, c.number) not in gone)
        return withdrawn

    def may_open(self, settings: Settings, now: int) -> bool:
        """Whether it is time for another slot."""
        if not self.pending or len(self.open) >= settings.slots_in_flight_max:
            return False
        return (
            not self.open
            or len(self.pending) >= settings.batch_commands_max
            or now - self._pending_since >= settings.batch_wait_ticks
        )

    def open_slot(self, value: Value, now: int) -> int:
        """Give `value` the next slot."""
        slot = self.next_slot
        self.next_slot += 1
        self.open[slot] = OpenSlot(value, Tally(self._members), now)
        return slot

    def close_slot(self, slot: int, answered: int) -> None:
        """`slot` is chosen, and so many clients, who are answered now, may ask again."""
        self.open.pop(slot, None)
        self.next_slot = max(self.next_slot, slot + 1)
        self._company = answered + len(self.pending)

    def next_batch(self, *, commands_max: int, bytes_max: int) -> Batch:
        """Take pending commands for one slot, in their order; at least one."""
        assert self.pending
        commands: list[Command] = []
        size = 0
        while self.pending and len(commands) < commands_max:
            size += len(self.pending[0].body)
            if commands and size > bytes_max:
                break
            commands.append(self.pending.popleft())
        return Batch(tuple(commands))

    def overdue(self, now: int, patience: int, slots_max: int) -> list[int]:
        """The oldest open slots whose proposal was sent `patience` ticks ago or earlier."""
        due: list[int] = []
        for slot, open_slot in self.open.items():
            if len(due) == slots_max:
                break
            if now - open_slot.proposed_at >= patience:
                due.append(slot)
        return due
