"""Who waits for which answer, and how much may be in flight.

When a client asks the same request again on another connection, the newest connection gets the
answer. A request whose connection is gone still counts until the replica is done with it: the
memory that it takes does not go with the connection.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from node.core.interface import Refusal, Refused
from node.marks import sometimes
from node.settings import Limits
from node.types import OPEN_SESSION, ClientId, ReplicaId, RequestNumber
from node.wire.messages import (
    REQUESTS_AHEAD_MAX,
    Answer,
    Interrupted,
    NotExecuted,
    Opened,
    Overloaded,
)

if TYPE_CHECKING:
    from node.runtime.clientport import ClientConnection

_ASKED_ELSEWHERE = sometimes("a request is asked again on another connection before its answer")
_INTERRUPTED = sometimes("a client is told that its request was interrupted")

RequestId = tuple[ClientId, RequestNumber]


class Replies:
    """Who waits for what. Owned by the replica; written by readers, read by the driver."""

    def __init__(self, client_addresses: Mapping[ReplicaId, str], limits: Limits) -> None:
        self._addresses = client_addresses
        self._limits = limits
        self._waiting: dict[RequestId, tuple[ClientConnection | None, int]] = {}
        """With the bytes of each command; None where the connection is gone."""
        self._by_session: dict[ClientId, int] = {}
        self._answered: dict[ClientConnection, None] = {}
        """Connections with answers that have not left."""
        self.bytes = 0
        """Of all commands in flight."""

    def __len__(self) -> int:
        return len(self._waiting)

    def is_waiting(self, request: RequestId) -> bool:
        """The request was taken, and its answer has not come yet."""
        return request in self._waiting

    def obstacle(
        self, client: ClientId, number: RequestNumber, answered: RequestNumber, size: int
    ) -> str | None:
        """Why one more request cannot be taken now; None when it can."""
        limits = self._limits
        if len(self._waiting) >= limits.requests_max:
            return f"{limits.requests_max} requests are in flight"
        if self.bytes + size > limits.request_bytes_max:
            return f"requests of {self.bytes} bytes are in flight"
        if self._by_session.get(client, 0) >= limits.requests_per_session_max:
            return f"{limits.requests_per_session_max} requests of this session are in flight"
        if number - answered > REQUESTS_AHEAD_MAX:
            return f"request {number} of this session, and only {answered} is answered"
        return None

    def expect(self, request: RequestId, connection: "ClientConnection", size: int) -> None:
        """From now on the answer to `request`, a command of `size` bytes, goes to `connection`."""
        self._waiting[request] = (connection, size)
        self._by_session[request[0]] = self._by_session.get(request[0], 0) + 1
        self.bytes += size
        connection.expect(request, size)

    def redirect(self, request: RequestId, connection: "ClientConnection") -> None:
        """The answer to a request that waits already goes to `connection` instead."""
        before, size = self._waiting[request]
        if before is not connection:
            _ASKED_ELSEWHERE.hit()
            if before is not None:
                before.release(request)
        self._waiting[request] = (connection, size)
        connection.expect(request, size)

    def forget(self, connection: "ClientConnection") -> tuple[RequestId, ...]:
        """The connection is gone, and nobody waits any more for the requests that are returned.

        Whoever asked will ask again elsewhere.
        """
        self._answered.pop(connection, None)
        unheard = []
        for request in connection.waiting:
            waiting = self._waiting.get(request)
            if waiting is not None and waiting[0] is connection:
                self._waiting[request] = (None, waiting[1])
                unheard.append(request)
        connection.waiting.clear()
        return tuple(unheard)

    def answer(self, answer: Answer) -> None:
        """Give an answer to whoever waits for it; most replicas have nobody who does.

        It leaves with the next `flush`: whatever was answered meanwhile leaves together.
        """
        if not self._waiting:
            return
        number = OPEN_SESSION if isinstance(answer, Opened) else answer.number
        request = (answer.client, number)
        waiting = self._waiting.pop(request, None)
        if waiting is None:
            return
        connection, size = waiting
        self.bytes -= size
        left = self._by_session[answer.client] - 1
        if left:
            self._by_session[answer.client] = left
        else:
            del self._by_session[answer.client]
        if connection is not None:
            connection.answer(request, answer)
            self._answered[connection] = None

    def flush(self) -> None:
        """Send all answers; never waits."""
        for connection in self._answered:
            connection.flush()
        self._answered.clear()

    def refuse(self, refused: Refused, leader: ReplicaId | None) -> None:
        """Tell a client that this attempt certainly did nothing; it is left alone for a while."""
        client, number = refused.client, refused.number
        connection, _ = self._waiting.get((client, number), (None, 0))
        if connection is not None:
            connection.refused()
        if refused.why is Refusal.OVERLOADED:
            self.answer(Overloaded(client, number, "the leader has enough to do"))
        else:
            reason = refused.why.value
            self.answer(NotExecuted(client, number, reason, leader, self._address(leader)))

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
