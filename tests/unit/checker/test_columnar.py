"""Registers on columns: each rule by hand, what is declined, and what the evidence looks like."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from checker import (
    Budget,
    Linearizable,
    Model,
    NotLinearizable,
    Undecided,
    Verdict,
    check,
    columnar,
    cut_down,
    find_model,
)
from checker.budget import Meter
from checker.columnar import search
from checker.evidence.certificate import certify
from checker.evidence.verify import verify
from checker.witness import flaw
from history import History, Operation
from history.columns import Columns, OperationsView
from history.formats import operations

pytestmark = pytest.mark.skipif(not columnar.IS_NATIVE, reason="no native engine in this build")

REGISTER = find_model("register")
CAS = find_model("cas-register")
KV = find_model("kv")

Row = tuple[str, Any, int, int | None] | tuple[str, Any, int, int | None, Any]


def history(*rows: Row) -> History:
    """From (f, value or result, call, return[, key]); a cas is ([old, new], succeeded)."""
    lines = []
    for number, (f, value, call, return_, *key) in enumerate(rows):
        line = {"process": number, "f": f, "call": call, "return": return_, "key": [*key, None][0]}
        if f in ("read", "get"):
            line["output"] = value
        elif f == "cas":
            line["value"], line["output"] = value
        else:
            line["value"] = value
        lines.append(json.dumps(line))
    found = operations.read(io.BytesIO("\n".join(lines).encode()))
    assert found.columns is not None
    return found


def judged(of: History, model: Model = REGISTER) -> Verdict | None:
    """The verdict; whatever it is, its evidence holds."""
    verdict = columnar.judge(of, model, meter=Meter(Budget()), shrink=True)
    if isinstance(verdict, Linearizable):
        assert flaw(of.operations, model, verdict.witness.order) is None
    return verdict


def rule_of(of: History, model: Model = REGISTER) -> tuple[str, tuple[int, ...]]:
    verdict = judged(of, model)
    assert isinstance(verdict, NotLinearizable)
    assert verdict.counterexample.core
    return verdict.counterexample.rule, verdict.counterexample.operations


def test_an_empty_history_is_linearizable() -> None:
    verdict = judged(history())
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == ()
    assert verdict.statistics.engines == {}


def test_reads_follow_their_write() -> None:
    verdict = judged(history(("write", 1, 0, 9), ("read", None, 1, 2), ("read", 1, 3, 4)))
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == (1, 0, 2)
    assert verdict.statistics.engines == {"zones": 1}


def test_a_stale_read() -> None:
    stale = history(
        ("write", 1, 0, 1),
        ("write", 2, 2, 3),
        ("read", 1, 4, 5),
        ("read", 2, 4, 6),
        ("read", 2, 7, 8),
    )
    rule, shown = rule_of(stale)
    assert rule == "overlapping zones"
    assert shown == (0, 1, 2)


def test_two_values_read_in_turn() -> None:
    turns = [("write", 1, 0, 9), ("write", 2, 0, 9)]
    reads = [("read", 1, 1, 2), ("read", 2, 3, 4), ("read", 1, 5, 6)]
    rule, shown = rule_of(history(*turns, *reads))
    assert rule == "overlapping zones"
    assert {2, 3, 4} <= set(shown)


def test_a_value_that_nobody_wrote() -> None:
    assert rule_of(history(("write", 1, 0, 1), ("read", 2, 2, 3))) == ("value never written", (1,))


def test_a_read_before_its_write() -> None:
    early = history(("read", 1, 0, 1), ("write", 1, 2, 3))
    assert rule_of(early) == ("chain inversion", (0,))


def test_the_initial_value_after_it_was_overwritten() -> None:
    rule, shown = rule_of(history(("write", 1, 0, 1), ("read", None, 2, 3)))
    assert rule == "overlapping zones"
    assert shown == (0, 1)


def test_a_touching_call_and_return_are_concurrent() -> None:
    assert isinstance(judged(history(("read", 1, 0, 2), ("write", 1, 2, 3))), Linearizable)
    assert isinstance(
        judged(history(("write", 1, 0, 1), ("write", 2, 2, 3), ("read", 1, 3, 4))), Linearizable
    )


@pytest.mark.parametrize("reads", [(), (("read", 2, 5, 6),)])
def test_a_crashed_write_took_effect_exactly_when_somebody_read_it(reads: tuple[Row, ...]) -> None:
    rows: list[Row] = [("write", 1, 0, 1), ("write", 2, 2, None), ("read", 1, 3, 4), *reads]
    verdict = judged(history(*rows))
    assert isinstance(verdict, Linearizable)
    assert (1 in verdict.witness.order) == bool(reads)
    assert verdict.statistics.crashed == 1


def test_a_crashed_write_that_was_read_cannot_be_unread() -> None:
    rows: list[Row] = [("write", 1, 0, 1), ("write", 2, 2, None), ("read", 2, 3, 4)]
    assert 3 in rule_of(history(*rows, ("read", 1, 5, 6)))[1]


def test_cas_link_values_to_a_chain() -> None:
    chain = [("cas", ([None, 1], True), 0, 9), ("cas", ([1, 2], True), 0, 9)]
    verdict = judged(history(*chain, ("read", 1, 1, 2), ("read", 2, 3, 4)), CAS)
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == (0, 2, 1, 3)
    rule, _ = rule_of(history(*chain, ("read", 2, 1, 2), ("read", 1, 3, 4)), CAS)
    assert rule == "chain inversion"


def test_two_cas_cannot_take_one_value() -> None:
    rows = [("cas", ([None, 1], True), 0, 9), ("cas", ([None, 2], True), 0, 9)]
    assert rule_of(history(*rows), CAS) == ("value used up twice", (0, 1))


def test_cas_in_a_circle() -> None:
    rows = [("cas", ([1, 2], True), 0, 9), ("cas", ([2, 1], True), 0, 9)]
    assert rule_of(history(*rows), CAS) == ("value cycle", (0, 1))


def test_a_cas_of_unknown_outcome_counts_when_its_value_was_taken_further() -> None:
    rows = [("cas", ([None, 1], None), 0, None), ("cas", ([1, 2], True), 3, 4)]
    verdict = judged(history(*rows, ("read", None, 1, 2)), CAS)
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == (2, 0, 1)


def test_a_cas_to_the_same_value_is_a_read() -> None:
    rows = [("write", 1, 0, 1), ("cas", ([1, 1], True), 2, 3), ("cas", ([1, 1], True), 4, 5)]
    assert isinstance(judged(history(*rows), CAS), Linearizable)


def test_a_failed_cas_is_placed_where_another_value_was() -> None:
    rows = [("write", 1, 0, 1), ("cas", ([1, 5], False), 2, 9), ("write", 2, 3, 4)]
    verdict = judged(history(*rows), CAS)
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == (0, 2, 1)


def test_a_failed_cas_without_a_place_is_for_the_search_to_judge() -> None:
    rows = [("write", 1, 0, 1), ("cas", ([1, 5], False), 2, 3)]
    verdict = judged(history(*rows), CAS)
    assert isinstance(verdict, NotLinearizable)
    assert verdict.statistics.engines == {"native": 1}
    assert verdict.counterexample.core == (0, 1)


def test_a_crashed_write_that_only_a_failed_cas_noticed_is_for_the_search_to_judge() -> None:
    rows = [("write", 1, 0, 1), ("write", 2, 2, None), ("cas", ([1, 5], False), 3, 4)]
    verdict = judged(history(*rows), CAS)
    assert isinstance(verdict, Linearizable)
    assert verdict.statistics.engines == {"native": 1}
    assert verdict.witness.order == (0, 1, 2)


def test_a_value_written_twice_is_for_the_search_to_judge() -> None:
    rows = [("write", 1, 0, 1), ("write", 2, 2, 3), ("write", 1, 4, 9), ("read", 1, 5, 6)]
    verdict = judged(history(*rows))
    assert isinstance(verdict, Linearizable)
    assert verdict.witness.order == (0, 1, 2, 3)
    assert verdict.statistics.engines == {"native": 1}


def test_without_shrinking_the_search_tells_what_could_not_be() -> None:
    rows = [("put", 1, 0, 1, "k"), ("put", 2, 2, 9, "k"), ("put", 1, 3, 4, "k")]
    wrong = ("get", 7, 5, 6, "k")
    verdict = columnar.judge(history(*rows, wrong), KV, meter=Meter(Budget()), shrink=False)
    assert isinstance(verdict, NotLinearizable)
    found = verdict.counterexample
    assert found.is_brief
    assert (found.operation, found.operations, found.core) == (3, (1, 3), ())
    assert found.explanation.endswith("the value could only be 1 or 2.")
    told = cut_down(history(*rows, wrong).operations, verdict, KV).counterexample
    assert not told.is_brief
    assert told.core == (3,)


def test_what_the_search_would_take_long_for_is_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("write", 1, 0, 1), ("write", 1, 2, 3), ("read", 1, 4, 5)]
    assert judged(history(*rows)) is not None
    monkeypatch.setattr(search, "_CONFIGURATIONS", 0)
    monkeypatch.setattr(search, "_CONFIGURATIONS_PER_OPERATION", 0)
    assert judged(history(*rows)) is None


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (REGISTER, [("write", [1, 2], 0, 1)]),
        (REGISTER, [("write", {"a": 1, "b": 2}, 0, 1), ("read", {"b": 2, "a": 1}, 2, 3)]),
        (REGISTER, [("read", [[{"a": 1}]], 2, 3)]),
        (REGISTER, [("cas", ([1, 2], True), 0, 1)]),
        (CAS, [("cas", (1, True), 0, 1)]),
        (KV, [("delete", None, 0, 1)]),
        (KV, [("append", "a", 0, 1)]),
        (find_model("fifo-queue"), [("enqueue", 1, 0, 1)]),
    ],
)
def test_what_is_not_for_this_engine_is_declined(model: Model, rows: list[Row]) -> None:
    assert judged(history(*rows), model) is None


def test_a_broken_key_is_found_although_another_is_declined() -> None:
    rows = [("put", 1, 0, 1, "x"), ("put", 1, 2, 3, "x"), ("get", 7, 0, 1, "y")]
    verdict = judged(history(*rows), KV)
    assert isinstance(verdict, NotLinearizable)
    assert verdict.counterexample.key == "y"


def test_keys_are_told_apart_as_json() -> None:
    keys: list[Any] = [1, "1", True, None]
    rows = [
        row for n, key in enumerate(keys) for row in (("put", n, n, n, key), ("get", n, 9, 9, key))
    ]
    verdict = judged(history(*rows), KV)
    assert isinstance(verdict, Linearizable)
    assert verdict.statistics.partitions == len(keys)


@pytest.mark.parametrize(
    ("initial", "is_valid"), [(7, True), (7.0, True), (True, False), ("7", False)]
)
def test_the_initial_value_is_compared_as_json(initial: object, is_valid: bool) -> None:
    verdict = judged(history(("read", 7, 0, 1)), REGISTER.with_initial(initial))
    assert isinstance(verdict, Linearizable if is_valid else NotLinearizable)


def test_check_asks_here_first_and_its_certificate_holds() -> None:
    stale = history(
        *[("write", n, 2 * n, 2 * n + 1) for n in range(40)],
        ("read", 3, 90, 91),
        ("read", 39, 92, 93),
    )
    verdict = check(stale, REGISTER)
    assert isinstance(verdict, NotLinearizable)
    assert verdict.counterexample.operation == 40
    assert "read returned 3" in verdict.counterexample.explanation
    certificate = certify(list(stale.operations), verdict, model="register")
    assert verify(stale.operations, certificate, REGISTER) is None


def test_the_core_costs_a_few_objects_and_is_given_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    stale = history(
        *[("write", n, 2 * n, 2 * n + 1) for n in range(400)],
        ("read", 3, 900, 901),
        ("read", 399, 902, 903),
    )
    made: list[int] = []
    real = Columns.operations

    def counted(self: Columns, begin: int, end: int) -> Iterator[Operation]:
        made.extend(range(begin, end))
        return real(self, begin, end)

    def refuse(_: OperationsView) -> Iterator[Operation]:
        pytest.fail("all operations became objects")

    monkeypatch.setattr(Columns, "operations", counted)
    monkeypatch.setattr(OperationsView, "__iter__", refuse)
    unasked = check(stale, REGISTER, shrink=False)
    assert isinstance(unasked, NotLinearizable)
    assert unasked.counterexample.core
    assert unasked.counterexample.is_minimal
    assert len(made) < 8
    assert check(stale, REGISTER) == unasked
    monkeypatch.undo()
    certificate = certify(stale.operations, unasked, model="register")
    assert verify(stale.operations, certificate, REGISTER) is None


def test_the_core_of_a_chain_takes_the_whole_history_and_is_given_when_asked() -> None:
    rows: list[Row] = [("cas", ([None, 1], True), 0, 9), ("cas", ([None, 2], True), 0, 9)]
    unasked = check(history(*rows), CAS, shrink=False)
    assert isinstance(unasked, NotLinearizable)
    assert unasked.counterexample.core == ()
    assert rule_of(history(*rows), CAS) == ("value used up twice", (0, 1))


def test_no_time_is_undecided() -> None:
    of = history(("write", 1, 0, 1))
    verdict = columnar.judge(of, REGISTER, meter=Meter(Budget(time_limit_s=1e-9)), shrink=True)
    assert isinstance(verdict, Undecided)
    assert verdict.reason == "the time limit of 1e-09 s was reached"


def test_too_little_memory_is_left_to_whoever_needs_less() -> None:
    of = history(("write", 1, 0, 1))
    assert columnar.judge(of, REGISTER, meter=Meter(Budget(memory_limit_mb=1)), shrink=True) is None
