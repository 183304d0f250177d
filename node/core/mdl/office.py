"""What the leader of a shard has in hand: gone when it steps down, and nothing rests on it then.

An operation comes here when a client sends it, or with the state when a leader takes over, and leaves
when it is executed or has failed. All that was promised to anybody about it stands in the log of this
shard, or is found again by asking the others (see `recovery`).
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from node.core.mdl.messages import Tag
from node.dispatch import NO_PREDECESSOR, Reign, Stamp, Token
from node.types import ClientId, Query, ReplicaId, RequestNumber


class Operation:
    """One operation, from when it comes until it is executed or has failed."""

    __slots__ = (
        "after",
        "answered",
        "asked_at",
        "behind",
        "body",
        "came_at",
        "chain",
        "client",
        "decision",
        "is_announced",
        "is_announcing",
        "is_doomed",
        "is_executed",
        "is_failing",
        "recovered",
        "seq",
        "stamps",
        "token",
        "unsettled",
    )

    def __init__(
        self,
        *,
        client: ClientId,
        seq: RequestNumber,
        token: Token,
        after: int,
        body: bytes,
        answered: RequestNumber,
        now: int,
    ) -> None:
        self.client: Final = client
        self.seq: Final = seq
        self.token: Final = token
        self.after: Final = after
        """The shard of its predecessor."""
        self.body: Final = body
        self.answered: Final = answered
        self.came_at: Final = now
        """In ticks; after a while nobody waits for its predecessor any more."""
        self.asked_at = -1
        """The last tick at which the shard of its predecessor was asked."""
        self.is_announcing = False
        """It was given to the log, not ordered."""
        self.is_announced = False
        """And that is executed: it will not be forgotten, whoever leads."""
        self.chain: tuple[Stamp, ...] | None = () if after == NO_PREDECESSOR else None
        """The stamps of its predecessors: it is coordinated. None: it waits for the last of them."""
        self.stamps: tuple[Stamp, ...] | None = None
        """With its own: this leader has decided on its place."""
        self.decision = 0
        """The number of that decision."""
        self.behind: Operation | None = None
        """Its predecessor, when that is of this shard, too, and was not executed at the time."""
        self.is_executed = False
        self.recovered: tuple[Stamp, ...] | None = None
        """The stamps that an earlier leader gave it, and that others were told."""
        self.unsettled: dict[int, None] = {}
        """The shards that have yet to say whether they were told any."""
        self.is_doomed = False
        """It will fail, as soon as this leader may decide something."""
        self.is_failing = False
        """That is given to the log; it is never ordered now."""

    @property
    def is_open(self) -> bool:
        """Whether nothing is decided about it."""
        return self.stamps is None and not self.is_failing

    @property
    def waits(self) -> bool:
        """Whether it waits for its predecessor to be certain."""
        return self.chain is None and self.is_open

    @property
    def is_in_log(self) -> bool:
        """Whether its client has to be told, if this leader goes, that nobody knows what comes of it."""
        return self.is_announcing or self.is_announced or self.stamps is not None or self.is_failing


class Inquiry:
    """What the new leader of another shard wants to know, and has not been told yet."""

    __slots__ = ("reign", "replica", "tags")

    def __init__(self, replica: ReplicaId, reign: Reign) -> None:
        self.replica: Final = replica
        self.reign: Final = reign
        self.tags: dict[Tag, None] = {}


class Office:
    """The volatile state of the leader of a shard."""

    def __init__(self, reign: Reign) -> None:
        self.reign: Final = reign
        self.has_begun = False
        """The first entry of this reign is executed: all that came before is known."""
        self.may_decide = False
        """Nothing is to be recovered any more."""
        self.decides_since = 0
        """The tick at which that began."""
        self.decisions = 0
        """That were given to the log in this reign."""
        self.vouched_upto = 0
        """The last of them of which others were told that it is certain, before it was executed."""
        self.recovered_upto = 0
        """The last of them that only repeats what others had been told."""
        self.queries: deque[tuple[int, Query]] = deque()
        """That wait until so many decisions are executed."""
        self.clock: Stamp = 0
        """The highest stamp that was given, or may have been told to anybody."""
        self._operations: dict[ClientId, dict[RequestNumber, Operation]] = {}
        self.count = 0
        """Of operations."""
        self.askers: dict[Tag, dict[ReplicaId, int]] = {}
        """Who waits for an operation to be certain, and when they asked last."""
        self.inquiries: dict[int, Inquiry] = {}
        """By shard."""
        self.fencing: dict[int, Reign] = {}
        """Fences that were given to the log and are not executed yet."""

    def __iter__(self) -> Iterator[Operation]:
        for session in self._operations.values():
            yield from session.values()

    def get(self, client: ClientId, seq: RequestNumber) -> Operation | None:
        """One operation that is in hand."""
        session = self._operations.get(client)
        return None if session is None else session.get(seq)

    def of_session(self, client: ClientId) -> list[Operation]:
        """All of one session."""
        return list(self._operations.get(client, {}).values())

    def add(self, operation: Operation) -> None:
        """Take one more in hand."""
        session = self._operations.setdefault(operation.client, {})
        assert operation.seq not in session, f"{operation.client}#{operation.seq} is in hand"
        session[operation.seq] = operation
        self.count += 1

    def remove(self, client: ClientId, seq: RequestNumber) -> Operation | None:
        """It is executed, or has failed, or is given up."""
        session = self._operations.get(client)
        operation = None if session is None else session.pop(seq, None)
        if operation is not None:
            self.count -= 1
            if not session:
                del self._operations[client]
        return operation
