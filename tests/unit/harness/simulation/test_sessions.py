"""Claim: a simulated session keeps what is promised of sessions, whatever answers arrive and when."""

import pytest

from harness.simulation.core_floor.client import ATTEMPT_TIMEOUT
from harness.simulation.world import MS, SECOND
from history import Fail, Info, Invocation, Ok
from node.types import ClientId, RequestNumber
from node.wire.kv import Append, Done, Get, encode_result
from node.wire.messages import Executed, Expired, Failed, Interrupted, NotExecuted
from tests.support.session_desk import A, B, Desk, dispatch


def test_operations_are_sent_without_waiting_and_name_the_shard_before_them() -> None:
    desk = Desk()
    desk.begin(Append("a", "1"), Append("b", "2"), Get("b"))
    one, two, three = (desk.take(number) for number in (1, 2, 3))
    assert [to for to, _ in (one, two, three)] == [A, B, B]
    assert [dispatch(request).after for _, request in (one, two, three)] == [-1, 0, 1]


def test_no_more_are_in_flight_than_the_window_holds() -> None:
    desk = Desk(window=2)
    desk.begin(*(Append("a", "x") for _ in range(5)))
    assert [request.number for _, request in desk.sent] == [1, 2]
    desk.execute(2)
    assert [request.number for _, request in desk.sent] == [1]
    desk.execute(1)
    assert [request.number for _, request in desk.sent] == [3, 4]
    assert dispatch(desk.sent[0][1]).after == -1, "the operation before it is answered"


def test_answers_are_handed_over_in_the_order_of_issue() -> None:
    desk = Desk()
    desk.begin(Append("a", "1"), Get("b"))
    desk.execute(2, "early")
    assert desk.outcomes() == {1: Invocation, 2: Invocation}
    assert desk.client.answered == 0
    desk.execute(1)
    assert desk.outcomes() == {1: Ok, 2: Ok}
    assert desk.client.answered == 2
    assert desk.client.pending is None


def test_what_is_asked_again_keeps_its_number() -> None:
    desk = Desk()
    desk.begin(Append("a", "1"))
    to, first = desk.take(1)
    desk.answer(to, NotExecuted(first.client, first.number, "not-leader", None, None))
    desk.wait(50 * MS)
    assert desk.take(1) == (to, first)
    desk.wait(ATTEMPT_TIMEOUT + 50 * MS)
    assert desk.take(1) == (to, first)
    desk.client.on_broken(to, is_certain=False)
    desk.wait(50 * MS)
    assert desk.take(1) == (to, first)


def test_a_failed_operation_fails_all_later_ones_and_another_session_begins() -> None:
    desk = Desk()
    desk.begin(Append("a", "1"), Append("b", "2"), Append("a", "3"))
    to, request = desk.take(2)
    desk.answer(to, Failed(request.client, request.number, "no answer from shard 0"))
    assert desk.outcomes() == {1: Invocation, 2: Invocation, 3: Invocation}, "1 is still open"
    desk.execute(1)
    assert desk.outcomes() == {1: Ok, 2: Fail, 3: Fail}
    desk.sent.clear()
    desk.begin(Append("a", "4"))
    assert desk.outcomes(session=1) == {1: Invocation}
    assert dispatch(desk.take(1)[1]).after == -1


def test_after_an_unknown_operation_nothing_is_known_of_what_may_have_arrived() -> None:
    desk = Desk()
    desk.begin(Append("a", "1"), Append("b", "2"))
    desk.execute(2)
    to, request = desk.take(1)
    desk.answer(to, Interrupted(request.client, request.number, None, None))
    desk.wait(3 * SECOND)
    assert desk.outcomes() == {1: Info, 2: Info}


def test_what_was_refused_each_time_has_certainly_failed() -> None:
    desk = Desk()
    desk.begin(Append("a", "1"), Append("b", "2"))
    while desk.client.pending is not None:
        for number in (1, 2):
            if any(request.number == number for _, request in desk.sent):
                to, request = desk.take(number)
                refusal = NotExecuted(request.client, request.number, "not-leader", None, None)
                desk.answer(to, refusal)
        desk.wait(MS)
    assert desk.outcomes() == {1: Fail, 2: Fail}


def test_a_session_that_a_shard_has_forgotten_ends_with_nothing_known() -> None:
    desk = Desk()
    desk.begin(Append("a", "1"), Append("b", "2"))
    to, request = desk.take(1)
    desk.answer(to, Expired(request.client, request.number))
    assert desk.outcomes() == {1: Info, 2: Info}


@pytest.mark.parametrize("wrong", ["name", "shard", "number"])
def test_an_answer_to_something_else_is_none(wrong: str) -> None:
    desk = Desk()
    desk.begin(Append("a", "1"))
    to, request = desk.take(1)
    answer = Executed(
        ClientId(request.client + (wrong == "name")),
        RequestNumber(request.number + (wrong == "number")),
        encode_result(Done(None)),
    )
    desk.answer(B if wrong == "shard" else to, answer)
    assert desk.outcomes() == {1: Invocation}


def test_a_client_that_crashes_says_nothing_more() -> None:
    desk = Desk()
    desk.begin(Append("a", "1"), Append("b", "2"))
    desk.client.crash()
    desk.execute(1)
    desk.wait(3 * SECOND)
    assert desk.outcomes() == {1: Invocation, 2: Invocation}


def test_it_is_done_when_there_is_room_for_more() -> None:
    desk = Desk()
    desk.begin(Append("a", "1"), Append("b", "2"))
    desk.execute(1)
    desk.execute(2)
    assert desk.finished == 1


def test_in_the_last_phase_a_read_that_failed_is_asked_again_in_the_next_session() -> None:
    desk = Desk()
    desk.client.is_patient = True
    desk.begin(Append("a", "1"), Get("b"))
    to, request = desk.take(1)
    desk.answer(to, Failed(request.client, request.number, "no answer from shard 1"))
    desk.open()
    assert desk.outcomes(session=1) == {1: Invocation}
    desk.sent = [each for each in desk.sent if each[1].number == 1]
    desk.execute(1, "value")
    assert desk.outcomes(session=1) == {1: Ok}
