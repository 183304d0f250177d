"""Catching up: who lags asks for what was chosen, and gets it from the log or as a snapshot.

    lacks slots that the other still has in its log      Fetch ─▶ Learn, a few entries at a time
    lacks slots that the other has truncated             Fetch ─▶ Chunk, see `snapshots`

A snapshot is taken over when it is durable here, not before: the journal that it replaces must not
go first. Then the log skips to its slot, and all slots up to there count as truncated. That breaks
nothing that Paxos rests on (docs/internals/snapshots.md has the argument):

- promises stay: they stand in every journal, however far it was truncated;
- a truncated slot is chosen, so no ballot can carry another value there. A vote in it needs no
  comparison, and a candidate is told of the slot as chosen and must learn it before it leads.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from random import Random

from node.core.ballot import Ballot
from node.core.interface import Snapshot, SnapshotSaved
from node.core.log import Entry
from node.core.multipaxos.election import Elector
from node.core.multipaxos.messages import (
    Accept,
    Accepted,
    Chunk,
    Fetch,
    FetchChunk,
    Learn,
    Record,
    truncated_upto,
)
from node.core.multipaxos.settings import Settings
from node.core.multipaxos.snapshots import Download, Shelf, truncation_point
from node.marks import sometimes
from node.types import ReplicaId, ReplicaInfo

_LEARNS_IN_PARTS = sometimes("catching up takes several parts")
_SENDS_SNAPSHOT = sometimes("a replica that lags is sent a snapshot")
_CHUNK_AGAIN = sometimes("a part of a snapshot comes twice or out of order")
_BEGINS_ANEW = sometimes("a snapshot under way is given up for another one")
_WHOLE = sometimes("a snapshot arrives whole")
_OVERTAKEN = sometimes("a snapshot arrives when the log has overtaken it")
_SKIPS = sometimes("a replica skips a part of the log that a snapshot stands for")
_LEADER_SKIPS = sometimes("a leader is overtaken by a snapshot and steps down")
_SKIPS_CHANGE = sometimes("a replica learns by a snapshot that the members have changed")
_VOTES_FOR_TRUNCATED = sometimes("a vote in a slot that was truncated")
_TRUNCATES = sometimes("a log is truncated")


class CatchUp(Elector, ABC):
    """The part of a replica that asks and answers those who lag."""

    def __init__(
        self,
        *,
        replica: ReplicaId,
        members: Iterable[ReplicaId | ReplicaInfo],
        settings: Settings,
        random: Random,
        records: Iterable[Record] = (),
        snapshot: Snapshot | None = None,
    ) -> None:
        records = tuple(records)
        super().__init__(
            replica=replica,
            members=members,
            settings=settings,
            random=random,
            records=records,
            snapshot=snapshot,
        )
        # A crash came between a snapshot and its journal: what is recorded from now on must not
        # come behind a gap.
        self._rewrites_journal = self.log.truncated_upto > truncated_upto(records)
        self._shelf = Shelf(snapshot)
        self._download: Download | None = None
        self._saving = 0
        """The slot of a snapshot that came whole and is not durable yet; 0 without one."""

    @property
    def snapshot_slot(self) -> int:
        """The last slot of the newest durable snapshot."""
        return self._shelf.slot

    @abstractmethod
    def _on_chosen_upto(self, sender: ReplicaId, ballot: Ballot, chosen_upto: int) -> None:
        """Choose what is held, and ask for what is not."""

    # ── Asking ───────────────────────────────────────────────────────────────────────────────

    def _fetch(self, source: ReplicaId) -> None:
        """Ask for what was chosen, one question at a time."""
        if self._now < self._fetch_again_at or self._saving > self.log.chosen_upto:
            return
        self._fetch_again_at = self._now + self.settings.heartbeat_ticks
        download = self._download
        if download is not None and self._is_useful(download):
            self._send(source, download.question)
            return
        self._download = None
        self._send(source, Fetch(self.log.chosen_upto + 1))

    def _is_useful(self, download: Download) -> bool:
        """Whether to go on with it: it has not been overtaken, and somebody sends it."""
        patience = 2 * self.settings.election_timeout_ticks
        return download.slot > self.log.chosen_upto and self._now - download.came_at < patience

    def _on_learn(self, sender: ReplicaId, learn: Learn) -> None:
        if self._learn(learn.entries) and self.log.chosen_upto < learn.chosen_upto:
            _LEARNS_IN_PARTS.hit()
            self._fetch_again_at = self._now
            self._fetch(sender)
        self._lead_when_caught_up()

    def _on_chunk(self, sender: ReplicaId, chunk: Chunk) -> None:
        if chunk.slot <= max(self.log.chosen_upto, self._saving):
            return
        download = self._download
        if download is None or not download.takes(chunk):
            if chunk.offset != 0 or not self._is_better(chunk):
                _CHUNK_AGAIN.hit()
                return
            if download is not None:
                _BEGINS_ANEW.hit()
            download = self._download = Download(chunk, self._now)
        download.add(chunk, self._now)
        if download.is_whole:
            self._take_over(download)
        else:
            self._fetch_again_at = self._now
            self._fetch(sender)

    def _is_better(self, chunk: Chunk) -> bool:
        """Whether to begin with this one: a newer one, or the one under way does not come."""
        download = self._download
        return download is None or chunk.slot > download.slot or not self._is_useful(download)

    def _take_over(self, download: Download) -> None:
        self._download = None
        snapshot = download.snapshot()
        if snapshot is None:
            self._note(f"a snapshot of slot {download.slot} came damaged")
            return
        _WHOLE.hit()
        self._note(f"received a snapshot of slot {snapshot.slot}, {download.size} bytes")
        self._saving = snapshot.slot
        self._outbox.received = snapshot

    # ── Answering ────────────────────────────────────────────────────────────────────────────

    def _on_fetch(self, sender: ReplicaId, fetch: Fetch) -> None:
        if fetch.from_slot <= self.log.truncated_upto:
            self._send_chunk(sender, None)
            return
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

    def _on_fetch_chunk(self, sender: ReplicaId, wanted: FetchChunk) -> None:
        self._send_chunk(sender, wanted)

    def _vote_for_truncated(self, sender: ReplicaId, accept: Accept) -> None:
        """Vote in a slot that is known to be chosen, without its entry.

        A ballot above the one in which it was chosen carries that value, and in a lower one nothing
        can be chosen any more ("Paxos made simple", P2c). Who asks later is told that the slot is
        chosen, which says more than the vote. Without it, a leader that lags might find no quorum.
        """
        _VOTES_FOR_TRUNCATED.hit()
        if accept.ballot > self.acceptor.promised:
            self._record(self.acceptor.promise(accept.ballot))
        self._send_after_persist(sender, Accepted(accept.ballot, accept.slot))
        self._on_chosen_upto(sender, accept.ballot, accept.chosen_upto)

    def _send_chunk(self, to: ReplicaId, wanted: FetchChunk | None) -> None:
        chunk = self._shelf.chunk(wanted, self.settings.chunk_bytes_max, self._now)
        if chunk is not None:
            if chunk.offset == 0:
                _SENDS_SNAPSHOT.hit()
            self._send(to, chunk)

    # ── A snapshot that is durable ───────────────────────────────────────────────────────────

    def _on_snapshot_saved(self, saved: SnapshotSaved) -> None:
        """Let it stand for its part of the log: the own one, or one that a peer has sent."""
        snapshot = saved.snapshot
        if snapshot.slot >= self._saving:
            self._saving = 0
        if snapshot.slot <= self._shelf.slot:
            return
        patience = self.settings.election_timeout_ticks
        self._shelf.put(snapshot, self._now, patience)
        if snapshot.slot > self.log.chosen_upto:
            self._skip_to(saved)
        else:
            if saved.state is not None:
                _OVERTAKEN.hit()
            self._truncate(snapshot.slot)
        self._rewrites_journal = True
        self._lead_when_caught_up()

    def _skip_to(self, saved: SnapshotSaved) -> None:
        slot = saved.snapshot.slot
        assert saved.state is not None, f"nothing to execute slot {slot + 1} on"
        _SKIPS.hit()
        if self.leadership is not None:
            # A higher ballot may have chosen some of these slots, where followers hold what this
            # leader proposed: it must not vouch for them under its own ballot.
            _LEADER_SKIPS.hit()
            self._step_down(f"lacked slots up to {slot}")
        self.log.skip_to(slot)
        configuration = saved.snapshot.configuration
        if configuration is not None and configuration.slot > self.configuration.slot:
            _SKIPS_CHANGE.hit()
            self._adopt(configuration)
        # Chosen and not handed out yet: the snapshot is the state behind them.
        self._outbox.chosen.clear()
        self._outbox.restored = saved
        self._note(f"skips to slot {slot}")

    def _truncate(self, slot: int) -> None:
        upto = truncation_point(
            self.log,
            slot,
            slots_kept=self.settings.log_slots_kept,
            bytes_kept=self.settings.log_bytes_kept,
        )
        if upto > self.log.truncated_upto:
            _TRUNCATES.hit()
        self.log.truncate(upto)
