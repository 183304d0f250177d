"""The client port: sessions of clients, and the way of each answer back to who asked.

    one connection:  reader ──Propose──▶ inbox          (stops reading at its credit)
                     writer ◀── queue ◀── Replies ◀── driver

What is asked beyond the limits is answered at once, and never proposed.
"""

from collections.abc import Callable
from typing import Any, Final

import trio

from node.config import REPLICA_ID_MAX
from node.core.interface import Add, Propose, Read, Remove, Role, Transfer, Withdraw
from node.errors import WireError
from node.readers import Readers
from node.runtime.connection import Connection
from node.runtime.counters import Counters
from node.runtime.handshake import expect_hello, keep_alive
from node.runtime.inbox import Inbox
from node.runtime.limits import FREE_BYTES, Connections
from node.runtime.logs import logger
from node.runtime.replies import Replies, RequestId
from node.runtime.ticker import clock_ns
from node.settings import Limits
from node.types import (
    Address,
    ClientId,
    Command,
    Query,
    ReplicaId,
    ReplicaInfo,
    RequestNumber,
)
from node.wire.messages import (
    CLIENT_CODEC,
    AddRequest,
    Answer,
    ChangeReply,
    ClientHello,
    Overloaded,
    RemoveRequest,
    Request,
    StatusReply,
    StatusRequest,
    TooLarge,
    TransferReply,
    TransferRequest,
    leads_not,
)
from node.wire.preface import Speaker

_log = logger("clients")

SHARE: Final = 64
"""Messages of one connection that are read before everybody else has a turn: about a millisecond.
A chunk of small requests is more than a thousand of them."""

FIRST_CREDIT: Final = 64
"""Requests in flight of one that has not shown yet that it reads answers. To ask costs a client
some bytes, and each replica perhaps a megabyte's work: whoever takes his answers may ask for more."""

_SHARES: Final = 16
"""One connection may have this part of `request_bytes_max` in flight, and one command more."""

REFUSAL_PAUSE_S: Final = 0.02
"""A client that asks for too much, or a replica that does not lead, is not read for so long: to refuse
costs time, too, which others need. It is what a client of ours waits before it asks again."""


class ClientConnection(Connection):
    """One client's connection and the requests that it waits for."""

    def __init__(self, stream: trio.abc.Stream, connections: Connections, limits: Limits) -> None:
        super().__init__(
            stream,
            CLIENT_CODEC,
            connections=connections,
            output_bytes_max=limits.output_bytes_max,
        )
        self.waiting: dict[RequestId, int] = {}
        """With the bytes of each command."""
        self._waiting_bytes = 0
        self._requests_max = limits.requests_per_connection_max
        self._credit = min(FIRST_CREDIT, self._requests_max)
        self._bytes_max = limits.request_bytes_max // _SHARES
        self._answered = trio.Event()
        self.was_refused = False
        """It asked for too much, or the wrong replica, and has not been left alone for a while yet."""
        self.had_share = False
        """So much of it was read that others come first now."""

    def expect(self, request: RequestId, size: int) -> None:
        """The answer to `request` will come here."""
        if request not in self.waiting:
            self.waiting[request] = size
            self._waiting_bytes += size

    def answer(self, request: RequestId, answer: Answer) -> None:
        """Queue the answer to one request, for the next `flush`; never waits."""
        self.queue(answer)
        if (
            self._credit < self._requests_max
            and self.unsent_bytes <= FREE_BYTES
            and not self.was_refused
        ):
            self._credit += 1
        self.release(request)

    def refused(self) -> None:
        """One request was taken, and came to nothing: no more for a while, and then one by one."""
        self.was_refused = True
        self._credit = 1

    def release(self, request: RequestId) -> None:
        """The answer to `request` has come, or will go elsewhere."""
        self._waiting_bytes -= self.waiting.pop(request, 0)
        self._answered.set()

    @property
    def has_credit(self) -> bool:
        """Whether this client may have another request in flight."""
        return len(self.waiting) < self._credit and self._waiting_bytes <= self._bytes_max

    async def wait_credit(self) -> None:
        """Wait until this client may have another request in flight."""
        while not self.has_credit:
            self._answered = trio.Event()
            await self._answered.wait()


