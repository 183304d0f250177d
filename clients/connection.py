"""One connection to one replica, shared by any number of requests in flight.

ask(request) ──▶ replica ──▶ reader ──▶ wakes whoever asked, by (client, number)
"""

from contextlib import suppress
from typing import Final

import trio

from node.errors import WireError
from node.types import OPEN_SESSION, Address, ClientId, Query, ReplicaId, RequestNumber
from node.wire.framing import FrameDecoder, frame
from node.wire.messages import (
    CLIENT_CODEC,
    FRAME_BYTES_MAX,
    MASTER_CODEC,
    AddRequest,
    Answer,
    ChangeReply,
    ClientHello,
    Executed,
    Expired,
    Goodbye,
    Interrupted,
    Locate,
    NotExecuted,
    Opened,
    Overloaded,
    RemoveRequest,
    Request,
    Shards,
    StatusReply,
    StatusRequest,
    TooLarge,
    TransferReply,
    TransferRequest,
)
from node.wire.preface import Speaker, preface

CHUNK_BYTES: Final = 64 * 1024


class ConnectionLost(Exception):
    """The connection ended; what was asked on it and not answered may be executed or not."""


class CannotConnect(Exception):
    """There was no connection, so nothing was asked."""


class _Question:
    """Somebody waits for an answer."""

    def __init__(self) -> None:
        self.done = trio.Event()
        self.answer: Answer | StatusReply | TransferReply | ChangeReply | None = None


class ReplicaConnection:
    """An open connection; made by `connect`, ended by `close` or by the other side."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._sending = trio.Lock()
        self._questions: dict[tuple[ClientId, RequestNumber] | None, _Question] = {}
        self._lost_because: str | None = None
        self._life = trio.CancelScope()
        self._retired = False

    @property
    def is_lost(self) -> bool:
        """No answer will come over this connection any more."""
        return self._lost_because is not None

    async def ask(self, request: Request | Query) -> Answer:
        """Send one request or query and wait for its answer; raises ConnectionLost.

        Cancelled, it leaves the request with the replica: it may be executed.
        """
        answer = await self._ask((request.client, request.number), request)
        assert not isinstance(answer, StatusReply | TransferReply | ChangeReply)
        return answer

    async def ask_status(self) -> StatusReply:
        """The replica's view of itself; raises ConnectionLost. One question at a time."""
        answer = await self._ask(None, StatusRequest())
        assert isinstance(answer, StatusReply)
        return answer

    async def ask_transfer(self, to: ReplicaId) -> TransferReply:
        """Ask a leader to let `to` lead; raises ConnectionLost. Not beside another `ask_…`."""
        answer = await self._ask(None, TransferRequest(to))
        assert isinstance(answer, TransferReply)
        return answer

    async def ask_change(self, change: AddRequest | RemoveRequest) -> ChangeReply:
        """Ask a leader to change the members; raises ConnectionLost. Not beside another `ask_…`."""
        answer = await self._ask(None, change)
        assert isinstance(answer, ChangeReply)
        return answer

    async def run(self) -> None:
        """Read answers until the connection ends; never raises on account of the other side."""
        with self._life:
            decoder = FrameDecoder(FRAME_BYTES_MAX)
            reason = "the other side closed the connection"
            try:
                while data := await self._stream.receive_some(CHUNK_BYTES):
                    decoder.receive_data(bytes(data))
                    while (payload := decoder.next_frame()) is not None:
                        self._on_message(CLIENT_CODEC.decode(payload))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                reason = "the connection broke"
            except WireError as error:
                reason = f"the other side does not speak our protocol: {error}"
            finally:
                self._lose(reason)
                # Nothing is sent in closing a socket, so there is nothing to wait for.
                await trio.aclose_forcefully(self._stream)

    def retire(self) -> None:
        """Close as soon as nobody waits for an answer any more."""
        self._retired = True
        if not self._questions:
            self._life.cancel()

    async def _ask(
        self,
        key: tuple[ClientId, RequestNumber] | None,
        message: Request | Query | StatusRequest | TransferRequest | AddRequest | RemoveRequest,
    ) -> Answer | StatusReply | TransferReply | ChangeReply:
        question = self._questions[key] = _Question()
        try:
            await self._send(message)
            await question.done.wait()
        finally:
            if self._questions.get(key) is question:
                del self._questions[key]
            if self._retired:
                self.retire()
        if question.answer is None:
            raise ConnectionLost(self._lost_because)
        return question.answer

    async def _send(self, message: object) -> None:
        if self._lost_because is not None:
            raise ConnectionLost(self._lost_because)
        data = frame(CLIENT_CODEC.encode(message), FRAME_BYTES_MAX)
        async with self._sending:
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._lose("the connection broke")
                raise ConnectionLost(self._lost_because) from error
            except trio.Cancelled:
                # Perhaps half a frame has left: nothing sensible can follow it.
                self._lose("a request was cut off while it was sent")
                raise

    def _on_message(self, message: object) -> None:
        match message:
            case Goodbye(reason):
                raise WireError(f"it said goodbye: {reason}")
            case StatusReply() | TransferReply() | ChangeReply():
                question = self._questions.pop(None, None)
            case Opened(client, _):
                question = self._questions.pop((client, OPEN_SESSION), None)
            case Executed() | Expired() | NotExecuted() | Overloaded() | TooLarge() | Interrupted():
                question = self._questions.pop((message.client, message.number), None)
            case _:
                raise WireError(f"a replica does not send {type(message).__name__}")
        if question is not None:
            question.answer = message
            question.done.set()

    def _lose(self, reason: str) -> None:
        if self._lost_because is None:
            self._lost_because = reason
        questions, self._questions = self._questions, {}
        for question in questions.values():
            question.done.set()


