"""Histories at which a wrong reduction of the native search would show, and its limits.

Each reduction has a test that fails when it goes too far; that they go far enough is what the
large histories at the end are for, which nobody could decide without them.
"""

import gc
import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import structs

from checker import (
    ILLEGAL,
    UNKNOWN,
    Action,
    Budget,
    Linearizable,
    Model,
    ModelError,
    NotLinearizable,
    State,
    Undecided,
    VerdictKind,
    check,
    find_model,
    peak_resident_mb,
)
from checker.lowering import native_search
from checker.model import several
from history import Operation, Outcome
from tests.support.brute_force import brute_force
from tests.support.strategies import (
    ask_cas_register,
    ask_unique_register,
    atomic_history,
    operation,
    timeline,
)

pytestmark = pytest.mark.skipif(native_search() is None, reason="no native engine in this build")

REGISTER = find_model("register")
CAS = find_model("cas-register").with_initial(0)
YES, NO = VerdictKind.LINEARIZABLE, VerdictKind.NOT_LINEARIZABLE


def kind(operations: list[Operation], model: Model = CAS) -> VerdictKind:
    """The verdict, after making sure that it is the right one."""
    verdict = check(operations, model, engine="native", shrink=False)
    assert verdict.statistics.engines == {"native": 1}
    assert verdict.kind is brute_force(operations, model)
    return verdict.kind


def test_an_excused_write_stands_before_the_overwrite_that_hid_it() -> None:
    """The write of 1 is never seen: it went just before the write of 2, not after the read."""
    verdict = check(
        timeline(("write", 1, None, 0, 9), ("write", 2, None, 1, 2), ("read", None, 2, 10, 11)),
        CAS,
        engine="native",
    )
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == (0, 1, 2)


def test_a_write_called_after_the_last_overwrite_is_not_excused() -> None:
    rows = timeline(
        ("write", 2, None, 0, 1),
        ("write", 1, None, 2, 3),
        ("read", None, 2, 4, 5),
    )
    assert kind(rows) is NO


def test_an_excused_write_may_still_be_seen_before_it_returns() -> None:
    rows = timeline(
        ("write", 1, None, 0, 9),
        ("write", 2, None, 1, 2),
        ("read", None, 2, 3, 4),
        ("read", None, 1, 5, 6),
        ("read", None, 1, 10, 11),
    )
    assert kind(rows) is YES


def test_a_cas_hides_no_write() -> None:
    """A cas depends on the state that it finds, so it is no overwrite."""
    rows = timeline(
        ("write", 1, None, 0, 9),
        ("cas", [0, 2], True, 1, 2),
        ("read", None, 2, 10, 11),
    )
    assert kind(rows) is NO


def test_a_failed_cas_needs_no_single_value_so_no_value_is_dead() -> None:
    """Nobody reads 3, but the failed cas could only have found it."""
    rows = timeline(
        ("write", 3, None, 0, 20),
        ("write", 5, None, 1, 4),
        ("cas", [0, 1], False, 2, 3),
        ("cas", [5, 6], False, 5, 8),
        ("read", None, 5, 9, 10),
        ("write", 5, None, 6, 7),
    )
    assert kind(rows) is YES


def test_a_value_is_not_lost_while_a_later_write_can_bring_it_back_in_time() -> None:
    """The search stops at the write of 4, when neither the read nor what may serve it was called."""
    rows: list[tuple[str, Any, Any, int, int | None]] = [
        ("write", 1, None, 0, 1),
        ("write", 2, None, 2, 3),
        ("write", 4, None, 4, 5),
        ("read", None, 1, 6, 9),
    ]
    assert kind(timeline(*rows, ("write", 1, None, 7, 10)), REGISTER) is YES
    assert kind(timeline(*rows, ("write", 1, None, 10, 11)), REGISTER) is NO
    assert kind(timeline(*rows, ("write", 1, None, 7, None)), REGISTER) is YES
    assert kind(timeline(*rows, ("write", 1, None, 10, None)), REGISTER) is NO
    seen_first = [("write", 1, None, 0, 8), ("read", None, 2, 4, 5), *rows[1:2], rows[3]]
    assert kind(timeline(*seen_first), REGISTER) is YES


def test_a_value_is_not_dead_while_a_crashed_cas_could_start_from_it() -> None:
    rows = timeline(
        ("write", 1, None, 0, 1),
        ("cas", [1, 4], None, 2, None),
        ("write", 2, None, 3, 4),
        ("read", None, 4, 5, 6),
        ("write", 1, None, 3 + 4, 8),
        ("read", None, 4, 9, 10),
    )
    assert kind(rows) is NO
    assert kind(rows[:4]) is NO
    early = structs.replace(rows[0], return_=20, return_time=20)
    assert kind([early, *rows[1:4]]) is YES


