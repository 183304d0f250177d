"""Membership: how replicas are added and removed, one at a time, through the log.

    slot      7    8    9    10         11      12
              a    b    c    {1,2,3,4}  no-op   d
              members 1,2,3 decide ──┘  └── members 1,2,3,4 decide

The members of a slot are those of the last change in a slot before it. A leader that is to change them

    1. waits until a replica that is to be added has almost caught up: it would be no help
    2. opens no more slots until all that are open are chosen, one of its own ballot among them
    3. proposes the new members in the next slot; the old ones choose it
    4. opens the slot behind it when that is chosen, and a quorum of the *new* members has promised it
       its ballot (phase 1): first a no-op, after which nobody needs the old members any more

So nobody ever needs two configurations for one slot, and the pipeline is empty while they change. Whoever
finds a change that was accepted recovers it like any value, under the old members, and then does 4.

After Lamport, "Paxos made simple" (2001), section 3 ("the set of servers … as part of the state"), and
Lamport, Malkhi and Zhou, "Reconfiguring a state machine" (2010), section 3. docs/internals/membership.md
has the argument.
"""

from abc import ABC, abstractmethod
from typing import Final

from node.core.interface import Add, Remove, Status
from node.core.log import Members, Noop, Value
from node.core.multipaxos.handover import Abdicator
from node.core.multipaxos.leader import Change, Handover, Leadership
from node.core.multipaxos.messages import Accept, ChosenRecord, Heard
from node.marks import sometimes
from node.types import Configuration, ReplicaId, ReplicaInfo

MEMBERS_MAX: Final = 15
"""Past this a round of messages costs more than the redundancy is worth."""

_NOT_LEADING = sometimes("a replica that does not lead is asked to change the members")
_IN_THE_WAY = sometimes("a change of members is asked for that is not possible")
_WAITS_FOR_NEWCOMER = sometimes("a change of members waits until a newcomer has caught up")
_NEWCOMER_TOO_SLOW = sometimes("a newcomer does not catch up in time")
_DRAINS = sometimes("a change of members waits until all open slots are chosen")
_OWN_FIRST = sometimes("a new leader has a slot chosen before it changes the members")
_PROPOSES = sometimes("a leader proposes other members")
_ASKS_NEW_MEMBERS = sometimes("a leader asks new members for their promise before it goes on")
_SETTLES = sometimes("the first slot of new members is opened")
_REMOVED_LEADS = sometimes("a leader that was removed hands over")
_LAGS_BEHIND_NEW = sometimes("a leader must catch up with a new member")
_LACKS_MEMBERS = sometimes("a proposal comes before the change of members in front of it is known")
_REMOVED = sometimes("a replica learns that it was removed")
_RETIRES = sometimes("a replica that was removed asks whether the others need it")

_PATIENCE: Final = 20
"""Election timeouts that a newcomer has to catch up."""


def obstacle(status: Status, change: Add | Remove) -> str:
    """Why the leader with `status` does not begin `change`, in a sentence; empty when it does."""
    configuration = status.configuration
    members = configuration.members
    if status.change or not status.is_settled:
        return f"another change of members is under way: {status.change or 'it is not settled yet'}"
    if isinstance(change, Remove):
        if change.replica not in members:
            return f"replica {change.replica} is no member; the members are {_named(members)}"
        if len(members) == 1:
            return f"replica {change.replica} is the only member"
        return ""
    return _obstacle_to_adding(change.info, configuration)


def _obstacle_to_adding(newcomer: ReplicaInfo, configuration: Configuration) -> str:
    replica, members = newcomer.replica, configuration.members
    if replica in members:
        return f"replica {replica} is a member already"
    if replica in configuration.removed:
        return f"replica {replica} was removed before: a new one needs a number of its own"
    if len(members) >= MEMBERS_MAX:
        return f"there are {len(members)} members, and more than {MEMBERS_MAX} are not possible"
    for info in configuration.replicas:
        for address in (info.peer_address, info.client_address):
            if address and address in (newcomer.peer_address, newcomer.client_address):
                return f"{address} is an address of replica {info.replica}"
    return ""


def _named(members: tuple[ReplicaId, ...]) -> str:
    return ", ".join(str(member) for member in members)


