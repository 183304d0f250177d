"""Who is at the other end: the preface and the hello, before anything else is believed.

    preface: magic, version, role ──▶ hello: cluster, and of a replica: id, addressee, incarnation

Whatever does not fit is refused with one sentence and an error of its own class, by which it is
counted. Until then a connection may send one small frame, and has little time for it.
"""

import socket
from typing import Final, Protocol, TypeVar

import trio

from node.errors import ClusterMismatch, TooSlow, WireError
from node.runtime.connection import Connection
from node.wire.messages import ClientHello
from node.wire.preface import PREFACE_BYTES, Speaker, check_preface

HELLO_TIMEOUT_S: Final = 5.0
"""A connection that has not said who it is by then is closed: half-open ones cost memory."""

_KEEP_ALIVE: Final = {
    socket.TCP_KEEPIDLE: 15,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 30_000,
}
"""In seconds, a count, and milliseconds: a host that vanished without a word is noticed after half
a minute, whether or not anything was to be said to it."""


class Hello(Protocol):
    """What every first message carries."""

    @property
    def cluster(self) -> str: ...  # noqa: D102


HelloT = TypeVar("HelloT", bound=Hello)


async def expect_hello(
    connection: Connection, kinds: dict[Speaker, type[HelloT]], cluster: str
) -> HelloT:
    """The first message: of a kind that we expect, and of our cluster; raises WireError."""
    with trio.move_on_after(HELLO_TIMEOUT_S):
        data = await connection.receive_preface(PREFACE_BYTES)
        kind = kinds[check_preface(data, *kinds)]
        message = await connection.receive()
        if not isinstance(message, kind):
            raise WireError(f"expected {kind.__name__} first, found {type(message).__name__}")
        # A client may look at any cluster; replicas of two clusters must never mix.
        if message.cluster != cluster and not (message.cluster == "" and kind is ClientHello):
            raise ClusterMismatch(f"cluster {message.cluster!r}; this is {cluster!r}")
        connection.greeted()
        return message
    raise TooSlow(f"no hello within {HELLO_TIMEOUT_S} s")


def keep_alive(stream: trio.abc.Stream) -> None:
    """Let the system ask whether the other host still exists."""
    if isinstance(stream, trio.SocketStream):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE.items():
            stream.setsockopt(socket.IPPROTO_TCP, option, value)
