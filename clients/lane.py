"""One shard's part of a session: its operations, over one connection at a time, to whoever leads there.

    issue ── ask(operation) ──▶ flush ──▶ leader          many in flight, sent in the order of issue
                                ◀── one chunk: what it answers ── settle

What is open is sent again, under the same numbers, over each new connection: the replicated state
executes each number once. The shard names the session when it is opened there, which happens before
the first operation; its token makes sure that a second attempt gets the same name.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

import trio

from clients.caller import Caller, NoHelp
from clients.session import ATTEMPT_TIMEOUT_S
from node.dispatch import Dispatch, encode_dispatch
from node.errors import WireError
from node.readers import Readers
from node.types import OPEN_SESSION, Address, ClientId, RequestNumber
from node.wire.framing import frame
from node.wire.messages import (
    CLIENT_CODEC,
    FRAME_BYTES_MAX,
    Executed,
    Expired,
    Failed,
    Goodbye,
    Interrupted,
    NotExecuted,
    Opened,
    Overloaded,
    Request,
    TooLarge,
)

Settled = Executed | Failed | Expired | TooLarge
"""After one of these nothing more will be said of an operation."""


class Operation(Protocol):
    """What a lane carries."""

    seq: RequestNumber
    body: bytes
    was_sent: bool
    """It may have left this process."""

    @property
    def after(self) -> int:
        """The shard of the operation before it; -1 when there is none, or it was answered."""


class Lane(Caller):
    """The operations of one session at one shard. `run` is its only task."""

    def __init__(
        self,
        *,
        cluster: str,
        replicas: Sequence[Address],
        readers: Readers,
        random: Random,
        token: ClientId,
        answered: Callable[[], RequestNumber],
        settle: Callable[[list[Settled]], None],
        is_dispatched: bool = True,
    ) -> None:
        """`is_dispatched` where the shard keeps the order of sessions. `answered` says up to where the session has its answers; `settle` must not raise."""
        super().__init__(cluster, replicas, random)
        self._readers = readers
        self._token = token
        self._answered = answered
        self._settle = settle
        self._is_dispatched = is_dispatched
        self._name: ClientId | None = None
        self._open: dict[RequestNumber, Operation] = {}
        self._asked_at = 0.0
        """Since when something has been open without a break."""
        self._heard_at = 0.0
        self._is_sending = False
        self._reading: trio.CancelScope | None = None
        """While `run` waits for answers."""
        self._wanted = trio.Event()
        self.why = "nobody was asked"
        """What the last attempt came to."""
        self.retries = 0
        """Operations that were sent again."""

    def ask(self, operation: Operation) -> None:
        """Have one more operation executed; it leaves with the next `flush`."""
        if not self._open:
            self._asked_at = trio.current_time()
        self._open[operation.seq] = operation
        if self._stream is not None and self._name is not None:
            self._unsent.append(self._request(operation))
        self._wanted.set()

    def drop(self, seq: RequestNumber) -> None:
        """Nobody waits for this operation any more."""
        self._open.pop(seq, None)

    def flush(self) -> None:
        """Send what can be sent at once; the rest leaves when there is room."""
        if self._stream is None or self._is_sending:
            return
        if not self._send(self._stream) and self._reading is not None:
            self._reading.cancel()

    async def run(self) -> None:
        """Keep a connection to whoever leads, from the first operation until cancelled."""
        await self._wanted.wait()
        try:
            while True:
                try:
                    stream = self._stream = await self._connect()
                    await self._converse(stream)
                except NoHelp as why:
                    self.why = str(why)
                    await self._leave(why.leader_address)
        finally:
            await self._hang_up()

    async def _connect(self) -> trio.SocketStream:
        """Greet the next replica, and ask for everything that is open; raises NoHelp."""
        stream = await self._dial()
        if self._name is None:
            opening = Request(self._token, OPEN_SESSION, OPEN_SESSION, b"")
            self._unsent.append(frame(CLIENT_CODEC.encode(opening), FRAME_BYTES_MAX))
        else:
            self._ask_again()
        return stream

    def _ask_again(self) -> None:
        for operation in self._open.values():
            self.retries += operation.was_sent
            self._unsent.append(self._request(operation))

    async def _converse(self, stream: trio.SocketStream) -> None:
        """Send and receive until this replica is no help; raises NoHelp."""

        def take(data: bytes) -> bool:
            self._read(data)
            return self._send(stream) and self._trouble is None

        began = trio.current_time()
        while True:
            is_open = True
            try:
                if not self._send(stream):
                    await self._send_rest(stream)
                with trio.move_on_after(ATTEMPT_TIMEOUT_S) as self._reading:
                    is_open = await self._readers.read(stream, take)
                self._reading = None
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
            silent_s = trio.current_time() - max(began, self._heard_at, self._asked_at)
            if self._open and silent_s >= ATTEMPT_TIMEOUT_S:
                raise NoHelp(f"no answer within {ATTEMPT_TIMEOUT_S} s")

    async def _send_rest(self, stream: trio.SocketStream) -> None:
        rest, self._unsent = b"".join(self._unsent), []
        self._is_sending = True
        try:
            with trio.fail_after(ATTEMPT_TIMEOUT_S):
                await stream.send_all(rest)
        finally:
            self._is_sending = False

    def _read(self, data: bytes) -> None:
        settled: list[Settled] = []
        self._decoder.receive_data(data)
        while (payload := self._decoder.next_frame()) is not None:
            message = CLIENT_CODEC.decode(payload)
            match message:
                case Executed() | Failed() | Expired() | TooLarge():
                    # None: answered before, on another connection.
                    if self._open.pop(message.number, None) is not None:
                        settled.append(message)
                case Opened(_, name):
                    if self._name is None:
                        self._name = name
                        self._ask_again()
                case NotExecuted() | Interrupted():
                    self._trouble = NoHelp("the replica does not lead", message.leader_address)
                case Overloaded():
                    # Certainly not executed; after a pause it is asked again, and there.
                    self._trouble = NoHelp(f"overloaded: {message.reason}", str(self._callee))
                case Goodbye(reason):
                    raise WireError(f"it said goodbye: {reason}")
                case _:
                    raise WireError(f"a replica does not send {type(message).__name__}")
        self._heard_at = trio.current_time()
        if settled:
            self._settle(settled)

    async def _leave(self, leader_address: str | None) -> None:
        """And wait until something is wanted."""
        await super()._leave(leader_address)
        if not self._open:
            self._wanted = trio.Event()
            await self._wanted.wait()

    def _request(self, operation: Operation) -> bytes:
        assert self._name is not None
        operation.was_sent = True
        body = operation.body
        if self._is_dispatched:
            body = encode_dispatch(Dispatch(operation.after, body))
        request = Request(self._name, operation.seq, self._answered(), body)
        return frame(CLIENT_CODEC.encode(request), FRAME_BYTES_MAX)
