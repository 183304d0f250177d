"""A member of the cluster: what one replica is made of, and its way to speak.

State and small verbs that elections and the log share. What it all means is in `election` and
`replica`; what a driver sees of it is in `node.core.interface`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from random import Random

from node.core.ballot import Ballot
from node.core.interface import Chosen, Envelope, Refusal, Refused, Role, Snapshot, Status
from node.core.log import Log
from node.core.multipaxos.acceptor import Acceptor
from node.core.multipaxos.amnesia import Amnesia
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.canvass import Canvass
from node.core.multipaxos.leader import Leadership
from node.core.multipaxos.leases import Grant
from node.core.multipaxos.messages import Message, Record
from node.core.multipaxos.settings import Settings
from node.core.outbox import Outbox
from node.types import Command, Query, ReplicaId


class Member(ABC):
    """One replica's state. Deterministic given its random generator."""

    def __init__(
        self,
        *,
        replica: ReplicaId,
        members: Iterable[ReplicaId],
        settings: Settings,
        random: Random,
        records: Iterable[Record] = (),
        snapshot: Snapshot | None = None,
    ) -> None:
        """`snapshot` is the newest durable one; the driver has its state, and executes from there."""
        self.replica = replica
        self.members = tuple(sorted(members))
        assert replica in self.members, f"{replica} is not one of {self.members}"
        self.peers = tuple(member for member in self.members if member != replica)
        self.settings = settings
        executed = 0 if snapshot is None else snapshot.slot
        self.acceptor = Acceptor.restored(records, executed)
        self.role = Role.FOLLOWER
        self.leader: ReplicaId | None = None
        self.canvass: Canvass | None = None
        """While this replica, a follower without a leader, asks whether it should campaign."""
        self.campaign: Campaign | None = None
        self.leadership: Leadership | None = None
        self._random = random
        self._now = 0
        self._heard_at = 0
        """The last sign of life of a leader. A start counts as one: a replica that was away may not
        have heard yet of the leader that there is, and must not help to replace it."""
        self._clock = 0
        """What the monotonic clock showed last: now, or some time ago."""
        self._grant = Grant(self._first_grant_ends())
        self.amnesia: Amnesia | None = None
        """While this replica, which lost its disk, may not vote."""
        if self.acceptor.is_rejoining:
            self.amnesia = Amnesia(random.randrange(1 << 62), self.peers)
        self._patience_ends = 0
        self._fetch_again_at = 0
        self._ballot_seen = self.acceptor.promised
        """The highest of all ballots that anybody mentioned: the next campaign must be above it."""
        self._followed = self.acceptor.promised
        """The ballot of `leader`; without one, of the last leader or of a candidate since."""
        self._chosen_recorded = self.log.chosen_upto
        self._rewrites_journal = False
        self._outbox: Outbox[Message, Record] = Outbox()
        # The state machine is volatile: after a restart everything chosen is executed again that
        # the snapshot does not stand for.
        for entry in self.log.entries(executed + 1, self.log.chosen_upto):
            self._outbox.chosen.append(Chosen(entry.slot, entry.value.commands))
        self._expect_leader()

    @property
    def log(self) -> Log:
        """This replica's entries."""
        return self.acceptor.log

    @property
    @abstractmethod
    def snapshot_slot(self) -> int:
        """The last slot of the newest durable snapshot."""

    def status(self) -> Status:
        """A frozen snapshot."""
        return Status(
            replica=self.replica,
            role=self.role,
            ballot=self.acceptor.promised,
            leader=self.leader,
            chosen_upto=self.log.chosen_upto,
            accepted_upto=self.log.accepted_upto,
            truncated_upto=self.log.truncated_upto,
            snapshot_slot=self.snapshot_slot,
            is_rejoining=self.acceptor.is_rejoining,
        )

    # ── Time ─────────────────────────────────────────────────────────────────────────────────

    def _expect_leader(self) -> None:
        """Wait for a sign of life, however long patience lasts this time; ask nobody meanwhile."""
        self.canvass = None
        self._patience_ends = self._now + self._draw_patience()

    def _first_grant_ends(self) -> int:
        """The tick until which a replica that has just started helps nobody to lead.

        Before it crashed it may have granted a lease, which nothing on its disk remembers.
        """
        return self.settings.lease_ticks

    def _draw_patience(self) -> int:
        """In ticks. Drawn anew each time, so that replicas rarely run out of it together."""
        shortest = self.settings.election_timeout_ticks
        return shortest + self._random.randrange(shortest)

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

    def _refuse(self, asked: Command | Query, why: Refusal) -> None:
        self._outbox.refused.append(Refused(asked.client, asked.number, why))

    def _note(self, text: str) -> None:
        self._outbox.notes.append(text)
