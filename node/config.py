"""The configuration of a cluster: one TOML file, the same for every replica and the master.

cluster = "demo"                  # replicas and clients of another cluster are refused
data_dir = "/var/lib/gong"        # each replica writes below replica-<id>; relative to this file
protocol = "multipaxos"           # optional; or "mdl": sessions over all shards, in order
coordination = "fast"             # optional, of mdl only; or "durable"

[master]                          # optional
address = "127.0.0.1:7400"

[[replica]]
id = 1
peer_address = "127.0.0.1:7411"
client_address = "127.0.0.1:7412"
shard = 0                         # optional: the group that it belongs to, from 0 without gaps
process = 1                       # optional, else its id: who has the same runs in one process

[timing]                          # optional, as are all its keys
tick_ms = 10
election_timeout_ticks = 30
heartbeat_ticks = 5
batch_wait_ticks = 1              # for how long a command may wait for others, while some are under way
lease_ticks = 0                   # more than 0: the leader answers gets without asking a quorum,
clock_drift_percent = 10          # which is right as long as no clock is off by more than this

[limits]                          # optional, as are all its keys: see `Limits`
connections_max = 1024

[snapshots]                       # optional, as are all its keys
slots = 200000
journal_bytes = 8388608
slots_kept = 1024

[[delay]]                         # optional, for measurements: see `node/delays.py`
between = [1, "clients"]
ms = 45.0
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from node.delays import Delay, End, delay_s, problem as delays_problem
from node.errors import ConfigError
from node.settings import Limits, Snapshots, Timing
from node.types import Address, ReplicaId, ReplicaInfo

REPLICA_ID_MAX: Final = 1023
"""Of a replica, also one that is added later."""

_REPLICAS_MAX: Final = 15
"""Of a shard. Past this a round of messages costs more than the redundancy is worth."""

_REPLICAS_IN_ALL_MAX: Final = 60
"""With shards that talk, each has a link to each other; a peer port takes 64 connections."""

Protocol = Literal["multipaxos", "mdl"]
"""How the replicas of a shard agree, and whether shards keep the order of sessions over all of them."""

Coordination = Literal["fast", "durable"]
"""When an operation of a session may be answered for to the next one's shard: decided, or chosen."""


class ReplicaConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One member."""

    id: ReplicaId
    peer_address: Address
    client_address: Address
    metrics_address: Address | None = None
    shard: int = 0
    """Which group it belongs to."""
    process: int | None = None
    """Who has the same number runs in the same process; None: its own id."""

    @property
    def host(self) -> int:
        """The number of its process."""
        return self.id if self.process is None else self.process


class ClusterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What all members agree on."""

    cluster: str
    data_dir: Path
    replicas: tuple[ReplicaConfig, ...]
    """Of all shards."""
    master: Address | None = None
    protocol: Protocol = "multipaxos"
    coordination: Coordination = "fast"
    timing: Timing = Timing()
    limits: Limits = Limits()
    snapshots: Snapshots = Snapshots()
    delays: tuple[Delay, ...] = ()
    """Of links that are not as slow as `timing.delay_ms` says."""

    def delay_s(self, one: End, other: End) -> float:
        """How long a message between the two is held, one way; usually not at all."""
        return delay_s(self.delays, one, other, self.timing.delay_ms)

    @property
    def has_delays(self) -> bool:
        """Whether any link is slower than it is."""
        return bool(self.delays or self.timing.delay_ms)

    @property
    def shards(self) -> tuple[tuple[ReplicaId, ...], ...]:
        """The replicas of each shard, in the order of the file."""
        groups: dict[int, list[ReplicaId]] = {}
        for member in self.replicas:
            groups.setdefault(member.shard, []).append(member.id)
        return tuple(tuple(groups[shard]) for shard in sorted(groups))

    def group(self, shard: int) -> tuple[ReplicaInfo, ...]:
        """Where each replica of one shard is reached."""
        return tuple(_info(member) for member in self.replicas if member.shard == shard)

    def acquaintances(self, replica: ReplicaId) -> tuple[ReplicaInfo, ...]:
        """The replicas of other shards that this one talks with; nobody, unless shards coordinate."""
        shard = self.replica(replica).shard
        if self.protocol != "mdl":
            return ()
        return tuple(_info(member) for member in self.replicas if member.shard != shard)

    def journal_owner(self, replica: ReplicaId) -> str:
        """Whose the journal of a replica is; to another protocol, or shard, it would be nonsense."""
        said: list[str] = [] if self.protocol == "multipaxos" else [self.protocol]
        if len(self.shards) > 1:
            said.append(f"shard {self.replica(replica).shard} of {len(self.shards)}")
        return f"{self.cluster} ({', '.join(said)})" if said else self.cluster

    def hosted(self, process: int) -> tuple[ReplicaId, ...]:
        """The replicas of one process; raises ConfigError."""
        found = tuple(member.id for member in self.replicas if member.host == process)
        if found:
            return found
        if all(member.process is None for member in self.replicas):
            self.replica(ReplicaId(process))  # says what is wrong
        known = ", ".join(map(str, dict.fromkeys(member.host for member in self.replicas)))
        raise ConfigError(f"no process has number {process}; the file knows {known}")

    def replica(self, replica: ReplicaId) -> ReplicaConfig:
        """The member of that number; raises ConfigError."""
        for member in self.replicas:
            if member.id == replica:
                return member
        known = ", ".join(str(member.id) for member in self.replicas)
        raise ConfigError(f"no replica has id {replica}; the file knows {known}")

    def journal_path(self, replica: ReplicaId) -> Path:
        """The file that holds a replica's hard state."""
        return self.data_dir / f"replica-{replica}" / "journal"

    def epoch_path(self, shard: int = 0) -> Path:
        """The file in which the master keeps the epoch that it handed out last for a shard."""
        return self.data_dir / "master" / ("epoch" if shard == 0 else f"epoch-{shard}")


class _RawMaster(msgspec.Struct, forbid_unknown_fields=True):
    address: str


class _RawReplica(msgspec.Struct, forbid_unknown_fields=True):
    id: Annotated[int, msgspec.Meta(ge=1, le=REPLICA_ID_MAX)]
    peer_address: str
    client_address: str
    metrics_address: str | None = None
    shard: Annotated[int, msgspec.Meta(ge=0, le=_REPLICAS_IN_ALL_MAX - 1)] = 0
    process: Annotated[int, msgspec.Meta(ge=1, le=REPLICA_ID_MAX)] | None = None


class _RawConfig(msgspec.Struct, forbid_unknown_fields=True):
    cluster: Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
    # The journal's header has one byte for its length in UTF-8.
    data_dir: Annotated[str, msgspec.Meta(min_length=1)]
    replica: Annotated[
        list[_RawReplica], msgspec.Meta(min_length=1, max_length=_REPLICAS_IN_ALL_MAX)
    ]
    master: _RawMaster | None = None
    protocol: Protocol = "multipaxos"
    coordination: Coordination | None = None
    timing: Timing = Timing()
    limits: Limits = Limits()
    snapshots: Snapshots = Snapshots()
    delay: tuple[Delay, ...] = ()


def load_config(path: Path) -> ClusterConfig:
    """Read and validate a configuration file; raises ConfigError with file, key, value, reason."""
    try:
        data = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    try:
        raw = msgspec.convert(data, _RawConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_explain(str(error), data)}") from error
    return _validated(path, raw)