def test_a_live_operation_goes_before_a_crashed_one_of_equal_effect() -> None:
    """Both write 1; the crashed one has to be left for the second read."""
    rows = timeline(
        ("write", 1, None, 0, None),
        ("write", 1, None, 1, 4),
        ("read", None, 1, 2, 3),
        ("write", 2, None, 5, 6),
        ("read", None, 1, 7, 8),
    )
    assert kind(rows) is YES
    again = timeline(*[(o.f, o.value, o.output, o.call, o.return_) for o in rows])
    again += [
        operation(5, "write", 3, None, call=9, return_=10),
        operation(6, "read", None, 1, call=11, return_=12),
    ]
    assert kind(again) is NO


def test_a_configuration_with_more_pending_reads_does_not_stand_for_one_with_fewer() -> None:
    """At the cas the state is 2 whether the 1 was there before or not; the read of 1 needs it."""
    rows = timeline(
        ("write", 1, None, 0, 10),
        ("write", 2, None, 1, 11),
        ("read", None, 1, 2, 12),
        ("read", None, 2, 3, 4),
        ("cas", [2, 5], True, 5, 6),
        ("read", None, 5, 13, 14),
    )
    assert kind(rows) is YES


class Bag(Model):
    """Adds and looks; the state is all that was added. Says nothing about itself."""

    name = "bag"
    initial: State = frozenset()

    def step(self, state: State, action: Action) -> State:
        if action.f == "add":
            return state | {action.value}
        return state if action.output is UNKNOWN or action.output == len(state) else ILLEGAL


def hopeless(size: int = 40) -> list[Operation]:
    """Any of 2^size sets may be there when somebody sees more than there can be."""
    adds = [("add", number, None, number, 1000 + number) for number in range(size)]
    looks = [("look", None, 1, 500, 501), ("look", None, size + 1, 502, 503)]
    return timeline(*adds, *looks)


def test_a_time_limit_is_honoured_and_the_event_that_was_reached_is_named() -> None:
    started = time.process_time()
    verdict = check(hopeless(), Bag(), engine="native", budget=Budget(time_limit_s=0.3))
    assert time.process_time() - started < 0.3 + 0.2
    assert isinstance(verdict, Undecided)
    assert "the time limit of 0.3 s was reached at the return of look returned" in verdict.reason


@pytest.mark.slow
def test_a_memory_limit_is_honoured_within_a_tenth() -> None:
    limit = peak_resident_mb() + 60
    verdict = check(
        hopeless(), Bag(), engine="native", budget=Budget(memory_limit_mb=limit, time_limit_s=60)
    )
    assert isinstance(verdict, Undecided)
    assert "the memory limit of" in verdict.reason
    assert peak_resident_mb() < 1.1 * limit


