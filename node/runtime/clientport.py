"""The client port: sessions of clients, and the way of each answer back to who asked.

    one connection:  reader ──Propose──▶ inbox          (stops reading at its credit)
                     writer ◀── queue ◀── Replies ◀── driver

`Replies` knows who waits for which `(client, number)`. When a client asks the same request again
on another connection, the newest connection gets the answer.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import trio

from node.core.interface import Propose, Read, Refused, Role, Transfer
from node.errors import WireError
from node.marks import sometimes
from node.runtime.connection import Connection, Counters, expect_hello
from node.runtime.inbox import Inbox
from node.runtime.logs import logger
from node.runtime.ticker import clock_ns
from node.types import OPEN_SESSION, ClientId, Command, Query, ReplicaId, RequestNumber
from node.wire.messages import (
    CLIENT_CODEC,
    COMMAND_BYTES_MAX,
    FRAME_BYTES_MAX,
    Answer,
    ClientHello,
    Interrupted,
    NotExecuted,
    Opened,
    Request,
    StatusReply,
    StatusRequest,
    TransferReply,
    TransferRequest,
)

_log = logger("clients")

_ASKED_ELSEWHERE = sometimes("a request is asked again on another connection before its answer")
_INTERRUPTED = sometimes("a client is told that its request was interrupted")

IN_FLIGHT_MAX: Final = 1024
"""Unanswered requests of one connection; at this credit its reader stops reading."""

RequestId = tuple[ClientId, RequestNumber]


class ClientConnection(Connection):
    """One client's connection and the requests that it waits for."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        super().__init__(stream, CLIENT_CODEC, frame_bytes_max=FRAME_BYTES_MAX)
        self.waiting: dict[RequestId, None] = {}
        self._answered = trio.Event()

    def answer(self, request: RequestId, answer: Answer) -> None:
        """Queue the answer to one request, for the next `flush`; never waits."""
        self.waiting.pop(request, None)
        self.queue(answer)
        self._answered.set()

    @property
    def has_credit(self) -> bool:
        """Whether this client may have another request in flight."""
        return len(self.waiting) < IN_FLIGHT_MAX

    async def wait_credit(self) -> None:
        """Wait until this client may have another request in flight."""
        while not self.has_credit:
            self._answered = trio.Event()
            await self._answered.wait()


class Replies:
    """Who waits for what. Owned by the replica; written by readers, read by the driver."""

    def __init__(self, client_addresses: Mapping[ReplicaId, str]) -> None:
        self._addresses = client_addresses
        self._waiting: dict[RequestId, ClientConnection] = {}
        self._answered: dict[ClientConnection, None] = {}
        """Connections with answers that have not left."""

    def expect(self, request: RequestId, connection: ClientConnection) -> None:
        """From now on the answer to `request` goes to `connection`."""
        if self._waiting.get(request, connection) is not connection:
            _ASKED_ELSEWHERE.hit()
        self._waiting[request] = connection
        connection.waiting[request] = None

    def forget(self, connection: ClientConnection) -> None:
        """The connection is gone; whoever asked will ask again elsewhere."""
        self._answered.pop(connection, None)
        for request in connection.waiting:
            if self._waiting.get(request) is connection:
                del self._waiting[request]
        connection.waiting.clear()

    def answer(self, answer: Answer) -> None:
        """Give an answer to whoever waits for it; most replicas have nobody who does.

        It leaves with the next `flush`: whatever was answered meanwhile leaves together.
        """
        if not self._waiting:
            return
        number = OPEN_SESSION if isinstance(answer, Opened) else answer.number
        request = (answer.client, number)
        connection = self._waiting.pop(request, None)
        if connection is not None:
            connection.answer(request, answer)
            self._answered[connection] = None

    def flush(self) -> None:
        """Send all answers; never waits."""
        for connection in self._answered:
            connection.flush()
        self._answered.clear()

    def refuse(self, refused: Refused, leader: ReplicaId | None) -> None:
        """Tell a client that this attempt certainly did nothing."""
        self.answer(
            NotExecuted(
                refused.client, refused.number, refused.why.value, leader, self._address(leader)
            )
        )

    def interrupt_all(self, leader: ReplicaId | None) -> None:
        """Tell everyone who waits that this replica cannot say what will become of it."""
        for client, number in list(self._waiting):
            _INTERRUPTED.hit()
            self.answer(Interrupted(client, number, leader, self._address(leader)))

    def knows(self, replica: ReplicaId) -> bool:
        """Whether `replica` is a member of the cluster."""
        return replica in self._addresses

    def _address(self, leader: ReplicaId | None) -> str | None:
        return None if leader is None else self._addresses.get(leader)


class ClientPort:
    """Serves clients until it is cancelled."""

    def __init__(
        self,
        *,
        cluster: str,
        inbox: Inbox[Any],
        replies: Replies,
        status: Callable[[], StatusReply],
        counters: Counters,
    ) -> None:
        self._cluster = cluster
        self._inbox = inbox
        self._replies = replies
        self._status = status
        self._counters = counters

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection; closes `stream`. Errors of this client end with this client."""
        connection = ClientConnection(stream)
        with self._counters.connection("client", _log):
            try:
                async with connection.open():
                    await expect_hello(connection, ClientHello, self._cluster)
                    await self._read(connection)
            finally:
                self._replies.forget(connection)

    async def _read(self, connection: ClientConnection) -> None:
        is_open = True
        while is_open:
            for message in connection.received():
                match message:
                    case Request():
                        command = Command(
                            message.client, message.number, message.answered, message.body
                        )
                        self.ask(connection, command, Propose(command))
                    case Query():
                        self.ask(connection, message, Read(message, clock_ns()))
                    case StatusRequest():
                        connection.post(self._status())
                    case TransferRequest(to):
                        connection.post(self._transfer(to))
                    case _:
                        raise WireError(f"a client does not send {type(message).__name__}")
                if not connection.has_credit:
                    await connection.wait_credit()
                if not self._inbox.has_room:
                    await self._inbox.wait_room()
            is_open = await connection.receive_more()

    def ask(
        self, connection: ClientConnection, asked: Command | Query, event: Propose | Read
    ) -> None:
        """Post it to the core; its answer goes to `connection`."""
        size = len(asked.body)
        if size > COMMAND_BYTES_MAX:
            raise WireError(f"a request of {size} bytes; {COMMAND_BYTES_MAX} are allowed")
        self._replies.expect((asked.client, asked.number), connection)
        self._inbox.post(event)

    def _transfer(self, to: ReplicaId) -> TransferReply:
        """Have the core hand over, if that can make sense."""
        status = self._status()
        if status.role != Role.LEADER.value:
            leader = "nobody" if status.leader is None else f"replica {status.leader}"
            return TransferReply(f"replica {status.replica} does not lead: {leader} does")
        if not self._replies.knows(to):
            return TransferReply(f"{to} is no replica of this cluster")
        self._inbox.post(Transfer(to))
        return TransferReply("")