async def connect(address: Address, cluster: str, *, timeout_s: float) -> ReplicaConnection:
    """Connect and greet; the caller runs `run()`, which also closes. Raises CannotConnect."""
    stream = await open_stream(address, timeout_s)
    hello = frame(CLIENT_CODEC.encode(ClientHello(cluster)), FRAME_BYTES_MAX)
    try:
        await stream.send_all(preface(Speaker.CLIENT) + hello)
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(stream)
        raise CannotConnect(f"{address} closed the connection at once") from error
    except trio.Cancelled:
        await trio.aclose_forcefully(stream)
        raise
    return ReplicaConnection(stream)


async def ask_status(address: Address, cluster: str, *, timeout_s: float) -> StatusReply:
    """One replica's view of itself, over a connection of its own; raises CannotConnect."""
    status = None
    with trio.move_on_after(timeout_s):
        connection = await connect(address, cluster, timeout_s=timeout_s)
        async with trio.open_nursery() as connection_nursery:
            connection_nursery.start_soon(connection.run)
            with suppress(ConnectionLost):
                status = await connection.ask_status()
            connection_nursery.cancel_scope.cancel()
    if status is None:
        raise CannotConnect(f"no status from {address} within {timeout_s} s")
    return status


async def locate(master: Address, cluster: str, *, timeout_s: float) -> Shards:
    """Ask the master for each shard's replicas and leader; raises CannotConnect."""
    located = None
    with trio.move_on_after(timeout_s):
        try:
            located = await _ask_master(master, cluster, timeout_s)
        except (CannotConnect, trio.BrokenResourceError, WireError) as error:
            raise CannotConnect(f"the master does not answer: {error}") from error
    if located is None:
        raise CannotConnect(f"the master at {master} did not answer within {timeout_s} s")
    return located


async def _ask_master(master: Address, cluster: str, timeout_s: float) -> Shards:
    decoder = FrameDecoder(FRAME_BYTES_MAX)
    async with await open_stream(master, timeout_s) as stream:
        await stream.send_all(preface(Speaker.CLIENT))
        for question in (ClientHello(cluster), Locate()):
            await stream.send_all(frame(MASTER_CODEC.encode(question), FRAME_BYTES_MAX))
        while (payload := decoder.next_frame()) is None:
            data = await stream.receive_some(CHUNK_BYTES)
            if not data:
                raise WireError(f"{master} closed the connection")
            decoder.receive_data(bytes(data))
        answer = MASTER_CODEC.decode(payload)
    if not isinstance(answer, Shards) or not answer.shards:
        raise WireError(f"{master} answered {answer}")
    return answer


async def open_stream(address: Address, timeout_s: float) -> trio.SocketStream:
    """A bare connection; raises CannotConnect."""
    try:
        with trio.fail_after(timeout_s):
            return await trio.open_tcp_stream(address.host, address.port)
    except OSError as error:
        raise CannotConnect(f"cannot connect to {address}: {error}") from error
    except trio.TooSlowError as error:
        raise CannotConnect(f"no connection to {address} within {timeout_s} s") from error
