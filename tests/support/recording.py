"""Clients of a `Cluster` that write down what they asked and what they heard.

A client has one operation in flight. It may ask again anywhere, with the same number; it records
`fail` only when every attempt was answered `NotExecuted`, and `info` when its session is gone. What
is never answered stays open. The clock is a counter: every look at it is later than the last.
"""

from typing import Final

from msgspec import UNSET

from checker import Budget, Verdict, check
from checker.models import kv
from history import Invocation, Operation as HistoryOperation, Recorder, pair
from node.types import OPEN_SESSION, ClientId, Command, Query, RequestNumber
from node.wire.kv import (
    Append,
    Cas,
    Delete,
    Done,
    Get,
    Mismatch,
    Operation,
    Put,
    Result,
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
    TooLarge,
)
from tests.support.cluster import Cluster

_JUDGING_S_MAX: Final = 20.0
"""Far more than the some dozens of operations of a test need; undecided fails a test too."""


class Journalist:
    """The history of one run."""

    def __init__(self) -> None:
        self._now = 0
        self._processes = 0
        self.recorder = Recorder(None, self._tick, keep_events=True)

    def new_process(self) -> int:
        """A process that has asked nothing yet."""
        self._processes += 1
        return self._processes

    def operations(self) -> list[HistoryOperation]:
        """What happened so far, ready to be judged."""
        return pair(enumerate(self.recorder.events, 1)).operations

    def verdict(self) -> Verdict:
        """Judge it."""
        return check(self.operations(), kv.MODEL, budget=Budget(time_limit_s=_JUDGING_S_MAX))

    def _tick(self) -> int:
        self._now += 1
        return self._now


class Client:
    """One sequential client; it acts only when it is told to."""

    def __init__(self, cluster: Cluster, journalist: Journalist, *, nonce: int) -> None:
        self._cluster = cluster
        self._journalist = journalist
        self._nonce = ClientId(nonce)
        self._process = journalist.new_process()
        self._number = OPEN_SESSION
        self._answered = OPEN_SESSION
        self._operation: Operation | None = None
        self._is_query = False
        self._invocation: Invocation | None = None
        self._open_attempts = 0
        self.session: ClientId | None = None
        self.results: list[Result] = []
        """Of the operations that were answered, in order."""

    @property
    def is_idle(self) -> bool:
        """It has a session and waits for nothing."""
        return self.session is not None and self._operation is None

    def open_session(self, at: int) -> None:
        """Ask for a session; may be asked again."""
        assert self.session is None
        opening = Command(client=self._nonce, number=OPEN_SESSION, answered=OPEN_SESSION, body=b"")
        self._cluster.propose(at, opening, reply=self._on_answer)

    def invoke(self, operation: Operation, at: int, *, as_query: bool = False) -> None:
        """Record the invocation, then ask; a get may be asked without a place in the log."""
        assert self.is_idle
        assert isinstance(operation, Get) or not as_query
        self._is_query = as_query
        self._operation = operation
        self._number = RequestNumber(self._number + 1)
        self._open_attempts = 0
        name, value = _in_history(operation)
        self._invocation = self._journalist.recorder.invoke(
            self._process,
            name,
            UNSET if value is None else value,
            key=operation.key,
            node=f"n{at}",
        )
        self.ask(at)

    def ask(self, at: int) -> None:
        """Ask for the operation in flight, or for a session, at `at`; the first time or again."""
        if self.session is None:
            self.open_session(at)
            return
        assert self._operation is not None
        if self._is_query:
            query = Query(self.session, self._number, encode_operation(self._operation))
            self._cluster.ask(at, query, reply=self._on_answer)
            return
        command = Command(
            client=self.session,
            number=self._number,
            answered=self._answered,
            body=encode_operation(self._operation),
        )
        self._open_attempts += 1
        self._cluster.propose(at, command, reply=self._on_answer)

    def give_up(self) -> None:
        """Stop asking: the outcome is a failure if every attempt was refused, else unknown."""
        if self._operation is None:
            return
        assert self._invocation is not None
        if self._open_attempts == 0:
            self._journalist.recorder.fail(self._invocation, "not-executed")
            self._end()
        else:
            self._journalist.recorder.info(self._invocation, "gave-up")
            self._retire()

    def _on_answer(self, answer: Answer) -> None:
        match answer:
            case Opened(_, session):
                if self.session is None:
                    self.session = session
                    self._number = self._answered = OPEN_SESSION
            case Executed(client, number, body):
                if self._operation is not None and (client, number) == (
                    self.session,
                    self._number,
                ):
                    self._on_result(self._operation, decode_result(body))
            case NotExecuted(client, number):
                if (client, number) == (self.session, self._number) and not self._is_query:
                    self._open_attempts -= 1
            case Expired(client, number):
                if self._operation is not None and (client, number) == (
                    self.session,
                    self._number,
                ):
                    assert self._invocation is not None
                    self._journalist.recorder.info(self._invocation, "expired")
                    self._retire()
            case Overloaded() | TooLarge() | Failed():
                raise AssertionError(f"nobody here says {answer}")
            case Interrupted():
                pass  # nobody knows; whoever drives this client may ask again

    def _on_result(self, operation: Operation, result: Result) -> None:
        assert self._invocation is not None
        self.results.append(result)
        match result:
            case Done(found):
                value = found if isinstance(operation, Get) else _in_history(operation)[1]
                self._journalist.recorder.ok(self._invocation, value)
            case Mismatch():
                self._journalist.recorder.fail(self._invocation, "mismatch")
            case _:
                raise AssertionError(result)
        self._end()

    def _end(self) -> None:
        # An operation that failed has not used its number up, but numbers are plenty.
        self._answered = self._number
        self._operation = None
        self._invocation = None

    def _retire(self) -> None:
        self._operation = None
        self._invocation = None
        self.session = None
        self._nonce = ClientId(self._nonce + 1_000_000)
        self._process = self._journalist.new_process()


def _in_history(operation: Operation) -> tuple[str, str | list[str | None] | None]:
    match operation:
        case Get():
            return "get", None
        case Put(_, value):
            return "put", value
        case Cas(_, old, new):
            return "cas", [old, new]
        case Delete():
            return "delete", None
        case Append(_, suffix):
            return "append", suffix
