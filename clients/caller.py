"""One connection at a time, to one replica after the other until one is of help.

What `clients.pipeline` and `clients.lane` have in common: whom to ask, how to greet, how to send without
waiting, and where to turn when somebody is no help. What is asked, and what answers mean, is theirs.
"""

from collections.abc import Sequence
from random import Random

import trio

from clients.connection import CannotConnect, open_stream
from clients.routing import BACK_OFF_S, CONNECT_TIMEOUT_S
from node.direct import send_now
from node.types import Address
from node.wire.framing import FrameDecoder, frame
from node.wire.messages import CLIENT_CODEC, FRAME_BYTES_MAX, ClientHello
from node.wire.preface import Speaker, preface


class NoHelp(Exception):
    """This replica, or the connection to it, does not get us further; why."""

    def __init__(self, why: str, leader_address: str | None = None) -> None:
        super().__init__(why)
        self.leader_address = leader_address


class Caller:
    """Owns the connection. For one task."""

    def __init__(self, cluster: str, replicas: Sequence[Address], random: Random) -> None:
        self._cluster = cluster
        self._replicas = list(replicas)
        self._random = random
        self._next = random.randrange(len(self._replicas))
        self._stream: trio.SocketStream | None = None
        self._decoder = FrameDecoder(FRAME_BYTES_MAX)
        self._unsent: list[bytes] = []
        self._trouble: NoHelp | None = None
        """Heard beside answers, which come first."""

    @property
    def _callee(self) -> Address:
        """Whom to ask, or who is asked."""
        return self._replicas[self._next % len(self._replicas)]

    async def _dial(self) -> trio.SocketStream:
        """Connect, with a greeting as the first thing to send; raises NoHelp."""
        try:
            stream = await open_stream(self._callee, CONNECT_TIMEOUT_S)
        except CannotConnect as error:
            raise NoHelp(str(error)) from error
        self._decoder = FrameDecoder(FRAME_BYTES_MAX)
        hello = frame(CLIENT_CODEC.encode(ClientHello(self._cluster)), FRAME_BYTES_MAX)
        self._unsent = [preface(Speaker.CLIENT) + hello]
        return stream

    def _send(self, stream: trio.SocketStream) -> bool:
        """Send what can be sent at once; whether that was all."""
        if self._unsent:
            data = b"".join(self._unsent)
            rest = data[send_now(stream, data) :]
            self._unsent = [rest] if rest else []
        return not self._unsent

    async def _leave(self, leader_address: str | None) -> None:
        """Turn to the leader that was named, or else to the next replica, after a little while."""
        await self._hang_up()
        self._unsent = []
        self._trouble = None
        if leader_address is None:
            self._next += 1
        else:
            address = Address.parse(leader_address)
            if address not in self._replicas:
                self._replicas.append(address)
            self._next = self._replicas.index(address)
        await trio.sleep(BACK_OFF_S * (0.5 + self._random.random()))

    async def _hang_up(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await trio.aclose_forcefully(stream)
