"""Pairing: which response answers which invocation, and which histories are refused."""

import msgspec
import pytest

from history import (
    MISMATCH,
    Event,
    Fail,
    HistoryError,
    Info,
    Invocation,
    Ok,
    Operation,
    Outcome,
    pair,
)
from history.event import Value

EVENTS = msgspec.json.Decoder(Invocation | Ok | Fail | Info)


def paired(*events: Event) -> list[Operation]:
    return pair(enumerate(events, start=1)).operations


def refused(*events: Event) -> HistoryError:
    with pytest.raises(HistoryError) as caught:
        paired(*events)
    return caught.value


def test_a_response_belongs_to_the_open_invocation_of_its_process() -> None:
    first, second = paired(
        Invocation(process=1, f="write", value=5, time=10),
        Invocation(process=2, f="read", time=11),
        Ok(process=2, f="read", value=5, time=12),
        Ok(process=1, f="write", value=5, time=13),
    )
    assert (first.value, first.call, first.return_) == (5, 0, 3)
    assert (second.output, second.call, second.return_) == (5, 1, 2)
    assert (second.call_time, second.return_time, second.line) == (11, 12, 2)


def test_operations_with_a_session_and_seq_may_overlap_in_one_process() -> None:
    first, second = paired(
        Invocation(process=1, f="write", value=1, session=7, seq=0),
        Invocation(process=1, f="write", value=2, session=7, seq=1),
        Ok(process=1, session=7, seq=1),
        Ok(process=1, session=7, seq=0),
    )
    assert first.outcome is second.outcome is Outcome.OK
    assert first.return_ is not None
    assert second.return_ is not None
    assert second.return_ < first.return_


def test_a_stamp_belongs_to_what_happened() -> None:
    operations = paired(
        Invocation(process=1, f="cas", value=[1, 2]),
        Fail(process=1, error=MISMATCH, stamp=(0, 7)),
        Invocation(process=1, f="write", value=1),
        Ok(process=1, stamp=("left", 3)),
        Invocation(process=1, f="write", value=1),
        Fail(process=1, error="refused", stamp=(0, 8)),
        Invocation(process=1, f="write", value=1),
        Info(process=1, stamp=(0, 9)),
    )
    assert [operation.stamp for operation in operations] == [(0, 7), ("left", 3), None, None]


@pytest.mark.parametrize("stamp", ["12:30", 7, [0], [0, 1, 2], [0, "7"], [0, True], [1.5, 7], {}])
def test_what_others_call_a_stamp_is_passed_over(stamp: Value) -> None:
    operations = paired(
        Invocation(process=1, f="write", value=1, stamp=stamp), Ok(process=1, stamp=stamp)
    )
    assert [operation.stamp for operation in operations] == [None]


def test_an_invocation_without_a_completion_is_unknown() -> None:
    (operation,) = paired(Invocation(process=1, f="write", value=1))
    assert operation.outcome is Outcome.UNKNOWN
    assert operation.return_ is None
    assert operation.return_time is None


def test_an_info_is_unknown_and_keeps_its_time_and_error() -> None:
    (operation,) = paired(
        Invocation(process=1, f="write", value=1, time=5), Info(process=1, time=9, error="timeout")
    )
    assert operation.outcome is Outcome.UNKNOWN
    assert operation.return_ is None
    assert (operation.return_time, operation.error) == (9, "timeout")


def test_a_mismatch_is_an_observation_and_any_other_fail_did_nothing() -> None:
    observed, nothing, succeeded = paired(
        Invocation(process=1, f="cas", value=[1, 2]),
        Fail(process=1, f="cas", error=MISMATCH),
        Invocation(process=1, f="cas", value=[1, 2]),
        Fail(process=1, f="cas", error="overloaded"),
        Invocation(process=1, f="cas", value=[1, 2]),
        Ok(process=1, f="cas", value=[1, 2]),
    )
    assert observed.is_mismatch
    assert (observed.outcome, observed.output) == (Outcome.OK, False)
    assert nothing.outcome is Outcome.FAILED
    assert (succeeded.outcome, succeeded.output) == (Outcome.OK, True)


def test_the_word_mismatch_means_nothing_for_other_operations() -> None:
    (operation,) = paired(
        Invocation(process=1, f="write", value=1), Fail(process=1, error=MISMATCH)
    )
    assert operation.outcome is Outcome.FAILED


def test_at_equal_times_calls_come_before_returns() -> None:
    """The second call is read after the first return, but touches it, so they are concurrent."""
    first, second = paired(
        Invocation(process=1, f="read", time=1),
        Ok(process=1, value=0, time=2),
        Invocation(process=2, f="read", time=2),
        Ok(process=2, value=0, time=3),
    )
    assert first.return_ is not None
    assert second.call < first.return_
    assert sorted([first.call, first.return_, second.call, second.return_ or -1]) == [0, 1, 2, 3]


def test_without_times_the_order_of_the_file_is_the_order() -> None:
    first, second = paired(
        Invocation(process=1, f="read"),
        Ok(process=1, value=0),
        Invocation(process=2, f="read"),
        Ok(process=2, value=0),
    )
    assert first.return_ is not None
    assert first.return_ < second.call
    assert not pair([(1, Invocation(process=1, f="read"))]).has_times


