"""A network in memory, and somebody at the other end of a stream who speaks as he is told.

    async with fake_network(monkeypatch) as network:      trio's own functions, patched
        async with network.serve(address, handler): ...   or code under test that listens

With it, code that connects and listens runs on Trio's fake clock: real sockets would let that clock
jump while bytes are on their way.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from node.types import Address
from node.wire.codec import Codec
from node.wire.framing import FrameDecoder, frame
from node.wire.messages import (
    CLIENT_CODEC,
    FRAME_BYTES_MAX,
    ClientHello,
    MemberHello,
    PeerHello,
)
from node.wire.preface import PREFACE_BYTES, Speaker, preface

MemoryStream = trio.abc.HalfCloseableStream
Handler = Callable[["Talker"], Awaitable[None]]


_MAGIC = b"\x89gng"

SPEAKERS = {
    ClientHello: Speaker.CLIENT,
    PeerHello: Speaker.PEER,
    MemberHello: Speaker.MEMBER,
}


class Talker:
    """Frames in and out of one end of a stream, one at a time; a preface before the hello."""

    def __init__(self, stream: trio.abc.Stream, codec: Codec[Any] = CLIENT_CODEC) -> None:
        self.stream = stream
        self._codec = codec
        self._decoder = FrameDecoder(FRAME_BYTES_MAX)
        self._first: bytes | None = b""
        self._has_spoken = False

    async def say(self, message: object) -> None:
        speaker = SPEAKERS.get(type(message))
        first = b"" if speaker is None or self._has_spoken else preface(speaker)
        self._has_spoken = True
        await self.stream.send_all(first + frame(self._codec.encode(message), FRAME_BYTES_MAX))

    async def hear(self) -> Any:  # noqa: ANN401 - whatever the codec knows
        """The next message; None at the end of the stream."""
        while (payload := self._decoder.next_frame()) is None:
            data = await self.stream.receive_some()
            if not data:
                return None
            self._decoder.receive_data(self._without_preface(bytes(data)))
        return self._codec.decode(payload)

    def _without_preface(self, data: bytes) -> bytes:
        if self._first is None:
            return data
        self._first += data
        if _MAGIC.startswith(self._first[: len(_MAGIC)]) and len(self._first) < PREFACE_BYTES:
            return b""
        data, self._first = self._first, None
        return data[PREFACE_BYTES:] if data.startswith(_MAGIC) else data


class _Listener(trio.abc.Listener[MemoryStream]):
    def __init__(self, network: "FakeNetwork", address: Address) -> None:
        self._network = network
        self._address = address
        self.arrivals, self._arrived = trio.open_memory_channel[MemoryStream](100)

    async def accept(self) -> MemoryStream:
        return await self._arrived.receive()

    async def aclose(self) -> None:
        self._network.listeners.pop(self._address, None)
        self.arrivals.close()
        self._arrived.close()
        await trio.lowlevel.checkpoint()


class FakeNetwork:
    """Who listens where. Connections are pairs of memory streams, without limits or delays."""

    def __init__(self) -> None:
        self.listeners: dict[Address, _Listener] = {}
        self.connections: list[tuple[Address, MemoryStream]] = []
        """Every connection that was made: where to, and the end of whoever listened."""

    async def open_tcp_stream(self, host: str, port: int) -> MemoryStream:
        """What `trio.open_tcp_stream` does."""
        await trio.lowlevel.checkpoint()
        listener = self.listeners.get(Address(host, port))
        if listener is None:
            raise OSError(f"nobody listens on {host}:{port}")
        near, far = trio.testing.memory_stream_pair()
        self.connections.append((Address(host, port), far))
        listener.arrivals.send_nowait(far)
        return near

    async def open_tcp_listeners(self, port: int, *, host: str) -> list[_Listener]:
        """What `trio.open_tcp_listeners` does."""
        await trio.lowlevel.checkpoint()
        address = Address(host, port)
        if address in self.listeners:
            raise OSError(98, "Address already in use")
        self.listeners[address] = _Listener(self, address)
        return [self.listeners[address]]

    @asynccontextmanager
    async def serve(
        self, address: Address, handler: Handler, codec: Codec[Any] = CLIENT_CODEC
    ) -> AsyncIterator[None]:
        """Listen for the length of a block; `handler` may be cut off at its end."""
        listeners = await self.open_tcp_listeners(address.port, host=address.host)

        async def talk(stream: MemoryStream) -> None:
            async with stream:
                try:
                    await handler(Talker(stream, codec))
                except trio.BrokenResourceError:
                    return  # the other end has gone

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, talk, listeners)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()


def fake_network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    """A network that everything in this test connects to and listens on."""
    network = FakeNetwork()
    monkeypatch.setattr(trio, "open_tcp_stream", network.open_tcp_stream)
    monkeypatch.setattr(trio, "open_tcp_listeners", network.open_tcp_listeners)
    return network
