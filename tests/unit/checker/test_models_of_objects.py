"""The models of queues, stacks, sets, locks, counters and lists, and that models are small."""

import random
import re
from pathlib import Path
from typing import Any

import pytest

from checker import (
    ILLEGAL,
    MODELS,
    UNKNOWN,
    Action,
    Model,
    ModelError,
    NotLinearizable,
    OperationError,
    State,
    VerdictKind,
    check,
    find_model,
)
from history import Operation
from tests.support.generators import KINDS, legal_history
from tests.support.strategies import operation, timeline

ROOT = Path(__file__).parents[3]
QUEUE, STACK, PRIORITY = map(find_model, ("fifo-queue", "stack", "priority-queue"))
SET, MUTEX, COUNTER, LIST = map(find_model, ("set", "mutex", "counter", "append-list"))


def play(model: Model, *actions: tuple[str, Any, Any]) -> State:
    """The state after (f, value, output), or ILLEGAL."""
    state = model.initial
    for f, value, output in actions:
        state = model.step(state, Action(f, value, output))
        if state is ILLEGAL:
            return ILLEGAL
    return state


def test_a_queue_gives_back_what_came_first() -> None:
    two = (("enqueue", 1, None), ("enqueue", 2, None))
    assert play(QUEUE, *two, ("peek", None, 1), ("dequeue", None, 1)) == (2,)
    assert play(QUEUE, *two, ("dequeue", None, 2)) is ILLEGAL
    assert play(QUEUE, *two, ("dequeue", None, None)) is ILLEGAL
    assert play(QUEUE, ("dequeue", None, None), ("peek", None, None)) == ()
    assert play(QUEUE, *two, ("dequeue", None, UNKNOWN)) == (2,)
    assert play(QUEUE, ("dequeue", None, UNKNOWN)) == ()


def test_a_stack_gives_back_what_came_last() -> None:
    two = (("push", 1, None), ("push", 2, None))
    assert play(STACK, *two, ("peek", None, 2), ("pop", None, 2)) == (1,)
    assert play(STACK, *two, ("pop", None, 1)) is ILLEGAL
    assert play(STACK, *two, ("pop", None, UNKNOWN), ("pop", None, 1), ("pop", None, None)) == ()


def test_a_priority_queue_gives_back_the_greatest() -> None:
    some = [("insert", value, None) for value in (3, 7.5, 5)]
    assert play(PRIORITY, *some, ("peek", None, 7.5), ("poll", None, 7.5), ("poll", None, 5))
    assert play(PRIORITY, *some, ("poll", None, 5)) is ILLEGAL
    assert play(PRIORITY, *some, ("poll", None, None)) is ILLEGAL
    assert play(PRIORITY, ("poll", None, None)) == frozenset([()])


def test_pairs_of_one_priority_come_in_any_order() -> None:
    tied = [("insert", [1, name], None) for name in "ab"]
    assert play(PRIORITY, *tied, ("poll", None, [1, "a"]), ("poll", None, [1, "b"]))
    assert play(PRIORITY, *tied, ("poll", None, [1, "b"]), ("poll", None, [1, "a"]))
    unknown = play(PRIORITY, *tied, ("poll", None, UNKNOWN))
    assert PRIORITY.describe_state(unknown) == '[[1, "a"]] or [[1, "b"]]'
    seen = PRIORITY.step(unknown, Action("peek", None, [1, "b"]))
    assert PRIORITY.step(seen, Action("poll", None, [1, "a"])) is ILLEGAL
    assert PRIORITY.step(seen, Action("poll", None, [1, "b"])) == frozenset([()])


def test_a_set_says_whether_it_changed() -> None:
    assert play(SET, ("add", 1, True), ("add", 1, False), ("contains", 1, True)) == {1}
    assert play(SET, ("add", 1, True), ("add", 1, True)) is ILLEGAL
    assert play(SET, ("remove", 1, False), ("contains", 1, False)) == frozenset()
    assert play(SET, ("remove", 1, True)) is ILLEGAL
    assert play(SET, ("add", 2, None), ("add", 1, 1), ("read", None, [1, 2])) == {1, 2}
    assert play(SET, ("add", 1, True), ("read", None, [1, 1])) is ILLEGAL
    assert play(SET, ("add", 1, UNKNOWN), ("add", 1, UNKNOWN), ("remove", 2, UNKNOWN)) == {1}