def test_an_operation_may_take_no_time_at_all() -> None:
    (operation,) = paired(Invocation(process=1, f="read", time=4), Ok(process=1, value=0, time=4))
    assert operation.return_ == operation.call + 1


def test_the_value_of_a_read_invocation_is_ignored() -> None:
    (operation,) = paired(Invocation(process=1, f="read", value=4), Ok(process=1, value=3))
    assert (operation.value, operation.output) == (None, 3)


def test_an_ok_without_a_value_has_no_output() -> None:
    (operation,) = paired(Invocation(process=1, f="write", value=4), Ok(process=1))
    assert operation.output is None


def test_events_of_somebody_with_a_name_are_kept_apart() -> None:
    result = pair(
        enumerate([Info(process="nemesis", f="kill"), Invocation(process=1, f="read", time=3)], 1)
    )
    assert [event.f for event in result.annotations] == ["kill"]
    assert len(result.operations) == 1
    assert result.has_times


def test_a_key_of_null_is_no_key() -> None:
    (operation,) = paired(EVENTS.decode(b'{"type":"invoke","process":1,"f":"get","key":null}'))
    assert operation.key is None


INVOKE = Invocation(process=1, f="read")


@pytest.mark.parametrize(
    ("events", "line", "words"),
    [
        pytest.param([INVOKE, INVOKE], 2, "invokes again", id="second invocation"),
        pytest.param([Ok(process=1)], 1, "no invocation", id="response first"),
        pytest.param(
            [INVOKE, Ok(process=1), Ok(process=1)], 3, "no invocation", id="two responses"
        ),
        pytest.param(
            [INVOKE, Info(process=1), INVOKE], 3, "after its info in line 2", id="retired"
        ),
        pytest.param([INVOKE, Ok(process=1, f="write")], 2, "f is 'write'", id="other f"),
        pytest.param(
            [Invocation(process=1, f="get", key="x"), Ok(process=1, key="y")],
            2,
            "key is 'y'",
            id="other key",
        ),
        pytest.param([INVOKE, Ok(process=1, key="y")], 2, "has none", id="key only in response"),
        pytest.param([Invocation(f="read")], 1, "no process", id="no process"),
        pytest.param([Invocation(process=1)], 1, "no f", id="no f"),
        pytest.param(
            [Invocation(process=1, f="get", key=[1])], 1, "key is not", id="key is a list"
        ),
        pytest.param(
            [Invocation(process=1, f="read", index=0), Ok(process=1, index=2)],
            2,
            "index 2, expected index 1",
            id="hole",
        ),
        pytest.param(
            [Invocation(process=1, f="read", index=1)], 1, "expected index 0", id="first index"
        ),
        pytest.param(
            [Invocation(process=1, f="read", index=0), Ok(process=1)],
            2,
            "no index, expected index 1",
            id="index missing",
        ),
        pytest.param([INVOKE, Ok(process=1, index=1)], 2, "bear no index", id="index appears"),
        pytest.param(
            [Invocation(process=1, f="read", time=5), Ok(process=1, time=4)],
            2,
            "goes back from 5 to 4",
            id="time goes back",
        ),
        pytest.param(
            [Invocation(process=1, f="read", time=5), Ok(process=1)],
            2,
            "no time",
            id="time missing",
        ),
        pytest.param([INVOKE, Ok(process=1, time=4)], 2, "bear no time", id="time appears"),
        pytest.param(
            [Invocation(process=1, f="cas", value=[1, 2]), Ok(process=1, value=False)],
            2,
            "mismatch",
            id="ok cas that says false",
        ),
    ],
)
def test_what_is_not_a_history_is_refused_with_its_line(
    events: list[Event], line: int, words: str
) -> None:
    error = refused(*events)
    assert error.line == line
    assert words in error.message


def in_session(seq: int, *, process: int = 1) -> Invocation:
    return Invocation(process=process, f="write", value=0, session=7, seq=seq)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(Info(process=1, session=7, seq=0), id="info"),
        pytest.param(Fail(process=1, session=7, seq=0, error="refused"), id="fail"),
    ],
)
def test_a_session_is_not_used_again_after_an_info_or_a_fail(ending: Event) -> None:
    error = refused(in_session(0), ending, in_session(1, process=2))
    assert error.line == 3
    assert "session 7" in error.message


def test_a_session_goes_on_after_a_mismatch() -> None:
    operations = paired(
        Invocation(process=1, f="cas", value=[1, 2], session=7, seq=0),
        Fail(process=1, session=7, seq=0, error=MISMATCH),
        in_session(1),
    )
    assert len(operations) == 2


def test_what_was_in_flight_when_a_session_ended_may_still_be_answered() -> None:
    _, second = paired(
        in_session(0),
        in_session(1),
        Fail(process=1, session=7, seq=0, error="refused"),
        Ok(process=1, session=7, seq=1),
    )
    assert second.outcome is Outcome.OK


def test_a_seq_is_used_once() -> None:
    assert "twice" in refused(in_session(0), Ok(process=1, session=7, seq=0), in_session(0)).message


def test_a_pair_keeps_to_its_process() -> None:
    error = refused(in_session(0), Ok(process=2, session=7, seq=0))
    assert "process is 2" in error.message
