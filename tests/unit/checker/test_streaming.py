"""The stream: when it rings, what it remembers, what it says when it gives up."""

import random
from itertools import count

import pytest

from checker import Alarm, OperationError, StreamingChecker, VerdictKind, find_model
from history import Event, Fail, HistoryError, Info, Invocation, Ok, Recorder

REGISTER = find_model("register")


def fed(checker: StreamingChecker, *events: Event) -> list[Alarm | None]:
    return [checker.feed(event) for event in events]


def recorder() -> Recorder:
    clock = count()
    return Recorder(None, lambda: next(clock), keep_events=True)


def write(value: int) -> list[Event]:
    return [
        Invocation(process=1, f="write", value=value),
        Ok(process=1, f="write", value=value),
    ]


def test_a_stale_read_rings_as_it_returns() -> None:
    checker = StreamingChecker(REGISTER, has_ties=False)
    heard = fed(
        checker, *write(1), *write(2), Invocation(process=2, f="read"), Ok(process=2, value=1)
    )
    assert heard[:-1] == [None] * 5
    alarm = heard[-1]
    assert alarm is not None
    assert alarm.operation == 2
    assert alarm.explanation == (
        "read returned 1 (process 2, operation 2), but no order of the operations allows it. "
        "When it returned, the value could only be 2."
    )
    assert checker.finish().kind is VerdictKind.NOT_LINEARIZABLE


def test_no_alarm_before_a_result_that_may_explain_everything() -> None:
    """`r` begins, 1 is written, 2 is written, `r` returns 1: legal, though 1 is gone by then."""
    checker = StreamingChecker(REGISTER, has_ties=False, trial_min=1, trial_growth=1)
    read = Invocation(process=2, f="read")
    heard = fed(checker, read, *write(1), *write(2), Ok(process=2, value=1))
    assert heard == [None] * 6
    assert checker.finish().kind is VerdictKind.LINEARIZABLE


def test_a_client_that_hangs_does_not_hold_up_the_alarm() -> None:
    checker = StreamingChecker(REGISTER, has_ties=False)
    fed(checker, Invocation(process=9, f="write", value=9))
    reads: list[Event] = [Invocation(process=2, f="read"), Ok(process=2, value=7)]
    fed(checker, *(reads * 20))
    assert len(checker.alarms) == 1
    assert checker.lag == 0


def test_keys_ring_one_by_one_and_an_object_rings_once() -> None:
    checker = StreamingChecker(find_model("kv"), has_ties=False)
    for key in ("x", "y", "x"):
        fed(checker, Invocation(process=1, f="get", key=key), Ok(process=1, key=key, value=5))
    assert [alarm.key for alarm in checker.alarms] == ["x", "y"]


def test_equal_times_are_concurrent() -> None:
    events: list[Event] = [
        Invocation(process=1, f="write", value=1, time=1),
        Ok(process=1, time=5),
        Invocation(process=2, f="read", time=5),
        Ok(process=2, value=None, time=6),
    ]
    checker = StreamingChecker(REGISTER)
    assert fed(checker, *events) == [None] * 4
    assert checker.finish().kind is VerdictKind.LINEARIZABLE


@pytest.mark.parametrize(("how", "kind"), [(Info, "linearizable"), (Fail, "not-linearizable")])
def test_a_lost_write_may_be_seen_and_a_failed_one_may_not(how: type[Event], kind: str) -> None:
    checker = StreamingChecker(REGISTER)
    fed(checker, Invocation(process=1, f="write", value=1), how(process=1))
    fed(checker, Invocation(process=2, f="read"), Ok(process=2, value=1))
    assert checker.finish().kind.value == kind


def test_too_many_configurations_end_in_doubt_about_that_object_only() -> None:
    checker = StreamingChecker(find_model("kv"), has_ties=False, configurations_max=5)
    for process in range(6):
        fed(checker, Invocation(process=process, f="put", key="x", value=process))
    for process in range(6):
        fed(checker, Ok(process=process))
    fed(checker, Invocation(process=7, f="get", key="y"), Ok(process=7, value=None))
    verdict = checker.finish()
    assert verdict.kind is VerdictKind.UNDECIDED
    assert verdict.reason is not None
    assert verdict.reason.startswith('on key "x", from operation ')
    assert "more than 5 configurations" in verdict.reason
    fed(checker, Invocation(process=8, f="get", key="y"), Ok(process=8, value=3))
    assert checker.finish().kind is VerdictKind.NOT_LINEARIZABLE


