"""What an operator may tune: how patient a replica is and how much it does at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Times in ticks, and the limits of what one message and one leader may hold."""

    election_timeout_ticks: int = 30
    """Silence after which a follower thinks of a campaign, randomised to [n, 2n); for n ticks after
    a sign of life from a leader it is for nobody else's. A leader that for n ticks hears less than
    a quorum steps down."""
    heartbeat_ticks: int = 5
    """How often a leader speaks; also how long an unanswered question waits to be repeated."""
    slots_in_flight_max: int = 32
    """Enough for a long way: while commands wait for company, a slot a tick."""
    batch_wait_ticks: int = 1
    """How many ticks a command waits for others to share a slot with, as long as a slot is open; 0
    is not at all. A slot costs every replica a message, a write and an fsync, whatever is in it."""
    batch_commands_max: int = 512
    batch_bytes_max: int = 256 * 1024
    """A batch stays far below a frame; a single command may exceed this."""
    pending_max: int = 16 * 1024
    """Commands that wait for a slot; more are refused as OVERLOADED."""
    report_entries_max: int = 256
    """Entries in one Promise or Learn; with `report_bytes_max` this bounds their frame."""
    report_bytes_max: int = 1024 * 1024
    lease_ticks: int = 0
    """For how long a follower that answers a heartbeat helps nobody else to lead; 0 is off. All members
    must agree on it. At most an election timeout, after which it may have to help."""
    clock_drift_percent: int = 10
    """The bound on which leases rest: no clock is faster or slower than true time by more."""
    tick_ns: int = 10_000_000
    """How long a tick is by a replica's own clock."""
    slots_ahead_max: int = 64 * 1024
    """How far beyond its log an acceptor accepts: a slot number must not decide how much memory is
    taken. A replica that lags further catches up first."""

    def __post_init__(self) -> None:
        assert self.lease_ticks <= self.election_timeout_ticks, "a grant outlasts patience"
        assert 0 <= self.clock_drift_percent < 100, self.clock_drift_percent

    chunk_bytes_max: int = 256 * 1024
    """Of a snapshot in one message. Larger ones would hold up heartbeats behind them."""
    log_slots_kept: int = 1024
    """That stay in the log although a snapshot stands for them, for those who lag a little."""
    log_bytes_kept: int = 1024 * 1024
    """At most; they are written once more whenever the log is truncated."""
