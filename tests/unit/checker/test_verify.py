"""The verifier: each condition has a history in which ignoring it would convict the innocent."""

import ast
from pathlib import Path

import pytest
from msgspec.structs import replace

from checker import Action, Model, State, VerdictKind, check, find_model
from checker.evidence import additions, conditions, items, verify as verify_module
from checker.evidence.certificate import Certificate, Core, Order, certify, digest_of, sealed
from checker.evidence.steps import Rule, Step
from checker.evidence.verify import verify
from history import Operation, Outcome
from tests.support.strategies import operation, timeline

KEY = Step(rule=Rule.KEY, operation=0)


def claim(history: list[Operation], model: str, core: tuple[int, ...], *steps: Step) -> Certificate:
    """That `core` convicts the history, by the steps."""
    return sealed(
        Certificate(
            verdict=VerdictKind.NOT_LINEARIZABLE,
            model=model,
            consistency="linearizable",
            operations=len(history),
            digest=digest_of(history),
            evidence=Core(
                operations=core,
                steps=(KEY, *steps),
                is_minimal=True,
                found_by="search",
                found=core,
                explanation="",
            ),
        )
    )


def reason(history: list[Operation], model: str, core: tuple[int, ...], *steps: Step) -> str:
    """Why a claim is refused."""
    flaw = verify(history, claim(history, model, core, *steps), find_model(model))
    assert flaw is not None
    return flaw.reason


def observers(*operations: int) -> Step:
    return Step(rule=Rule.OBSERVERS, operations=operations)


def values(*operations: int) -> Step:
    return Step(rule=Rule.VALUES, operations=operations)


def unobserved(*operations: int) -> Step:
    return Step(rule=Rule.UNOBSERVED, operations=operations)


def idle(*operations: int) -> Step:
    return Step(rule=Rule.IDLE, operations=operations)


def after(index: int) -> Step:
    return Step(rule=Rule.AFTER, operation=index)


def until(index: int) -> Step:
    return Step(rule=Rule.UNTIL, operation=index)


CHAIN = timeline(("write", 1, None, 0, 1), ("cas", [1, 2], True, 2, 3), ("read", None, 2, 4, 5))
MISS = timeline(
    ("write", 1, None, 0, 1),
    ("write", 2, None, 2, 3),
    ("cas", [1, 3], False, 4, 5),
)
APPENDS = timeline(("put", "a", None, 0, 1), ("append", "b", None, 2, 3), ("get", None, "ab", 4, 5))
APPEND_AND_MISS = timeline(
    ("append", "a", None, 0, 1),
    ("put", 1, None, 3, 7),
    ("cas", ["a", "ab"], False, 4, 6),
)
QUEUE = timeline(("enqueue", 1, None, 0, 1), ("dequeue", None, None, 2, None))
UNKNOWN_TAKE = timeline(
    ("enqueue", 1, None, 0, 1),
    ("enqueue", 2, None, 2, 3),
    ("dequeue", None, None, 4, None),
    ("dequeue", None, 2, 5, 6),
)
SET = timeline(("add", 1, True, 0, 1), ("add", 2, True, 2, 3), ("read", None, [1, 2], 4, 5))
LIST = timeline(("append", 1, None, 0, 1), ("append", 2, None, 2, 3), ("read", None, [1, 2], 4, 5))
OVERLAP = timeline(("write", 1, None, 0, 3), ("write", 2, None, 1, 2), ("read", None, 1, 4, 5))


