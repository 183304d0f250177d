"""What a seed decides beforehand: the size of the cluster, the rates, and the faults with their times.

Plain data, so that a world can be printed, stored, and cut down: a smaller world is this one with
fewer faults, lower rates, fewer operations or replicas, and everything else in it happens as before.
Times are nanoseconds of the simulated world, chances parts of a million.
"""

from enum import Enum, Flag
from typing import Final

from msgspec import Struct, json, structs

US: Final = 1_000
MS: Final = 1_000_000
SECOND: Final = 1_000_000_000

TICK: Final = 10 * MS
"""Of replicas: so a second sees several elections, and a run of some seconds is long."""


class Kind(Enum):
    """The faults that happen at a time of their own; the rest are rates."""

    CRASH = "crash"
    """`target` loses all that is volatile; it restarts at `until`."""
    CRASH_AT_FAILPOINT = "crash-at-failpoint"
    """As CRASH, but when `target` passes the failpoint `where` for the first time after `at`, on the
    floor `runtime` with a write of `amount` bytes or more that no fsync has covered; it restarts
    `until - at` later."""
    PAUSE = "pause"
    """`target` stands still until `until`; what arrives meanwhile waits."""
    SLOW = "slow"
    """`target` takes `amount` ns for each event until `until`."""
    CUT = "cut"
    """Nothing passes from `target` to `other` until `until`."""
    CUT_BOTH = "cut-both"
    """Nothing passes between `target` and `other` until `until`."""
    ISOLATE = "isolate"
    """Nothing passes from or to `target` until `until`, clients included."""
    RING = "ring"
    """Every replica is cut from some so that each still sees a majority, and no two the same."""
    CLOCK_RATE = "clock-rate"
    """The clock of `target` runs `amount` millionths as fast until `until`."""
    CLOCK_STEP = "clock-step"
    """The wall clock of `target` jumps by `amount` ns."""
    CLOCK_STROBE = "clock-strobe"
    """The wall clock of `target` jumps there and back by `amount` ns until `until`."""
    FAIL_FSYNC = "fail-fsync"
    """The next fsync of `target` fails, and what it was to save is lost."""
    FAIL_READ = "fail-read"
    """When `target` restarts next, its disk cannot be read once."""
    FLIP_BIT = "flip-bit"
    """One bit that `target` has stored durably flips."""
    LOSE_DISK = "lose-disk"
    """`target` loses all that it has, its disk too; at `until` it comes back and knows that."""
    CLIENT_CRASH = "client-crash"
    """The client `target` goes; another takes its place at `until`."""
    CUT_LEADERS = "cut-leaders"
    """Until `until` one looks every `amount` ns who leads: nothing passes between that replica and
    the others any more, while clients go on asking it. At the end all of them are back at once."""
    TRANSFER = "transfer"
    """Whoever leads is asked to let `target` lead. No fault, but an operator's wish."""
    STRAND_LEADER = "strand-leader"
    """Whoever leads is asked to let `target` lead, or the next one if that leads itself, and in the
    same instant nothing passes any more between it and the others, until `until`. Clients go on
    asking it."""
    SUSPEND_LEADER = "suspend-leader"
    """Whoever leads stands still until `until`. What other replicas send it meanwhile is lost, what
    clients ask it waits, as when a virtual machine is moved."""
    USURP_LEADER = "usurp-leader"
    """Two are asked to lead, and the one who is not heard by the others campaigns in vain. `amount` ns
    after the other one leads all change sides: nobody hears that one any more until `until`, those
    who followed it lose power for a moment, and the rival is heard."""
    TURN_BACK = "turn-back"
    """As STRAND_LEADER, and when the next leader has chosen something all turn back to the old one:
    nobody hears the new one any more until `until`, and on the floor `core` as many as may lose
    their disks do so, come back at once, and are heard by the old one."""
    ADD_REPLICA = "add-replica"
    """An operator begins to add a spare replica, and asks whoever leads until it is a member."""
    REMOVE_REPLICA = "remove-replica"
    """The same, to remove a member: counting from 0, number `target`, modulo how many there are."""
    CRASH_LEADER = "crash-leader"
    """Whoever leads loses all that is volatile; it restarts at `until`."""
    HIDE_LEADER = "hide-leader"
    """For as long as `until - at` nothing passes from whoever leads to the other replicas of its shard
    (`amount` 0), nor back (1), or only not back (2). Other shards and clients hear it, and it hears
    them. It begins when that leader has `other` operations in hand that its shard knows of and that
    wait for other shards; with none, at once."""
    CUT_SHARDS = "cut-shards"
    """Nothing passes from the replicas of shard `shard` to those of other shards until `until`, nor
    back if `amount` is not 0. Inside its shard everybody hears everybody."""
    LOSE_DECISIONS = "lose-decisions"
    """For as long as `until - at` nothing passes from whoever leads to other shards, so that operations pile
    up there; then that is let go, and instead nobody in its shard hears the leader any more, until another
    one leads. `amount` says what happens besides (`Manner`)."""


CHANGES: Final = (Kind.ADD_REPLICA, Kind.REMOVE_REPLICA)
"""What an operator does about the members."""

OF_SHARDS: Final = (Kind.CRASH_LEADER, Kind.HIDE_LEADER, Kind.CUT_SHARDS, Kind.LOSE_DECISIONS)
"""What befalls clusters of shards only."""

ALL_SHARDS: Final = -1


class Manner(Flag):
    """What happens besides, when a leader loses decisions: any of it."""

    LATE = 1
    """What the leader says from the strike on arrives when the next one may decide."""
    UNANSWERED = 2
    """Nothing that the next leader asks about predecessors is answered for a while."""
    AGAIN = 4
    """The next leader is struck as well."""
    CRASH = 8
    """The leader crashes when it has answered for something, and one of its clients with it."""
    HOLES = 16
    """Its followers hear all but every other proposal of the leader, until that crashes: what it decided
    has holes."""


