"""MultiPaxos: the core that joins acceptor, campaign, leadership and catch-up.

    follower ──silence──▶ candidate ──quorum of promises──▶ leader
       ▲                     │                                 │
       └─────────────── a higher ballot ───────────────────────┘

Every replica is an acceptor and a learner in all three roles. The rules are those of "Paxos made
simple" (Lamport 2001), section 3. Decided beyond the paper:

- a replica hears of its own acceptor as of any other, through its own disk: see
  `node.core.interface`;
- a follower believes in `chosen_upto` only for entries of the leader's own ballot, and fetches all
  others: an entry of an older ballot in the same slot may be another value;
- an election timeout is drawn from [n, 2n) ticks each time, so that campaigns rarely collide.
"""

from collections.abc import Iterable
from random import Random
from typing import assert_never

from node.core.ballot import Ballot
from node.core.interface import (
    Chosen,
    Envelope,
    LeaderHint,
    Propose,
    Ready,
    Received,
    Refusal,
    Refused,
    Role,
    Status,
    Tick,
)
from node.core.log import Entry, Log, Noop, Value
from node.core.multipaxos.acceptor import Acceptor
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.leader import Leadership, OpenSlot
from node.core.multipaxos.messages import (
    Accept,
    Accepted,
    ChosenRecord,
    Declined,
    Fetch,
    Heartbeat,
    Learn,
    Message,
    Prepare,
    Promise,
    Record,
)
from node.core.multipaxos.settings import Settings
from node.core.outbox import Outbox
from node.types import Command, ReplicaId