@pytest.mark.parametrize(
    ("history", "model", "core", "step"),
    [
        (CHAIN, "cas-register", (1, 2), unobserved(0)),
        (CHAIN, "cas-register", (1, 2), values(0)),
        (CHAIN, "cas-register", (0, 2), observers(1)),
        (MISS, "cas-register", (0, 2), unobserved(1)),
        (MISS, "cas-register", (0, 2), values(1)),
        (APPENDS, "kv", (1, 2), values(0)),
        (APPEND_AND_MISS, "kv", (0, 2), values(1)),
        (APPEND_AND_MISS, "kv", (0, 2), unobserved(1)),
        (APPENDS, "kv", (0, 2), unobserved(1)),
        (UNKNOWN_TAKE, "fifo-queue", (0, 1, 3), idle(2)),
        (UNKNOWN_TAKE, "fifo-queue", (0, 1, 3), observers(2)),
        (UNKNOWN_TAKE, "fifo-queue", (0, 2, 3), values(1)),
        (SET, "set", (1, 2), values(0)),
        (LIST, "append-list", (1, 2), values(0)),
        (OVERLAP, "register", (2,), after(0)),
        (CHAIN, "cas-register", (2,), values(0, 1)),
        (QUEUE, "fifo-queue", (), after(0)),
        (CHAIN, "cas-register", (0, 1), observers(2, 7)),
        (CHAIN, "cas-register", (0, 1, 2), until(9)),
    ],
)
def test_an_innocent_history_is_not_convicted(
    history: list[Operation], model: str, core: tuple[int, ...], step: Step
) -> None:
    """Each step lacks its condition, or leaves too little."""
    assert check(history, find_model(model)).kind is VerdictKind.LINEARIZABLE
    assert reason(history, model, core, step)


STALE = timeline(
    ("write", 1, None, 0, 1),
    ("write", 2, None, 2, 3),
    ("write", 3, None, 4, 5),
    ("read", None, 1, 6, 7),
    ("read", None, 3, 8, 9),
)


@pytest.mark.parametrize(
    ("core", "steps"),
    [
        ((0, 1, 2, 3, 4), ()),
        ((0, 2, 3), (values(1), observers(4))),
        ((0, 2, 3), (until(3), unobserved(1))),
        ((2, 3), (until(3), unobserved(0, 1))),
        ((3,), (until(3), after(2))),
        ((3,), (until(3), Step(rule=Rule.AFTER, operation=2))),
        ((0, 1, 3), (Step(rule=Rule.OBSERVERS, keep=(3,)), Step(rule=Rule.VALUES, keep=(0, 1, 3)))),
    ],
)
def test_a_guilty_history_is_convicted_in_many_ways(
    core: tuple[int, ...], steps: tuple[Step, ...]
) -> None:
    assert verify(STALE, claim(STALE, "register", core, *steps), find_model("register")) is None


def test_a_core_that_is_not_what_the_steps_leave_is_refused() -> None:
    assert "do not lead to" in reason(STALE, "register", (0, 3), until(3))


def test_a_core_that_can_be_explained_is_refused() -> None:
    assert "explains all of their results" in reason(CHAIN, "cas-register", (0, 1, 2))


def test_steps_need_an_object_first() -> None:
    certificate = claim(STALE, "register", (0, 1, 2, 3, 4))
    assert isinstance(certificate.evidence, Core)
    for steps in ((), (until(3),), (Step(rule=Rule.KEY, operation=99),), (Step(rule=Rule.KEY),)):
        bare = sealed(replace(certificate, evidence=replace(certificate.evidence, steps=steps)))
        assert verify(STALE, bare, find_model("register")) is not None
    assert "wrong place" in reason(STALE, "register", (0, 1, 2, 3, 4), KEY)


def test_a_core_that_is_too_big_to_try_is_undecided() -> None:
    flaw = verify(
        STALE,
        claim(STALE, "register", (0, 1, 2, 3, 4)),
        find_model("register"),
        configurations_max=2,
    )
    assert flaw is not None
    assert flaw.is_undecided
    assert "5 operations" in flaw.reason


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ((0, 1, 2, 2), "twice"),
        ((0, 1), "completed, and is not in the order"),
        ((1, 2, 0), "returned"),
        ((0, 1, 2, 3), "did not happen"),
        ((0, 1, 2, 9), "did not happen"),
        ((1, 0, 2), "cannot have had its result"),
    ],
)
def test_an_order_is_replayed(order: tuple[int, ...], why: str) -> None:
    history = [
        operation(0, "write", 1, call=0, return_=3),
        operation(1, "write", 2, call=1, return_=2),
        operation(2, "read", None, 2, call=4, return_=5),
        operation(3, "write", 9, call=6, return_=7, outcome=Outcome.FAILED),
    ]
    certificate = certify(history, check(history, find_model("register")), model="register")
    assert verify(history, certificate, find_model("register")) is None
    wrong = sealed(replace(certificate, evidence=Order(operations=order)))
    flaw = verify(history, wrong, find_model("register"))
    assert flaw is not None
    assert why in flaw.reason


