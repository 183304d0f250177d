"""Latency, rate and availability: what a report says of a history besides its verdict.

Pure functions of operations whose times are nanoseconds (`History.has_times`). Percentiles are
nearest-rank: the smallest latency that at least p percent of all do not exceed, so always one that
was measured. A cas that found another value is OK: it completed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from history.operation import Operation, Outcome

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000

UNAVAILABLE_S: Final = 0.2
"""A guess: far above a round trip on one machine, below the election that follows a lost leader (0.3 s
and more at the default timeouts of our own replicas)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from call to return, over operations that are OK."""

    p50: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many operations ended how."""

    ok: int = 0
    fail: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.ok + self.fail + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """What ended within one second of the run."""

    second: int
    """0 is the second that begins with the first call."""
    ok: int
    fail: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span in which nothing completed although somebody asked; seconds since the first call."""

    begin_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end_s - self.begin_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailability:
    """The windows of a run, and their sum and maximum."""

    windows: tuple[Window, ...]
    total_s: float
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyBucket:
    """The latency of what returned OK within a span of time."""

    begin_s: float
    """Since the first call."""
    count: int
    p50: float
    p99: float


def latency(operations: Iterable[Operation]) -> Latency | None:
    """Percentiles in milliseconds; `None` when nothing completed."""
    latencies = sorted(_latency_ms(operation) for operation in operations if _is_ok(operation))
    if not latencies:
        return None
    return Latency(
        p50=nearest_rank(latencies, 50),
        p90=nearest_rank(latencies, 90),
        p99=nearest_rank(latencies, 99),
        max=latencies[-1],
    )


def nearest_rank(ascending: Sequence[float], percent: int) -> float:
    """Return the smallest value that `percent` of all values do not exceed."""
    assert ascending
    assert 0 < percent <= 100
    return ascending[-(-len(ascending) * percent // 100) - 1]


def latency_buckets(
    operations: Iterable[Operation], *, bucket_s: float = 1.0
) -> list[LatencyBucket]:
    """Latency over time, by when operations returned; spans without a return are left out."""
    assert bucket_s > 0
    operations = list(operations)
    begin = _begin(operations)
    buckets: dict[int, list[float]] = {}
    for operation in operations:
        if _is_ok(operation):
            number = int((_end(operation) - begin) / NS_PER_S / bucket_s)
            buckets.setdefault(number, []).append(_latency_ms(operation))
    made = []
    for number in sorted(buckets):
        latencies = sorted(buckets[number])
        made.append(
            LatencyBucket(
                begin_s=number * bucket_s,
                count=len(latencies),
                p50=nearest_rank(latencies, 50),
                p99=nearest_rank(latencies, 99),
            )
        )
    return made


def counts(operations: Iterable[Operation]) -> Counts:
    """Count operations by outcome."""
    tally = dict.fromkeys(Outcome, 0)
    for operation in operations:
        tally[operation.outcome] += 1
    return Counts(ok=tally[Outcome.OK], fail=tally[Outcome.FAILED], unknown=tally[Outcome.UNKNOWN])


def counts_by_f(operations: Iterable[Operation]) -> dict[str, Counts]:
    """Count operations by outcome, for each name of an operation; the names are sorted."""
    by_f: dict[str, list[Operation]] = {}
    for operation in operations:
        by_f.setdefault(operation.f, []).append(operation)
    return {f: counts(by_f[f]) for f in sorted(by_f)}


def throughput(operations: Iterable[Operation]) -> list[Second]:
    """Count what ended in each second, without holes.

    An operation that nobody answered counts in the second of its call.
    """
    operations = list(operations)
    begin = _begin(operations)
    tallies: dict[int, dict[Outcome, int]] = {}
    for operation in operations:
        ended = operation.call_time if operation.return_time is None else operation.return_time
        tally = tallies.setdefault(int((ended - begin) // NS_PER_S), dict.fromkeys(Outcome, 0))
        tally[operation.outcome] += 1
    nothing = dict.fromkeys(Outcome, 0)
    return [
        Second(
            second=second,
            ok=tally[Outcome.OK],
            fail=tally[Outcome.FAILED],
            unknown=tally[Outcome.UNKNOWN],
        )
        for second in range(max(tallies, default=-1) + 1)
        for tally in [tallies.get(second, nothing)]
    ]


def unavailability(
    operations: Iterable[Operation], *, threshold_s: float = UNAVAILABLE_S
) -> Unavailability:
    """Find the spans longer than `threshold_s` in which clients asked and nothing completed OK.

    Between two successive OK returns (or the first call, or the last event), a window begins when
    an operation is first outstanding and ends with the next OK return. A quiet time in which nobody
    asks is therefore none, and a system that answers only with errors is unavailable.

        ok ──────── quiet ──────── call ── call fails ── call ───── ok
                                   └────────── window ─────────────┘
    """
    by_call = sorted(operations, key=lambda operation: operation.call_time)
    if not by_call:
        return Unavailability(windows=(), total_s=0.0, longest_s=0.0)
    calls = [operation.call_time for operation in by_call]
    returned = (operation.return_time for operation in by_call if operation.return_time is not None)
    end = max(calls[-1], max(returned, default=calls[-1]))
    latest_ends = list(
        accumulate((_outstanding_until(operation, end) for operation in by_call), max)
    )
    begin = calls[0]
    returns = sorted(_end(operation) for operation in by_call if _is_ok(operation))
    windows = []
    for left, right in pairwise([begin, *returns, end]):
        asked = bisect_right(calls, left)  # operations called until `left`
        if asked and latest_ends[asked - 1] > left:
            since = left
        elif asked < len(calls) and calls[asked] < right:
            since = calls[asked]
        else:
            continue
        if right - since > threshold_s * NS_PER_S:
            windows.append(
                Window(begin_s=(since - begin) / NS_PER_S, end_s=(right - begin) / NS_PER_S)
            )
    seconds = [window.seconds for window in windows]
    return Unavailability(
        windows=tuple(windows), total_s=sum(seconds), longest_s=max(seconds, default=0.0)
    )


def _is_ok(operation: Operation) -> bool:
    return operation.outcome is Outcome.OK


def _begin(operations: list[Operation]) -> int | float:
    return min((operation.call_time for operation in operations), default=0)


def _end(operation: Operation) -> int | float:
    assert operation.return_time is not None
    return operation.return_time


def _outstanding_until(operation: Operation, end: float) -> int | float:
    """When its client stopped waiting; `end` when it never did."""
    return end if operation.return_time is None else operation.return_time


def _latency_ms(operation: Operation) -> float:
    return (_end(operation) - operation.call_time) / NS_PER_MS
