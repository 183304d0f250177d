"""What `check` promises around the search: budgets, splitting, refusals, evidence."""

import random
import time

import pytest
from msgspec import structs

from checker import (
    Action,
    Budget,
    Linearizable,
    Model,
    ModelError,
    NotLinearizable,
    OperationError,
    State,
    Undecided,
    UnsupportedError,
    VerdictKind,
    check,
    find_model,
)
from history import Operation, Outcome
from tests.support.strategies import ask_cas_register, atomic_history, operation, timeline

REGISTER = find_model("register")


def hopeless(writers: int = 40, key: str | None = None, first_index: int = 0) -> list[Operation]:
    """A stale read among so many concurrent writes that the reference will not finish."""
    rows = [(f"w{number}", number, 1000 + number) for number in range(writers)]
    begin = [
        operation(first_index + i, "write", v, call=c, return_=r, key=key)
        for i, (v, c, r) in enumerate(rows)
    ]
    reads = [
        operation(
            first_index + writers + i,
            "read",
            None,
            f"w{i % 3}",
            call=500 + 2 * i,
            return_=501 + 2 * i,
            key=key,
        )
        for i in range(6)
    ]
    return [*begin, *reads]


def test_a_time_limit_ends_in_undecided_and_is_honoured() -> None:
    started = time.process_time()
    verdict = check(hopeless(), REGISTER, engine="reference", budget=Budget(time_limit_s=0.2))
    assert time.process_time() - started < 0.2 + 0.3
    assert isinstance(verdict, Undecided)
    assert verdict.reason.startswith("the time limit of 0.2 s was reached at the return of read")


@pytest.mark.slow
def test_a_memory_limit_ends_in_undecided() -> None:
    """The process is larger than one megabyte already, so the first look ends the search."""
    verdict = check(
        hopeless(), REGISTER, engine="reference", budget=Budget(memory_limit_mb=1, time_limit_s=20)
    )
    assert isinstance(verdict, Undecided)
    assert verdict.reason.startswith("the memory limit of 1 MB was reached")


def test_a_violation_on_one_key_outranks_doubt_about_another() -> None:
    stale = [
        operation(100, "write", 1, call=2000, return_=2001, key="y"),
        operation(101, "read", None, 2, call=2002, return_=2003, key="y"),
    ]
    verdict = check(
        [*hopeless(key="x"), *stale], REGISTER, engine="reference", budget=Budget(time_limit_s=0.2)
    )
    assert isinstance(verdict, NotLinearizable)
    assert verdict.counterexample.key == "y"


def test_doubt_about_one_key_outranks_all_others_being_fine() -> None:
    fine = [operation(100, "write", 1, call=2000, return_=2001, key="y")]
    verdict = check(
        [*hopeless(key="x"), *fine], REGISTER, engine="reference", budget=Budget(time_limit_s=0.2)
    )
    assert isinstance(verdict, Undecided)
    assert 'on key "x"' in verdict.reason
    assert verdict.statistics.engines == {"reference": 1}


def test_one_hard_key_does_not_use_up_the_time_of_another() -> None:
    """Two hopeless keys: both are looked at, and the reason counts them."""
    both = [*hopeless(key="x"), *hopeless(key="y", first_index=100)]
    ranks = {o.index: number for number, o in enumerate(both)}
    both = [
        structs.replace(o, call=o.call * 200 + ranks[o.index], return_=(o.return_ or 0) * 200 + 1)
        for o in both
    ]
    verdict = check(both, REGISTER, engine="reference", budget=Budget(time_limit_s=0.2))
    assert isinstance(verdict, Undecided)
    assert "1 more of 2 keys are undecided too" in verdict.reason


def test_failed_operations_did_not_happen() -> None:
    history = [
        operation(0, "write", 1, call=0, return_=1, outcome=Outcome.FAILED),
        operation(1, "read", None, None, call=2, return_=3),
    ]
    verdict = check(history, REGISTER)
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == (1,)
    assert verdict.statistics.operations == 2


def test_the_initial_value_can_be_given_and_null_is_a_value() -> None:
    reads_null = timeline(("read", None, None, 0, 1))
    reads_seven = timeline(("read", None, 7, 0, 1))
    seven = REGISTER.with_initial(7)
    assert check(reads_seven, seven).kind is VerdictKind.LINEARIZABLE
    assert check(reads_null, seven, initial=None).kind is VerdictKind.LINEARIZABLE
    assert check(reads_null, REGISTER, initial=7).kind is VerdictKind.NOT_LINEARIZABLE


def test_a_register_on_a_history_with_keys_is_one_register_a_key() -> None:
    history = [
        operation(0, "write", 1, call=0, return_=1, key="x"),
        operation(1, "read", None, None, call=2, return_=3, key="y"),
    ]
    verdict = check(history, REGISTER)
    assert verdict.kind is VerdictKind.LINEARIZABLE
    assert verdict.statistics.partitions == 2


def test_the_witness_of_several_keys_is_one_order_that_keeps_real_time() -> None:
    model = find_model("kv")
    history = atomic_history(
        random.Random(9), model, ask_cas_register, operations=400, processes=6, keys=5, crashed=0.01
    )
    verdict = check(history, model)
    assert isinstance(verdict, Linearizable)  # `check` has replayed the merged order
    completed = [o.index for o in history if o.outcome is Outcome.OK]
    assert set(completed) <= set(verdict.witness.order)


def test_an_operation_that_the_model_does_not_know_is_named_by_its_line() -> None:
    history = [operation(0, "push", 1, call=0, return_=1, line=17)]
    with pytest.raises(OperationError, match=r"^line 17: .* 'push'; expected read, write$"):
        check(history, REGISTER)


def test_a_malformed_argument_is_named_by_its_line() -> None:
    history = [operation(0, "cas", 5, True, call=0, return_=1, line=3)]
    with pytest.raises(OperationError, match=r"^line 3: cas takes a pair \[old, new\], not 5$"):
        check(history, find_model("cas-register"))
    history = [operation(0, "append", 5, call=0, return_=1)]
    with pytest.raises(OperationError, match=r"^operation 0: append takes a string, not 5$"):
        check(history, find_model("kv"))


def test_an_engine_or_consistency_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="expected one of auto, native, reference"):
        check([], REGISTER, engine="fast")
    with pytest.raises(UnsupportedError, match="expected one of linearizable, sequential, mdl"):
        check([], REGISTER, consistency="causal")


class Liar(Model):
    """Calls its only operation an observer, which it is not."""

    name = "liar"
    initial = 0

    def step(self, state: State, action: Action) -> State:
        return state + 1 if action.f == "add" else [state]

    def is_observer(self, action: Action) -> bool:
        return action.f == "add"


def test_a_model_is_held_to_its_declaration_of_observers() -> None:
    with pytest.raises(ModelError, match="an observer, but it changes 0 to 1"):
        check(timeline(("add", 1, None, 0, 1)), Liar())


def test_a_model_with_states_that_cannot_be_hashed_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot be hashed"):
        check(timeline(("other", 1, None, 0, 1)), Liar())


def test_a_model_that_fails_is_named_with_what_it_failed_on() -> None:
    with pytest.raises(ModelError, match="the model failed on"):
        check(timeline(("cas", [1, 2], True, 0, 1)), Failing())


class Failing(Model):
    name = "failing"

    def step(self, state: State, action: Action) -> State:
        raise ZeroDivisionError
