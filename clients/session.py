"""A client of one shard: numbers its requests, asks until somebody answers, and says what may be concluded.

The number of a request stays the same on every attempt, and the replicated state executes each
number once, so asking again, also at another replica, is always safe. What is not known when time
runs out:

    no attempt left this process, or each was refused     Rejected: certainly not executed
    each was refused, the last for too much work          Overloaded, which is a Rejected
    anything else                                         Indeterminate

A query changes nothing, so it has no number in the session, may be asked any number of times, and one
without an answer is Rejected: whether it was answered somewhere makes no difference to anybody.

After an Indeterminate the session is given up: the next request opens a new one.
"""

from collections.abc import Callable
from random import Random
from typing import Final

import trio

from clients.connection import CannotConnect, ConnectionLost
from clients.errors import ClientError, Indeterminate, Overloaded, Rejected
from clients.routing import Router
from node.types import OPEN_SESSION, ClientId, Query, RequestNumber
from node.wire import messages
from node.wire.messages import (
    COMMAND_BYTES_MAX,
    Answer,
    Executed,
    Expired,
    Failed,
    Interrupted,
    NotExecuted,
    Opened,
    Request,
    TooLarge,
)

ATTEMPT_TIMEOUT_S: Final = 1.0
"""Silence after which a replica is taken for stopped. Longer than an election usually takes, so
that a live leader's clients do not all come back at once."""

PATIENT_ATTEMPTS: Final = 4
"""At a replica that is overloaded, before another one is asked."""


class Session:
    """Names and numbers, as the replicated state counts them."""

    def __init__(self, name: ClientId) -> None:
        self.name = name
        self._last = OPEN_SESSION
        self._outstanding: dict[RequestNumber, None] = {}

    def next_number(self) -> RequestNumber:
        """A number for one more request in flight."""
        self._last = RequestNumber(self._last + 1)
        self._outstanding[self._last] = None
        return self._last

    def finish(self, number: RequestNumber) -> None:
        """The request was answered."""
        self._outstanding.pop(number, None)

    @property
    def answered(self) -> RequestNumber:
        """Up to here everything was answered."""
        oldest = next(iter(self._outstanding), None)
        return self._last if oldest is None else RequestNumber(oldest - 1)


