"""How much memory a flood of clients can take of a replica, and what is left for others.

    python -m benchmarks.flood [--seconds 20] [--connections 15]

Four kinds of flooders at once, against every replica: those that ask for large values and read no
answer; those that ask small things without waiting; those that send commands that are too large;
and those that send most of a large frame and stop. Modest clients go on beside them, one request
at a time. None of the flooders writes, so that what grows is what a flood holds and not what it
stores; what is chosen for their reads is the log, which grows with every operation.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import msgspec
import trio

from clients import ClientError, KvClient, open_client
from node.config import MIB
from node.types import OPEN_SESSION, Address, ClientId, RequestNumber
from node.wire.framing import FrameDecoder, frame
from node.wire.kv import Get, encode_operation
from node.wire.messages import CLIENT_CODEC, FRAME_BYTES_MAX, ClientHello, Opened, Request
from node.wire.preface import Speaker, preface
from tests.support.processes import Running, resident_mb, running_cluster
from tests.support.scraping import scrape

LARGE_VALUE = "v" * 1_000_000
LIMITS = f"""
[limits]
command_bytes_max = {MIB - 1}
request_bytes_max = {16 * MIB}
output_bytes_max = {8 * MIB}
output_total_bytes_max = {24 * MIB}
input_total_bytes_max = {16 * MIB}
"""
"""Far below what a flood of a few seconds could take, so that a short run shows whether they hold."""

BOUND_MB = 280.0
"""What a replica may grow by. Output and input may hold 40 MiB here, commands in flight 16, which
these flooders leave nearly empty, and the results of sessions 64: 120 MiB. The allocator keeps some
90 MB in holes between large blocks, and 8 MiB of journal full of small reads are 57 MB of log in
memory: 270 MB. docs/operating.md has what was measured."""


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


@dataclass(slots=True)
class Outcome:
    """What a flood took, and what it left."""

    flood: Flood
    grown_mb: dict[int, float]
    """By replica, the most that it held beyond what it held before."""
    quiet_ops: float
    flooded_ops: float
    """Operations per second of the modest clients."""
    problems: Counter[str]
    """What the modest clients were told instead of an answer."""
    refused: Counter[str]
    """By reason, the connections that the replicas closed."""


async def flood(directory: Path, seconds: float, connections: int) -> Outcome:
    """Flood a cluster with `connections` of each kind to each replica."""
    async with running_cluster(directory, metrics=True, settings=LIMITS) as running:
        modest = Modest()
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(modest.work, running, number)
            await trio.sleep(seconds / 4)
            quiet = modest.take_rate()
            before = {r: resident_mb(running.pid(r)) for r in running.cluster.replicas}
            most = dict(before)
            flooding: list[Flood] = []
            nursery.start_soon(_flood_elsewhere, running, seconds, connections, flooding)
            while not flooding:
                await trio.sleep(0.1)
                running.cluster.check_alive()
                assert running.cluster.unexpected_ends == []
                for replica, so_far in most.items():
                    most[replica] = max(so_far, resident_mb(running.pid(replica)))
            flooded = modest.take_rate()
            refused = await refusals_by_reason(running)
            nursery.cancel_scope.cancel()
        grown = {int(r): most[r] - before[r] for r in most}
        return Outcome(flooding[0], grown, quiet, flooded, modest.problems, refused)


async def _flood_elsewhere(
    running: Running, seconds: float, connections: int, done: list[Flood]
) -> None:
    """In a process of its own: the modest clients must not share a thread with the flooders."""
    addresses = [str(address) for address in running.cluster.client_addresses]
    command = [sys.executable, "-m", "benchmarks.flood", "--attack", *addresses]
    options = ["--seconds", str(seconds), "--connections", str(connections)]
    ended = await trio.run_process([*command, *options], capture_stdout=True)
    done.append(msgspec.json.decode(ended.stdout, type=Flood))


async def attack(addresses: list[Address], seconds: float, connections: int) -> Flood:
    """Flood these replicas with `connections` of each kind to each."""
    flood = Flood()
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as flooders:
            for place, address in enumerate(addresses * connections):
                one = Flooder(address, (1 << 60) + place, flood)
                for work in (one.never_read, one.never_wait, one.send_too_much, one.stop_halfway):
                    flooders.start_soon(work)
    return flood


class Modest:
    """Clients that ask one thing at a time."""

    def __init__(self) -> None:
        self.problems: Counter[str] = Counter()
        self._done = 0
        self._since = time.monotonic()

    def take_rate(self) -> float:
        """Operations per second since it was asked last."""
        now = time.monotonic()
        rate = self._done / (now - self._since)
        self._done, self._since = 0, now
        return rate

    async def work(self, running: Running, number: int) -> None:
        """Put and get until cancelled."""
        async with open_client(
            cluster="test",
            replicas=running.cluster.client_addresses,
            timeout_s=20,
            random=Random(number),
        ) as client:
            store = KvClient(client)
            if number == 0:
                await store.put("large", LARGE_VALUE)
            while True:
                try:
                    await store.put(f"modest{number}", "v")
                    await store.get(f"modest{number}")
                except ClientError as error:
                    self.problems[f"{type(error).__name__}: {error}"] += 1
                else:
                    self._done += 2


async def refusals_by_reason(running: Running) -> Counter[str]:
    """Connections of clients that ended, over all replicas."""
    found: Counter[str] = Counter()
    for member in running.cluster.config.replicas:
        assert member.metrics_address is not None
        for (name, labels), value in (await scrape(member.metrics_address)).items():
            if name == "gong_connections_ended_total" and dict(labels)["port"] == "client":
                found[dict(labels)["reason"]] += int(value)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=15)
    parser.add_argument("--attack", nargs="+", metavar="HOST:PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.attack:
        addresses = [Address.parse(text) for text in options.attack]
        done = trio.run(attack, addresses, options.seconds, options.connections)
        print(msgspec.json.encode(done).decode())
        return
    with tempfile.TemporaryDirectory(prefix="gong-flood-") as directory:
        outcome = trio.run(flood, Path(directory), options.seconds, options.connections)
    print(f"flooders   {12 * options.connections} connections, {options.seconds:.0f} s")
    print(
        f"           sent {outcome.flood.sent_bytes / MIB:.0f} MiB, asked for "
        f"{outcome.flood.asked_bytes / MIB:.0f} MiB, cut {outcome.flood.closed} times"
    )
    print(f"           were told {outcome.flood.answers}")
    print(f"closed     {dict(outcome.refused)}")
    print(f"memory     grew by {[round(mb) for mb in outcome.grown_mb.values()]} MB at most")
    print(f"others     {outcome.quiet_ops:.0f} ops/s before, {outcome.flooded_ops:.0f} meanwhile")
    print(f"           {dict(outcome.problems)}")
    sys.exit(1 if max(outcome.grown_mb.values()) > BOUND_MB or not outcome.flooded_ops else 0)


if __name__ == "__main__":
    main()