def _validated(path: Path, raw: _RawConfig) -> ClusterConfig:
    """What types cannot say: addresses parse, nothing is used twice, times fit together."""
    places: dict[Address, str] = {}

    def address(key: str, text: str) -> Address:
        try:
            parsed = Address.parse(text)
        except ValueError as error:
            raise ConfigError(f"{path}: {key}: {error}") from error
        if parsed in places:
            raise ConfigError(f"{path}: {key}: {text!r} is already used by {places[parsed]}")
        places[parsed] = key
        return parsed

    master = None if raw.master is None else address("master.address", raw.master.address)
    replicas: dict[int, ReplicaConfig] = {}
    for place, member in enumerate(raw.replica):
        if member.id in replicas:
            raise ConfigError(f"{path}: replica[{place}].id: {member.id} is used twice")
        replicas[member.id] = ReplicaConfig(
            id=ReplicaId(member.id),
            peer_address=address(f"replica[{place}].peer_address", member.peer_address),
            client_address=address(f"replica[{place}].client_address", member.client_address),
            metrics_address=None
            if member.metrics_address is None
            else address(f"replica[{place}].metrics_address", member.metrics_address),
            shard=member.shard,
            process=member.process,
        )
    if (problem := _layout_problem(raw)) is not None:
        raise ConfigError(f"{path}: {problem}")
    if (problem := delays_problem(raw.delay, replicas.keys())) is not None:
        raise ConfigError(f"{path}: {problem}")
    timing = raw.timing
    if timing.heartbeat_ticks * 2 > timing.election_timeout_ticks:
        raise ConfigError(
            f"{path}: timing.heartbeat_ticks: {timing.heartbeat_ticks} is more than half of "
            f"election_timeout_ticks ({timing.election_timeout_ticks}): one lost heartbeat would "
            "depose a leader"
        )
    if (problem := raw.limits.problem()) is not None:
        raise ConfigError(f"{path}: limits.{problem}")
    if timing.lease_ticks > timing.election_timeout_ticks:
        raise ConfigError(
            f"{path}: timing.lease_ticks: {timing.lease_ticks} is more than election_timeout_ticks "
            f"({timing.election_timeout_ticks}): nobody could be elected when a leader is missed"
        )
    return ClusterConfig(
        cluster=raw.cluster,
        data_dir=path.parent / raw.data_dir,
        replicas=tuple(replicas.values()),
        master=master,
        protocol=raw.protocol,
        coordination=raw.coordination or "fast",
        timing=timing,
        limits=raw.limits,
        snapshots=raw.snapshots,
        delays=raw.delay,
    )


def _layout_problem(raw: _RawConfig) -> str | None:
    """Why these shards, processes and protocol do not fit together."""
    if raw.coordination is not None and raw.protocol != "mdl":
        return (
            f"coordination: {raw.coordination!r} is for protocol 'mdl'; this is {raw.protocol!r}, "
            "whose shards do not coordinate"
        )
    sizes: dict[int, int] = {}
    places: dict[tuple[int, int], int] = {}
    for place, member in enumerate(raw.replica):
        sizes[member.shard] = sizes.get(member.shard, 0) + 1
        process = member.id if member.process is None else member.process
        other = places.setdefault((member.shard, process), member.id)
        if other != member.id:
            return (
                f"replica[{place}].process: {process} has replica {other} of shard {member.shard} "
                "already, and would take both down when it fails"
            )
    for shard in range(max(sizes)):
        if shard not in sizes:
            return f"replica: shard {shard} has none, though there is a shard {max(sizes)}"
    for shard, size in sizes.items():
        if size > _REPLICAS_MAX:
            return (
                f"replica: shard {shard} has {size}; Expected `array` of length <= {_REPLICAS_MAX}"
            )
    return None


def _info(member: ReplicaConfig) -> ReplicaInfo:
    return ReplicaInfo(member.id, str(member.peer_address), str(member.client_address))


def _explain(error: str, data: dict[str, Any]) -> str:
    """Turn msgspec's "reason - at `$.path`" into "path: value: reason"."""
    reason, _, where = error.partition(" - at ")
    key = where.strip("`").removeprefix("$.") or "the file"
    value: Any = data
    try:
        for part in re.findall(r"[^.\[\]]+", key):
            value = value[int(part)] if part.isdigit() else value[part]
    except (KeyError, IndexError, TypeError):
        return f"{key}: {reason}"
    return f"{key}: {reason}" if isinstance(value, dict | list) else f"{key}: {value!r}: {reason}"
