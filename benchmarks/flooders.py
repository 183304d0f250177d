"""Clients that ask for too much, each in a way of its own, against one replica."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import trio

from node.settings import MIB
from node.types import OPEN_SESSION, Address, ClientId, RequestNumber
from node.wire.framing import FrameDecoder, frame
from node.wire.kv import Get, encode_operation
from node.wire.messages import CLIENT_CODEC, FRAME_BYTES_MAX, ClientHello, Opened, Request
from node.wire.preface import Speaker, preface

LARGE_VALUE: Final = "v" * 1_000_000

KINDS: Final = ("never_read", "never_wait", "send_too_much", "stop_halfway")
"""Methods of `Flooder`."""


@dataclass(slots=True)
class Flood:
    """What the flooders did."""

    sent_bytes: int = 0
    asked_bytes: int = 0
    """Of answers that nobody meant to read."""
    closed: int = 0
    answers: dict[str, int] = field(default_factory=dict)


class Flooder:
    """One connection after another, as long as it lasts."""

    def __init__(self, address: Address, nonce: int, flood: Flood) -> None:
        self._address = address
        self._nonce = nonce
        self._flood = flood

    async def never_read(self) -> None:
        """Open a session, ask for a large value again and again, and read nothing more."""
        body = encode_operation(Get("large"))
        while True:
            async with self._connected() as stream:
                await stream.send_all(self._request(self._nonce, 0, b""))
                session = await self._hear_session(stream)
                while session is not None:
                    for number in range(1, 1000):
                        data = self._request(session, number, body)
                        await stream.send_all(data)
                        self._flood.sent_bytes += len(data)
                        self._flood.asked_bytes += len(LARGE_VALUE)
            await trio.sleep(0.05)

    async def never_wait(self) -> None:
        """Small requests, as fast as they go."""
        body = encode_operation(Get("small"))
        data = b"".join(self._request(self._nonce, number, body) for number in range(1, 100))
        await self._repeat(data)

    async def send_too_much(self) -> None:
        """Commands that are too large, as fast as they go."""
        await self._repeat(self._request(self._nonce, 1, bytes(MIB)))

    async def stop_halfway(self) -> None:
        """Announce a large frame, send all but its end, and wait."""
        while True:
            async with self._connected() as stream:
                data = FRAME_BYTES_MAX.to_bytes(4, "big") + bytes(FRAME_BYTES_MAX - 1)
                await stream.send_all(data)
                self._flood.sent_bytes += len(data)
                await self._read(stream)
            await trio.sleep(0.05)

    def _request(self, client: int, number: int, body: bytes) -> bytes:
        request = Request(ClientId(client), RequestNumber(number), OPEN_SESSION, body)
        return frame(CLIENT_CODEC.encode(request), FRAME_BYTES_MAX)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[trio.SocketStream]:
        """A connection that has said hello; that it ends is what a flooder expects."""
        hello = frame(CLIENT_CODEC.encode(ClientHello("test")), FRAME_BYTES_MAX)
        try:
            async with await trio.open_tcp_stream(*self._address) as stream:
                await stream.send_all(preface(Speaker.CLIENT) + hello)
                yield stream
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            self._flood.closed += 1

    async def _repeat(self, data: bytes) -> None:
        while True:
            async with self._connected() as stream, trio.open_nursery() as nursery:
                nursery.start_soon(self._read, stream)
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    while True:
                        await stream.send_all(data)
                        self._flood.sent_bytes += len(data)
                nursery.cancel_scope.cancel()
            await trio.sleep(0.05)

    async def _hear_session(self, stream: trio.SocketStream) -> int | None:
        decoder = FrameDecoder(FRAME_BYTES_MAX)
        while (payload := decoder.next_frame()) is None:
            data = await stream.receive_some()
            if not data:
                return None
            decoder.receive_data(bytes(data))
        answer = CLIENT_CODEC.decode(payload)
        return answer.session if isinstance(answer, Opened) else None

    async def _read(self, stream: trio.SocketStream) -> None:
        """Count the answers, to the end of the connection."""
        decoder = FrameDecoder(FRAME_BYTES_MAX)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in stream:
                decoder.receive_data(bytes(data))
                while (payload := decoder.next_frame()) is not None:
                    answer = type(CLIENT_CODEC.decode(payload)).__name__
                    self._flood.answers[answer] = self._flood.answers.get(answer, 0) + 1
