"""Claim: a session client with a planted bug does what it is planted for, and the real one does not."""

from harness.mutants.mdl_clients import GoOnAfterFailure, NumberFromOneAgain, ReturnAsTheyArrive
from harness.simulation.core_floor.sessions import SessionClient
from history import Fail, Invocation, Ok
from node.wire.kv import Append
from node.wire.messages import Failed
from tests.support.session_desk import A, Desk, name_at


def answered_early(client: type[SessionClient]) -> Desk:
    desk = Desk(client)
    desk.begin(Append("a", "1"), Append("b", "2"))
    desk.execute(2)
    return desk


def test_an_answer_out_of_turn() -> None:
    assert answered_early(SessionClient).outcomes() == {1: Invocation, 2: Invocation}
    assert answered_early(ReturnAsTheyArrive).outcomes() == {1: Invocation, 2: Ok}


def numbers_after_a_break(client: type[SessionClient]) -> list[int]:
    desk = Desk(client)
    desk.begin(Append("a", "1"), Append("a", "2"))
    desk.execute(1)
    desk.execute(2)
    desk.client.on_broken(A, is_certain=False)
    desk.begin(Append("a", "3"))
    return [request.number for _, request in desk.sent]


def test_a_number_that_was_used() -> None:
    assert numbers_after_a_break(SessionClient) == [3]
    assert numbers_after_a_break(NumberFromOneAgain) == [1]
    desk = Desk(NumberFromOneAgain)
    desk.client.on_broken(A, is_certain=False)
    desk.begin(Append("a", "1"))
    desk.execute(1)
    desk.client.on_broken(A, is_certain=False)
    desk.begin(Append("a", "2"))
    desk.execute(1)
    assert desk.outcomes() == {1: Ok, 2: Ok}, "what it was told of number 1 it takes for number 2"


def test_a_session_that_failed_is_used_again() -> None:
    for client, goes_on in ((SessionClient, False), (GoOnAfterFailure, True)):
        desk = Desk(client)
        desk.begin(Append("a", "1"))
        to, request = desk.take(1)
        desk.answer(to, Failed(request.client, request.number, "no answer from shard 1"))
        assert desk.outcomes() == {1: Fail}
        desk.client.begin([Append("a", "2")])
        (_, request) = desk.sent[-1]
        assert (request.client == name_at(A)) == goes_on
        assert request.number == (2 if goes_on else 0)
        if goes_on:
            desk.answer(A, Failed(request.client, request.number, "an operation before it failed"))
            assert desk.outcomes(session=1) == {1: Fail}
