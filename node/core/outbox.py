"""The work that a core has done since the driver last asked, on its way to becoming a `Ready`."""

from typing import Generic

from node.core.interface import (
    Chosen,
    Envelope,
    LeaderHint,
    MessageT,
    Ready,
    RecordT,
    Refused,
    Snapshot,
    SnapshotSaved,
)
from node.types import Query, ReplicaInfo


class Outbox(Generic[MessageT, RecordT]):
    """Append-only lists, one a field of `Ready`; emptied by `take`."""

    def __init__(self) -> None:
        self.records: list[RecordT] = []
        self.messages: list[Envelope[MessageT]] = []
        self.messages_after_persist: list[Envelope[MessageT]] = []
        self.chosen: list[Chosen] = []
        self.reads: list[Query] = []
        self.answers: list[object] = []
        self.refused: list[Refused] = []
        self.notes: list[str] = []
        self.journal: tuple[RecordT, ...] | None = None
        self.received: Snapshot | None = None
        self.restored: SnapshotSaved | None = None
        self.acquainted: tuple[ReplicaInfo, ...] | None = None
        self.is_retired = False
        self.looks_again = False
        self._told: LeaderHint | None = None

    def take(self, leader_hint: LeaderHint) -> Ready[MessageT, RecordT] | None:
        """Everything so far, and the hint if it is not the one told last; None when idle."""
        is_news = leader_hint != self._told
        if not (
            self.records
            or self.messages
            or self.messages_after_persist
            or self.chosen
            or self.reads
            or self.answers
            or self.refused
            or self.notes
            or self.journal is not None
            or self.received is not None
            or self.restored is not None
            or self.acquainted is not None
            or self.is_retired
            or is_news
        ):
            return None
        ready = Ready(
            records=tuple(self.records),
            journal=self.journal,
            messages=tuple(self.messages),
            messages_after_persist=tuple(self.messages_after_persist),
            received=self.received,
            restored=self.restored,
            chosen=tuple(self.chosen),
            reads=tuple(self.reads),
            answers=tuple(self.answers),
            refused=tuple(self.refused),
            leader_hint=leader_hint if is_news else None,
            acquainted=self.acquainted,
            is_retired=self.is_retired,
            looks_again=self.looks_again,
            notes=tuple(self.notes),
        )
        self._told = leader_hint
        self.journal = self.received = self.restored = self.acquainted = None
        self.is_retired = self.looks_again = False
        for sent in (
            self.records,
            self.messages,
            self.messages_after_persist,
            self.chosen,
            self.reads,
            self.answers,
            self.refused,
            self.notes,
        ):
            sent.clear()
        return ready
