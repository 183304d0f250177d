"""LiMo's histories of queues and stacks."""

import io

import pytest

from history import History, HistoryError, Outcome
from history.formats import limo, recognise


def read(*lines: str) -> History:
    return limo.read(io.BytesIO("\n".join(lines).encode()), source="h.hist")


STACK = "# @object atomic-stack"
QUEUE = "# @object atomic-queue"


def test_a_value_stands_in_parentheses_or_behind_a_space() -> None:
    history = read(STACK, "[1] call push(a)", "[1] return", "  [1] call push ?<0,1>", "[1] return")
    assert [(o.f, o.value) for o in history.operations] == [("push", "a"), ("push", "?<0,1>")]
    assert [o.line for o in history.operations] == [2, 4]


def test_a_removal_says_what_it_returned_in_its_return_or_in_its_call() -> None:
    history = read(
        QUEUE, "[1] call deq", "[2] call deq(b)", "[1] return a", "[2] return", "[1] call deq()"
    )
    assert [(o.f, o.output) for o in history.operations[:2]] == [("dequeue", "a"), ("dequeue", "b")]
    assert history.operations[2].outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("returned", ["[1] return", "[1] return empty", "[1] return  "])
def test_nothing_and_empty_are_null(returned: str) -> None:
    (operation,) = read(STACK, "[1] call pop", returned).operations
    assert (operation.outcome, operation.output) == (Outcome.OK, None)


def test_an_item_may_be_called_empty() -> None:
    (operation,) = read(STACK, "[1] call push(empty)", "[1] return").operations
    assert (operation.value, operation.outcome) == ("empty", Outcome.OK)


def test_a_call_whose_client_calls_again_is_unknown() -> None:
    first, second = read(STACK, "[1] call pop", "[1] call pop", "[1] return 0").operations
    assert (first.outcome, second.outcome) == (Outcome.UNKNOWN, Outcome.OK)
    assert first.process != second.process
    assert second.output == "0"


def test_operations_overlap_as_their_lines_do() -> None:
    one, other = read(
        QUEUE, "[1] call enq(1)", "[2] call deq", "[2] return 1", "[1] return"
    ).operations
    assert (one.call, other.call, other.return_, one.return_) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((STACK, "[1] call enq(1)", ""), "h.hist:2: operation enq, expected one of push, add, pop"),
        ((STACK, "[1] call push", ""), "h.hist:2: push has no value"),
        (("[1] call pop", STACK), "h.hist:1: expected `# @object …` before the first event"),
        (("# @object atomic-deque", STACK), "h.hist:1: object atomic-deque, expected atomic-queue"),
        ((STACK, "[1] return 5", ""), "h.hist:2: a return, but no call of client 1 is open"),
        ((STACK, "1: pop", ""), "h.hist:2: expected `"),
    ],
)
def test_what_is_no_history_is_refused_with_its_line(lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(HistoryError) as refusal:
        read(*lines)
    assert str(refusal.value).startswith(message)


def test_a_torn_last_line_is_dropped_with_a_warning() -> None:
    history = read(STACK, "[1] call push(a)", "[1] retu")
    assert len(history.warnings) == 1
    assert [o.outcome for o in history.operations] == [Outcome.UNKNOWN]


def test_the_object_in_a_comment_tells_the_format() -> None:
    assert recognise(f"# after a figure\n{STACK}\n\n[1] call pop\n") == "limo-hist"
    assert recognise("# a comment\n") != "limo-hist"