@pytest.mark.slow
def test_an_interrupt_ends_the_search() -> None:
    """What Ctrl-C does, while the search runs without the interpreter's lock."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    # Hypothesis times collections by a callback in Python; an interrupt that is taken there is
    # reported and lost, as in any finaliser.
    gc.disable()
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    started = time.process_time()
    try:
        with pytest.raises(KeyboardInterrupt):
            check(hopeless(), Bag(), engine="native", budget=Budget(time_limit_s=20))
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, before)
    assert time.process_time() - started < 0.3 + 0.2


def test_far_more_than_64_operations_may_be_live() -> None:
    rows = [("write", number, None, number, 10_000 + number) for number in range(700)]
    reads = [("read", None, number, 2_000 + 2 * number, 2_001 + 2 * number) for number in range(9)]
    assert check(timeline(*rows, *reads), CAS, engine="native").kind is YES
    stale = ("read", None, 3, 20_000, 20_001)
    late = ("write", -1, None, 19_000, 19_001)
    verdict = check(timeline(*rows, *reads, late, stale), CAS, engine="native")
    assert isinstance(verdict, NotLinearizable)
    assert verdict.counterexample.operation == len(rows) + len(reads) + 1


def test_thousands_of_crashed_operations_do_not_slow_the_search_down() -> None:
    rng = random.Random(5)
    crashed = [("write", rng.randrange(3000), None, number, None) for number in range(3000)]
    reads = [
        ("read", None, crashed[rng.randrange(3000)][1], 5000 + 2 * number, 5001 + 2 * number)
        for number in range(300)
    ]
    distinct = list({row[2]: row for row in reads}.values())
    started = time.process_time()
    assert check(timeline(*crashed, *distinct), CAS, engine="native").kind is YES
    verdict = check(
        timeline(*crashed, *distinct, ("read", None, -5, 8000, 8001)),
        CAS,
        engine="native",
        shrink=False,
    )
    assert verdict.kind is NO
    assert time.process_time() - started < 5


class Dice(Model):
    """A die that shows what it fell on, and need not say so at once."""

    name = "dice"
    nondeterministic = True
    initial = 0

    def step(self, state: State, action: Action) -> State:
        if action.f == "throw":
            return several(range(1, 7))
        if action.f == "turn":
            return 7 - state
        return state if action.output in (UNKNOWN, state) else ILLEGAL

    def is_observer(self, action: Action) -> bool:
        return action.f == "look"


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize(
    ("looks", "expected"), [((3, 3), YES), ((3, 4), NO), ((0,), NO), ((7,), NO)], ids=str
)
def test_a_model_may_leave_a_choice(
    looks: tuple[int, ...], expected: VerdictKind, engine: str
) -> None:
    """What a look shows must stay so: it tells which of the choices it was."""
    shown = [("look", None, seen, 4 + 2 * i, 5 + 2 * i) for i, seen in enumerate(looks)]
    verdict = check(timeline(("throw", None, None, 0, 1), *shown), Dice(), engine=engine)
    assert verdict.kind is expected


def test_a_choice_may_be_made_again_and_turned() -> None:
    rows = timeline(
        ("throw", None, None, 0, 1),
        ("look", None, 2, 2, 3),
        ("turn", None, None, 4, 10),
        ("look", None, 5, 5, 6),
        ("throw", None, None, 7, 11),
        ("look", None, 1, 8, 9),
    )
    assert check(rows, Dice(), engine="native").kind is YES


def test_a_model_that_chooses_without_saying_so_is_refused() -> None:
    class Silent(Dice):
        nondeterministic = False

    with pytest.raises(ModelError, match="led to several states: set `nondeterministic` to True"):
        check(timeline(("throw", None, None, 0, 1)), Silent(), engine="native")


def test_an_error_of_the_model_comes_out_of_the_native_search() -> None:
    class Failing(Model):
        name = "failing"

        def step(self, state: State, action: Action) -> State:
            raise ZeroDivisionError

    with pytest.raises(ModelError, match="the model failed on"):
        check(timeline(("any", None, None, 0, 1)), Failing(), engine="native")


def never_written(history: list[Operation]) -> list[Operation]:
    late = next(o for o in history if o.f == "read" and o.index > 0.8 * len(history))
    return altered(history, late, -77)


def altered(history: list[Operation], read: Operation, output: object) -> list[Operation]:
    changed = list(history)
    changed[read.index] = structs.replace(read, output=output)
    return changed


@pytest.mark.slow
@pytest.mark.parametrize("ask", [ask_cas_register, ask_unique_register], ids=["five", "distinct"])
@pytest.mark.parametrize("processes", [20, 50])
@pytest.mark.parametrize("crashed", [0.0, 0.02])
def test_a_thousand_operations_of_many_processes_are_decided(
    ask: Callable[[random.Random], tuple[str, Any]], processes: int, crashed: float
) -> None:
    """Where every other checker needs seconds to hours; the bounds leave room for slow machines."""
    rng = random.Random(processes)
    history = atomic_history(rng, CAS, ask, operations=1_000, processes=processes, crashed=crashed)
    started = time.process_time()
    assert check(history, CAS, engine="native").kind is YES
    assert time.process_time() - started < 1
    budget = Budget(time_limit_s=15)
    for broken in (never_written(history), *stale(history, rng)):
        verdict = check(broken, CAS, engine="native", budget=budget, shrink=False)
        assert verdict.kind is not VerdictKind.UNDECIDED
        assert broken[0].index or verdict.kind in (YES, NO)
    assert check(never_written(history), CAS, engine="native", shrink=False).kind is NO


def stale(history: list[Operation], rng: random.Random) -> Iterator[list[Operation]]:
    """Late reads that return what was read long before: illegal, or hard to tell."""
    reads = [o for o in history if o.f == "read" and o.outcome is Outcome.OK]
    late = [o for o in reads if o.index > 0.8 * len(history)]
    for read in rng.sample(late, 5):
        yield altered(history, read, rng.choice(reads[: len(reads) // 2]).output)


def test_a_lost_write_of_the_value_that_is_there_can_hide_another_one() -> None:
    """Once blamed: write 3, the lost write 0, the cas, the read."""
    history = timeline(
        ("cas", [0, 2], True, 1, 5),
        ("write", 3, None, 2, 6),
        ("write", 0, None, 3, None),
        ("read", None, 2, 9, 13),
    )
    verdict = check(history, find_model("cas-register").with_initial(0), engine="native")
    assert isinstance(verdict, Linearizable)
    assert list(verdict.witness.order) == [1, 2, 0, 3]
