"""One sequential client: what `clients.session` and `clients.recording` do, without a socket.

    think ─▶ invoke, on record ─▶ attempt ─▶ answer ─────────────▶ response, on record
                                   │  ▲
                                   └──┘ refused, interrupted, broken or silent: elsewhere, with
                                        the same number

The rules of what may be concluded are those of the real client: *fail* only when every attempt was
refused or never left, or when it was about a query, which changes nothing; *info* (unknown)
otherwise; and after an unknown outcome another session and another process number. Each rule is a method of its own, so that a planted bug can replace it.
"""

from typing import TYPE_CHECKING, Final

from clients.session import Session
from harness.simulation.draws import Draws
from harness.simulation.world import MS
from history import MISMATCH, Invocation
from node.types import OPEN_SESSION, ClientId, Query, ReplicaId, RequestNumber
from node.wire.kv import (
    Append,
    Cas,
    Delete,
    Done,
    Get,
    Mismatch,
    Operation,
    Put,
    decode_result,
    encode_operation,
)
from node.wire.messages import (
    Answer,
    Executed,
    Expired,
    Failed,
    Interrupted,
    NotExecuted,
    Opened,
    Overloaded,
    Request,
    TooLarge,
)

if TYPE_CHECKING:
    from harness.simulation.core_floor.office import Office

ATTEMPT_TIMEOUT: Final = 300 * MS
"""Silence after which a replica is taken for stopped; an election usually takes less."""

BACK_OFF_MAX: Final = 30 * MS


