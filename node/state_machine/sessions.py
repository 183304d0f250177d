"""Sessions: part of the replicated state, so that a retry executes once whoever leads.

A client opens a session with request 0, through the log like everything else; the state machine
names the session after the place of that command in the log, so no name is ever given twice. Each
later request carries its number in the session. A number seen before is answered with the result
kept from the first time; a session that is not there is answered `Expired`, and its request is not
executed: that is what makes it safe to forget the sessions that were silent longest.

A client tells with each request up to which number it has its answers (`answered`), so a session
keeps only results that may still be asked for, and a client may have many requests in flight.

After Ongaro, "Consensus: bridging theory and practice" (2014), section 6.3.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from node.marks import sometimes
from node.state_machine.interface import StateMachine
from node.state_machine.snapshot import (
    ApplicationPiece,
    Capture,
    KeptSession,
    MembersPiece,
    OrderPiece,
    Piece,
    Reader,
    SessionsPiece,
    State,
    write,
)
from node.types import OPEN_SESSION, ClientId, Command, Configuration, Query, RequestNumber
from node.wire.messages import Executed, Expired, Failed, Opened

_ASKED_TWICE = sometimes("a request asked twice is answered from its session")
_NO_SESSION = sometimes("a request of a session that is gone")
_DELAYED_COPY = sometimes("a delayed copy of a request whose answer has arrived")
_FORGOTTEN = sometimes("a session is forgotten to make room")

SESSIONS_MAX: Final = 10_000
"""Replicas must agree on it: forgetting is part of the replicated state. Far more than the
connections one replica serves."""

RESULT_BYTES_MAX: Final = 64 * 1024 * 1024
"""Replicas must agree on this, too. Of all results that may still be asked for; beyond it the
session that keeps most is forgotten, since a client that takes its answers keeps next to none."""

SESSIONS_A_PIECE: Final = 500

PLACES_PER_SLOT: Final = 1 << 20
"""A session is named `slot * this + place in the slot`; a batch never holds as many commands."""


Told = Opened | Executed | Expired | Failed
"""What executing a command says to its client."""


class Session:
    """What is remembered of one client."""

    __slots__ = ("answered", "result_bytes", "results")

    def __init__(self) -> None:
        self.answered: RequestNumber = OPEN_SESSION
        """The client has the answers up to here; asking again for one of them is a delayed copy."""
        self.results: dict[RequestNumber, bytes] = {}
        """Results above `answered`, by request number."""
        self.result_bytes = 0
        """Of them all."""


class SessionedStateMachine:
    """A state machine that executes each command of each session once."""

    def __init__(
        self,
        inner: StateMachine,
        *,
        sessions_max: int = SESSIONS_MAX,
        result_bytes_max: int = RESULT_BYTES_MAX,
    ) -> None:
        self._inner = inner
        self._sessions_max = sessions_max
        self._result_bytes_max = result_bytes_max
        self._result_bytes = 0
        self._sessions: dict[ClientId, Session] = {}
        """Least recently used first."""
        self.executed_upto = 0
        """The last slot whose commands are executed."""
        self.configuration: Configuration | None = None
        """That the last change of members decided; kept for those who begin with a snapshot."""

    def execute_slot(
        self,
        slot: int,
        commands: tuple[Command, ...],
        configuration: Configuration | None = None,
    ) -> list[Told]:
        """Execute what was chosen for the next slot; one answer a command."""
        answers: list[Told] = []
        self.execute_and_tell(slot, commands, answers.append, configuration)
        return answers

    def execute_and_tell(
        self,
        slot: int,
        commands: tuple[Command, ...],
        tell: Callable[[Told], None],
        configuration: Configuration | None = None,
    ) -> None:
        """The same; each answer is told before the next command is executed.

        So only one of them need be in memory, beside what its session and its connection keep: a
        slot may ask for a large value five hundred times. A change of members (`configuration`)
        executes nothing: sessions and application do not see it.
        """
        self._begin_slot(slot, commands, configuration)
        for place, command in enumerate(commands):
            tell(self._execute(slot, place, command))

    def _begin_slot(
        self, slot: int, commands: tuple[Command, ...], configuration: Configuration | None
    ) -> None:
        assert slot == self.executed_upto + 1, f"slot {slot} after {self.executed_upto}"
        assert len(commands) < PLACES_PER_SLOT, len(commands)
        self.executed_upto = slot
        if configuration is not None:
            self.configuration = configuration

    def read(self, query: Query) -> Executed:
        """Answer from the state as it is, outside the log and its sessions."""
        return Executed(query.client, query.number, self._inner.query(query.body))

    # ── Snapshots ────────────────────────────────────────────────────────────────────────────

    def capture(self) -> Capture:
        """The state after `executed_upto`, sessions and their results included.

        They belong to it: a replica without them would execute a request again that is asked again.
        """
        sessions = [
            KeptSession(client, session.answered, tuple(session.results.items()))
            for client, session in self._sessions.items()
        ]
        return Capture(
            slot=self.executed_upto,
            configuration=self.configuration,
            sessions=tuple(sessions),
            application=self._inner.capture(),
            order=self._capture_order(),
        )

    def _capture_order(self) -> tuple[OrderPiece, ...]:
        """What is to be kept beside sessions and application; here nothing."""
        return ()

    def encode(self, captured: Capture) -> Iterator[bytes]:
        """The bytes of a snapshot; nothing else runs until the next part is asked for."""
        return write(captured.slot, self._pieces(captured))

    def _pieces(self, captured: Capture) -> Iterator[Piece]:
        if captured.configuration is not None:
            yield MembersPiece(captured.configuration)
        for first in range(0, len(captured.sessions), SESSIONS_A_PIECE):
            yield SessionsPiece(captured.sessions[first : first + SESSIONS_A_PIECE])
        yield from captured.order
        for body in self._inner.encode(captured.application):
            yield ApplicationPiece(body)

    def decode(self, data: bytes) -> Iterator[State | None]:
        """Read a snapshot: None after each piece but the last, then the state. Changes nothing.

        Raises WireError for bytes that are none.
        """
        reader = Reader(data)
        configuration: Configuration | None = None
        sessions: list[KeptSession] = []
        order: list[OrderPiece] = []
        parts: list[Any] = []
        for piece in reader.pieces():
            if isinstance(piece, SessionsPiece):
                sessions.extend(piece.sessions)
            elif isinstance(piece, MembersPiece):
                configuration = piece.configuration
            elif isinstance(piece, OrderPiece):
                order.append(piece)
            else:
                parts.extend(self._inner.decode([piece.body]))
            yield None
        yield State(
            slot=reader.slot,
            configuration=configuration,
            sessions=tuple(sessions),
            application=parts,
            order=tuple(order),
        )

    def restore(self, state: State) -> None:
        """Go on as if everything up to the slot of `state` had been executed here."""
        self._sessions = {}
        self._result_bytes = 0
        for kept in state.sessions:
            session = self._sessions[kept.client] = Session()
            session.answered = kept.answered
            session.results = dict(kept.results)
            session.result_bytes = sum(map(len, session.results.values()))
            self._result_bytes += session.result_bytes
        self._inner.restore(state.application)
        self.executed_upto = state.slot
        self.configuration = state.configuration

    # ── Commands ─────────────────────────────────────────────────────────────────────────────

    def _execute(self, slot: int, place: int, command: Command) -> Opened | Executed | Expired:
        if command.number == OPEN_SESSION:
            return self._open(ClientId(slot * PLACES_PER_SLOT + place), command.client)
        session = self._sessions.pop(command.client, None)
        if session is None:
            _NO_SESSION.hit()
            return Expired(command.client, command.number)
        self._sessions[command.client] = session  # now the most recently used
        if command.number <= session.answered:
            _DELAYED_COPY.hit()
            return Expired(command.client, command.number)
        self._forget_answered(session, command.answered)
        result = session.results.get(command.number)
        if result is None:
            result = self._inner.execute(command.body)
            self._keep(session, command.number, result)
        else:
            _ASKED_TWICE.hit()
        return Executed(command.client, command.number, result)

    def _open(self, name: ClientId, nonce: ClientId) -> Opened | Expired:
        while len(self._sessions) >= self._sessions_max:
            _FORGOTTEN.hit()
            self._forget(next(iter(self._sessions)))
        self._sessions[name] = Session()
        return Opened(nonce, name)

    def _keep(self, session: Session, number: RequestNumber, result: bytes) -> None:
        session.results[number] = result
        session.result_bytes += len(result)
        self._result_bytes += len(result)
        while self._result_bytes > self._result_bytes_max:
            self._relieve(max(self._sessions, key=lambda name: self._sessions[name].result_bytes))

    def _relieve(self, name: ClientId) -> None:
        """Keep less of the session that keeps most."""
        self._forget(name)

    def _forget(self, name: ClientId) -> None:
        self._result_bytes -= self._sessions.pop(name).result_bytes

    def _forget_answered(self, session: Session, answered: RequestNumber) -> None:
        before, results = session.answered, session.results
        if answered <= before:
            return
        session.answered = answered
        # Usually one step, through many results; but a client may also name any number.
        if answered - before <= len(results):
            forgotten: Iterable[int] = range(before + 1, answered + 1)
        else:
            forgotten = [number for number in results if number <= answered]
        size = 0
        for number in forgotten:
            size += len(results.pop(RequestNumber(number), b""))
        session.result_bytes -= size
        self._result_bytes -= size
