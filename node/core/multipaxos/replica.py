"""MultiPaxos: the core that joins election, log and catch-up.

Every replica is an acceptor and a learner in all three roles. The rules are those of "Paxos made
simple" (Lamport 2001), section 3; who leads is decided in `election`. Decided beyond the paper:

- a replica hears of its own acceptor as of any other, through its own disk: see
  `node.core.interface`;
- a follower believes in `chosen_upto` only for entries of the leader's own ballot, and fetches all
  others: an entry of an older ballot in the same slot may be another value.
"""

from collections.abc import Iterable
from typing import assert_never

from node.core.ballot import Ballot
from node.core.interface import (
    Input,
    LeaderHint,
    Propose,
    Read,
    Ready,
    Received,
    Reconfigure,
    Role,
    SnapshotSaved,
    Tick,
    Transfer,
    Withdraw,
)
from node.core.log import Entry
from node.core.multipaxos.member import chosen
from node.core.multipaxos.messages import (
    Accept,
    Accepted,
    ChosenRecord,
    Chunk,
    Declined,
    Fetch,
    FetchChunk,
    HandOver,
    Heard,
    Heartbeat,
    Learn,
    Message,
    Outdated,
    Prepare,
    Probe,
    Promise,
    Record,
    Rejoin,
    Standing,
    Willing,
)
from node.core.multipaxos.proposer import Proposer
from node.core.multipaxos.rejoin import Rejoining
from node.marks import sometimes
from node.types import ReplicaId

_ACCEPTED_TWICE = sometimes("an accept comes twice")
_MAY_HAVE_LOST = sometimes("a follower holds another ballot's value where a slot is chosen")
_SILENT = sometimes("a replica that lost its disk is asked for a promise")
_LEARNS_OF_HIGHER = sometimes("a leader or candidate learns what a higher ballot chose")


