"""How much memory a flood of clients can take of a replica, and what is left for others.

    python -m benchmarks.flood [--seconds 20] [--connections 60]

Three kinds of flooders at once, against all replicas of a cluster: those that ask for large answers
and never read one, those that send small requests without waiting, and those that send large
commands without waiting. Modest clients go on beside them, one request at a time. What is written
is deleted data from the start: every large command is refused by the state machine, so that what
grows is what a flood holds and not what it stores.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import trio

from clients import ClientError, KvClient, open_client
from node.config import MIB
from node.types import OPEN_SESSION, Address, ClientId, RequestNumber
from node.wire.framing import FrameDecoder, frame
from node.wire.kv import Get, encode_operation
from node.wire.messages import CLIENT_CODEC, FRAME_BYTES_MAX, ClientHello, Request
from node.wire.preface import Speaker, preface
from tests.support.processes import Running, resident_mb, running_cluster

LARGE_VALUE = "v" * 1_000_000
SMALL_LIMITS = f"""
[limits]
request_bytes_max = {16 * MIB}
output_bytes_max = {8 * MIB}
output_total_bytes_max = {32 * MIB}
input_total_bytes_max = {16 * MIB}
"""
"""Below what a flood of a few seconds could take, so that a short run shows whether they hold."""


@dataclass(slots=True)
class Flood:
    """What the flooders did."""

    sent_bytes: int = 0
    closed: int = 0
    answers: Counter[str] = field(default_factory=Counter)


class Flooder:
    """One connection after another, as long as it lasts."""

    def __init__(self, address: Address, nonce: int, flood: Flood) -> None:
        self._address = address
        self._nonce = nonce
        self._flood = flood

    async def never_read(self) -> None:
        """Ask for a large value, again and again."""
        body = encode_operation(Get("large"))
        await self._send([self._request(number, body) for number in range(1, 100)], reads=False)

    async def never_wait(self) -> None:
        """Small requests, as fast as they go."""
        body = encode_operation(Get("small"))
        await self._send([self._request(number, body) for number in range(1, 100)], reads=True)

    async def send_much(self) -> None:
        """Large commands: no operation at all, so that nothing is stored."""
        body = bytes(MIB)
        await self._send([self._request(number, body) for number in range(1, 5)], reads=True)

    def _request(self, number: int, body: bytes) -> bytes:
        # Of a session that does not exist: executed as nothing, and answered Expired.
        request = Request(ClientId(self._nonce), RequestNumber(number), OPEN_SESSION, body)
        return frame(CLIENT_CODEC.encode(request), FRAME_BYTES_MAX)

    async def _send(self, requests: list[bytes], *, reads: bool) -> None:
        data = b"".join(requests)
        hello = frame(CLIENT_CODEC.encode(ClientHello("test")), FRAME_BYTES_MAX)
        while True:
            try:
                async with (
                    await trio.open_tcp_stream(*self._address) as stream,
                    trio.open_nursery() as nursery,
                ):
                    if reads:
                        nursery.start_soon(self._read, stream)
                    await stream.send_all(preface(Speaker.CLIENT) + hello)
                    while True:
                        await stream.send_all(data)
                        self._flood.sent_bytes += len(data)
            except (OSError, ExceptionGroup):
                self._flood.closed += 1
                await trio.sleep(0.05)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._flood.closed += 1
                await trio.sleep(0.05)

    async def _read(self, stream: trio.SocketStream) -> None:
        decoder = FrameDecoder(FRAME_BYTES_MAX)
        async for data in stream:
            decoder.receive_data(bytes(data))
            while (payload := decoder.next_frame()) is not None:
                self._flood.answers[type(CLIENT_CODEC.decode(payload)).__name__] += 1
        raise trio.BrokenResourceError("closed")
