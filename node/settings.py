"""The tables of the configuration that may be left out: times, snapshots, limits."""

from typing import Annotated, Final

import msgspec

from node.delays import Milliseconds
from node.wire.messages import COMMAND_BYTES_MAX, FRAME_BYTES_MAX

MIB: Final = 1024 * 1024


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast the cluster notices that a leader is silent, and how often a leader speaks."""

    tick_ms: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 10
    election_timeout_ticks: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 30
    heartbeat_ticks: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 5
    batch_wait_ticks: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 1
    lease_ticks: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    clock_drift_percent: Annotated[int, msgspec.Meta(ge=0, le=50)] = 10
    delay_ms: Milliseconds = 0.0
    """For measurements: every message to another replica, and every one from or to a client, is
    held for so long, as if the network were that slow."""


class Snapshots(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a replica takes a snapshot and truncates its log: whatever comes first."""

    slots: Annotated[int, msgspec.Meta(ge=1)] = 200_000
    """Since the last one."""
    journal_bytes: Annotated[int, msgspec.Meta(ge=1)] = 8 * 1024 * 1024
    """That the journal has grown by; or by the length of the last snapshot, if that is more. It is what a restart has to execute again."""
    slots_kept: Annotated[int, msgspec.Meta(ge=0)] = 1024
    """That stay in the log although a snapshot stands for them, for replicas that lag a little; at
    most a megabyte."""


_Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_Bytes = Annotated[int, msgspec.Meta(ge=1, le=1 << 40)]
_Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What clients may take of one replica; docs/operating.md adds the bytes up."""

    connections_max: _Count = 1024
    """Of clients. The next one is told so and closed; of those that have not said who they are,
    the oldest makes room."""
    requests_per_connection_max: _Count = 1024
    """Unanswered requests of one connection; at this credit it is not read any more."""
    requests_per_session_max: _Count = 1024
    """Unanswered requests of one session, over all connections; more are answered Overloaded."""
    requests_max: _Count = 16 * 1024
    """Unanswered requests of all clients; more are answered Overloaded."""
    request_bytes_max: _Bytes = 64 * MIB
    """The commands of all unanswered requests. Who has a sixteenth of it in flight is not read any
    more; what goes beyond it all is answered Overloaded."""
    command_bytes_max: Annotated[int, msgspec.Meta(ge=64, le=COMMAND_BYTES_MAX)] = COMMAND_BYTES_MAX
    """One command: its key and its value, and a few bytes; more is answered TooLarge."""
    output_bytes_max: _Bytes = 16 * MIB
    """Answers that wait for one client to read them; beyond that it is closed."""
    output_total_bytes_max: _Bytes = 128 * MIB
    """The same for all clients; beyond that, whoever has most is closed."""
    input_total_bytes_max: _Bytes = 64 * MIB
    """Frames of which only a part has arrived, of all clients; beyond that, whoever has most is
    closed."""
    peer_outbox_bytes_max: _Bytes = 16 * MIB
    """Messages that wait for one peer; beyond that the oldest are dropped."""
    frame_timeout_s: _Seconds = 15
    """How long a frame may take to arrive once it has begun."""
    read_timeout_s: _Seconds = 30
    """How long a client may let answers wait without reading anything."""

    def problem(self) -> str | None:
        """Why these limits do not fit together."""
        if self.output_bytes_max < FRAME_BYTES_MAX:
            return (
                f"output_bytes_max: {self.output_bytes_max} is less than one frame may have "
                f"({FRAME_BYTES_MAX})"
            )
        if self.output_total_bytes_max < self.output_bytes_max:
            return (
                f"output_total_bytes_max: {self.output_total_bytes_max} is less than "
                f"output_bytes_max ({self.output_bytes_max})"
            )
        if self.input_total_bytes_max < 2 * self.command_bytes_max:
            return (
                f"input_total_bytes_max: {self.input_total_bytes_max} does not hold two commands "
                f"of command_bytes_max ({self.command_bytes_max})"
            )
        if self.request_bytes_max < 16 * self.command_bytes_max:
            return (
                f"request_bytes_max: {self.request_bytes_max} is less than sixteen times "
                f"command_bytes_max ({self.command_bytes_max})"
            )
        return None