def test_a_lock_is_held_by_one() -> None:
    assert play(MUTEX, ("acquire", None, True), ("release", None, True)) == "free"
    assert play(MUTEX, ("acquire", None, True), ("acquire", None, True)) is ILLEGAL
    assert play(MUTEX, ("release", None, True)) is ILLEGAL
    assert play(MUTEX, ("acquire", None, True), ("acquire", None, False)) == "held"
    assert play(MUTEX, ("acquire", None, False)) is ILLEGAL


def test_a_lock_with_sessions_is_released_by_its_holder_only() -> None:
    assert play(MUTEX, ("acquire", 1, True), ("release", 2, True)) is ILLEGAL
    assert play(MUTEX, ("acquire", 1, True), ("release", 2, UNKNOWN)) == ("held", 1)
    assert play(MUTEX, ("acquire", 1, True), ("release", 1, True)) == "free"
    held = MUTEX.with_initial("held")
    assert held.step(held.initial, Action("release", 5, True)) == "free"


@pytest.mark.parametrize(("value", "state"), [(True, "held"), ("held", "held"), (False, "free")])
def test_the_initial_lock_is_told_by_a_word_or_a_boolean(value: object, state: str) -> None:
    assert MUTEX.with_initial(value).initial == state


def test_the_owner_of_a_lock_is_the_session_of_its_operation() -> None:
    acquire = operation(0, "acquire", "ignored", "yes", call=0, return_=1, process=9)
    assert MUTEX.action(acquire) == Action("acquire", None, True)
    assert MUTEX.describe(Action("acquire", 7, True)) == "acquire by session 7"
    assert MUTEX.describe(Action("release", None, False)) == "release that found it not held"


def test_a_counter_adds() -> None:
    assert play(COUNTER, ("add", 2, None), ("add", -5, UNKNOWN), ("read", None, -3)) == -3
    assert play(COUNTER, ("add", 2, None), ("read", None, 3)) is ILLEGAL
    assert COUNTER.with_initial(5).initial == 5


def test_a_list_grows_at_its_end() -> None:
    two = (("append", 1, None), ("append", True, None))
    assert play(LIST, *two, ("read", None, [1, True])) != ILLEGAL
    assert play(LIST, *two, ("read", None, [1, 1])) is ILLEGAL
    assert play(LIST, ("read", None, None), ("read", None, [])) == ()


@pytest.mark.parametrize(
    ("model", "value"),
    [(QUEUE, 1), (PRIORITY, ["a"]), (SET, {}), (MUTEX, "open"), (COUNTER, "1"), (LIST, 5)],
    ids=lambda thing: getattr(thing, "name", ""),
)
def test_an_initial_state_that_is_none_is_refused(model: Model, value: object) -> None:
    with pytest.raises(ModelError, match=f"^{model.name} (starts|holds)"):
        model.with_initial(value)


@pytest.mark.parametrize(
    ("name", "f", "value", "output", "message"),
    [
        ("fifo-queue", "enqueue", None, None, "enqueue takes a value other than null"),
        ("priority-queue", "insert", "a", None, r"insert takes a number or \[priority, payload\]"),
        ("priority-queue", "insert", [True, 1], None, "insert takes a number"),
        ("set", "contains", 1, None, "contains answers true or false, not null"),
        ("set", "read", None, 1, "read answers a list of all elements, not 1"),
        ("counter", "add", "1", None, 'add takes a number, not "1"'),
        ("counter", "read", None, None, "read answers a number, not null"),
        ("append-list", "read", None, "12", 'read answers a list, not "12"'),
        ("stack", "enqueue", 1, None, "enqueue"),
    ],
)
def test_what_does_not_fit_the_model_is_named(
    name: str, f: str, value: object, output: object, message: str
) -> None:
    """Also where a polynomial engine is asked first."""
    with pytest.raises(OperationError, match=message):
        check(timeline((f, value, output, 0, 1)), find_model(name))


