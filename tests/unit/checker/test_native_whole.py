"""Several keys as one object, and parts judged side by side."""

import random
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from checker import (
    ILLEGAL,
    UNKNOWN,
    Action,
    Budget,
    Linearizable,
    Model,
    NotLinearizable,
    State,
    Undecided,
    VerdictKind,
    check,
    find_model,
)
from history import Operation
from tests.support.strategies import ask_cas_register, atomic_history, operation

KV = find_model("kv")
YES, NO = VerdictKind.LINEARIZABLE, VerdictKind.NOT_LINEARIZABLE


def keyed(*, broken: bool, keys: int = 6) -> list[Operation]:
    history = atomic_history(
        random.Random(11),
        KV,
        ask_cas_register,
        operations=600,
        processes=8,
        keys=keys,
        crashed=0.01,
    )
    if broken:
        end = 10 * len(history)
        history.append(operation(len(history), "read", None, -3, call=end, return_=end + 1, key=2))
    return history


@pytest.mark.parametrize("engine", ["auto", "native", "reference"])
def test_keys_may_be_judged_together_with_the_same_verdict(engine: str) -> None:
    few = keyed(broken=False)[:60]
    verdict = check(few, KV, engine=engine, partitioned=False)
    assert isinstance(verdict, Linearizable)
    assert verdict.statistics.partitions == 1


def test_a_violation_is_found_in_the_whole_and_told_with_its_key() -> None:
    verdict = check(keyed(broken=True), KV, partitioned=False)
    assert isinstance(verdict, NotLinearizable)
    assert verdict.counterexample.key == 2


class Accounts(Model):
    """Money moves between keys: nobody may judge them one by one."""

    name = "accounts"
    initial: State = ()

    def partition(self, operation: Operation) -> None:
        del operation

    def step(self, state: State, action: Action) -> State:
        amounts = dict(state)
        if action.f == "deposit":
            amounts[action.key] = amounts.get(action.key, 0) + action.value
        elif action.f == "move":
            source, target = action.value
            amounts[target] = amounts.get(target, 0) + amounts.pop(source, 0)
        elif action.output not in (UNKNOWN, amounts.get(action.key, 0)):
            return ILLEGAL
        return tuple(sorted(amounts.items()))

    def is_observer(self, action: Action) -> bool:
        return action.f == "balance"


@pytest.mark.parametrize("engine", ["auto", "native", "reference"])
def test_keys_that_depend_on_each_other_are_judged_as_a_whole(engine: str) -> None:
    """The balance of b alone is impossible; with the move under another key it is not."""
    history = [
        operation(0, "deposit", 5, None, call=0, return_=1, key="a"),
        operation(1, "move", ["a", "b"], None, call=2, return_=3, key="bank"),
        operation(2, "balance", None, 5, call=4, return_=5, key="b"),
        operation(3, "balance", None, 0, call=6, return_=7, key="a"),
    ]
    assert check(history, Accounts(), engine=engine).kind is YES
    wrong = [*history[:3], operation(3, "balance", None, 5, call=6, return_=7, key="a")]
    assert check(wrong, Accounts(), engine=engine).kind is NO


@pytest.mark.parametrize("broken", [False, True], ids=["valid", "broken"])
def test_an_executor_changes_nothing_but_the_time(*, broken: bool) -> None:
    history = keyed(broken=broken)
    alone = check(history, KV, shrink=False)
    with ThreadPoolExecutor(2) as executor:
        together = check(history, KV, shrink=False, executor=executor)
    assert together.kind is alone.kind
    if isinstance(alone, Linearizable) and isinstance(together, Linearizable):
        assert together.witness == alone.witness
        assert together.statistics == alone.statistics


@pytest.mark.slow
def test_parts_travel_to_other_processes() -> None:
    with ProcessPoolExecutor(2) as executor:
        assert check(keyed(broken=False), KV, executor=executor).kind is YES
        verdict = check(keyed(broken=True), KV, executor=executor)
        assert isinstance(verdict, NotLinearizable)
        assert verdict.counterexample.key == 2


def test_an_executor_keeps_the_time_limit() -> None:
    with ThreadPoolExecutor(1) as executor:
        verdict = check(
            keyed(broken=False),
            KV,
            executor=executor,
            budget=Budget(time_limit_s=0),
            engine="native",
        )
    assert isinstance(verdict, Undecided)
    assert "time limit of 0 s" in verdict.reason
