"""Sessions: each request is executed once, whoever leads and however often it is in the log."""

import pytest

from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SessionedStateMachine, Told
from node.types import OPEN_SESSION, ClientId, Command, Query, RequestNumber
from node.wire.messages import Executed, Expired, Opened


class Counting(KeyValueStore):
    """Answers how many bodies it has executed."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[bytes] = []

    def execute(self, body: bytes) -> bytes:
        self.bodies.append(body)
        return self.query(body)

    def query(self, body: bytes) -> bytes:
        del body
        return str(len(self.bodies)).encode()


class Machine:
    """A sessioned machine, one command a slot."""

    def __init__(self, sessions_max: int = 10) -> None:
        self.inner = Counting()
        self.machine = SessionedStateMachine(self.inner, sessions_max=sessions_max)

    def open(self, nonce: int = 1) -> ClientId:
        answer = self.execute(command(ClientId(nonce), OPEN_SESSION))
        assert isinstance(answer, Opened)
        assert answer.client == nonce
        return answer.session

    def execute(self, *commands: Command) -> Told:
        slot = self.machine.executed_upto + 1
        return self.machine.execute_slot(slot, commands)[-1]


def command(client: ClientId, number: int, *, answered: int = 0, body: bytes = b"x") -> Command:
    return Command(
        client=client,
        number=RequestNumber(number),
        answered=RequestNumber(answered),
        body=body,
    )


def test_a_request_is_executed_once_and_answered_each_time() -> None:
    it = Machine()
    session = it.open()
    first = it.execute(command(session, 1))
    again = it.execute(command(session, 1))
    assert first == again == Executed(session, RequestNumber(1), b"1")
    assert it.inner.bodies == [b"x"]


def test_a_copy_in_the_same_slot_is_a_copy_too() -> None:
    it = Machine()
    session = it.open()
    it.execute(command(session, 1), command(session, 1))
    assert it.inner.bodies == [b"x"]


def test_no_session_is_named_twice() -> None:
    it = Machine()
    opening = command(ClientId(1), OPEN_SESSION)
    answers = it.machine.execute_slot(1, (opening, opening)) + it.machine.execute_slot(
        2, (opening,)
    )
    names = [answer.session for answer in answers if isinstance(answer, Opened)]
    assert len(set(names)) == 3


def test_a_session_that_was_never_opened_executes_nothing() -> None:
    it = Machine()
    assert it.execute(command(ClientId(7), 1)) == Expired(ClientId(7), RequestNumber(1))
    assert it.inner.bodies == []


def test_requests_may_be_in_flight_together_and_come_in_any_order() -> None:
    it = Machine()
    session = it.open()
    it.execute(command(session, 2, body=b"second"))
    it.execute(command(session, 1, body=b"first"))
    assert it.execute(command(session, 2)) == Executed(session, RequestNumber(2), b"1")
    assert it.inner.bodies == [b"second", b"first"]


def test_a_late_copy_of_an_answered_request_is_not_executed() -> None:
    it = Machine()
    session = it.open()
    it.execute(command(session, 1))
    it.execute(command(session, 2, answered=1))
    assert it.execute(command(session, 1)) == Expired(session, RequestNumber(1))
    assert len(it.inner.bodies) == 2


def test_results_that_the_client_has_are_forgotten() -> None:
    it = Machine()
    session = it.open()
    for number in range(1, 50):
        it.execute(command(session, number, answered=number - 1))
    assert list(it.machine._sessions[session].results) == [49]


def test_an_older_word_about_answers_brings_nothing_back() -> None:
    it = Machine()
    session = it.open()
    it.execute(command(session, 3, answered=2))
    it.execute(command(session, 4, answered=0))
    assert isinstance(it.execute(command(session, 1)), Expired)


def test_the_session_that_was_silent_longest_is_forgotten() -> None:
    it = Machine(sessions_max=2)
    first, second = it.open(1), it.open(2)
    it.execute(command(first, 1))
    it.open(3)
    assert isinstance(it.execute(command(second, 1)), Expired)
    assert isinstance(it.execute(command(first, 2)), Executed)


def test_slots_are_executed_without_a_gap() -> None:
    it = Machine()
    with pytest.raises(AssertionError, match="slot 2 after 0"):
        it.machine.execute_slot(2, ())
    assert it.machine.execute_slot(1, ()) == []
    assert it.machine.executed_upto == 1


def test_a_query_leaves_sessions_and_state_alone() -> None:
    it = Machine()
    session = it.open()
    query = Query(session, RequestNumber(1), b"how many?")
    assert it.machine.read(query) == Executed(session, RequestNumber(1), b"0")
    assert it.machine._sessions[session].results == {}


def test_an_answered_number_that_no_request_can_have_costs_nothing() -> None:
    it = Machine()
    session = it.open()
    for number in (1, 2, 3):
        it.execute(command(session, number))
    it.execute(command(session, 4, answered=2))
    assert list(it.machine._sessions[session].results) == [3, 4]
    it.execute(command(session, 2**62, answered=2**62 - 1))
    assert list(it.machine._sessions[session].results) == [2**62]


class Echo(KeyValueStore):
    def execute(self, body: bytes) -> bytes:
        return body


def test_results_that_nobody_takes_cost_their_session_and_nobody_else_s() -> None:
    """A client that reads large values and never says so must not fill every replica."""
    it = Machine()
    it.machine = SessionedStateMachine(Echo(), result_bytes_max=1000)
    modest, greedy = it.open(1), it.open(2)
    it.execute(command(modest, 1, body=b"m" * 50))
    for number in range(1, 10):
        it.execute(command(greedy, number, body=b"g" * 100))
    assert isinstance(it.execute(command(greedy, 10, body=b"g" * 100)), Executed)
    assert isinstance(it.execute(command(greedy, 11)), Expired), "forgotten"
    again = it.execute(command(modest, 1))
    assert again == Executed(modest, RequestNumber(1), b"m" * 50)


def test_a_session_that_takes_its_results_may_have_any_number_of_them() -> None:
    it = Machine()
    it.machine = SessionedStateMachine(Echo(), sessions_max=2, result_bytes_max=1000)
    for _ in range(3):  # also when sessions are forgotten to make room
        session = it.open()
        for number in range(1, 100):
            done = it.execute(command(session, number, answered=number - 1, body=b"g" * 400))
            assert isinstance(done, Executed)


def test_an_answer_is_told_before_the_next_command_is_executed() -> None:
    """A slot may ask for a large value often; all the answers at once need not be in memory."""
    it = Machine()
    session = it.open()
    executed_when_told: list[int] = []
    commands = tuple(command(session, number) for number in (1, 2, 3))
    it.machine.execute_and_tell(
        2, commands, lambda _answer: executed_when_told.append(len(it.inner.bodies))
    )
    assert executed_when_told == [1, 2, 3]


def test_results_count_after_a_restore_as_they_did_before() -> None:
    """Replicas must forget the same sessions, whether they executed a result or were given it."""

    def bounded() -> SessionedStateMachine:
        return SessionedStateMachine(Echo(), result_bytes_max=1000)

    it, other = Machine(), bounded()
    it.machine = bounded()
    modest, greedy = it.open(1), it.open(2)
    for number in range(1, 9):
        it.execute(command(greedy, number, body=b"g" * 100))
    it.execute(command(modest, 1, body=b"m" * 100))
    *_, state = other.decode(b"".join(it.machine.encode(it.machine.capture())))
    assert state is not None
    other.restore(state)
    slot = it.machine.executed_upto + 1
    rest = (
        command(greedy, 9, answered=2, body=b"g" * 250),  # 200 bytes are given back
        command(modest, 2, body=b"m" * 50),  # all of the 1000 are used
        command(modest, 3, body=b"m"),  # whoever keeps most pays
        command(greedy, 10),
        command(modest, 4, body=b"m" * 700),
    )
    answers = it.machine.execute_slot(slot, rest)
    assert other.execute_slot(slot, rest) == answers
    assert [type(answer) for answer in answers] == [Executed, Executed, Executed, Expired, Executed]