class Fault(Struct, frozen=True, kw_only=True):
    """One fault. `number` names its stream of draws, and stays when others are taken out."""

    number: int
    kind: Kind
    at: int
    target: int
    until: int = 0
    other: int = 0
    amount: int = 0
    where: str = ""
    shard: int = 0
    """Whose leader it befalls, when it befalls leaders; `ALL_SHARDS`: that of each, in the same instant."""


class Rates(Struct, frozen=True, kw_only=True):
    """What happens all the time. A rate of zero is switched off."""

    delay_min: int
    """Of a message, at least."""
    delay_mean: int
    """On top of that, exponentially distributed: so messages overtake each other."""
    loss: int = 0
    duplicate: int = 0
    late: int = 0
    """A message that takes seconds: it may arrive after its sender restarted."""
    late_max: int = 2 * SECOND
    kind: str = ""
    """A type of message that fares worse than the others, on the floor `core`."""
    kind_loss: int = 0
    kind_late: int = 0
    sync_mean: int = 2 * MS
    """How long an fsync takes, exponentially distributed."""
    sync_stall: int = 0
    """An fsync that takes 100 times as long."""
    tear: int = 0
    """At a crash, a write that no fsync covered is torn at its sectors."""
    survive: int = 0
    """At a crash, a write that no fsync covered is there."""


def healthy(rates: Rates) -> Rates:
    """The same without faults, and fast: what the last phase runs with."""
    return structs.replace(
        rates,
        loss=0,
        duplicate=0,
        late=0,
        kind_loss=0,
        kind_late=0,
        delay_min=min(rates.delay_min, 200 * US),
        delay_mean=min(rates.delay_mean, MS),
        sync_mean=min(rates.sync_mean, MS),
        sync_stall=0,
    )


class World(Struct, frozen=True, kw_only=True):
    """One run, before it begins."""

    seed: int
    protocol: str = "multipaxos"
    replicas: int
    """Of each shard; those of shard 0 are 1 … n, and each shard goes on counting."""
    shards: int = 1
    """Of whom each has a log of its own; key number k belongs to shard k modulo their number."""
    shared_machines: bool = False
    """One replica of each shard runs on a machine, all in one process; otherwise each has its own. On the
    floor `runtime` only. Links are cut between machines, so there is no cut between shards there."""
    coordination: str = ""
    """How shards agree on an order: "fast" or "durable"; empty with protocols that have no such thing."""
    coordination_ticks: int = 50
    """After which an operation that waits for its predecessor fails."""
    zigzags: int = 0
    """In percent: operations that go to and fro between two shards, of all that a client issues at once."""
    window: int = 1
    """Operations that a client has in flight at most, when its protocol keeps them in order."""
    spares: int = 0
    """Replicas that run from the beginning and are no members, until they are added."""
    clients: int
    operations: int
    """Over all clients."""
    keys: int
    padding: int = 0
    """Characters that put values are longer than needed: long writes are torn, short ones are not."""
    think_mean: int
    """Between two operations of one client."""
    patience: int = 2 * SECOND
    """After which a client gives an operation up."""
    rest: str = "frozen"
    """What becomes, in the last phase, of the replicas that are not in the quorum: they are "frozen",
    "deaf" (they send and hear nothing) or "mute" (they hear and nobody hears them)."""
    horizon: int
    """When the faults end, and the phase begins in which all must come to an end."""
    election_ticks: int = 10
    """Of 10 ms. With few of them a slow disk or a lost message is enough to depose a leader."""
    heartbeat_ticks: int = 0
    """How often a leader speaks; 0 is three times in an election timeout."""
    has_small_limits: bool = False
    """One command a slot, few slots at once, messages of two entries, few sessions: so that a short
    run meets what otherwise takes a long one."""
    reads_through_log: bool = False
    """A get takes a place in the log; otherwise it is a query, answered from the leader's state."""
    restless: int = 0
    """So many clients begin each operation at any replica, as behind a balancer of loads, and not at
    the one that answered last; on the floor `runtime` in a session of its own."""
    readers: int = 0
    """So many clients, the last ones, only read, and four times as often; where all others have
    sessions, by queries and without one, unless reads go through the log."""
    lease_ticks: int = 0
    """Leaders answer queries by leases of that many ticks; 0 is off. Then no clock is off by more than
    leases allow."""
    snapshot_slots: int = 0
    """After so many slots a replica takes a snapshot and truncates its log; 0: it never does."""
    chunk_bytes: int = 1024
    """Of a snapshot in one message."""
    slots_kept: int = 0
    """That stay in a log although a snapshot stands for them."""
    rates: Rates
    faults: tuple[Fault, ...] = ()
    mutant: str = ""
    reseed_at: int = 0
    """From here on every stream draws something else, if `reseed` is not 0: another future of the
    same past."""
    reseed: int = 0
    """Which other future."""

    def to_json(self) -> bytes:
        """For a file, or a worker."""
        return json.encode(self)

    @staticmethod
    def from_json(data: bytes) -> "World":
        """What `to_json` made."""
        return json.decode(data, type=World)


class Size(Struct, frozen=True, kw_only=True):
    """What the caller fixes; the seed decides the rest."""

    protocol: str = "multipaxos"
    replicas: int | None = None
    shards: int | None = None
    coordination: str | None = None
    operations: int | None = None
    loses_decisions: bool = True
    """Whether half of the worlds of mdl are about `Kind.LOSE_DECISIONS`; not where nobody plays it."""
    mutant: str = ""
