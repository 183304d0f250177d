"""Many requests in flight over one connection, without a task for each.

    ask(a), ask(b), run(on_answers) ──▶ one send ──▶ replica
                    on_answers ◀── one chunk: what it answers, however much that is
                        └─▶ ask(c), ask(d) ──▶ one send

For programs that keep a cluster busy: a task and an event for every request, as `Client` has them,
cost more than the request. The session and its numbers are those of `clients.session`, so asking
everything outstanding again, at another replica, is always safe.
"""

from collections.abc import Callable, Sequence
from random import Random

import trio

from clients.caller import Caller, NoHelp
from clients.errors import Indeterminate, Rejected
from clients.session import ATTEMPT_TIMEOUT_S
from node.errors import WireError
from node.readers import Readers
from node.types import OPEN_SESSION, Address, ClientId, RequestNumber
from node.wire.framing import frame
from node.wire.messages import (
    CLIENT_CODEC,
    FRAME_BYTES_MAX,
    Executed,
    Expired,
    Goodbye,
    Interrupted,
    NotExecuted,
    Opened,
    Overloaded,
    Request,
    TooLarge,
)

OnAnswers = Callable[[list[Executed]], None]
"""Takes answers, at least one; may ask for more. Must not raise."""


def _nobody(answers: list[Executed]) -> None:
    assert not answers, "nobody has asked"


class Pipeline(Caller):
    """One session on one connection at a time. For one task; `aclose()` it."""

    def __init__(
        self,
        *,
        cluster: str,
        replicas: Sequence[Address],
        readers: Readers,
        random: Random,
        timeout_s: float = 5.0,
    ) -> None:
        """`timeout_s`: after so long without any answer, what is outstanding is given up.

        Somebody runs `readers`, which may serve any number of pipelines.
        """
        super().__init__(cluster, replicas, random)
        self._readers = readers
        self._timeout_s = timeout_s
        self._on_answers: OnAnswers = _nobody
        self._heard_at = 0.0
        """When the last answer came, or the asking began."""
        self._session: ClientId | None = None
        self._last = OPEN_SESSION
        self._outstanding: dict[RequestNumber, bytes] = {}

    @property
    def outstanding(self) -> int:
        """Requests asked and not answered."""
        return len(self._outstanding)

    async def open(self) -> None:
        """Connect and open a session, if there is none; raises Rejected."""
        deadline = trio.current_time() + self._timeout_s
        while self._session is None or self._stream is None:
            try:
                await self.aclose()  # on an old connection, answers to an old session may come
                await self._connect()
            except NoHelp as why:
                await self._leave(why.leader_address)
                if trio.current_time() >= deadline:
                    raise Rejected(f"no session could be opened: {why}") from why

    def ask(self, body: bytes) -> RequestNumber:
        """Ask for one command; it leaves in `run`. Needs an open session."""
        assert self._session is not None, "open() comes first"
        number = self._last = RequestNumber(self._last + 1)
        self._outstanding[number] = body
        if self._stream is not None:
            self._unsent.append(self._request(self._session, number, body))
        return number

    async def run(self, on_answers: OnAnswers) -> None:
        """Send what is asked and hand over what is answered, until nothing is outstanding.

        Raises Indeterminate when no answer is in time, the session was forgotten, or a request is longer
        than the cluster takes: everything outstanding may be executed or not, and the next `open()`
        begins a new session.
        """
        self._on_answers = on_answers
        self._heard_at = trio.current_time()
        while self._outstanding:
            try:
                if self._stream is None:
                    await self._connect()
                await self._converse(until=lambda: not self._outstanding)
            except NoHelp as why:
                await self._leave(why.leader_address)
                if trio.current_time() >= self._heard_at + self._timeout_s:
                    self._give_up()
                    raise Indeterminate(f"no answer in time: {why}") from why

    async def aclose(self) -> None:
        """Close the connection; what is outstanding stays unknown."""
        await self._hang_up()

    async def _converse(self, *, until: Callable[[], bool]) -> None:
        """Send and receive until there is nothing more to do here, or no help; raises NoHelp."""
        stream = self._stream
        assert stream is not None

        def take(data: bytes) -> bool:
            if answers := self._read(data):
                self._heard_at = trio.current_time()
                self._on_answers(answers)
            return self._send(stream) and self._trouble is None and not until()

        began = trio.current_time()
        while not until():
            is_open = True
            try:
                if not self._send(stream):
                    rest, self._unsent = b"".join(self._unsent), []
                    with trio.fail_after(ATTEMPT_TIMEOUT_S):
                        await stream.send_all(rest)
                with trio.move_on_after(ATTEMPT_TIMEOUT_S) as patience:
                    is_open = await self._readers.read(stream, take)
            except trio.TooSlowError as error:
                raise NoHelp(f"nothing could be sent within {ATTEMPT_TIMEOUT_S} s") from error
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise NoHelp("the connection broke") from error
            except WireError as error:
                raise NoHelp(f"the other side does not speak our protocol: {error}") from error
            if self._trouble is not None:
                raise self._trouble
            if not is_open:
                raise NoHelp("the other side closed the connection")
            # One look a second, and not a deadline for each request, which costs more than it.
            silent_s = trio.current_time() - max(began, self._heard_at)
            if patience.cancelled_caught and silent_s >= ATTEMPT_TIMEOUT_S:
                raise NoHelp(f"no answer within {ATTEMPT_TIMEOUT_S} s")

    def _read(self, data: bytes) -> list[Executed]:
        answers: list[Executed] = []
        self._decoder.receive_data(data)
        while (payload := self._decoder.next_frame()) is not None:
            message = CLIENT_CODEC.decode(payload)
            match message:
                case Executed():
                    # None: answered before, on another connection.
                    if self._outstanding.pop(message.number, None) is not None:
                        answers.append(message)
                case Opened(_, session):
                    self._session = session
                case Expired():
                    self._give_up()
                    raise Indeterminate("the cluster has forgotten this session")
                case NotExecuted() | Interrupted():
                    self._trouble = NoHelp("the replica does not lead", message.leader_address)
                case Overloaded():
                    # Certainly not executed; after a pause it is asked again, and there.
                    self._trouble = NoHelp(f"overloaded: {message.reason}", str(self._callee))
                case TooLarge():
                    self._give_up()
                    raise Indeterminate(f"one request had more than {message.bytes_max} bytes")
                case Goodbye(reason):
                    raise WireError(f"it said goodbye: {reason}")
                case _:
                    raise WireError(f"a replica does not send {type(message).__name__}")
        return answers

    async def _connect(self) -> None:
        """Greet the next replica, open a session if there is none, ask again what is open."""
        self._stream = await self._dial()
        if self._session is None:
            self._last = OPEN_SESSION
            nonce = ClientId(self._random.getrandbits(62))
            self._unsent.append(self._request(nonce, OPEN_SESSION, b""))
            await self._converse(until=lambda: self._session is not None)
        else:
            self._unsent += [
                self._request(self._session, number, body)
                for number, body in self._outstanding.items()
            ]

    def _give_up(self) -> None:
        self._session = None
        self._outstanding.clear()
        self._unsent.clear()

    def _request(self, client: ClientId, number: RequestNumber, body: bytes) -> bytes:
        oldest = next(iter(self._outstanding), number)
        answered = RequestNumber(max(oldest - 1, OPEN_SESSION))
        return frame(CLIENT_CODEC.encode(Request(client, number, answered, body)), FRAME_BYTES_MAX)
