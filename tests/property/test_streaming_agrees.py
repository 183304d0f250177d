"""The stream against the batch: the same verdict, and an alarm at the first event that decides.

`GONG_BUDGET` sets how many histories the large test looks at.
"""

import os
import random
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import UNSET

from checker import Model, VerdictKind, check, find_model
from checker.streaming import StreamingChecker, StreamingVerdict
from history import MISMATCH, Event, Fail, Info, Invocation, Ok, Operation, Outcome, pair
from tests.support.strategies import (
    CAS_LETTERS,
    KV_LETTERS,
    REGISTER_LETTERS,
    Ask,
    Letter,
    ask_cas_register,
    ask_unique_register,
    atomic_history,
)

LETTERS: dict[str, Sequence[Letter]] = {
    "register": REGISTER_LETTERS,
    "cas-register": CAS_LETTERS,
    "kv": KV_LETTERS,
}


def random_events(rng: random.Random, letters: Sequence[Letter]) -> list[Event]:
    """Up to seven operations, each by its own process, on one or two keys; some times are equal."""
    count = rng.randrange(2, 8)
    ends = [number for number in range(count) for _ in range(2)]
    rng.shuffle(ends)
    chosen = [rng.choice(letters) for _ in range(rng.randrange(2, 5))]
    keys = rng.choice([(UNSET,), ("x", "y")])
    asked: dict[int, tuple[Letter, object]] = {}
    events: list[Event] = []
    time = 0
    for number in ends:
        time += rng.random() < 0.8
        if number not in asked:
            asked[number] = rng.choice(chosen), rng.choice(keys)
            (f, value, _), key = asked[number]
            events.append(Invocation(time=time, process=number, f=f, value=value, key=key))
            continue
        (f, value, output), key = asked[number]
        events += _response(rng, number, time, f, value, output, key)
    return events


def _response(  # noqa: PLR0917  # a row of a table
    rng: random.Random, number: int, time: int, f: str, value: object, output: object, key: object
) -> list[Event]:
    chance = rng.random()
    kwargs: dict[str, Any] = {"time": time, "process": number, "f": f, "key": key}
    if chance < 0.08:
        return []
    if chance < 0.16:
        return [Info(**kwargs)]
    if chance < 0.22:
        return [Fail(**kwargs)]
    if f == "cas" and output is False:
        return [Fail(**kwargs, error=MISMATCH)]
    return [Ok(**kwargs, value=value if f == "cas" else output)]


def batch(events: Sequence[Event], model: Model) -> VerdictKind:
    return check(pair(enumerate(events)).operations, model, engine="reference", shrink=False).kind


def stream(checker: StreamingChecker, events: Sequence[Event]) -> tuple[StreamingVerdict, int]:
    """The verdict, and after how many events the first alarm came (one past the last: never)."""
    first = len(events) + 1
    for position, event in enumerate(events):
        if checker.feed(event) is not None:
            first = min(first, position + 1)
    return checker.finish(), first


def agrees(events: list[Event], model: Model) -> VerdictKind:
    expected = batch(events, model)
    verdict, first = stream(StreamingChecker(model), events)
    assert verdict.kind is expected, events
    if first <= len(events):
        # The event that moved time on is not part of what was judged.
        assert batch(events[: first - 1], model) is VerdictKind.NOT_LINEARIZABLE, events
    return expected


def first_decided(events: Sequence[Event], model: Model) -> int:
    for length in range(len(events) + 1):
        if batch(events[:length], model) is VerdictKind.NOT_LINEARIZABLE:
            return length
    return len(events) + 1


@pytest.mark.parametrize("name", list(LETTERS))
def test_the_verdict_is_that_of_check_and_no_alarm_comes_before_its_reason(name: str) -> None:
    rng, model = random.Random(name), find_model(name)
    kinds = dict.fromkeys(VerdictKind, 0)
    for _ in range(150):
        kinds[agrees(random_events(rng, LETTERS[name]), model)] += 1
    assert kinds[VerdictKind.LINEARIZABLE] > 20
    assert kinds[VerdictKind.NOT_LINEARIZABLE] > 20


def test_with_a_trial_after_each_event_the_alarm_comes_with_the_first_event_that_decides() -> None:
    """Open operations may still return anything, so before that event nobody can know."""
    rng = random.Random(5)
    alarms = 0
    for _ in range(150):
        name = rng.choice(list(LETTERS))
        model = find_model(name)
        events = [_strictly_timed(e, t) for t, e in enumerate(random_events(rng, LETTERS[name]))]
        checker = StreamingChecker(model, has_ties=False, trial_min=1, trial_growth=1)
        _, first = stream(checker, events)
        expected = first_decided(events, model)
        assert first == expected, events
        alarms += first <= len(events)
    assert alarms > 30


@pytest.mark.slow
def test_thousands_of_small_random_streams() -> None:
    rng = random.Random(int(os.environ.get("GONG_SEED", "9")))
    budget = int(os.environ.get("GONG_BUDGET", "1500"))
    kinds = dict.fromkeys(VerdictKind, 0)
    for _ in range(budget):
        name = rng.choice(list(LETTERS))
        kinds[agrees(random_events(rng, LETTERS[name]), find_model(name))] += 1
    print({kind.value: count for kind, count in kinds.items()})  # noqa: T201
    assert kinds[VerdictKind.LINEARIZABLE] > budget / 8


@pytest.mark.parametrize("crashed", [0.0, 0.1])
@pytest.mark.parametrize("ask", [ask_cas_register, ask_unique_register])
def test_what_an_atomic_object_answered_never_rings(crashed: float, ask: Ask) -> None:
    rng = random.Random(4)
    model = find_model("cas-register").with_initial(0)
    for processes in (2, 5):
        history = atomic_history(
            rng, model, ask, operations=300, processes=processes, keys=2, crashed=crashed
        )
        verdict, first = stream(StreamingChecker(model), events_of(history))
        assert verdict.kind is VerdictKind.LINEARIZABLE
        assert first > len(history) * 2 or first == len(events_of(history)) + 1


def events_of(operations: Sequence[Operation]) -> list[Event]:
    """A history as it happened; each operation its own process."""
    timed: list[tuple[int, Event]] = []
    for o in operations:
        kwargs: dict[str, Any] = {"process": o.index, "f": o.f, "key": o.key}
        timed.append((o.call, Invocation(**kwargs, time=o.call, value=o.value)))
        if o.return_ is None:
            continue
        if o.outcome is Outcome.FAILED:
            event: Event = Fail(**kwargs, time=o.return_)
        elif o.f == "cas" and o.output is False:
            event = Fail(**kwargs, time=o.return_, error=MISMATCH)
        else:
            event = Ok(**kwargs, time=o.return_, value=o.value if o.f == "cas" else o.output)
        timed.append((o.return_, event))
    return [event for _, event in sorted(timed, key=lambda entry: entry[0])]


def _strictly_timed(event: Event, time: int) -> Event:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**fields, "time": time})