class Client:
    """Runs from `start` until it is told to stop, or crashes."""

    shard = 0
    """That it asks now."""

    def __init__(self, number: int, office: "Office", draws: Draws, *, process: int) -> None:
        self.number: Final = number
        self.process = process
        """The number of the next operation's process."""
        self.is_crashed = False
        self.is_patient = False
        """In the last phase nothing times out any more: what is pending has to end."""
        self.session: Session | None = None
        self.pending: Operation | None = None
        self._office = office
        self._random = draws.stream("client", number, process)
        self._life = 0
        """Timers of an earlier attempt or operation find another number here."""
        self._invocation: Invocation | None = None
        self._deadline = 0
        self._request: Request | Query | None = None
        self._nonce = ClientId(self._random.bits() >> 2)
        self._queries = RequestNumber(0)
        self._asked: ReplicaId | None = None
        self._may_be_executed = False
        self._problem = ""

    # ── Operations ───────────────────────────────────────────────────────────────────────────

    def begin(self, operation: Operation) -> None:
        """Ask for one operation; `office.done` hears of its end."""
        assert self.pending is None
        self.pending = operation
        self._may_be_executed = False
        self._problem = "no time to ask"
        self._deadline = self._office.now + self._office.patience
        self._invocation = self.note_invocation(operation)
        self._next_attempt()

    def note_invocation(self, operation: Operation) -> Invocation:
        """On record before anything is sent."""
        return self._office.recorder.invoke(self.process, *asked(operation), key=operation.key)

    def crash(self) -> None:
        """Nobody will hear of what is pending; its outcome is unknown."""
        self.is_crashed = True
        self._life += 1

    # ── Attempts ─────────────────────────────────────────────────────────────────────────────

    def _next_attempt(self) -> None:
        if self.is_crashed or self.pending is None:
            return
        self._life += 1
        if not self.is_patient and self._office.now >= self._deadline:
            self.conclude(None)
            return
        if self._request is None or self._request.number == OPEN_SESSION:
            self._request = self._open_or_ask()
        else:
            self._request = self.request_again(self._request)
        self._asked = self.choose_replica(self.pending)
        self._office.loop.after(ATTEMPT_TIMEOUT, self._on_silence, self._life)
        self._office.send(self, self._asked, self._request)

    def _open_or_ask(self) -> Request | Query:
        assert self.pending is not None
        if isinstance(self.pending, Get) and not self._office.reads_through_log:
            self._queries = RequestNumber(self._queries + 1)
            return Query(self._nonce, self._queries, self.question(self.pending))
        if self.session is None:
            again = self._request
            nonce = again.client if again is not None else ClientId(self._random.bits() >> 2)
            return Request(nonce, OPEN_SESSION, OPEN_SESSION, b"")
        number = self.session.next_number()
        body = encode_operation(self.pending)
        return Request(self.session.name, number, self.session.answered, body)

    def question(self, operation: Get) -> bytes:
        """The body of a query."""
        return encode_operation(operation)

    def request_again(self, request: Request | Query) -> Request | Query:
        """The same number, so that it is executed once however often it is asked."""
        return request

    def choose_replica(self, operation: Operation) -> ReplicaId:
        """Where to ask: whoever is believed to lead, or anybody."""
        del operation
        return self._office.leader_for(self, self.shard) or self._random.choice(
            self._office.members
        )

    def _on_silence(self, life: int) -> None:
        if life == self._life and not self.is_crashed:
            self._may_be_executed |= self._may_have_effect()
            self._problem = "no answer in time"
            self._leave(None)

    def on_broken(self, replica: ReplicaId, *, is_certain: bool) -> None:
        """The connection to a replica broke; `is_certain` when nothing can have been asked on it."""
        if self.pending is not None and self._asked == replica and not self.is_crashed:
            self._may_be_executed |= self._may_have_effect() and not is_certain
            self._problem = "the connection broke"
            self._leave(None)

    def _leave(self, leader: ReplicaId | None) -> None:
        """This replica is no help; go on elsewhere, soon."""
        self._life += 1
        self._office.believe(self, leader, self.shard)
        self._asked = None
        pause = self._random.below(BACK_OFF_MAX)
        self._office.loop.after(pause, self._after_pause, self._life)

    def _after_pause(self, life: int) -> None:
        if life == self._life:
            self._next_attempt()

    def _is_about_operation(self) -> bool:
        return self._request is not None and self._request.number != OPEN_SESSION

    def _may_have_effect(self) -> bool:
        return self._is_about_operation() and isinstance(self._request, Request)

    # ── Answers ──────────────────────────────────────────────────────────────────────────────

    def on_answer(self, replica: ReplicaId, answer: Answer) -> None:
        """Something arrived."""
        if self.is_crashed or self.pending is None or not self.is_mine(answer):
            return
        match answer:
            case Opened(_, name):
                self.session = self.make_session(name)
                self._request = None
                self._office.believe(self, replica, self.shard)
                self._next_attempt()
            case Executed():
                self._office.believe(self, replica, self.shard)
                self.conclude(answer)
            case Expired():
                self._may_be_executed = True
                self._problem = "the cluster has forgotten this session"
                self.conclude(None)
            case NotExecuted():
                self._problem = f"refused: {answer.reason}"
                self._leave(answer.leader)
            case Overloaded() | TooLarge() | Failed():
                raise AssertionError(f"a replica of this floor does not say {answer}")
            case Interrupted():
                self._may_be_executed |= self._may_have_effect()
                self._problem = "the leader stepped down"
                self._leave(answer.leader)

    def make_session(self, name: ClientId) -> Session:
        """Numbers for the requests of a session that was opened."""
        return Session(name)

    def is_mine(self, answer: Answer) -> bool:
        """Whether this answers what was asked."""
        number = getattr(answer, "number", RequestNumber(0))  # Opened answers request 0
        request = self._request
        return request is not None and (answer.client, number) == (request.client, request.number)

    def conclude(self, answer: Executed | None) -> None:
        """The operation is over: with a result, certainly not executed, or unknown."""
        operation, invocation, recorder = self.pending, self._invocation, self._office.recorder
        assert operation is not None
        assert invocation is not None
        result = None if answer is None else decode_result(answer.body)
        if isinstance(result, Done | Mismatch):
            self._finish_number()
            self.note_result(invocation, operation, result)
            if isinstance(result, Done):
                self._office.learn(self, operation, result)
        elif self._may_be_executed:
            recorder.info(invocation, self._problem)
            self.retire()
        else:
            recorder.fail(invocation, self._problem)
            self._finish_number()
        self.pending = None
        self._request = None
        self._life += 1
        self._office.done(self)

    def retire(self) -> None:
        """After an unknown outcome: another process, another session."""
        self.process += self._office.processes
        self.session = None

    def note_result(
        self, invocation: Invocation, operation: Operation, result: Done | Mismatch
    ) -> None:
        """On record when the answer is decoded."""
        if isinstance(result, Mismatch):
            self._office.recorder.fail(invocation, MISMATCH)
        elif isinstance(operation, Get):
            self._office.recorder.ok(invocation, result.value)
        else:
            self._office.recorder.ok(invocation, invocation.value)

    def _finish_number(self) -> None:
        if self.session is not None and self._may_have_effect():
            assert self._request is not None
            self.session.finish(self._request.number)


def asked(operation: Operation) -> tuple[str, object] | tuple[str]:
    """What is recorded of an operation: its name, and its argument if it has one."""
    match operation:
        case Get():
            return ("get",)
        case Put(_, value):
            return ("put", value)
        case Cas(_, old, new):
            return ("cas", [old, new])
        case Append(_, suffix):
            return ("append", suffix)
        case Delete():
            return ("delete",)