class ClientPort:
    """Serves clients until it is cancelled."""

    def __init__(
        self,
        *,
        cluster: str,
        limits: Limits,
        inbox: Inbox[Any],
        replies: Replies,
        status: Callable[[], StatusReply],
        change_members: Callable[[Add | Remove], str],
        counters: Counters,
        readers: Readers,
    ) -> None:
        self._readers = readers
        self._cluster = cluster
        self._limits = limits
        self._inbox = inbox
        self._replies = replies
        self._status = status
        self._change_members = change_members
        self._counters = counters
        self.connections = Connections(limits, limits.connections_max)

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection; closes `stream`. Errors of this client end with this client."""
        keep_alive(stream)
        connection = ClientConnection(stream, self.connections, self._limits)
        with self._counters.connection("client", _log):
            try:
                async with connection.open():
                    await expect_hello(connection, {Speaker.CLIENT: ClientHello}, self._cluster)
                    await self._read(connection)
            finally:
                unheard = self._replies.forget(connection)
                if unheard:
                    self._inbox.post(Withdraw(unheard))

    async def _read(self, connection: ClientConnection) -> None:
        def handle() -> bool:
            return not connection.was_refused and self._handle(connection)

        is_open = True
        while is_open:
            if connection.was_refused:
                await trio.sleep(REFUSAL_PAUSE_S)
                connection.was_refused = False
            if connection.had_share:
                connection.had_share = False
                await trio.lowlevel.checkpoint()
            if not connection.has_credit:
                await connection.wait_credit()
            if not self._inbox.has_room:
                await self._inbox.wait_room()
            if handle():
                is_open = await connection.read(self._readers, handle)

    def _handle(self, connection: ClientConnection) -> bool:
        """Do what the messages that are here ask for; False when that has to wait."""
        for count, message in enumerate(connection.received(), 1):
            match message:
                case Request():
                    self._answer_at_once(connection, self._propose(message, connection))
                case Query():
                    self._answer_at_once(connection, self._ask(message, connection))
                case StatusRequest():
                    connection.post(self._status())
                case TransferRequest() | AddRequest() | RemoveRequest():
                    connection.post(self._operate(message))
                case _:
                    raise WireError(f"a client does not send {type(message).__name__}")
            if connection.was_refused or not connection.has_credit or not self._inbox.has_room:
                return False
            if count == SHARE:
                connection.had_share = True
                return False
        return True

    def _answer_at_once(
        self, connection: ClientConnection, refusal: Overloaded | TooLarge | None
    ) -> None:
        if refusal is not None:
            self._counters.refused_requests[type(refusal).__name__] += 1
            connection.post(refusal)
            connection.was_refused = True

    def _propose(
        self, request: Request, connection: ClientConnection
    ) -> Overloaded | TooLarge | None:
        """Hand a request to the core, unless a limit or an earlier attempt is in the way."""
        client, number, body = request.client, request.number, request.body
        if self._is_on_its_way((client, number), connection):
            return None
        refusal = self._obstacle(client, number, request.answered, len(body))
        if refusal is None:
            self._replies.expect((client, number), connection, len(body))
            self._counters.proposals += 1
            command = Command(client, number, request.answered, body)
            self._inbox.post(Propose(command), len(body))
        return refusal

    def _ask(self, query: Query, connection: ClientConnection) -> Overloaded | TooLarge | None:
        """As `_propose`; a query has no place in a session, so none ever is too far ahead there."""
        client, number, body = query.client, query.number, query.body
        if self._is_on_its_way((client, number), connection):
            return None
        refusal = self._obstacle(client, number, number, len(body))
        if refusal is None:
            self._replies.expect((client, number), connection, len(body))
            self.read(query)
        return refusal

    def read(self, query: Query) -> None:
        """Hand a query to the core."""
        self._inbox.post(Read(query, clock_ns()), len(query.body))

    def _is_on_its_way(self, request: RequestId, connection: ClientConnection) -> bool:
        """Whether it was asked before and has no answer yet: one attempt is enough."""
        is_waiting = self._replies.is_waiting(request)
        if is_waiting:
            self._replies.redirect(request, connection)
        return is_waiting

    def _obstacle(
        self, client: ClientId, number: RequestNumber, answered: RequestNumber, size: int
    ) -> Overloaded | TooLarge | None:
        if size > self._limits.command_bytes_max:
            return TooLarge(client, number, self._limits.command_bytes_max)
        why_not = self._replies.obstacle(client, number, answered, size)
        return None if why_not is None else Overloaded(client, number, why_not)

    def _operate(
        self, message: TransferRequest | AddRequest | RemoveRequest
    ) -> TransferReply | ChangeReply:
        """What an operator wants of the cluster."""
        match message:
            case TransferRequest(to):
                return self._transfer(to)
            case AddRequest(info):
                return self._add(info)
            case RemoveRequest(replica):
                return ChangeReply(self._change_members(Remove(replica)))

    def _transfer(self, to: ReplicaId) -> TransferReply:
        """Have the core hand over, if that can make sense."""
        status = self._status()
        if status.role != Role.LEADER.value:
            return TransferReply(leads_not(status.replica, status.leader))
        if not self._replies.knows(to):
            return TransferReply(f"{to} is no replica of this cluster")
        self._inbox.post(Transfer(to))
        return TransferReply("")

    def _add(self, info: ReplicaInfo) -> ChangeReply:
        """Have the core add a replica, if what is said of it makes sense."""
        if not 1 <= info.replica <= REPLICA_ID_MAX:
            return ChangeReply(f"{info.replica} is no id of a replica: from 1 to {REPLICA_ID_MAX}")
        for address in (info.peer_address, info.client_address):
            try:
                Address.parse(address)
            except ValueError as error:
                return ChangeReply(str(error))
        return ChangeReply(self._change_members(Add(info)))