class Reconfigurer(Abdicator, ABC):
    """Changes the members while it leads, and takes note of what others changed."""

    @abstractmethod
    def _propose(self, value: Value) -> None:
        """Open the next slot with `value`."""

    # ── Before it is proposed ────────────────────────────────────────────────────────────────

    def _on_reconfigure(self, change: Add | Remove) -> None:
        leadership = self.leadership
        if leadership is None:
            _NOT_LEADING.hit()
            return
        problem = obstacle(self.status(), change)
        if problem:
            _IN_THE_WAY.hit()
            self._note(f"does not change the members: {problem}")
            return
        now = self.configuration
        if isinstance(change, Add):
            newcomer, removed = change.info, now.removed
            replicas = (*now.replicas, newcomer)
        else:
            newcomer, removed = None, (*now.removed, change.replica)
            replicas = tuple(info for info in now.replicas if info.replica != change.replica)
        leadership.is_steady = False
        leadership.change = Change(
            replicas=tuple(sorted(replicas, key=lambda info: info.replica)),
            removed=tuple(sorted(removed)),
            newcomer=newcomer,
            waits_until=self._now + _PATIENCE * self.settings.election_timeout_ticks,
            has_caught_up=newcomer is None,
        )
        self._note(f"will change the members: {self._change_in_words()}")
        if newcomer is not None:
            self._send_heartbeats()

    def _on_heard(self, sender: ReplicaId, heard: Heard) -> None:
        super()._on_heard(sender, heard)
        change = None if self.leadership is None else self.leadership.change
        if change is not None and change.newcomer is not None and change.newcomer.replica == sender:
            lag = self.log.chosen_upto - heard.chosen_upto
            change.has_caught_up |= lag <= self.settings.slots_in_flight_max

    def _reconfigure_on(self, leadership: Leadership) -> None:
        """Whatever can be done now about a change that is to come, or that has just come."""
        self._tell_members()
        if not self.is_member:
            self._leave(leadership)
        elif not self._may_open(leadership):
            self._catch_up_with_new(leadership)
        elif not self.is_settled:
            if not leadership.open:
                # Nothing waits for the commands that are to come.
                _SETTLES.hit()
                self._propose(Noop())
        elif leadership.change is None:
            leadership.is_steady = leadership.next_slot > leadership.campaign.reported_upto
        elif leadership.handover is None:
            self._prepare_change(leadership, leadership.change)

    def _prepare_change(self, leadership: Leadership, change: Change) -> None:
        if not change.has_caught_up:
            _WAITS_FOR_NEWCOMER.hit()
            if self._now >= change.waits_until:
                _NEWCOMER_TOO_SLOW.hit()
                self._note("does not change the members: the new one has not caught up in time")
                leadership.change = None
        elif leadership.open:
            _DRAINS.hit()
        elif not leadership.has_chosen:
            _OWN_FIRST.hit()
            self._propose(Noop())
        else:
            _PROPOSES.hit()
            leadership.change = None
            self._propose(Members(change.replicas, change.removed))
            self._note(f"proposes other members: {self._change_in_words()}")

    @property
    def lacks_company(self) -> bool:
        """Whether commands wait for those whom the last slot has answered."""
        leadership = self.leadership
        return (
            leadership is not None
            and leadership.lacks_company(self.settings)
            and self._takes_new(leadership)
        )

    def _takes_new(self, leadership: Leadership) -> bool:
        """Whether commands get slots now."""
        change = leadership.change
        if leadership.is_steady:
            return leadership.handover is None
        return (
            leadership.handover is None
            and (change is None or not change.has_caught_up)
            and self._may_open(leadership)
        )

    # ── While it is decided, and after that ──────────────────────────────────────────────────

    def _may_open(self, leadership: Leadership) -> bool:
        """Whether it is known who the members of the next slot are, and they have promised."""
        return (
            not leadership.reconfigures_in
            and self.is_member
            and self._has_promises(leadership)
            and leadership.campaign.truncated_upto <= self.log.chosen_upto
        )

    def _adopt(self, configuration: Configuration) -> None:
        was_member = self.is_member
        super()._adopt(configuration)
        self._note(f"the members are {_named(self.members)} behind slot {configuration.slot}")
        # It goes before each vote behind it: see `_knows_members`.
        self._record(ChosenRecord(self.log.chosen_upto))
        self._chosen_recorded = self.log.chosen_upto
        if was_member and not self.is_member:
            _REMOVED.hit()
        leadership = self.leadership
        if leadership is not None:
            leadership.is_steady = False
            leadership.reconfigures_in = 0
            leadership.change = None  # it was made for other members
            leadership.elect(self.members, self._now, self.log.chosen_upto + 1)
            # At once, so that they may vote in the next slot.
            self._send_heartbeats()
            if self.is_member and not leadership.campaign.promises.is_reached:
                _ASKS_NEW_MEMBERS.hit()
                self._ask_for_promises(leadership.campaign)

    def _knows_members(self, sender: ReplicaId, accept: Accept) -> bool:
        """Whether the change of members in front of this slot is known here to be chosen.

        With each vote behind it that is written down, too. So once a slot is chosen by new members, a
        quorum of them knows that they are, and the old ones are needed for nothing any more.
        """
        if self.configuration.slot < accept.configured_in:
            self._on_chosen_upto(sender, accept.ballot, accept.chosen_upto)
        knows = self.configuration.slot >= accept.configured_in
        if not knows:
            _LACKS_MEMBERS.hit()
        return knows

    def _catch_up_with_new(self, leadership: Leadership) -> None:
        """Some of the new members may know more: of a change that was recovered, and what followed."""
        campaign = leadership.campaign
        if campaign.truncated_upto > self.log.chosen_upto:
            _LAGS_BEHIND_NEW.hit()
            self._fetch(campaign.knows_most)

    def _leave(self, leadership: Leadership) -> None:
        """A leader that was removed opens no slot any more, and lets one of the others lead."""
        target = leadership.freshest_follower()
        if leadership.handover is None and target is not None:
            _REMOVED_LEADS.hit()
            self._end_lease(leadership)
            ends_at = self._now + self.settings.election_timeout_ticks
            leadership.handover = Handover(target, ends_at)
            self._note(f"was removed, and hands over to {target}")

    def _retire_on(self) -> None:
        """Once in a while, until a slot of the others is known: then they can do without this one."""
        if self.replica in self.configuration.removed and not self.is_settled and self.peers:
            _RETIRES.hit()
            self._fetch(self.peers[self._random.randrange(len(self.peers))])

    # ── Who is to hear of it ─────────────────────────────────────────────────────────────────

    def _audience(self, leadership: Leadership) -> tuple[ReplicaId, ...]:
        if leadership.is_steady or (
            self.is_settled and leadership.change is None and not leadership.reconfigures_in
        ):
            return self.peers
        return tuple(
            info.replica for info in self._all_acquainted() if info.replica != self.replica
        )

    def _tell_members(self) -> None:
        """Let the driver know whom to talk with, and when it is over."""
        leadership = self.leadership
        if leadership is not None and not leadership.is_steady:
            acquainted = self._all_acquainted()
        else:
            acquainted = self.acquainted
        if acquainted is not self._told_acquainted:
            if acquainted != self._told_acquainted:
                self._outbox.acquainted = acquainted
            self._told_acquainted = acquainted
        removed = self.configuration.removed
        if removed and not self._told_retired and self.replica in removed:
            self._told_retired = self._outbox.is_retired = self.is_settled

    def _all_acquainted(self) -> tuple[ReplicaInfo, ...]:
        leadership = self.leadership
        if leadership is None or not (leadership.change or leadership.reconfigures_in):
            return self.acquainted
        newcomers: tuple[ReplicaInfo, ...] = ()
        if leadership.reconfigures_in:
            newcomers = self._proposed_members(leadership)
        elif leadership.change is not None and leadership.change.newcomer is not None:
            newcomers = (leadership.change.newcomer,)
        known = {info.replica: info for info in (*self.acquainted, *newcomers)}
        return tuple(known[replica] for replica in sorted(known))

    def _proposed_members(self, leadership: Leadership) -> tuple[ReplicaInfo, ...]:
        value = leadership.open[leadership.reconfigures_in].value
        assert isinstance(value, Members)
        return value.replicas

    def _change_in_words(self) -> str:
        leadership = self.leadership
        if leadership is None:
            return ""
        if leadership.reconfigures_in:
            members = tuple(info.replica for info in self._proposed_members(leadership))
            return f"slot {leadership.reconfigures_in} is to decide on {_named(members)}"
        change = leadership.change
        if change is None:
            return ""
        members = tuple(info.replica for info in change.replicas)
        if not change.has_caught_up and change.newcomer is not None:
            return f"{_named(members)}, once {change.newcomer.replica} has caught up"
        return f"{_named(members)}, once all open slots are chosen"
