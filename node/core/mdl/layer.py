"""What the layer above the log is made of: who belongs to which shard, and the way into log and links.

Questions and answers to other shards are collected, and leave in a few messages with the next `Ready`.
"""

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Final, TypeVar

from node.core.interface import Envelope, Refusal, Refused, Snapshot
from node.core.mdl.messages import (
    Chain,
    Coordinate,
    Coordinated,
    ShardMessage,
    Tag,
)
from node.core.mdl.office import Office, Operation
from node.core.mdl.settings import Coordination, Patience
from node.core.mdl.state import OrderedState
from node.core.multipaxos import MultiPaxos, Record, Settings
from node.dispatch import Entry, Reign, encode_entry
from node.types import (
    ClientId,
    Command,
    Configuration,
    ReplicaId,
    ReplicaInfo,
    RequestNumber,
)

_Item = TypeVar("_Item")

_NOBODY: Final = ClientId(0)
"""Whose commands those of a leader are: no session is called so."""
_NO_OPERATION: Final = RequestNumber(1)
"""Anything but 0, which would open a session."""


class Layer(MultiPaxos):
    """One replica of one shard."""

    def __init__(
        self,
        *,
        replica: ReplicaId,
        members: Iterable[ReplicaId | ReplicaInfo],
        settings: Settings,
        random: Random,
        records: Iterable[Record] = (),
        snapshot: Snapshot | None = None,
        machine: OrderedState,
        shard: int = 0,
        shards: Sequence[Sequence[ReplicaId | ReplicaInfo]],
        coordination: Coordination = Coordination.FAST,
        patience: Patience | None = None,
    ) -> None:
        """`members` are those of `shards[shard]`; `machine` executes what this core hands out."""
        self._others = tuple(
            each
            for number, group in enumerate(shards)
            for each in group
            if number != shard and isinstance(each, ReplicaInfo)
        )
        """Of other shards, as far as it is known where they are."""
        super().__init__(
            replica=replica,
            members=members,
            settings=settings,
            random=random,
            records=records,
            snapshot=snapshot,
        )
        self.shard: Final = shard
        self._groups: Final = tuple(tuple(_number(each) for each in group) for group in shards)
        self._shard_of: Final = {
            member: number for number, group in enumerate(self._groups) for member in group
        }
        self._machine = machine
        self._coordination = coordination
        self._patience: Final = patience or Patience()
        self.office: Office | None = None
        """While this replica leads."""
        self._leaders: dict[int, Reign] = {}
        """Of other shards: the highest of which anybody told. A hint; nothing rests on it."""
        self._questions: dict[int, dict[Tag, None]] = {}
        """By shard: operations of which to ask whether they are certain."""
        self._certain: dict[ReplicaId, dict[Tag, Chain]] = {}
        self._failed: dict[ReplicaId, dict[Tag, None]] = {}
        self._lost: dict[int, None] = {}
        """Shards of which a question was not answered in time."""
        self._know(self.configuration)
        self._told_acquainted = self.acquainted

    def _know(self, configuration: Configuration) -> None:
        super()._know(configuration)
        known = {info.replica: info for info in (*self.acquainted, *self._others)}
        self.acquainted = tuple(known[replica] for replica in sorted(known))

    # ── The log ──────────────────────────────────────────────────────────────────────────────

    def _enter(self, entry: Entry, operation: Operation | None = None) -> None:
        """Give one entry to the log. What is in hand is bounded, so this is, too."""
        assert self.leadership is not None
        if operation is None:
            command = Command(_NOBODY, _NO_OPERATION, RequestNumber(0), encode_entry(entry))
        else:
            command = Command(
                operation.client, operation.seq, operation.answered, encode_entry(entry)
            )
        self.leadership.add(command, self._now)

    # ── Clients ──────────────────────────────────────────────────────────────────────────────

    def _tell(self, answer: object | None) -> None:
        if answer is not None:
            self._outbox.answers.append(answer)

    def _turn_away(self, operation: Operation, why: Refusal) -> None:
        """Nothing of it is in the log."""
        self._outbox.refused.append(Refused(operation.client, operation.seq, why))

    # ── Other shards ─────────────────────────────────────────────────────────────────────────

    def _is_believed(self, shard: int, reign: Reign) -> bool:
        """Whether what the leader of `reign` says of its shard may count here.

        When this shard tells a new leader that it knows nothing of an operation, it fences off all
        leaders before that one: what one of them said may still be on its way.
        """
        return reign >= self._machine.fence(shard)

    def _note_leader(self, shard: int, reign: Reign) -> None:
        self._leaders[shard] = max(reign, self._leaders.get(shard, reign))

    def _everybody_else(self) -> list[ReplicaId]:
        return [
            member
            for shard, group in enumerate(self._groups)
            for member in group
            if shard != self.shard
        ]

    def _whom_to_ask(self, shard: int, *, is_first: bool) -> Sequence[ReplicaId]:
        """Whoever leads `shard`, as far as is known; all of its replicas when that was no help."""
        leader = self._leaders.get(shard)
        if is_first and leader is not None and leader[1] in self._groups[shard]:
            return (ReplicaId(leader[1]),)
        return self._groups[shard]

    def _say(self, to: Iterable[ReplicaId], message: ShardMessage) -> None:
        for replica in to:
            self._outbox.messages.append(Envelope(replica, message))  # type: ignore[arg-type]

    def _ask(self, shard: int, tag: Tag) -> None:
        """Whether an operation of `shard` is certain; with all others that are asked about now."""
        self._questions.setdefault(shard, {})[tag] = None

    def _vouch(self, to: ReplicaId, chain: Chain) -> None:
        self._certain.setdefault(to, {})[Tag(chain.token, chain.seq)] = chain

    def _deny(self, to: ReplicaId, tag: Tag) -> None:
        self._failed.setdefault(to, {})[tag] = None

    def _speak(self, office: Office) -> None:
        """Let go what was collected."""
        if not (self._questions or self._certain or self._failed):
            return
        for shard, tags in self._questions.items():
            for part in self._parts(list(tags)):
                question = Coordinate(self.shard, tuple(part))
                self._say(self._whom_to_ask(shard, is_first=shard not in self._lost), question)
        for replica in list(dict.fromkeys((*self._certain, *self._failed))):
            chains = list(self._certain.get(replica, {}).values())
            denied = list(self._failed.get(replica, {}))
            for certain in self._parts(chains):
                self._say([replica], Coordinated(self.shard, office.reign, tuple(certain), ()))
            for failed in self._parts(denied):
                self._say([replica], Coordinated(self.shard, office.reign, (), tuple(failed)))
        self._hold_tongue()

    def _hold_tongue(self) -> None:
        """Nothing is to be said that has not been."""
        for collected in (self._questions, self._certain, self._failed, self._lost):
            collected.clear()

    def _parts(self, items: list[_Item]) -> Iterator[list[_Item]]:
        size = self._patience.message_tags_max
        for first in range(0, len(items), size):
            yield items[first : first + size]


def _number(member: ReplicaId | ReplicaInfo) -> ReplicaId:
    return member.replica if isinstance(member, ReplicaInfo) else member
