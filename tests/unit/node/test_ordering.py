"""The replicated state of one shard: what each entry does, and what it does not."""

from collections.abc import Sequence

from hypothesis import given, strategies as st

from node.dispatch import (
    Announce,
    Begin,
    Dispatch,
    Entry,
    Fail,
    Fence,
    Place,
    Standing,
    encode_dispatch,
    encode_entry,
    read_dispatch,
    read_entry,
)
from node.state_machine.ordering import OrderedStateMachine
from node.state_machine.sessions import Told
from node.types import OPEN_SESSION, ClientId, Command, RequestNumber
from node.wire.messages import Executed, Expired, Failed, Opened

_REIGN = (1, 1)


class Counting:
    """An application that says what it was asked, and remembers it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def execute(self, body: bytes) -> bytes:
        self.bodies.append(body)
        return body

    def query(self, body: bytes) -> bytes:
        return body

    def capture(self) -> tuple[bytes, ...]:
        return tuple(self.bodies)

    def encode(self, captured: tuple[bytes, ...]) -> list[bytes]:
        return list(captured)

    def decode(self, pieces: Sequence[bytes]) -> list[bytes]:
        return list(pieces)

    def restore(self, parts: Sequence[bytes]) -> None:
        self.bodies = list(parts)


class It:
    """One state machine, a slot at a time."""

    def __init__(self, *, sessions_max: int = 10, result_bytes_max: int = 1 << 20) -> None:
        self.inner = Counting()
        self.machine = OrderedStateMachine(
            self.inner,  # type: ignore[arg-type]
            sessions_max=sessions_max,
            result_bytes_max=result_bytes_max,
        )

    def execute(self, *commands: Command) -> list[Told]:
        return self.machine.execute_slot(self.machine.executed_upto + 1, commands)

    def open(self, token: int) -> ClientId:
        (answer,) = self.execute(_command(ClientId(token), 0, None))
        assert isinstance(answer, Opened)
        return answer.session

    def enter(self, client: ClientId, seq: int, entry: Entry, *, answered: int = 0) -> list[Told]:
        return self.execute(_command(client, seq, entry, answered=answered))

    def begin(self, round_: int = 1) -> None:
        assert self.enter(ClientId(0), 1, Begin((round_, 1))) == []


def _command(client: ClientId, seq: int, entry: Entry | None, *, answered: int = 0) -> Command:
    body = b"" if entry is None else encode_entry(entry)
    return Command(client, RequestNumber(seq), RequestNumber(answered), body)


def _place(decision: int, *stamps: int, body: bytes | None = b"x", round_: int = 1) -> Place:
    return Place((round_, 1), decision, stamps, body)


def test_what_was_announced_is_placed_without_its_body() -> None:
    it = It()
    a = it.open(7)
    it.begin()
    assert it.enter(a, 1, Announce(1, b"first")) == []
    assert it.machine.standing(a, RequestNumber(1)) is Standing.ANNOUNCED
    told = it.enter(a, 1, _place(1, 5, body=None))
    assert told == [Executed(a, RequestNumber(1), b"first", 5)]
    assert it.machine.standing(a, RequestNumber(1)) is Standing.PLACED
    assert it.machine.announced() == []
    assert it.machine.clock == 5


def test_a_decision_that_does_not_follow_the_last_one_is_void() -> None:
    it = It()
    a = it.open(7)
    it.begin()
    assert it.enter(a, 1, _place(2, 1)) == []
    assert it.enter(a, 1, _place(1, 1, round_=2)) == []
    assert it.inner.bodies == []
    assert len(it.enter(a, 1, _place(1, 1))) == 1
    it.begin(2)
    assert it.enter(a, 2, _place(2, 2)) == []
    assert len(it.enter(a, 2, _place(1, 2, round_=2))) == 1
    assert it.inner.bodies == [b"x", b"x"]


def test_a_reign_that_begins_late_takes_nothing_over() -> None:
    it = It()
    it.begin(3)
    it.begin(2)
    assert it.machine.reign == (3, 1)


def test_an_operation_is_executed_once_however_often_it_is_placed() -> None:
    it = It()
    a = it.open(7)
    it.begin()
    first = it.enter(a, 1, _place(1, 1))
    assert first == [Executed(a, RequestNumber(1), b"x", 1)]
    assert it.enter(a, 1, _place(2, 2, body=b"y")) == first
    assert it.inner.bodies == [b"x"]


def test_a_failure_takes_all_later_operations_with_it() -> None:
    it = It()
    a = it.open(7)
    it.begin()
    it.enter(a, 1, _place(1, 1))
    it.enter(a, 3, Announce(1, b"x"))
    it.enter(a, 5, Announce(1, b"x"))
    told = it.enter(a, 3, Fail(_REIGN, 2))
    assert [(type(answer), answer.number) for answer in told if isinstance(answer, Failed)] == [
        (Failed, 3),
        (Failed, 5),
    ]
    assert it.machine.announced() == []
    assert isinstance(it.enter(a, 4, _place(3, 2))[0], Failed)
    assert isinstance(it.enter(a, 9, Announce(1, b"x"))[0], Failed)
    assert it.machine.standing(a, RequestNumber(1)) is Standing.PLACED
    assert it.inner.bodies == [b"x"]


def test_what_was_placed_does_not_fail_any_more() -> None:
    it = It()
    a = it.open(7)
    it.begin()
    it.enter(a, 2, _place(1, 1))
    assert it.enter(a, 2, Fail(_REIGN, 2)) == []
    assert it.machine.standing(a, RequestNumber(2)) is Standing.PLACED


def test_stamps_are_known_until_their_operation_is_answered() -> None:
    it = It()
    a = it.open(7)
    it.begin()
    it.enter(a, 4, _place(1, 5, 6, 9))
    assert it.machine.stamps_upto(a, RequestNumber(3)) == (5, 6)
    assert it.machine.stamps_upto(a, RequestNumber(2)) == (5,)
    assert it.machine.stamps_upto(a, RequestNumber(1)) is None
    assert it.machine.stamps_upto(a, RequestNumber(4)) is None, "that is its own"
    assert it.machine.stamp(a, RequestNumber(4)) == 9
    it.enter(a, 5, Announce(1, b"x"), answered=4)
    assert it.machine.stamps_upto(a, RequestNumber(3)) is None
    assert it.machine.standing(a, RequestNumber(4)) is Standing.ANSWERED
    assert isinstance(it.machine.known_answer(a, RequestNumber(4)), Expired)


def test_a_token_names_one_session_however_often_it_is_opened() -> None:
    it = It()
    assert it.open(7) == it.open(7)
    assert it.open(8) != it.open(7)


def test_sessions_with_announced_operations_are_not_forgotten() -> None:
    it = It(sessions_max=2)
    it.begin()
    a, b = it.open(1), it.open(2)
    it.enter(a, 1, Announce(1, b"x"))
    it.enter(b, 2, _place(1, 1, 2))
    c = it.open(3)  # that of b goes, which waits for nothing
    assert it.machine.standing(b, RequestNumber(2)) is Standing.NO_SESSION
    it.enter(c, 1, Announce(1, b"x"))
    assert not it.machine.has_room
    assert it.execute(_command(ClientId(4), 0, None)) == [Expired(ClientId(4), OPEN_SESSION)]
    assert it.machine.session(1) == a


def test_sessions_whose_stamps_may_be_needed_are_forgotten_last() -> None:
    it = It(sessions_max=2)
    it.begin()
    a, b = it.open(1), it.open(2)
    it.enter(b, 1, _place(1, 1))
    it.enter(a, 2, _place(2, 1, 2))
    it.enter(b, 2, _place(3, 3))
    it.open(3)
    assert it.machine.session(2) is None
    assert it.machine.session(1) == a


def test_too_many_results_are_dropped_and_their_operations_stay_placed() -> None:
    it = It(result_bytes_max=100)
    it.begin()
    a = it.open(1)
    it.enter(a, 1, _place(1, 1, body=b"x" * 60))
    it.enter(a, 2, _place(2, 2, body=b"x" * 60))
    assert it.machine.standing(a, RequestNumber(1)) is Standing.PLACED
    assert isinstance(it.machine.known_answer(a, RequestNumber(1)), Expired)
    assert isinstance(it.enter(a, 1, _place(3, 3))[0], Expired)
    assert len(it.inner.bodies) == 2


def test_a_snapshot_holds_all_of_it() -> None:
    it = It()
    it.begin()
    a, b = it.open(1), it.open(2)
    it.enter(a, 1, _place(1, 3))
    it.enter(a, 2, Announce(1, b"later"))
    it.enter(b, 1, Announce(1, b"x"))
    it.enter(b, 1, Fail(_REIGN, 2))
    it.enter(ClientId(0), 1, Fence(1, (4, 5)))
    image = b"".join(it.machine.encode(it.machine.capture()))
    other = It()
    *_, state = other.machine.decode(image)
    assert state is not None
    other.machine.restore(state)
    assert b"".join(other.machine.encode(other.machine.capture())) == image
    assert other.machine.fence(1) == (4, 5)
    assert (other.machine.reign, other.machine.decisions, other.machine.clock) == (_REIGN, 2, 3)
    assert other.machine.standing(b, RequestNumber(7)) is Standing.FAILED
    assert other.machine.session(1) == a
    # And both go on alike.
    step = _place(3, 4, body=None)
    assert other.enter(a, 2, step) == it.enter(a, 2, step)


_numbers = st.integers(0, 5)
_entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Begin, st.tuples(_numbers, _numbers)),
    st.builds(Announce, st.integers(-1, 3), st.binary(max_size=3)),
    st.builds(
        Place,
        st.tuples(_numbers, _numbers),
        _numbers,
        st.lists(_numbers, max_size=3).map(tuple),
        st.none() | st.binary(max_size=3),
    ),
    st.builds(Fail, st.tuples(_numbers, _numbers), _numbers),
    st.builds(Fence, _numbers, st.tuples(_numbers, _numbers)),
)


@given(
    st.lists(
        st.tuples(_numbers, _numbers, _numbers, st.binary(max_size=20) | _entries), max_size=30
    )
)
def test_whatever_stands_in_the_log_is_executed_somehow(
    entries: list[tuple[int, int, int, bytes | Entry]],
) -> None:
    it = It(sessions_max=2, result_bytes_max=4)
    sessions = [ClientId(0), it.open(1), it.open(2)]
    for who, seq, answered, entry in entries:
        body = entry if isinstance(entry, bytes) else encode_entry(entry)
        client = sessions[who % 3]
        it.execute(Command(client, RequestNumber(seq), RequestNumber(answered), body))
    image = b"".join(it.machine.encode(it.machine.capture()))
    *_, state = it.machine.decode(image)
    assert state is not None


@given(st.binary(max_size=60))
def test_bytes_that_are_no_dispatch_and_no_entry_say_so(body: bytes) -> None:
    dispatch = read_dispatch(body)
    assert dispatch is None or read_dispatch(encode_dispatch(dispatch)) == dispatch
    entry = read_entry(body)
    assert entry is None or read_entry(encode_entry(entry)) == entry


def test_a_dispatch_says_where_the_one_before_went() -> None:
    assert read_dispatch(encode_dispatch(Dispatch(-1, b"x"))) == Dispatch(-1, b"x")
    assert read_dispatch(encode_dispatch(Dispatch(-2, b"x"))) is None
    assert read_entry(encode_dispatch(Dispatch(1, b"x"))) is None