class MultiPaxos(Proposer, Rejoining):
    """One replica's core. Owned by one driver; deterministic given its random generator."""

    # ── What a driver calls ──────────────────────────────────────────────────────────────────

    def step(self, event: Received[Message] | Input, /) -> None:
        """Take in one event."""
        match event:
            case Received(sender, message):
                self._on_message(sender, message)
            case Tick(clock):
                self._clock = max(self._clock, clock)
                self._on_tick()
            case Propose(command):
                self._on_propose(command)
            case Withdraw(requests):
                self._withdraw(requests)
            case Read(query, clock):
                self._on_query(query, clock)
            case Transfer(to):
                self._on_transfer(to)
            case Reconfigure(change):
                self._on_reconfigure(change)
            case SnapshotSaved():
                self._on_snapshot_saved(event)
            case _:
                assert_never(event)

    def take_ready(self, *, more_comes: bool = False) -> Ready[Message, Record] | None:
        """Hand out all outstanding work, once; what waited shares slots, or a round of heartbeats."""
        leadership = self.leadership
        if leadership is not None:
            self._hand_over_on(leadership)
            if not leadership.is_steady:
                self._recover_on(leadership)
                self._reconfigure_on(leadership)
        if not (more_comes and self.lacks_company):
            self._propose_pending()
        self._read_on()
        if self.acquainted is not self._told_acquainted or self.configuration.slot:
            self._tell_members()
        chosen_upto = self.log.chosen_upto
        if self._rewrites_journal:
            # In place of all records so far, those of this Ready too.
            self._rewrites_journal = False
            self._outbox.records.clear()
            self._outbox.journal = self.acceptor.records()
            self._chosen_recorded = chosen_upto
        elif chosen_upto > self._chosen_recorded and (
            self._outbox.records or self._heartbeat_due()
        ):
            # A hint, never waited for: it travels with records that are written anyway.
            self._record(ChosenRecord(chosen_upto))
            self._chosen_recorded = chosen_upto
        return self._outbox.take(LeaderHint(self.role, self._ballot_in_force(), self.leader))

    # ── Events ───────────────────────────────────────────────────────────────────────────────

    def _on_message(self, sender: ReplicaId, message: Message) -> None:  # noqa: PLR0912 - one each
        match message:
            case Prepare() | Probe() | HandOver() if self.is_rejoining:
                # It does not know what it has promised, nor what it would have to report; so it
                # must not lead either.
                _SILENT.hit()
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
            case Probe():
                self._on_probe(sender, message)
            case Willing():
                self._on_willing(sender, message)
            case Heard():
                self._on_heard(sender, message)
            case HandOver():
                self._on_hand_over(sender, message)
            case FetchChunk():
                self._on_fetch_chunk(sender, message)
            case Chunk():
                self._on_chunk(sender, message)
            case Rejoin():
                self._on_rejoin(sender, message)
            case Standing():
                self._on_standing(sender, message)
            case Outdated():
                self._on_outdated(sender, message)
            case _:
                assert_never(message)

    def _on_tick(self) -> None:
        self._now += 1
        if self.leadership is None:
            self._elect_on()
        elif self._heartbeat_due():
            self._lead_on(self.leadership)
        if self._heartbeat_due():
            self._retire_on()
            if self.amnesia is not None:
                self._rejoin_on(self.amnesia)

    # ── Phase 2: following ───────────────────────────────────────────────────────────────────

    def _on_accept(self, sender: ReplicaId, accept: Accept) -> None:
        """Accept unless a higher ballot is promised (phase 2b)."""
        if not self._follow(sender, accept.ballot):
            return
        if self.is_rejoining:
            self._on_chosen_upto(sender, accept.ballot, accept.chosen_upto)
            return
        if accept.slot > self.log.accepted_upto + self.settings.slots_ahead_max:
            self._on_chosen_upto(sender, accept.ballot, accept.chosen_upto)
            return
        if accept.slot <= self.log.truncated_upto:
            self._vote_for_truncated(sender, accept)
            return
        if not self._knows_members(sender, accept):
            return
        entry = Entry(accept.slot, accept.ballot, accept.value)
        if self.log.get(accept.slot) == entry:
            _ACCEPTED_TWICE.hit()  # the record exists
        else:
            self._record(self.acceptor.accept(entry))
        self._send_after_persist(sender, Accepted(accept.ballot, accept.slot))
        self._on_chosen_upto(sender, accept.ballot, accept.chosen_upto)

    def _on_heartbeat(self, sender: ReplicaId, heartbeat: Heartbeat) -> None:
        if self._follow(sender, heartbeat.ballot):
            if self._confirms(heartbeat.ballot):
                self._grant.renew(heartbeat.ballot, self._now + self.settings.lease_ticks)
                self._send(sender, Heard(heartbeat.ballot, heartbeat.round, self.log.chosen_upto))
            self._on_chosen_upto(sender, heartbeat.ballot, heartbeat.chosen_upto)

    def _confirms(self, ballot: Ballot) -> bool:
        """Whether to say that the leader of `ballot` still leads, and to grant it a lease.

        A replica that lost its disk may have promised a higher ballot, and helped to elect another
        leader.
        """
        return ballot == self._followed and not self.is_rejoining

    def _on_chosen_upto(self, sender: ReplicaId, ballot: Ballot, chosen_upto: int) -> None:
        """Everything up to `chosen_upto` is chosen; but is what is held here what was chosen?"""
        while self.log.chosen_upto < chosen_upto:
            slot = self.log.chosen_upto + 1
            entry = self.log.get(slot)
            if entry is None or entry.ballot != ballot:
                # Missing, or the value of an older ballot, which may have lost.
                if entry is not None:
                    _MAY_HAVE_LOST.hit()
                self._fetch(sender)
                return
            self._choose(slot)

    # ── Catching up ──────────────────────────────────────────────────────────────────────────

    def _learn(self, entries: Iterable[Entry]) -> bool:
        """Take over chosen entries that continue the chosen prefix; True when there were any."""
        before = self.log.chosen_upto
        for entry in entries:
            if entry.slot == self.log.chosen_upto + 1:
                if entry.ballot > self._ballot_in_force():
                    # The answer to an old question, or the first news of a ballot. A leader of a
                    # lower one must not go on: it would vouch, under its own ballot, for a slot in
                    # which its followers hold the value that it proposed there itself.
                    if self.role is not Role.FOLLOWER:
                        _LEARNS_OF_HIGHER.hit()
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
            self.leadership.close_slot(slot, len(entry.value.commands))
        handed_out = chosen(entry)
        self._outbox.chosen.append(handed_out)
        if handed_out.configuration is not None:
            self._adopt(handed_out.configuration)
