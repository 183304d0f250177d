"""The meter: what it says when, and what it measures."""

from pathlib import Path

import pytest

from checker import budget, peak_resident_mb
from checker.budget import Budget, Meter, resident_mb


def test_without_limits_nothing_is_ever_exhausted() -> None:
    meter = Meter(Budget())
    meter.share(3)
    assert meter.exhausted() is None
    assert not meter.is_over()


def test_a_share_of_the_time_can_be_used_up_before_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("checker.budget.time.monotonic", lambda: now)
    meter = Meter(Budget(time_limit_s=10))
    meter.share(4)
    now = 102.4
    assert meter.exhausted() is None
    now = 102.5
    assert meter.exhausted() == "the time limit of 10 s was reached"
    assert not meter.is_over()
    meter.share(3)
    assert meter.exhausted() is None
    now = 110.0
    assert meter.is_over()


def test_resident_memory_is_measured_with_and_without_proc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert 1 < resident_mb() <= peak_resident_mb() + 1
    monkeypatch.setattr(budget, "_STATM", Path("/nowhere/statm"))
    assert resident_mb() == peak_resident_mb()
