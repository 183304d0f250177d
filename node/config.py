"""The configuration of a cluster: one TOML file, the same for every replica and the master.

cluster = "demo"                  # replicas and clients of another cluster are refused
data_dir = "/var/lib/gong"        # each replica writes below replica-<id>; relative to this file

[master]                          # optional
address = "127.0.0.1:7400"

[[replica]]
id = 1
peer_address = "127.0.0.1:7411"
client_address = "127.0.0.1:7412"

[timing]                          # optional, as are all its keys
tick_ms = 10
election_timeout_ticks = 30
heartbeat_ticks = 5
lease_ticks = 0                   # more than 0: the leader answers gets without asking a quorum,
clock_drift_percent = 10          # which is right as long as no clock is off by more than this

[snapshots]                       # optional, as are all its keys
slots = 200000
journal_bytes = 8388608
slots_kept = 1024
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from node.errors import ConfigError
from node.types import Address, ReplicaId

_REPLICAS_MAX: Final = 15
"""Past this a round of messages costs more than the redundancy is worth."""


class ReplicaConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One member."""

    id: ReplicaId
    peer_address: Address
    client_address: Address


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast the cluster notices that a leader is silent, and how often a leader speaks."""

    tick_ms: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 10
    election_timeout_ticks: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 30
    heartbeat_ticks: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 5
    lease_ticks: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    clock_drift_percent: Annotated[int, msgspec.Meta(ge=0, le=50)] = 10
    delay_ms: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 0.0
    """For measurements: every message from another replica, and every one from or to a client, is
    held for so long, as if the network were that slow."""


class Snapshots(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a replica takes a snapshot and truncates its log: whatever comes first."""

    slots: Annotated[int, msgspec.Meta(ge=1)] = 200_000
    """Since the last one."""
    journal_bytes: Annotated[int, msgspec.Meta(ge=1)] = 8 * 1024 * 1024
    """That the journal has grown by; or by half of the last snapshot, if that is more. It is what a restart has to execute again."""
    slots_kept: Annotated[int, msgspec.Meta(ge=0)] = 1024
    """That stay in the log although a snapshot stands for them, for replicas that lag a little; at
    most a megabyte."""


class ClusterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What all members agree on."""

    cluster: str
    data_dir: Path
    replicas: tuple[ReplicaConfig, ...]
    master: Address | None = None
    timing: Timing = Timing()
    snapshots: Snapshots = Snapshots()

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


class _RawMaster(msgspec.Struct, forbid_unknown_fields=True):
    address: str


class _RawReplica(msgspec.Struct, forbid_unknown_fields=True):
    id: Annotated[int, msgspec.Meta(ge=1, le=1023)]
    peer_address: str
    client_address: str


class _RawConfig(msgspec.Struct, forbid_unknown_fields=True):
    cluster: Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
    # The journal's header has one byte for its length in UTF-8.
    data_dir: Annotated[str, msgspec.Meta(min_length=1)]
    replica: Annotated[list[_RawReplica], msgspec.Meta(min_length=1, max_length=_REPLICAS_MAX)]
    master: _RawMaster | None = None
    timing: Timing = Timing()
    snapshots: Snapshots = Snapshots()


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
        )
    timing = raw.timing
    if timing.heartbeat_ticks * 2 > timing.election_timeout_ticks:
        raise ConfigError(
            f"{path}: timing.heartbeat_ticks: {timing.heartbeat_ticks} is more than half of "
            f"election_timeout_ticks ({timing.election_timeout_ticks}): one lost heartbeat would "
            "depose a leader"
        )
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
        timing=timing,
        snapshots=raw.snapshots,
    )


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
