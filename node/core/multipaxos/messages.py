"""What replicas say to each other, and what they write down before they say it.

    follower  ── Probe   ──▶ all       ── Willing ────────────▶ follower      before a campaign
    candidate ── Prepare ──▶ acceptors ── Promise (in parts) ──▶ candidate     phase 1
    leader    ── Accept  ──▶ acceptors ── Accepted ───────────▶ leader        phase 2
    leader    ── Heartbeat ─▶ all       ── Heard ──────────────▶ leader        every few ticks
    leader    ── HandOver ─▶ the next leader                            on request
    anyone    ── Declined ──▶ whoever speaks with a ballot that is too low
    lagging   ── Fetch ─────▶ leader   ── Learn ──▶ lagging                    catch-up
    lagging   ── Fetch, FetchChunk ──▶ leader ── Chunk ──▶ lagging             from a snapshot

    member    ── Outdated ─▶ who was removed and does not know it

    lost its disk ── Rejoin ─▶ all     ── Standing ─▶ lost its disk            before it votes again

`chosen_upto` rides on what a leader sends anyway, so a lost one heals with the next.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from node.core.ballot import Ballot
from node.core.log import Batch, Entry, Members, Noop, Value, check_slot
from node.types import ReplicaInfo


@dataclass(frozen=True, slots=True)
class Probe:
    """I hear no leader. Would you promise `ballot`? Nobody is bound by asking or answering."""

    ballot: Ballot
    """Not taken yet: should nobody be willing, it is asked for again."""
    asked_at: int
    """The tick of the sender at which this round of asking began; the answer repeats it."""


@dataclass(frozen=True, slots=True)
class Willing:
    """I hear no leader either, and have promised nothing above `ballot`. This is no promise."""

    ballot: Ballot
    asked_at: int
    """From the Probe: an answer to an earlier round says nothing about now."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Phase 1a: promise `ballot` for the whole log, and report what you accepted."""

    ballot: Ballot
    from_slot: int
    """Report from here on; the sender knows what was chosen before."""
    released: Ballot | None = None
    """The leader of this ballot has ended its lease, and wants the sender to lead."""

    def __post_init__(self) -> None:
        check_slot(self.from_slot)


@dataclass(frozen=True, slots=True)
class Promise:
    """Phase 1b: nothing below `ballot` will be accepted; here is a part of what was."""

    ballot: Ballot
    from_slot: int
    """Repeats the question: this part reports on slots `from_slot` … `to_slot`."""
    to_slot: int
    entries: tuple[Entry, ...]
    """Everything accepted in those slots; a slot without an entry is a hole."""
    is_last: bool
    """Nothing is accepted above `to_slot`. Otherwise ask again, from `to_slot + 1`."""
    chosen_upto: int
    """Entries up to here are known to be chosen."""
    truncated_upto: int
    """No slot up to here is reported, though all are chosen: the acceptor has a snapshot instead."""

    def __post_init__(self) -> None:
        check_slot(self.from_slot)


@dataclass(frozen=True, slots=True)
class Declined:
    """The ballot you use is below the one that I have promised."""

    promised: Ballot


@dataclass(frozen=True, slots=True)
class Accept:
    """Phase 2a: accept `value` in `slot`."""

    ballot: Ballot
    slot: int
    value: Value
    chosen_upto: int
    configured_in: int = 0
    """The slot that decided who may vote here. Who does not know yet that it is chosen must not."""

    def __post_init__(self) -> None:
        check_slot(self.slot)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Phase 2b: the value of `ballot` in `slot` is accepted, durably."""

    ballot: Ballot
    slot: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The leader of `ballot` is alive, and asks who follows it."""

    ballot: Ballot
    chosen_upto: int
    round: int
    """Counts the heartbeats of this ballot: see `reading`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Answers a Heartbeat: I follow the leader of `ballot`. A leader that hears none of it resigns."""

    ballot: Ballot
    round: int
    """From the Heartbeat: this was true after that round began."""
    chosen_upto: int = 0
    """How far the sender has come. Tells whether a replica that joins lags."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """The leader of `ballot` to one follower: campaign, as soon as you lack nothing up to here."""

    ballot: Ballot
    chosen_upto: int


@dataclass(frozen=True, slots=True)
class Outdated:
    """To who was removed, and asks for promises: you lack something, ask me for what was chosen."""

    chosen_upto: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """Tell me what was chosen from this slot on."""

    from_slot: int

    def __post_init__(self) -> None:
        check_slot(self.from_slot)


@dataclass(frozen=True, slots=True)
class Learn:
    """These consecutive entries are chosen."""

    entries: tuple[Entry, ...]
    chosen_upto: int


@dataclass(frozen=True, slots=True)
class FetchChunk:
    """Tell me more of this snapshot, or begin with a newer one if you no longer have it."""

    slot: int
    checksum: int
    offset: int

    def __post_init__(self) -> None:
        check_slot(self.slot)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a snapshot. Those of equal slot, size and checksum are parts of equal bytes."""

    slot: int
    size: int
    """Of the whole snapshot, in bytes."""
    checksum: int
    """CRC-32 of the whole."""
    offset: int
    data: bytes

    def __post_init__(self) -> None:
        check_slot(self.slot)
        if not self.data or self.offset + len(self.data) > self.size:
            raise ValueError(f"{len(self.data)} bytes at {self.offset} of {self.size}")


