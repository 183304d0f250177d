"""Latency, rate and availability, on histories small enough to check by eye."""

import pytest

from history import Operation, Outcome
from history.analysis import (
    Counts,
    Second,
    counts,
    counts_by_f,
    latency,
    latency_buckets,
    nearest_rank,
    throughput,
    unavailability,
)

S = 1_000_000_000
MS = 1_000_000


def operation(
    call: float, return_: float | None, outcome: Outcome = Outcome.OK, f: str = "read"
) -> Operation:
    """An operation whose times are given in seconds; ranks do not matter here."""
    return Operation(
        index=0,
        process=0,
        f=f,
        outcome=outcome,
        call=0,
        return_=None if outcome is Outcome.UNKNOWN else 1,
        call_time=round(call * S),
        return_time=None if return_ is None else round(return_ * S),
    )


@pytest.mark.parametrize(
    ("count", "percent", "value"),
    [(1, 50, 1), (1, 99, 1), (2, 50, 1), (3, 50, 2), (100, 99, 99), (101, 99, 100), (10, 100, 10)],
)
def test_a_percentile_is_the_smallest_value_that_enough_others_do_not_exceed(
    count: int, percent: int, value: int
) -> None:
    assert nearest_rank(range(1, count + 1), percent) == value


def test_latency_is_measured_over_what_completed() -> None:
    found = latency(
        [
            *(operation(0, ms / 1000) for ms in range(1, 101)),
            operation(0, 5, Outcome.FAILED),
            operation(0, 9, Outcome.UNKNOWN),
            operation(0, None, Outcome.UNKNOWN),
        ]
    )
    assert found is not None
    assert (found.p50, found.p90, found.p99, found.max) == (50, 90, 99, 100)


def test_nothing_completed_has_no_latency() -> None:
    assert latency([operation(0, 1, Outcome.FAILED)]) is None
    assert latency([]) is None


def test_latency_over_time_goes_by_the_return() -> None:
    early, late = latency_buckets(
        [operation(10, 10.1), operation(10, 10.3), operation(10.9, 12.4)], bucket_s=1
    )
    assert (early.begin_s, early.count, early.p50, early.p99) == (0, 2, 100, 300)
    assert (late.begin_s, late.count, late.p50) == (2, 1, 1500)


def test_every_second_is_counted_also_an_empty_one() -> None:
    found = throughput(
        [
            operation(5, 5.5),
            operation(5, 5.6, Outcome.FAILED),
            operation(5, 7.2),
            operation(5, 7.3, Outcome.UNKNOWN),
            operation(5.9, None, Outcome.UNKNOWN),
        ]
    )
    assert found == [
        Second(second=0, ok=1, fail=1, unknown=1),
        Second(second=1, ok=0, fail=0, unknown=0),
        Second(second=2, ok=1, fail=0, unknown=1),
    ]
    assert throughput([]) == []


def test_operations_are_counted_by_outcome_and_name() -> None:
    some = [operation(0, 1), operation(0, 1, Outcome.FAILED, "cas"), operation(0, 2, f="cas")]
    assert counts(some) == Counts(ok=2, fail=1)
    assert counts(some).total == 3
    assert counts_by_f(some) == {"cas": Counts(ok=1, fail=1), "read": Counts(ok=1)}


def windows(*some: Operation) -> list[tuple[float, float]]:
    found = unavailability(some).windows
    return [(window.begin_s, window.end_s) for window in found]


def test_a_window_lasts_from_one_completion_to_the_next_while_somebody_waits() -> None:
    assert windows(operation(0, 1), operation(0.9, 3), operation(3, 3.1)) == [(0, 1), (1, 3)]


def test_a_quiet_time_is_not_unavailable() -> None:
    assert windows(operation(0, 0.1), operation(10, 10.1)) == []


def test_a_window_begins_with_the_first_call_after_a_quiet_time() -> None:
    assert windows(operation(0, 0.1), operation(5, 6)) == [(5, 6)]


def test_a_system_that_answers_only_with_errors_is_unavailable() -> None:
    errors = [operation(1 + n / 10, 1.05 + n / 10, Outcome.FAILED) for n in range(20)]
    assert windows(operation(0, 0.1), *errors, operation(3, 3.1)) == [(1, 3.1)]


def test_a_run_may_end_unavailable() -> None:
    assert windows(operation(0, 0.1), operation(1, 9, Outcome.UNKNOWN)) == [(1, 9)]
    assert windows(operation(0, 5, Outcome.FAILED)) == [(0, 5)]


def test_a_client_that_gave_up_does_not_wait_any_more() -> None:
    assert windows(operation(0, 0.1, Outcome.UNKNOWN), operation(0, 0.15), operation(8, 8.2)) == []


def test_a_gap_as_long_as_the_threshold_is_no_window() -> None:
    assert windows(operation(0, 0.2)) == []
    assert len(unavailability([operation(0, 0.5)], threshold_s=0.4).windows) == 1


def test_windows_are_summed_and_the_longest_is_found() -> None:
    found = unavailability([operation(0, 1), operation(1, 3), operation(3, 3.2)])
    assert (found.total_s, found.longest_s) == (3, 2)
    assert unavailability([]).total_s == 0