def lost_writes_and_a_cas(checker: StreamingChecker) -> None:
    """A read of 2 that two lost cas explain, or a lost write."""
    lost = [("cas", [0, 1]), ("cas", [1, 2]), ("write", 2)]
    for process, (f, value) in enumerate(lost):
        fed(checker, Invocation(process=process, f=f, value=value), Info(process=process))
    fed(checker, *write(0), Invocation(process=9, f="read"), Ok(process=9, value=2))


def test_counts_that_are_merged_end_in_doubt_and_alarms_go_on() -> None:
    model = find_model("cas-register").with_initial(0)
    checker = StreamingChecker(model, has_ties=False, counts_max=1)
    lost_writes_and_a_cas(checker)
    verdict = checker.finish()
    assert verdict.kind is VerdictKind.UNDECIDED
    assert verdict.reason == checker.doubts[0]
    assert verdict.reason.startswith("from operation 4 on: ")
    fed(checker, Invocation(process=9, f="read"), Ok(process=9, value=7))
    assert checker.finish().kind is VerdictKind.NOT_LINEARIZABLE
    assert checker.doubts == []


def test_counts_that_are_few_are_exact() -> None:
    model = find_model("cas-register").with_initial(0)
    checker = StreamingChecker(model, has_ties=False)
    lost_writes_and_a_cas(checker)
    assert checker.finish().kind is VerdictKind.LINEARIZABLE
    fed(checker, *write(1), Invocation(process=9, f="read"), Ok(process=9, value=2))
    assert checker.finish().kind is VerdictKind.LINEARIZABLE
    fed(checker, *write(0), Invocation(process=9, f="read"), Ok(process=9, value=2))
    assert checker.finish().kind is VerdictKind.NOT_LINEARIZABLE


def test_many_lost_operations_over_few_values_do_not_hide_what_nobody_wrote() -> None:
    rng, model = random.Random(2), find_model("cas-register").with_initial(0)
    checker = StreamingChecker(model, has_ties=False, counts_max=2)
    state, process = 0, 10
    for _ in range(1_000):
        process += 1
        old, new = rng.randrange(5), rng.randrange(5)
        f, value = rng.choice([("write", new), ("cas", [old, new])])
        fed(checker, Invocation(process=process, f=f, value=value), Info(process=process))
        if (f == "write" or old == state) and rng.random() < 0.5:
            state = new
        fed(checker, Invocation(process=1, f="read"), Ok(process=1, value=state))
    assert not checker.alarms
    assert checker.size < 500
    assert checker.doubts
    fed(checker, Invocation(process=1, f="read"), Ok(process=1, value=5))
    assert len(checker.alarms) == 1


def test_a_result_that_does_not_come_ends_in_doubt() -> None:
    checker = StreamingChecker(REGISTER, has_ties=False, lag_max=50)
    fed(checker, Invocation(process=9, f="read"))
    for value in range(50):
        fed(checker, *write(value))
    assert checker.lag == 0
    verdict = checker.finish()
    assert verdict.kind is VerdictKind.UNDECIDED
    assert "has had no result while" in str(verdict.reason)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_history() -> None:
    """Every write is of a new value, so what is remembered must be forgotten again."""
    recorded, rng = recorder(), random.Random(1)
    checker = StreamingChecker(REGISTER, has_ties=False)
    sizes, value, heard = [], 0, 0
    for number in range(12_000):
        write = recorded.invoke(0, "write", number)
        read = recorded.invoke(1, "read")
        if rng.random() < 0.5:
            value = number
        recorded.ok(read, value if value == number else (number - 1 if number else None))
        recorded.ok(write)
        value = number
        events = recorded.events
        assert not any(fed(checker, *events[heard:]))
        heard = len(events)
        sizes.append(checker.size)
    assert checker.finish().kind is VerdictKind.LINEARIZABLE
    assert max(sizes) < 4096 + 100
    assert sizes[-1] < 4096 + 100


def test_events_that_are_no_history_are_refused() -> None:
    checker = StreamingChecker(REGISTER)
    with pytest.raises(HistoryError, match="no invocation of process 1 is open"):
        checker.feed(Ok(process=1))
    checker.feed(Invocation(process=1, f="read", time=5))
    with pytest.raises(HistoryError, match="process 1 invokes again"):
        checker.feed(Invocation(process=1, f="read", time=6))
    with pytest.raises(HistoryError, match="time goes back from 6 to 2"):
        checker.feed(Ok(process=1, time=2))
    checker = StreamingChecker(REGISTER, has_ties=False)
    checker.feed(Invocation(process=1, f="push", value=1))
    with pytest.raises(OperationError, match="operation 0: the model register has no operation"):
        checker.feed(Ok(process=1))