class MultiPaxos:
    """One replica's core. Owned by one driver; deterministic given its random generator."""

    def __init__(
        self,
        *,
        replica: ReplicaId,
        members: Iterable[ReplicaId],
        settings: Settings,
        random: Random,
        records: Iterable[Record] = (),
    ) -> None:
        self.replica = replica
        self.members = tuple(sorted(members))
        assert replica in self.members, f"{replica} is not one of {self.members}"
        self.peers = tuple(member for member in self.members if member != replica)
        self.settings = settings
        self.acceptor = Acceptor.restored(records)
        self.role = Role.FOLLOWER
        self.leader: ReplicaId | None = None
        self.campaign: Campaign | None = None
        self.leadership: Leadership | None = None
        self._random = random
        self._now = 0
        self._silence_ends = 0
        self._fetch_again_at = 0
        self._ballot_seen = self.acceptor.promised
        """The highest of all ballots that anybody mentioned: the next campaign must be above it."""
        self._followed = self.acceptor.promised
        """The ballot of `leader`; without one, of the last leader or of a candidate since."""
        self._chosen_recorded = self.log.chosen_upto
        self._outbox: Outbox[Message, Record] = Outbox()
        # The state machine is volatile: after a restart everything chosen is executed again.
        for entry in self.log.entries(1, self.log.chosen_upto):
            self._outbox.chosen.append(Chosen(entry.slot, entry.value.commands))
        self._expect_leader()

    # ── What a driver calls ──────────────────────────────────────────────────────────────────

    def step(self, event: Received[Message] | Tick | Propose, /) -> None:
        """Take in one event."""
        match event:
            case Received(sender, message):
                self._on_message(sender, message)
            case Tick():
                self._on_tick()
            case Propose(command):
                self._on_propose(command)
            case _:
                assert_never(event)

    def take_ready(self) -> Ready[Message, Record] | None:
        """Hand out all outstanding work, once; commands that waited share slots."""
        self._propose_pending()
        chosen_upto = self.log.chosen_upto
        if chosen_upto > self._chosen_recorded and (self._outbox.records or self._heartbeat_due()):
            # A hint, never waited for: it travels with records that are written anyway.
            self._record(ChosenRecord(chosen_upto))
            self._chosen_recorded = chosen_upto
        return self._outbox.take(LeaderHint(self.role, self._ballot_in_force(), self.leader))

    def status(self) -> Status:
        """A frozen snapshot."""
        return Status(
            replica=self.replica,
            role=self.role,
            ballot=self.acceptor.promised,
            leader=self.leader,
            chosen_upto=self.log.chosen_upto,
            accepted_upto=self.log.accepted_upto,
        )

    @property
    def log(self) -> Log:
        """This replica's entries."""
        return self.acceptor.log

    # ── Events ───────────────────────────────────────────────────────────────────────────────

    def _on_message(self, sender: ReplicaId, message: Message) -> None:
        match message:
            case Prepare():
                self._on_prepare(sender, message)
            case Promise():
                self._on_promise(sender, message)
            case Declined():
                self._on_declined(message)
            case Accept():
                self._on_accept(sender, message)
            case Accepted():
                self._on_accepted(sender, message)
            case Heartbeat():
                self._on_heartbeat(sender, message)
            case Fetch():
                self._on_fetch(sender, message)
            case Learn():
                self._on_learn(sender, message)
            case _:
                assert_never(message)

    def _on_tick(self) -> None:
        self._now += 1
        if self.leadership is not None:
            if self._heartbeat_due():
                self._send_heartbeats()
                self._repeat_proposals(self.leadership)
        elif self._now >= self._silence_ends:
            self._start_campaign()
        elif self.campaign is not None and self._heartbeat_due():
            self._ask_for_promises(self.campaign)

    def _on_propose(self, command: Command) -> None:
        if self.leadership is None:
            self._refuse(command, Refusal.NOT_LEADER)
        elif len(self.leadership.pending) >= self.settings.pending_max:
            self._refuse(command, Refusal.OVERLOADED)
        else:
            self.leadership.pending.append(command)

    # ── Phase 1: campaigns and promises ──────────────────────────────────────────────────────

    def _start_campaign(self) -> None:
        """Claim a ballot above all that were seen, and ask everyone, oneself too, to promise it."""
        ballot = max(self._ballot_seen, self.acceptor.promised).next_for(self.replica)
        self._ballot_seen = ballot
        self.role = Role.CANDIDATE
        self.leader = None
        self.campaign = Campaign(ballot, self.log.chosen_upto + 1, self.members)
        # Durable before anyone hears of it: after a crash this ballot must not be used again for
        # another campaign, whose promises could be mistaken for those of this one.
        self._record(self.acceptor.promise(ballot))
        self._note(f"campaigns with {ballot} from slot {self.campaign.from_slot}")
        self._ask_for_promises(self.campaign)
        self._expect_leader()

    def _ask_for_promises(self, campaign: Campaign) -> None:
        for member in self.members:
            from_slot = campaign.next_slot(member)
            if from_slot is not None:
                self._send_after_persist(member, Prepare(campaign.ballot, from_slot))

    def _on_prepare(self, sender: ReplicaId, prepare: Prepare) -> None:
        """Promise to accept nothing below `prepare.ballot` (phase 1b)."""
        if prepare.ballot < self.acceptor.promised:
            self._send(sender, Declined(self.acceptor.promised))
            return
        if prepare.ballot > self.acceptor.promised:
            self._step_down(f"promises {prepare.ballot}")
            self._record(self.acceptor.promise(prepare.ballot))
            self._followed = max(self._followed, prepare.ballot)
            self._expect_leader()
        self._ballot_seen = max(self._ballot_seen, prepare.ballot)
        part = self.acceptor.report(
            prepare.from_slot,
            entries_max=self.settings.report_entries_max,
            commands_bytes_max=self.settings.report_bytes_max,
        )
        self._send_after_persist(sender, part)

    def _on_promise(self, sender: ReplicaId, promise: Promise) -> None:
        campaign = self.campaign
        if campaign is None or promise.ballot != campaign.ballot:
            return
        if not campaign.on_promise(sender, promise):
            return
        # What an acceptor knows to be chosen need not be proposed again.
        self._learn(entry for entry in promise.entries if entry.slot <= promise.chosen_upto)
        if campaign.promises.is_reached:
            self._lead(campaign)
        else:
            next_slot = campaign.next_slot(sender)
            if next_slot is not None:
                self._send(sender, Prepare(campaign.ballot, next_slot))

    def _on_declined(self, declined: Declined) -> None:
        self._ballot_seen = max(self._ballot_seen, declined.promised)
        if self.role is not Role.FOLLOWER and declined.promised > self._ballot_in_force():
            self._step_down(f"was declined, {declined.promised} is promised")
            self._followed = max(self._followed, declined.promised)
            self._expect_leader()

    # ── Phase 2: leading ─────────────────────────────────────────────────────────────────────

    def _lead(self, campaign: Campaign) -> None:
        """Propose again all that may have been chosen, and no-ops for holes; then serve."""
        self.campaign = None
        self.role = Role.LEADER
        self.leader = self.replica
        self.leadership = Leadership(campaign.ballot, self.log.chosen_upto + 1, self.members)
        first, last = self.leadership.next_slot, campaign.reported_upto
        recovery = f"recovers slots {first} to {last}" if first <= last else "nothing to recover"
        self._note(f"leads with {campaign.ballot}, {recovery}")
        for slot in range(first, last + 1):
            self._propose(self._value_to_recover(slot, campaign))
        self._send_heartbeats()

    def _value_to_recover(self, slot: int, campaign: Campaign) -> Value:
        """The only value that may have been chosen in `slot`, or a no-op when none was."""
        reported = campaign.reported.get(slot)
        if reported is None:
            # No acceptor of the quorum has a value for this slot, so none was chosen. Later slots
            # may be, and they cannot execute past a hole: propose a no-op ("Paxos made simple",
            # section 3).
            return Noop()
        return reported.value

    def _propose_pending(self) -> None:
        leadership = self.leadership
        if leadership is None:
            return
        while leadership.pending and len(leadership.open) < self.settings.slots_in_flight_max:
            batch = leadership.next_batch(
                commands_max=self.settings.batch_commands_max,
                bytes_max=self.settings.batch_bytes_max,
            )
            self._propose(batch)

    def _propose(self, value: Value) -> None:
        """Phase 2a: the own acceptor accepts at once, and its vote counts when it is durable."""
        assert self.leadership is not None
        ballot = self.leadership.ballot
        slot = self.leadership.open_slot(value, self._now)
        # May leave before the own record is durable: it claims nothing about this disk, and after
        # a crash this replica never proposes under this ballot again.
        accept = Accept(ballot, slot, value, self.log.chosen_upto)
        for peer in self.peers:
            self._send(peer, accept)
        self._record(self.acceptor.accept(Entry(slot, ballot, value)))
        self._send_after_persist(self.replica, Accepted(ballot, slot))

    def _repeat_proposals(self, leadership: Leadership) -> None:
        patience = 2 * self.settings.heartbeat_ticks
        for slot in leadership.overdue(self._now, patience, self.settings.slots_in_flight_max):
            open_slot = leadership.open[slot]
            open_slot.proposed_at = self._now
            for peer in self.peers:
                if not open_slot.votes.has(peer):
                    accept = Accept(leadership.ballot, slot, open_slot.value, self.log.chosen_upto)
                    self._send(peer, accept)

    def _on_accepted(self, sender: ReplicaId, accepted: Accepted) -> None:
        leadership = self.leadership
        if leadership is None or accepted.ballot != leadership.ballot:
            return  # a vote for an earlier ballot says nothing about this one
        open_slot = leadership.open.get(accepted.slot)
        if open_slot is None:
            return
        open_slot.votes.add(sender)
        self._choose_open_slots(leadership)

    def _choose_open_slots(self, leadership: Leadership) -> None:
        """Votes may arrive in any order, but slots are chosen, and executed, without a gap."""
        while (next_open := leadership.open.get(self.log.chosen_upto + 1)) is not None:
            if not self._is_chosen(next_open):
                break
            self._choose(self.log.chosen_upto + 1)

    def _is_chosen(self, open_slot: OpenSlot) -> bool:
        """A quorum has durably accepted this value under this ballot."""
        return open_slot.votes.is_reached

    def _send_heartbeats(self) -> None:
        assert self.leadership is not None
        heartbeat = Heartbeat(self.leadership.ballot, self.log.chosen_upto)
        for peer in self.peers:
            self._send(peer, heartbeat)

    # ── Phase 2: following ───────────────────────────────────────────────────────────────────

    def _on_accept(self, sender: ReplicaId, accept: Accept) -> None:
        """Accept unless a higher ballot is promised (phase 2b)."""
        if not self._follow(sender, accept.ballot):
            return
        if accept.slot > self.log.accepted_upto + self.settings.slots_ahead_max:
            self._on_chosen_upto(sender, accept.ballot, accept.chosen_upto)
            return
        entry = Entry(accept.slot, accept.ballot, accept.value)
        if self.log.get(accept.slot) != entry:  # else a repetition: the record exists
            self._record(self.acceptor.accept(entry))
        self._send_after_persist(sender, Accepted(accept.ballot, accept.slot))
        self._on_chosen_upto(sender, accept.ballot, accept.chosen_upto)

    def _on_heartbeat(self, sender: ReplicaId, heartbeat: Heartbeat) -> None:
        if self._follow(sender, heartbeat.ballot):
            self._on_chosen_upto(sender, heartbeat.ballot, heartbeat.chosen_upto)

    def _follow(self, sender: ReplicaId, ballot: Ballot) -> bool:
        """Recognise the leader of `ballot`; False, and tell it, when its time is over."""
        if ballot < self.acceptor.promised:
            self._send(sender, Declined(self.acceptor.promised))
            return False
        if self.role is not Role.FOLLOWER:
            self._step_down(f"follows {ballot}")
        if ballot >= self._followed:  # else a late message of an older leader: valid, but no news
            self._ballot_seen = max(self._ballot_seen, ballot)
            self._followed = ballot
            self.leader = ballot.replica
            self._expect_leader()
        return True

    def _on_chosen_upto(self, sender: ReplicaId, ballot: Ballot, chosen_upto: int) -> None:
        """Everything up to `chosen_upto` is chosen; but is what is held here what was chosen?"""
        while self.log.chosen_upto < chosen_upto:
            slot = self.log.chosen_upto + 1
            entry = self.log.get(slot)
            if entry is None or entry.ballot != ballot:
                # Missing, or the value of an older ballot, which may have lost.
                self._fetch(sender)
                return
            self._choose(slot)

    # ── Catching up ──────────────────────────────────────────────────────────────────────────

    def _fetch(self, source: ReplicaId) -> None:
        """Ask for what was chosen, one question at a time."""
        if self._now >= self._fetch_again_at:
            self._fetch_again_at = self._now + self.settings.heartbeat_ticks
            self._send(source, Fetch(self.log.chosen_upto + 1))

    def _on_fetch(self, sender: ReplicaId, fetch: Fetch) -> None:
        entries: list[Entry] = []
        size = 0
        for entry in self.log.entries(fetch.from_slot, self.log.chosen_upto):
            size += sum(len(command.body) for command in entry.value.commands)
            if entries and size > self.settings.report_bytes_max:
                break
            entries.append(entry)
            if len(entries) == self.settings.report_entries_max:
                break
        if entries:
            self._send(sender, Learn(tuple(entries), self.log.chosen_upto))

    def _on_learn(self, sender: ReplicaId, learn: Learn) -> None:
        if self._learn(learn.entries) and self.log.chosen_upto < learn.chosen_upto:
            self._fetch_again_at = self._now
            self._fetch(sender)

    def _learn(self, entries: Iterable[Entry]) -> bool:
        """Take over chosen entries that continue the chosen prefix; True when there were any."""
        before = self.log.chosen_upto
        for entry in entries:
            if entry.slot == self.log.chosen_upto + 1:
                if entry.ballot > self._ballot_in_force():
                    # The answer to an old question, or the first news of a ballot. A leader of a
                    # lower one must not go on: it would vouch, under its own ballot, for a slot in
                    # which its followers hold the value that it proposed there itself.
                    self._step_down(f"learns what was chosen in {entry.ballot}")
                    self._ballot_seen = max(self._ballot_seen, entry.ballot)
                    self._followed = entry.ballot
                record = self.acceptor.learn(entry)
                if record is not None:
                    self._record(record)
                self._choose(entry.slot)
        if self.leadership is not None:
            self._choose_open_slots(self.leadership)
        return self.log.chosen_upto > before

    def _choose(self, slot: int) -> None:
        entry = self.log.choose(slot)
        if self.leadership is not None:
            self.leadership.open.pop(slot, None)
            self.leadership.next_slot = max(self.leadership.next_slot, slot + 1)
        self._outbox.chosen.append(Chosen(slot, entry.value.commands))

    # ── Roles and time ───────────────────────────────────────────────────────────────────────

    def _step_down(self, reason: str) -> None:
        """Become a follower without a leader; what was proposed may be chosen all the same."""
        if self.leadership is not None:
            for command in self.leadership.pending:
                self._refuse(command, Refusal.NOT_LEADER)
        if self.role is not Role.FOLLOWER:
            self._note(f"steps down as {self.role.value}: {reason}")
        self.role = Role.FOLLOWER
        self.leader = None
        self.campaign = None
        self.leadership = None

    def _expect_leader(self) -> None:
        """Wait for a sign of life before the next campaign."""
        patience = self.settings.election_timeout_ticks
        self._silence_ends = self._now + patience + self._random.randrange(patience)

    def _heartbeat_due(self) -> bool:
        return self._now % self.settings.heartbeat_ticks == 0

    def _ballot_in_force(self) -> Ballot:
        """The ballot that this replica leads or campaigns with, or else follows."""
        if self.leadership is not None:
            return self.leadership.ballot
        return self.campaign.ballot if self.campaign is not None else self._followed

    # ── The outbox ───────────────────────────────────────────────────────────────────────────

    def _send(self, to: ReplicaId, message: Message) -> None:
        self._outbox.messages.append(Envelope(to, message))

    def _send_after_persist(self, to: ReplicaId, message: Message) -> None:
        self._outbox.messages_after_persist.append(Envelope(to, message))

    def _record(self, record: Record) -> None:
        self._outbox.records.append(record)

    def _refuse(self, command: Command, why: Refusal) -> None:
        self._outbox.refused.append(Refused(command.client, command.number, why))

    def _note(self, text: str) -> None:
        self._outbox.notes.append(text)