@dataclass(frozen=True, slots=True)
class Rejoin:
    """I lost my disk. What have you promised, and do you lead?"""

    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Answers a Rejoin."""

    nonce: int
    """From the question: an answer to an earlier life says nothing."""
    promised: Ballot
    """No ballot that this replica has promised, used or heard of is higher."""
    leads: Ballot | None
    """With this ballot, if it does."""
    accepted_upto: int
    """Of a leader: no lower than any slot that it had to recover."""


Message = (
    Prepare
    | Promise
    | Declined
    | Accept
    | Accepted
    | Heartbeat
    | Fetch
    | Learn
    | Probe
    | Willing
    | Heard
    | HandOver
    | FetchChunk
    | Chunk
    | Rejoin
    | Standing
    | Outdated
)


@dataclass(frozen=True, slots=True)
class PromiseRecord:
    """Hard state: nothing below `ballot` may be accepted any more."""

    ballot: Ballot


@dataclass(frozen=True, slots=True)
class AcceptRecord:
    """Hard state: this entry is accepted, which also promises its ballot."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class ChosenRecord:
    """A hint for a restart: slots up to this one are chosen. Losing it loses only time."""

    upto: int


@dataclass(frozen=True, slots=True)
class TruncatedRecord:
    """Slots up to this one are chosen and not in this journal: a durable snapshot holds them."""

    upto: int


@dataclass(frozen=True, slots=True)
class RejoinRecord:
    """This replica lost its disk: it must not vote until a `RejoinedRecord` says that it may."""


@dataclass(frozen=True, slots=True)
class RejoinedRecord:
    """What was lost is made good."""


@dataclass(frozen=True, slots=True)
class BeginRecord:
    """Who the members were when this replica began; nobody, if it began to join later.

    A file that is edited afterwards must not change what was agreed on.
    """

    members: tuple[ReplicaInfo, ...]


Record = (
    PromiseRecord
    | AcceptRecord
    | ChosenRecord
    | TruncatedRecord
    | RejoinRecord
    | RejoinedRecord
    | BeginRecord
)


def truncated_upto(records: Iterable[Record]) -> int:
    """Behind which slot a journal of `records` begins: a snapshot must reach that far."""
    return max((r.upto for r in records if isinstance(r, TruncatedRecord)), default=0)


# Numbers on the wire and on disk: never reuse one.
MESSAGES: Final[dict[int, type]] = {
    3: Declined,
    5: Accepted,
    7: Fetch,
    8: Learn,
    9: Probe,
    10: Willing,
    12: Heartbeat,  # 6 had no round
    14: HandOver,
    15: Prepare,  # 1 had no released
    16: FetchChunk,
    17: Chunk,
    18: Rejoin,
    19: Standing,
    20: Promise,  # 2 had no truncated_upto
    21: Accept,  # 4 had no configured_in
    22: Heard,  # 11 had no round, 13 no chosen_upto
    23: Outdated,
    32: Noop,
    33: Batch,
    34: Members,
}
RECORDS: Final[dict[int, type]] = {
    1: PromiseRecord,
    2: AcceptRecord,
    3: ChosenRecord,
    4: TruncatedRecord,
    5: RejoinRecord,
    6: RejoinedRecord,
    7: BeginRecord,
    32: Noop,
    33: Batch,
    34: Members,
}
