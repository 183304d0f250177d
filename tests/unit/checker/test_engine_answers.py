"""What the polynomial engines say: which rule, which operations, which sentence, and when they pass."""

import re
from collections.abc import Iterator

import pytest
from msgspec import structs

from checker import Model, find_model
from checker.engines import engines_for
from checker.engines.interface import Accepted, Declined, Refuted
from checker.witness import flaw
from history import Operation
from tests.support.generators import KINDS, histories
from tests.support.strategies import operation, timeline

REGISTER, CAS, KV = (find_model(name) for name in ("register", "cas-register", "kv"))
QUEUE, STACK, PRIORITY = (find_model(name) for name in ("fifo-queue", "stack", "priority-queue"))
SET, MUTEX, COUNTER = (find_model(name) for name in ("set", "mutex", "counter"))
LIST = find_model("append-list")


def judge(part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
    answer: Accepted | Refuted | Declined = Declined("no engine")
    for engine in engines_for(model):
        answer = engine.judge(part, model)
        if not isinstance(answer, Declined):
            break
    return answer


def refutation(part: list[Operation], model: Model) -> tuple[str, tuple[int, ...], str]:
    answer = judge(part, model)
    assert isinstance(answer, Refuted), answer
    return answer.rule, answer.counterexample.operations, answer.counterexample.explanation


def accepts(part: list[Operation], model: Model) -> bool:
    answer = judge(part, model)
    return isinstance(answer, Accepted) and flaw(part, model, answer.order) is None


def reason(part: list[Operation], model: Model) -> str:
    answer = judge(part, model)
    assert isinstance(answer, Declined), answer
    return answer.reason


def test_a_stale_read_is_told_with_what_had_overwritten_its_value() -> None:
    part = timeline(
        ("write", 7, None, 0, 1),
        ("write", 9, None, 2, 3),
        ("read", None, 7, 4, 5),
    )
    rule, operations, words = refutation(part, REGISTER)
    assert (rule, operations) == ("overlapping zones", (0, 1, 2))
    expected = (
        "read returned 7 (process 2, operation 2), but 7 had been overwritten by write 9 (process "
        "1, operation 1), which was called after write 7 (process 0, operation 0) had returned and "
        "returned before this one was called; 7 was never made again."
    )
    assert words == expected


def test_a_read_of_the_initial_value_is_told_with_the_write_that_ended_it() -> None:
    part = timeline(("write", 1, None, 0, 1), ("read", None, 5, 2, 3))
    rule, operations, words = refutation(part, REGISTER.with_initial(5))
    assert (rule, operations) == ("overlapping zones", (0, 1))
    assert "but 5, the initial value, had been overwritten by write 1" in words


def test_a_cas_chain_out_of_order_is_told_with_its_order() -> None:
    part = timeline(
        ("write", 1, None, 0, 1),
        ("cas", [1, 2], True, 2, 3),
        ("read", None, 1, 4, 5),
    )
    rule, operations, words = refutation(part, CAS)
    assert (rule, operations) == ("chain inversion", (0, 1, 2))
    assert "but 1 had been overwritten by cas from 1 to 2 (process 1, operation 1), which" in words


def test_a_value_that_two_cas_used_up_is_told() -> None:
    part = timeline(
        ("write", 1, None, 0, 1), ("cas", [1, 2], True, 2, 9), ("cas", [1, 3], True, 4, 5)
    )
    rule, operations, words = refutation(part, CAS)
    assert (rule, operations) == ("value used up twice", (0, 1, 2))
    assert words.endswith("both found 1 and replaced it, but 1 was made only once.")


def test_cas_that_need_each_other_are_a_cycle() -> None:
    part = timeline(("cas", [1, 2], True, 0, 9), ("cas", [2, 1], True, 1, 8))
    rule, operations, _ = refutation(part, CAS)
    assert (rule, operations) == ("value cycle", (0, 1))


def test_a_crashed_write_took_effect_when_it_was_read() -> None:
    crashed = ("write", 1, None, 0, None)
    assert accepts(timeline(crashed, ("read", None, None, 1, 2), ("read", None, 1, 3, 4)), REGISTER)
    assert accepts(timeline(crashed, ("read", None, None, 1, 2)), REGISTER)
    part = timeline(crashed, ("read", None, 1, 1, 2), ("read", None, None, 3, 4))
    assert refutation(part, REGISTER)[1] == (0, 1, 2)


def test_a_failed_cas_is_put_where_its_value_was_not() -> None:
    part = timeline(
        ("write", 1, None, 0, 1), ("cas", [1, 2], False, 2, 9), ("write", 3, None, 4, 5)
    )
    assert accepts(part, CAS)
    assert "fits nowhere" in reason(part[:2], CAS)


def test_a_delete_writes_null() -> None:
    part = timeline(("put", 1, None, 0, 1), ("delete", None, None, 2, 3))
    assert accepts(part, KV)
    (zones, _) = engines_for(KV)
    answer = zones.judge([*part, operation(2, "get", None, None, call=4, return_=5)], KV)
    assert answer == Declined("value null is written more than once")


def test_texts_are_taken_apart_where_no_piece_begins_another() -> None:
    part = timeline(
        ("append", "a;", None, 0, 1), ("append", "b;", None, 2, 3), ("get", None, "a;b;", 4, 5)
    )
    assert accepts(part, KV)
    swapped = [*part[:2], structs.replace(part[2], output="b;a;")]
    assert refutation(swapped, KV)[0] == "chain inversion"
    doubled = [*part[:2], structs.replace(part[2], output="a;a;b;")]
    rule, operations, words = refutation(doubled, KV)
    assert (rule, operations) == ("appended twice", (2,))
    assert words.endswith('with "a;" twice, but that was not written twice.')
    prefix = [*part[:2], operation(3, "append", "a", None, call=6, return_=7)]
    assert "is the beginning of another" in reason(prefix, KV)


def test_a_list_that_misses_an_element_is_told_with_the_append() -> None:
    part = timeline(("append", 1, None, 0, 1), ("append", 2, None, 2, 3), ("read", None, [1], 4, 5))
    rule, operations, words = refutation(part, LIST)
    assert (rule, operations) == ("overlapping zones", (0, 1, 2))
    assert "had returned before this one was called, and what it appended is not there." in words


def test_items_out_of_order_are_told_with_both_orders() -> None:
    part = timeline(
        ("enqueue", 1, None, 0, 1),
        ("enqueue", 2, None, 2, 3),
        ("dequeue", None, 2, 4, 5),
        ("dequeue", None, 1, 6, 7),
    )
    rule, operations, words = refutation(part, QUEUE)
    assert (rule, operations) == ("order cycle", (0, 1, 2, 3))
    assert "1 went in before 2 (enqueue 1 (process 0, operation 0) returned before" in words
    assert words.endswith("A queue gives items back in the order in which they went in.")


def test_three_items_can_contradict_each_other_where_no_two_do() -> None:
    """Without 2 in front from 4 to 8 all would be well (`checking.md`, PolyLin's second defect)."""
    part = timeline(
        ("enqueue", 2, None, 1, 2),
        ("peek", None, 2, 3, 4),
        ("dequeue", None, 1, 5, 7),
        ("enqueue", 1, None, 6, 9),
        ("dequeue", None, 2, 8, 10),
    )
    assert refutation(part, QUEUE)[0] == "order cycle"


def test_an_empty_answer_after_an_insert_is_told_with_the_item_that_was_there() -> None:
    """PolyLin's first defect: the end of time comes after empty answers too."""
    for model, insert, take in ((QUEUE, "enqueue", "dequeue"), (STACK, "push", "pop")):
        part = timeline((insert, 1, None, 1, 2), (take, None, None, 3, 4))
        rule, operations, words = refutation(part, model)
        assert (rule, operations) == ("covered by items", (0, 1))
        assert f"1 was inside from the return of {insert} 1 (process 0, operation 0)" in words


def test_a_history_that_polylin_accepts_is_refuted() -> None:
    rows = [
        ("push", 2, 1, 2), ("pop", 1, 5, 6), ("push", 4, 3, 8), ("pop", 2, 9, 10),
        ("push", 3, 7, 12), ("push", 1, 4, 13), ("pop", 3, 11, 14),
    ]  # fmt: skip
    part = timeline(
        *((f, v if f == "push" else None, None if f == "push" else v, s, e) for f, v, s, e in rows)
    )
    assert refutation(part, STACK)[0] == "items in each other's way"


def test_a_lesser_item_is_told_with_the_greater_one_that_was_there() -> None:
    part = timeline(("insert", 1, None, 0, 1), ("insert", 2, None, 2, 3), ("poll", None, 1, 4, 5))
    rule, operations, words = refutation(part, PRIORITY)
    assert (rule, operations) == ("covered by greater items", (0, 1, 2))
    assert "2 was inside from the return of insert 2" in words


def test_items_of_the_initial_state_were_inserted_in_its_order() -> None:
    takes = timeline(("dequeue", None, 1, 0, 1), ("dequeue", None, 2, 2, 3))
    assert accepts(takes, QUEUE.with_initial([1, 2]))
    assert refutation(takes, QUEUE.with_initial([2, 1]))[0] == "order cycle"
    assert "(it was there at first)" in refutation(takes, QUEUE.with_initial([2, 1]))[2]


def test_a_take_of_unknown_outcome_may_have_taken_what_nobody_saw() -> None:
    unknown = ("dequeue", None, None, 2, None)
    part = timeline(("enqueue", 1, None, 0, 1), unknown, ("dequeue", None, None, 3, 4))
    assert accepts(part, QUEUE)
    late = timeline(
        ("enqueue", 1, None, 0, 1),
        ("dequeue", None, None, 3, 4),
        ("dequeue", None, None, 5, None),
    )
    assert refutation(late, QUEUE)[0] == "covered by items"


def test_two_holders_of_a_lock_are_told() -> None:
    part = [
        structs.replace(o, session=session)
        for o, session in zip(
            timeline(
                ("acquire", None, None, 0, 1),
                ("acquire", None, None, 2, 3),
                ("release", None, None, 4, 5),
                ("release", None, None, 6, 7),
            ),
            (1, 2, 1, 2),
            strict=True,
        )
    ]
    rule, operations, words = refutation(part, MUTEX)
    assert (rule, operations) == ("overlapping zones", (0, 1, 2, 3))
    assert words.startswith("Two sessions held the lock at once: ")
    without = [structs.replace(o, session=None) for o in part]
    assert refutation(without, MUTEX)[2].startswith("acquire (process 1, operation 1), but ")


def test_a_count_is_told_with_what_bounds_it() -> None:
    adds = timeline(("add", 1, None, 0, 1), ("add", 1, None, 2, 9), ("read", None, 0, 3, 4))
    assert refutation(adds, COUNTER)[:2] == ("too many adds", (0, 2))
    more = [*adds[:2], operation(2, "read", None, 3, call=3, return_=4)]
    assert (
        "only 2 adds were called before it returned, which makes 2 at most"
        in (refutation(more, COUNTER)[2])
    )
    back = [
        structs.replace(adds[1], index=0),
        operation(1, "read", None, 1, call=3, return_=4),
        operation(2, "read", None, 0, call=5, return_=6),
    ]
    assert refutation(back, COUNTER)[:2] == ("count went back", (1, 2))


@pytest.mark.parametrize(
    ("model", "rows", "why"),
    [
        (REGISTER, [("write", 1), ("write", 1), ("read", 1)], "1 is written more than once"),
        (QUEUE, [("enqueue", 1), ("enqueue", 1)], "1 is inserted more than once"),
        (STACK, [("push", 1), ("push", 1)], "1 is inserted more than once"),
        (PRIORITY, [("insert", 1), ("insert", 1)], "1 is inserted more than once"),
        (SET, [("add", 1), ("read", [1])], "a read of the whole set"),
        (COUNTER, [("add", 1), ("add", 2)], "adds of different numbers"),
        (LIST, [("append", 1), ("append", 1), ("read", [1])], "1 is written more than once"),
        (MUTEX.with_initial("held"), [("acquire", None)], "held at first"),
        (QUEUE, [("push", 1)], "is no operation of fifo-queue"),
    ],
    ids=range(9),
)
def test_what_an_engine_cannot_judge_it_declines(
    model: Model, rows: list[tuple[str, object]], why: str
) -> None:
    reads = ("read",)
    part = timeline(
        *(
            (f, None if f in reads else v, v if f in reads else None, 2 * i, 2 * i + 1)
            for i, (f, v) in enumerate(rows)
        )
    )
    if model.name == "mutex":
        part = [structs.replace(o, session=1) for o in part]
    assert why in reason(part, model)


def sentences() -> Iterator[tuple[str, list[Operation], str]]:
    for name, kind in KINDS.items():
        for part in histories(name, 250, seed=9):
            answer = judge(part, kind.model)
            if isinstance(answer, Refuted):
                yield name, part, answer.counterexample.explanation


def test_every_precedence_that_a_sentence_states_holds() -> None:
    """The sentences are for people; what they say about time can be checked all the same."""
    stated = re.compile(
        r"operation (\d+)\)(?:, which)? returned before (?:[^()]*\(process \d+, operation (\d+)\) was called)"
    )
    count = 0
    for _, part, words in sentences():
        for earlier, later in stated.findall(words):
            count += 1
            returned = part[int(earlier)].return_
            assert returned is not None
            assert returned < part[int(later)].call, words
    assert count > 50