def every_step(kind_name: str) -> list[tuple[State, Action]]:
    """States that an object went through, with actions of all its operations."""
    kind = KINDS[kind_name]
    history = legal_history(random.Random(kind_name), kind, 60, processes=4, crashed=0.1)
    actions = [kind.model.action(operation) for operation in history]
    state, steps = kind.model.initial, []
    for action in actions:
        steps += [(state, other) for other in actions]
        after = kind.model.step(state, action)
        state = state if after is ILLEGAL else after
    return steps


@pytest.mark.parametrize("name", KINDS)
def test_observers_change_nothing_and_unknown_outcomes_are_always_possible(name: str) -> None:
    model = KINDS[name].model
    for state, action in every_step(name):
        if model.is_observer(action):
            assert model.step(state, action) in (state, ILLEGAL)
        if action.output is UNKNOWN:
            assert model.step(state, action) is not ILLEGAL
        assert model.describe(action)
        assert model.describe_state(state)


def test_the_page_names_every_model_and_operation() -> None:
    page = (ROOT / "docs" / "models.md").read_text()
    for model in MODELS.values():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{model.name}`"))
        for f in model.operations:
            assert re.search(rf"`{f}\b", row), (model.name, f)


def examples() -> dict[str, str]:
    page = (ROOT / "docs" / "models.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return {match[1]: block for block in blocks if (match := re.search(r"class (\w+)", block))}


def example(name: str) -> Model:
    space: dict[str, Any] = {}
    exec(examples()[name], space)  # the page's own code
    model = space[name]()
    assert isinstance(model, Model)
    return model


def test_the_models_of_the_page_are_short() -> None:
    assert len(examples()) == 3
    assert all(len(block.splitlines()) < 20 for block in examples().values())


@pytest.mark.parametrize(
    ("name", "legal", "illegal"),
    [
        (
            "Sequence",
            timeline(("next", None, 1, 0, 2), ("next", None, 2, 1, 3)),
            timeline(("next", None, 2, 0, 1), ("next", None, 1, 2, 3)),
        ),
        (
            "Bank",
            timeline(("move", ["a", "b", 5], None, 0, 1), ("read", None, {"a": 5, "b": 15}, 2, 3)),
            timeline(("move", ["a", "b", 5], None, 0, 1), ("read", None, {"a": 5, "b": 10}, 2, 3)),
        ),
        (
            "Lease",
            timeline(
                ("take", "x", True, 0, 1), ("take", "y", False, 2, 3), ("drop", "x", None, 4, 5)
            ),
            timeline(("take", "x", True, 0, 1), ("take", "y", True, 2, 3)),
        ),
    ],
)
def test_the_models_of_the_page_judge(
    name: str, legal: list[Operation], illegal: list[Operation]
) -> None:
    model = example(name)
    assert check(legal, model).kind is VerdictKind.LINEARIZABLE
    assert isinstance(check(illegal, model), NotLinearizable)


@pytest.mark.parametrize("name", list(KINDS))
def test_an_object_that_is_replayed_does_what_the_steps_allow(name: str) -> None:
    """`Model.running` may be written apart from `step`, for speed."""
    rng = random.Random(f"running {name}")
    kind, impossible = KINDS[name], 0
    model = kind.model
    for _ in range(300):
        operations = legal_history(rng, kind, rng.randrange(1, 25), processes=3, crashed=0.1)
        running, state = model.running(), model.initial
        for one in rng.sample(operations, len(operations)):
            action = model.action(one)
            state = model.after(state, action)
            assert running.play(action) is (state is not ILLEGAL)
            if state is ILLEGAL:
                impossible += 1
                break
    assert impossible > 30
