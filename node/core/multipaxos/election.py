"""Elections: whom a replica follows, and how one that hears no leader becomes one.

    follower ──patience ends──▶ asks around ──quorum willing──▶ candidate ──quorum promised──▶ leader
       ▲                            │ a sign of life               │                             │
       └────────────────────────────┴───── a higher ballot ────────┴──── or hears no quorum ─────┘

Phase 1 of "Paxos made simple" (Lamport 2001), section 3. Decided beyond the paper, for the sake of
progress only (no rule here can make two values chosen):

- patience is drawn from [n, 2n) ticks each time, so that campaigns rarely collide;
- before a campaign takes a ballot, a quorum must say that it hears no leader: see `canvass`;
- a leader that for n ticks hears less than a quorum follow it steps down.

docs/internals/multipaxos.md argues why this ends for every set of one-way links.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from node.core.ballot import Ballot
from node.core.interface import Refusal, Role
from node.core.log import Entry
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.canvass import Canvass
from node.core.multipaxos.member import Member
from node.core.multipaxos.messages import Declined, Outdated, Prepare, Probe, Promise, Willing
from node.marks import always, reachable, sometimes
from node.types import Configuration, ReplicaId

_ASKS_AROUND = reachable("a follower without a leader asks around")
_LEADER_HEARD = sometimes("a probe meets somebody who hears a leader")
_LEADER_ASKED = sometimes("a probe meets a leader")
_CANDIDATE_ASKED = sometimes("a probe meets a candidate")
_PROBE_TOO_LOW = sometimes("a probe has too low a ballot")
_WILLING_TOO_LATE = sometimes("an answer to a probe comes too late")
_ASKS_HIGHER = sometimes("a follower that asks around learns of a higher ballot")
_HEARD_AFTER_ALL = sometimes("a follower that asks around hears a leader after all")
_CAMPAIGN_FAILED = sometimes("a campaign ends without a quorum of promises")
_PREPARE_DECLINED = sometimes("a prepare is declined")
_LAGS = sometimes("a candidate has its promises, and must catch up before it leads")
_LEADER_PROMISES = sometimes("a leader promises a higher ballot")
_LEADER_DECLINED = sometimes("a leader is declined")
_CANDIDATE_DECLINED = sometimes("a candidate is declined")
_LEADER_TOLD = sometimes("a leader of an older ballot is told what is promised")
_OLD_LEADER = sometimes("a message of an older leader arrives late, and is valid")
_QUORUM_PROMISED = always("a candidate leads with the promises of a quorum")
_GRANT_LASTS = sometimes("a prepare meets somebody who has granted a lease")
_BOUND_ITSELF = sometimes("a replica that would campaign has granted a lease")
_QUERY_WAITS = sometimes("a leader that steps down refuses a query that waits")
_STRANGER_WAITS = sometimes("a replica that is no member hears no leader")
_REMOVED_ASKS = sometimes("a replica that was removed asks for help, and is told what it lacks")
_CAMPAIGN_GOES_ON = sometimes("a candidate learns that the members have changed")
_REMOVED_MEANWHILE = sometimes("a candidate learns that it was removed")
_WHAT_WAITS = sometimes("a leader that steps down refuses what waits for a slot")


class Elector(Member, ABC):
    """The part of a replica that elects and is elected."""

    @abstractmethod
    def _lead(self, campaign: Campaign) -> None:
        """Begin to lead, with the promises and reports of `campaign`."""

    @abstractmethod
    def _learn(self, entries: Iterable[Entry]) -> bool:
        """Take over chosen entries."""

    @abstractmethod
    def _fetch(self, source: ReplicaId) -> None:
        """Ask for what was chosen."""

    def _elect_on(self) -> None:
        """One tick of a replica that does not lead."""
        if self._now >= self._patience_ends:
            self._lose_patience()
        elif self.campaign is not None:
            if self._heartbeat_due():
                self._ask_for_promises(self.campaign)
                self._lead_when_caught_up()
        elif self.canvass is not None and self.canvass.asks_again(
            self._now, self.settings.heartbeat_ticks
        ):
            self._ask_around(self.canvass)

    # ── Before a campaign ────────────────────────────────────────────────────────────────────

    def _lose_patience(self) -> None:
        """Nobody led for too long: ask around whether a campaign would be welcome."""
        if self.campaign is not None:
            _CAMPAIGN_FAILED.hit()
            self._step_down("no quorum promised in time")
        self.leader = None
        if self.is_member:
            self._start_canvass()
        else:
            _STRANGER_WAITS.hit()
            self._expect_leader()

    def _start_canvass(self) -> None:
        self._expect_leader()
        canvass = self.canvass = Canvass(self._next_ballot(), self._now, self.members)
        if canvass.willing.is_reached:  # alone in the cluster
            self._start_campaign()
            return
        _ASKS_AROUND.hit()
        self._note(f"asks around whether to campaign with {canvass.ballot}")
        self._ask_around(canvass)

    def _ask_around(self, canvass: Canvass) -> None:
        for peer in self.peers:
            if not canvass.willing.has(peer):
                self._send(peer, Probe(canvass.ballot, canvass.asked_at))

    def _on_probe(self, sender: ReplicaId, probe: Probe) -> None:
        """Say whether a campaign would be welcome. Changes nothing here, so it may leave at once."""
        if self._turns_away(sender):
            return
        if self.leadership is not None:
            # If it leads nobody any more, it will notice by itself, and soon.
            _LEADER_ASKED.hit()
        elif self.campaign is not None:
            _CANDIDATE_ASKED.hit()
        elif self._now - self._heard_at < self.settings.election_timeout_ticks:
            _LEADER_HEARD.hit()
        elif probe.ballot < self.acceptor.promised:
            _PROBE_TOO_LOW.hit()
            self._send(sender, Declined(self.acceptor.promised))
        else:
            self._send(sender, Willing(probe.ballot, probe.asked_at))

    def _turns_away(self, sender: ReplicaId) -> bool:
        """Whether `sender` was removed, and is only told that it lacks something.

        It does not know, or it would not ask; so it would ask for ever, and might depose leaders.
        """
        is_removed = sender in self.configuration.removed
        if is_removed:
            _REMOVED_ASKS.hit()
            self._send(sender, Outdated(self.log.chosen_upto))
        return is_removed

    def _on_outdated(self, sender: ReplicaId, outdated: Outdated) -> None:
        if self.log.chosen_upto < outdated.chosen_upto:
            self._fetch(sender)

    def _adopt(self, configuration: Configuration) -> None:
        """Who asks around begins again; a candidate goes on, if it may."""
        super()._adopt(configuration)
        if self.canvass is not None:
            self._expect_leader()
        if self.campaign is None:
            return
        if self.is_member:
            _CAMPAIGN_GOES_ON.hit()
            self._turn_to_members(self.campaign)
        else:
            _REMOVED_MEANWHILE.hit()
            self._step_down("is no member any more")

    def _turn_to_members(self, campaign: Campaign) -> None:
        """From now on those count, and are asked, who decide on the next slot."""
        campaign.elect(self.members, self.log.chosen_upto + 1)

    def _on_willing(self, sender: ReplicaId, willing: Willing) -> None:
        canvass = self.canvass
        if canvass is None or (willing.ballot, willing.asked_at) != (
            canvass.ballot,
            canvass.asked_at,
        ):
            _WILLING_TOO_LATE.hit()
            return
        canvass.willing.add(sender)
        if canvass.willing.is_reached:
            self._start_campaign()

    # ── Phase 1: campaigns and promises ──────────────────────────────────────────────────────

    def _next_ballot(self) -> Ballot:
        return max(self._ballot_seen, self.acceptor.promised).next_for(self.replica)

    def _start_campaign(self, released: Ballot | None = None) -> None:
        """Claim a ballot above all that were seen, and ask everyone, oneself too, to promise it.

        `released` is the ballot of the leader that asked for this and gave its lease up.
        """
        if not self.is_member:
            return
        if self._grant.forbids(self.replica, released, self._now):
            _BOUND_ITSELF.hit()
            self._expect_leader()
            return
        ballot = self._next_ballot()
        self.role = Role.CANDIDATE
        self.leader = None
        self._ballot_seen = ballot
        self.campaign = Campaign(ballot, self.log.chosen_upto + 1, self.members, released)
        # Recorded before anyone hears of it: after a crash this ballot must not be used again for
        # another campaign, whose promises could be mistaken for those of this one.
        self._record(self.acceptor.promise(ballot))
        self._note(f"campaigns with {ballot} from slot {self.campaign.from_slot}")
        self._ask_for_promises(self.campaign)
        self._expect_leader()

    def _ask_for_promises(self, campaign: Campaign) -> None:
        for member in self.members:
            from_slot = campaign.next_slot(member)
            if from_slot is not None:
                prepare = Prepare(campaign.ballot, from_slot, campaign.released)
                self._send_after_persist(member, prepare)

    def _on_prepare(self, sender: ReplicaId, prepare: Prepare) -> None:
        """Promise to accept nothing below `prepare.ballot` (phase 1b).

        Also for a candidate that is no member as far as is known here: it may know more. It counts
        the promises of members only.
        """
        if self._turns_away(sender):
            return
        if prepare.ballot < self.acceptor.promised:
            _PREPARE_DECLINED.hit()
            self._send(sender, Declined(self.acceptor.promised))
            return
        if prepare.ballot > self.acceptor.promised:
            if self._grant.forbids(prepare.ballot.replica, prepare.released, self._now):
                # Somebody may answer queries without asking, until this is over. A candidate
                # repeats its question.
                _GRANT_LASTS.hit()
                return
            if self.leadership is not None:
                _LEADER_PROMISES.hit()
            self._step_down(f"promises {prepare.ballot}")
            self._record(self.acceptor.promise(prepare.ballot))
            self._followed = max(self._followed, prepare.ballot)
            # A quorum was willing, so this candidate deserves the time that a leader gets.
            self._heard_at = self._now
        self._ballot_seen = max(self._ballot_seen, prepare.ballot)
        part = self.acceptor.report(
            prepare.from_slot,
            entries_max=self.settings.report_entries_max,
            commands_bytes_max=self.settings.report_bytes_max,
        )
        self._send_after_persist(sender, part)

    def _on_promise(self, sender: ReplicaId, promise: Promise) -> None:
        campaign = self._campaign_under_way()
        if campaign is None or promise.ballot != campaign.ballot:
            return
        if not campaign.on_promise(sender, promise):
            return
        # What an acceptor knows to be chosen need not be proposed again.
        self._learn(entry for entry in promise.entries if entry.slot <= promise.chosen_upto)
        if self._campaign_under_way() is not campaign:
            return  # what was learned is of a higher ballot, or removes this replica
        next_slot = campaign.next_slot(sender)
        if campaign.promises.is_reached:
            self._lead_when_caught_up()
        elif next_slot is not None:
            self._send(sender, Prepare(campaign.ballot, next_slot, campaign.released))

    def _campaign_under_way(self) -> Campaign | None:
        """The one that asks for promises: a candidate's, or a leader's when others became members."""
        if self.leadership is None:
            return self.campaign
        campaign = self.leadership.campaign
        return None if campaign.promises.is_reached else campaign

    def _lead_when_caught_up(self) -> None:
        """Begin to lead, once a quorum has promised and all is known that it did not report.

        A slot that an acceptor has truncated is in no report, and it is chosen: whoever took it for
        a hole would propose a no-op there.
        """
        campaign = self.campaign
        if campaign is None or not campaign.promises.is_reached:
            return
        if campaign.truncated_upto <= self.log.chosen_upto:
            self._lead(campaign)
        else:
            _LAGS.hit()
            self._fetch(campaign.knows_most)

    def _on_declined(self, declined: Declined) -> None:
        self._ballot_seen = max(self._ballot_seen, declined.promised)
        if self.canvass is not None:
            if declined.promised > self.canvass.ballot:
                _ASKS_HIGHER.hit()
                self._start_canvass()
        elif self.role is not Role.FOLLOWER and declined.promised > self._ballot_in_force():
            (_CANDIDATE_DECLINED if self.leadership is None else _LEADER_DECLINED).hit()
            self._step_down(f"was declined, {declined.promised} is promised")
            self._followed = max(self._followed, declined.promised)
            # There may be a leader that has not been heard here yet.
            self._heard_at = self._now

    # ── Roles ────────────────────────────────────────────────────────────────────────────────

    def _take_office(self, campaign: Campaign) -> None:
        _QUORUM_PROMISED.check(campaign.promises.is_reached)
        self.campaign = None
        self.role = Role.LEADER
        self.leader = self.replica

    def _follow(self, sender: ReplicaId, ballot: Ballot) -> bool:
        """Recognise the leader of `ballot`; False, and tell it, when its time is over."""
        if ballot < self.acceptor.promised:
            _LEADER_TOLD.hit()
            self._send(sender, Declined(self.acceptor.promised))
            return False
        if self.role is not Role.FOLLOWER:
            self._step_down(f"follows {ballot}")
        if ballot >= self._followed:
            if self.canvass is not None:
                _HEARD_AFTER_ALL.hit()
            self._ballot_seen = max(self._ballot_seen, ballot)
            self._followed = ballot
            self.leader = ballot.replica
            self._heard_at = self._now
            self._expect_leader()
        else:  # valid, but no news, and no sign of life
            _OLD_LEADER.hit()
        return True

    def _step_down(self, reason: str) -> None:
        """Become a follower without a leader; what was proposed may be chosen all the same."""
        if self.leadership is not None:
            for command in self.leadership.pending:
                _WHAT_WAITS.hit()
                self._refuse(command, Refusal.NOT_LEADER)
            for query in self.leadership.reads.take_all():
                _QUERY_WAITS.hit()
                self._refuse(query, Refusal.NOT_LEADER)
        if self.role is not Role.FOLLOWER:
            self._note(f"steps down as {self.role.value}: {reason}")
        self._followed = max(self._followed, self._ballot_in_force())
        self.role = Role.FOLLOWER
        self.leader = None
        self.campaign = None
        self.leadership = None
        self._expect_leader()