class ShardClient:
    """A client of one group of replicas. Any number of tasks may use it at once."""

    def __init__(self, router: Router, random: Random) -> None:
        self._router = router
        self._random = random
        self._session: Session | None = None
        self._opening = trio.Lock()
        self._nonce = ClientId(random.getrandbits(62))
        """Names this client where a session does not."""
        self._queries = RequestNumber(0)
        self.retries = 0
        """Attempts after the first, over all requests."""

    async def execute(self, body: bytes, deadline: float) -> bytes:
        """Have one command executed, exactly once, and return its result; asks until `deadline`.

        Raises Rejected or Indeterminate, bare. Cancelled, the command may have been executed.
        """
        if len(body) > COMMAND_BYTES_MAX:
            raise Rejected(_too_large(body, COMMAND_BYTES_MAX))
        session = await self._open_session(deadline)
        number = session.next_number()

        def request() -> Request:
            return Request(session.name, number, session.answered, body)

        try:
            answer = await self._ask_until(deadline, request)
        except Rejected:
            session.finish(number)  # nobody will ask for its result: there is none
            raise
        except BaseException:
            # Unknown, or cancelled while it was asked. In a session that went on, this number
            # would stay open, and the cluster would keep all later results for its sake.
            self._abandon(session)
            raise
        session.finish(number)
        if isinstance(answer, Executed):
            return answer.body
        self._abandon(session)
        raise Indeterminate("the cluster has forgotten this session")

    async def query(self, body: bytes, deadline: float) -> bytes:
        """Have a question answered from the state, as it is now or later; nothing changes.

        Raises Rejected, bare, when no answer came in time.
        """
        if len(body) > COMMAND_BYTES_MAX:
            raise Rejected(_too_large(body, COMMAND_BYTES_MAX))
        self._queries = RequestNumber(self._queries + 1)
        query = Query(self._nonce, self._queries, body)
        try:
            answer = await self._ask_until(deadline, lambda: query)
        except Indeterminate as error:
            raise Rejected(str(error)) from error
        assert isinstance(answer, Executed), answer
        return answer.body

    async def _open_session(self, deadline: float) -> Session:
        """The current session, or a new one; opening one changes nothing that clients can see."""
        async with self._opening:
            if self._session is None:
                opening = Request(
                    ClientId(self._random.getrandbits(62)), OPEN_SESSION, OPEN_SESSION, b""
                )
                try:
                    answer = await self._ask_until(deadline, lambda: opening)
                except ClientError as error:
                    kind = Overloaded if isinstance(error, Overloaded) else Rejected
                    raise kind(f"no session could be opened: {error}") from error
                assert isinstance(answer, Opened), answer
                self._session = Session(answer.session)
            return self._session

    def _abandon(self, session: Session) -> None:
        if self._session is session:
            self._session = None

    async def _ask_until(
        self, deadline: float, next_request: Callable[[], Request | Query]
    ) -> Opened | Executed | Expired:
        """Attempt after attempt, each with `next_request()`, until one is answered or time is up."""
        may_be_executed = False
        last_problem = "no time to ask"
        attempts = overloads = 0
        while trio.current_time() < deadline:
            self.retries += attempts > 0
            attempts += 1
            request = next_request()
            try:
                answer = await self._attempt(request, deadline, overloads)
            except CannotConnect as error:
                last_problem = str(error)
            except (ConnectionLost, trio.TooSlowError) as error:
                may_be_executed = True
                last_problem = str(error) or f"no answer within {ATTEMPT_TIMEOUT_S} s"
            else:
                overloads = overloads + 1 if isinstance(answer, messages.Overloaded) else 0
                match answer:
                    case NotExecuted() | messages.Overloaded():
                        last_problem = f"refused: {answer.reason}"
                    case TooLarge():
                        # The limit was lowered between two attempts, or was never ours.
                        last_problem = _too_large(request.body, answer.bytes_max)
                        break
                    case Interrupted():
                        may_be_executed = True
                        last_problem = "the leader stepped down"
                    case Failed():
                        raise Rejected(f"failed: {answer.reason}")
                    case _:
                        return answer
            await self._router.back_off(overloads)
        problem = f"{last_problem} (attempts: {attempts})"
        if may_be_executed:
            raise Indeterminate(problem)
        raise Overloaded(problem) if overloads else Rejected(problem)

    async def _attempt(self, request: Request | Query, deadline: float, overloads: int) -> Answer:
        """Ask one replica once, and leave a replica that is no help.

        One that has too much to do, `overloads` times so far, is left now and then: it is the
        leader, and the only one who can help, or it is not, and has not even said so.

        Raises CannotConnect when nothing was asked, ConnectionLost or TooSlowError when it was.
        """
        connection = None
        with trio.move_on_at(deadline):
            connection = await self._router.connection()
        if connection is None:
            raise CannotConnect("no connection in time")
        try:
            with trio.fail_at(min(deadline, trio.current_time() + ATTEMPT_TIMEOUT_S)):
                answer = await connection.ask(request)
        except (ConnectionLost, trio.TooSlowError):
            self._router.leave(connection)
            raise
        if isinstance(answer, NotExecuted | Interrupted):
            self._router.leave(connection, leader_address=answer.leader_address)
        elif isinstance(answer, messages.Overloaded) and (overloads + 1) % PATIENT_ATTEMPTS == 0:
            self._router.leave(connection)
        return answer


def _too_large(body: bytes, bytes_max: int) -> str:
    return f"a command of {len(body)} bytes; {bytes_max} are allowed"