def test_evidence_of_the_other_kind_is_refused() -> None:
    certificate = claim(STALE, "register", (0, 1, 2, 3, 4))
    wrong = sealed(replace(certificate, verdict=VerdictKind.LINEARIZABLE))
    flaw = verify(STALE, wrong, find_model("register"))
    assert flaw is not None
    assert "not of the kind" in flaw.reason


class Lamp(Model):
    """A user's own."""

    name = "register"  # a name of ours lends it no rule of ours
    initial = False

    def step(self, state: State, action: Action) -> State:
        return not state if action.f == "write" else state


def test_a_users_model_is_only_believed_about_observers() -> None:
    history = timeline(("write", 1, None, 0, 1), ("read", None, None, 2, 3))
    for step in (values(0), unobserved(0), after(0)):
        flaw = verify(history, claim(history, "register", (1,), step), Lamp())
        assert flaw is not None
        assert "not sound" in flaw.reason


def test_the_verifier_shares_nothing_with_what_it_verifies() -> None:
    allowed = {
        "checker.evidence",
        "checker.evidence.certificate",
        "checker.evidence.conditions",
        "checker.evidence.items",
        "checker.evidence.steps",
        "checker.model",
        "checker.values",
        "checker.verdict",
        "history",
    }
    for module in (verify_module, conditions, additions, items):
        assert module.__file__ is not None
        tree = ast.parse(Path(module.__file__).read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        ours = {name for name in imported if name and name.split(".")[0] in {"checker", "history"}}
        assert ours <= allowed


NOT_OF_A_SET = timeline(("write", 1, None, 0, 1), ("read", None, [], 2, 3))
NOT_OF_A_LIST = timeline(("append", 1, None, 0, 1), ("read", None, 1, 2, 3))


@pytest.mark.parametrize(
    ("history", "model", "why"),
    [
        (NOT_OF_A_SET, "set", "operation 0 is 'write', which no set has"),
        (NOT_OF_A_LIST, "append-list", "operation 1 is not for append-list: read answers a list"),
    ],
)
def test_a_certificate_may_not_name_a_model_that_the_history_does_not_fit(
    history: list[Operation], model: str, why: str
) -> None:
    """A model says nothing of operations that it does not know: nothing follows from its answers."""
    guilty = claim(history, model, (0, 1))
    innocent = sealed(
        replace(guilty, verdict=VerdictKind.LINEARIZABLE, evidence=Order(operations=(0, 1)))
    )
    for certificate in (guilty, innocent):
        flaw = verify(history, certificate, find_model(model))
        assert flaw is not None
        assert why in flaw.reason


def test_an_operation_that_failed_need_not_fit() -> None:
    failed = operation(0, "write", 1, call=0, return_=1, outcome=Outcome.FAILED)
    history = [failed, operation(1, "read", None, [1], call=2, return_=3)]
    guilty = claim(history, "set", (1,), Step(rule=Rule.UNTIL, operation=1))
    assert verify(history, guilty, find_model("set")) is None


def test_operations_on_another_object_need_not_fit() -> None:
    """Judging may end before it sees them, and they are no part of the evidence."""
    wrong = operation(1, "write", 1, call=2, return_=3, key="y")
    history = [operation(0, "read", None, [1], call=0, return_=1, key="x"), wrong]
    assert verify(history, claim(history, "set", (0,)), find_model("set")) is None
