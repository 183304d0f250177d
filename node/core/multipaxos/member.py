"""A member of the cluster: what one replica is made of, and its way to speak.

State and small verbs that elections and the log share. What it all means is in `election` and
`replica`; what a driver sees of it is in `node.core.interface`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from random import Random

from node.core.ballot import Ballot
from node.core.interface import Chosen, Envelope, Refusal, Refused, Role, Snapshot, Status
from node.core.log import Entry, Log, Members
from node.core.multipaxos.acceptor import Acceptor
from node.core.multipaxos.amnesia import Amnesia
from node.core.multipaxos.campaign import Campaign
from node.core.multipaxos.canvass import Canvass
from node.core.multipaxos.leader import Leadership
from node.core.multipaxos.leases import Grant
from node.core.multipaxos.messages import Message, Record
from node.core.multipaxos.settings import Settings
from node.core.outbox import Outbox
from node.marks import sometimes
from node.types import (
    ClientId,
    Command,
    Configuration,
    Query,
    ReplicaId,
    ReplicaInfo,
    RequestNumber,
)

_WITHDRAWN = sometimes("a command is dropped that nobody waits for, before it has a slot")


class Member(ABC):
    """One replica's state. Deterministic given its random generator."""

    def __init__(  # noqa: PLR0915 - one for each thing that it knows
        self,
        *,
        replica: ReplicaId,
        members: Iterable[ReplicaId | ReplicaInfo],
        settings: Settings,
        random: Random,
        records: Iterable[Record] = (),
        snapshot: Snapshot | None = None,
    ) -> None:
        """Begin, or go on with what `records` say.

        `members` are those that the cluster began with, unless the records know better; none for a
        replica that joins later. `snapshot` is the newest durable one; the driver has its state, and
        executes from there.
        """
        self.replica = replica
        self.settings = settings
        executed = 0 if snapshot is None else snapshot.slot
        self.acceptor = Acceptor.restored(records, executed)
        began_with = self.acceptor.began_with
        self.configuration = Configuration(0, _infos(members if began_with is None else began_with))
        """The newest that is known to be chosen: the one in force for the next slot."""
        self.members = self.configuration.members
        self.peers = tuple(member for member in self.members if member != replica)
        """The other members."""
        self.acquainted = self.configuration.replicas
        """Members, and who was one before the last change."""
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
        self._restore_members(snapshot)
        self.amnesia: Amnesia | None = None
        """While this replica, which lost its disk, may not vote."""
        if self.acceptor.is_rejoining:
            self.amnesia = Amnesia(random.randrange(1 << 62), self.peers)
        self._patience_ends = 0
        self._fetch_again_at = 0
        self._told_acquainted = self.acquainted
        self._told_retired = False
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
            self._outbox.chosen.append(chosen(entry))
        self._expect_leader()

    def _restore_members(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None and snapshot.configuration is not None:
            self._know(snapshot.configuration)
        for entry in self.log.entries(self.log.truncated_upto + 1, self.log.chosen_upto):
            if isinstance(entry.value, Members) and entry.slot > self.configuration.slot:
                self._know(Configuration(entry.slot, entry.value.replicas, entry.value.removed))

    def _adopt(self, configuration: Configuration) -> None:
        """A change of members is chosen: what was begun with the old ones goes on with the new."""
        self._know(configuration)

    def _know(self, configuration: Configuration) -> None:
        known = {
            info.replica: info for info in (*self.configuration.replicas, *configuration.replicas)
        }
        self.configuration = configuration
        self.members = configuration.members
        self.peers = tuple(member for member in self.members if member != self.replica)
        self.acquainted = tuple(known[replica] for replica in sorted(known))

    @property
    def is_member(self) -> bool:
        """Whether this replica may lead, and ask others to help it."""
        return self.replica in self.members

    @property
    def is_settled(self) -> bool:
        """Whether a slot behind the newest change of members is chosen."""
        return self.configuration.slot == 0 or self.log.chosen_upto > self.configuration.slot

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
            configuration=self.configuration,
            is_settled=self.is_settled,
            change=self._change_in_words(),
            acquainted=self._all_acquainted(),
        )

    def _change_in_words(self) -> str:
        """What is under way; empty when nothing is."""
        return ""

    def _all_acquainted(self) -> tuple[ReplicaInfo, ...]:
        return self.acquainted

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

    def _withdraw(self, requests: tuple[tuple[ClientId, RequestNumber], ...]) -> None:
        """Drop those that were never proposed; all others may be chosen, whoever waits for them."""
        if self.leadership is not None:
            for command in self.leadership.withdraw(requests):
                _WITHDRAWN.hit()
                self._refuse(command, Refusal.WITHDRAWN)

    def _note(self, text: str) -> None:
        self._outbox.notes.append(text)


def chosen(entry: Entry) -> Chosen:
    """What the driver is told of a slot."""
    value = entry.value
    if isinstance(value, Members):
        return Chosen(entry.slot, (), Configuration(entry.slot, value.replicas, value.removed))
    return Chosen(entry.slot, value.commands)


def _infos(members: Iterable[ReplicaId | ReplicaInfo]) -> tuple[ReplicaInfo, ...]:
    """Ascending; of who has no address a core needs none."""
    infos = [m if isinstance(m, ReplicaInfo) else ReplicaInfo(m, "", "") for m in members]
    return tuple(sorted(infos, key=lambda info: info.replica))
