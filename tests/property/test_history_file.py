"""Whatever a crash leaves of a history file, what was complete is read and nothing is made up."""

import io
import random
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from history import Event, Fail, HistoryError, Info, Invocation, Ok, Operation, Recorder, pair
from history.file import read, write
from history.formats.edn import read_all, read_one, write_one
from history.unpairing import events_of

FEW = settings(max_examples=25, deadline=None)
MANY = settings(max_examples=200, deadline=None)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
clocks = st.integers(0, 2**32).map(lambda seed: partial(random.Random(seed).randrange, 20))
"""Clocks that go back as often as forward."""


@st.composite
def recorded(draw: st.DrawFn) -> list[Event]:
    """Events of a few clients, some of them with sessions, under a clock that jumps about."""
    recorder = Recorder(None, draw(clocks), keep_events=True)
    open_calls: list[Invocation] = []
    free = [0, 1, 2]
    seq = 0
    for _ in range(draw(st.integers(0, 20))):
        step = draw(st.sampled_from(["invoke", "numbered", "ok", "mismatch", "info", "annotate"]))
        if step == "annotate":
            recorder.annotate("nemesis", "kill", draw(json_values))
        elif step == "invoke" and free:
            open_calls.append(
                recorder.invoke(
                    free.pop(), "cas", [1, draw(json_values)], key=draw(st.sampled_from("xy"))
                )
            )
        elif step == "numbered":
            open_calls.append(
                recorder.invoke(100, "write", draw(json_values), session="s", seq=seq)
            )
            seq += 1
        elif open_calls:
            call = open_calls.pop(draw(st.integers(0, len(open_calls) - 1)))
            finish(recorder, call, step, draw(json_values))
            if call.session is None:
                assert isinstance(call.process, int)
                free.append(call.process + 10 if step == "info" else call.process)
    return recorder.events


def finish(recorder: Recorder, call: Invocation, step: str, value: object) -> None:
    assert call.index is not None
    stamp = (call.index % 3, call.index) if call.index % 2 else None
    if call.session is None and step == "mismatch":
        recorder.fail(call, "mismatch", stamp=stamp)
    elif call.session is None and step == "info":
        recorder.info(call, value)
    else:
        recorder.ok(call, [value], stamp=stamp)


def lined(events: list[Event]) -> list[tuple[int, Event]]:
    return list(enumerate(events, start=1))


@FEW
@given(recorded(), st.data())
def test_a_file_cut_at_any_byte_holds_the_events_whose_lines_were_complete(
    events: list[Event], data: st.DataObject
) -> None:
    file = io.BytesIO()
    write(file, events, header={"model": "kv", "title": "é"})
    whole = file.getvalue()
    cut = data.draw(st.integers(0, len(whole)))
    history = read(io.BytesIO(whole[:cut]))

    complete = whole[:cut].split(b"\n")
    last = complete.pop()
    # A line that lacks only its newline is complete.
    is_torn = last != b"" and not whole[cut:].startswith(b"\n")
    count = len(complete) + (last != b"" and not is_torn)
    expected = pair((line + 1, event) for line, event in lined(events[: max(count - 1, 0)]))
    assert history.operations == expected.operations
    assert history.annotations == expected.annotations
    assert len(history.warnings) == is_torn


@FEW
@given(st.lists(st.integers(0, 20), max_size=30))
def test_recorded_times_strictly_increase_whatever_the_clock_does(ticks: list[int]) -> None:
    clock: Callable[[], int] = iter(ticks).__next__
    recorder = Recorder(None, clock, keep_events=True)
    for _ in ticks:
        recorder.annotate("somebody", "mark")
    times = [event.time or 0 for event in recorder.events]
    assert all(before < after for before, after in pairwise(times))
    assert all(time >= tick for time, tick in zip(times, ticks, strict=True))
    assert [event.index for event in recorder.events] == list(range(len(ticks)))


@pytest.mark.slow
@MANY
@given(recorded())
def test_ranks_are_distinct_and_tell_when_one_operation_ended_before_another_began(
    events: list[Event],
) -> None:
    operations = pair(lined(events)).operations
    ranks = [o.call for o in operations] + [o.return_ for o in operations if o.return_ is not None]
    assert sorted(ranks) == list(range(len(ranks)))
    for a in operations:
        for b in operations:
            if a.return_ is not None:
                assert a.return_time is not None
                assert (a.return_ < b.call) == (a.return_time < b.call_time)


@pytest.mark.slow
@MANY
@given(recorded())
def test_operations_survive_being_made_events_again(events: list[Event]) -> None:
    operations = pair(lined(events)).operations
    again = pair(lined(list(events_of(operations)))).operations

    def precedence(some: list[Operation]) -> list[tuple[int, int]]:
        return [
            (a.index, b.index)
            for a in some
            for b in some
            if a.return_ is not None and a.return_ < b.call
        ]

    assert precedence(again) == precedence(operations)
    for new, old in zip(again, operations, strict=True):
        assert (new.f, new.key, new.value, new.outcome) == (old.f, old.key, old.value, old.outcome)
        assert (new.output, new.stamp) == (old.output, old.stamp)


@given(
    st.binary(max_size=60) | st.builds(lambda text: text.encode(), st.text(alphabet='{}[]":,1a\n'))
)
def test_garbage_is_refused_and_nothing_else(garbage: bytes) -> None:
    try:
        read(io.BytesIO(garbage))
    except HistoryError as error:
        assert error.line is not None  # noqa: PT017 - a value is as good an outcome


@FEW
@given(st.text(alphabet='{}[]()#_"\\:;,/ \nab1-+.', max_size=30))
def test_garbage_is_no_edn_or_some_value(text: str) -> None:
    try:
        list(read_all(text, unwrap=True))
    except HistoryError as error:
        lines = range(1, text.count("\n") + 2)
        assert error.line in lines  # noqa: PT017 - a value is as good an outcome


@FEW
@given(json_values)
def test_edn_reads_what_it_wrote(value: object) -> None:
    assert read_one(write_one(value)) == value


@pytest.mark.slow
def test_every_kind_of_event_is_recorded_somewhere_above() -> None:
    """The strategy is worth nothing if some kind never comes up."""
    seen: set[type[Event]] = set()

    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    @given(recorded())
    def collect(events: list[Event]) -> None:
        seen.update(type(event) for event in events)

    collect()
    assert seen == {Invocation, Ok, Fail, Info}
