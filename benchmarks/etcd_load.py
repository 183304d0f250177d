"""Three etcd members and a closed loop against their leader; for `benchmarks.peers`.

Speaks HTTP/1.1 and JSON to etcd's gateway over raw sockets: one prepared request, one number in it
changed, and of each answer only its length is read. A request in flight is a connection, since the
gateway answers one at a time.
"""

import base64
import json
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from random import Random

import trio

from harness.bench.meter import cpu_s
from harness.ports import free_ports

WARM_UP_S = 1.0


def start(directory: Path, stack: ExitStack) -> tuple[list[int], list[int]]:
    """Processes and client ports of three members, that have a leader."""
    ports = free_ports(6, Random())
    cluster = ",".join(f"m{i}=http://127.0.0.1:{ports[3 + i]}" for i in range(3))
    processes = []
    for i in range(3):
        client, peer = f"http://127.0.0.1:{ports[i]}", f"http://127.0.0.1:{ports[3 + i]}"
        arguments = {
            "name": f"m{i}",
            "data-dir": directory / f"m{i}",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": cluster,
            "log-level": "error",
        }
        command = ["etcd", *(f"--{name}={value}" for name, value in arguments.items())]
        process = subprocess.Popen(  # noqa: S603 - what the user has installed
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        processes.append(process.pid)
    return processes, ports[:3]


def leader(ports: list[int]) -> int:
    """The client port of the member that leads."""
    for _ in range(200):
        for port in ports:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/v3/maintenance/status", data=b"{}", method="POST"
            )
            try:
                with urllib.request.urlopen(request, timeout=1) as answer:  # noqa: S310 - http
                    status = json.load(answer)
            except OSError:
                continue
            if status.get("leader", "0") == status["header"]["member_id"]:
                return port
        time.sleep(0.1)
    raise SystemExit("etcd elects no leader")


class Load:
    def __init__(self, port: int) -> None:
        self.port = port
        self.latencies: list[float] = []
        self.is_counting = False
        self.is_stopping = False

    async def run(self, random: Random) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        value = base64.b64encode(b"v" * 100).decode()
        async with stream:
            while not self.is_stopping:
                key = base64.b64encode(f"{random.randrange(100_000):016d}".encode()).decode()
                body = f'{{"key":"{key}","value":"{value}"}}'
                began = time.perf_counter()
                await stream.send_all(
                    f"POST /v3/kv/put HTTP/1.1\r\nHost: e\r\nContent-Length: {len(body)}\r\n\r\n"
                    f"{body}".encode()
                )
                await self._answer(stream)
                if self.is_counting:
                    self.latencies.append(time.perf_counter() - began)

    @staticmethod
    async def _answer(stream: trio.SocketStream) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += await stream.receive_some(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(rest) < length:
            rest += await stream.receive_some(65536)


async def measure(directory: Path, connections: int, seconds: float) -> dict[str, float]:
    with ExitStack() as stack:
        pids, ports = start(directory, stack)
        load = Load(leader(ports))
        async with trio.open_nursery() as nursery:
            for number in range(connections):
                nursery.start_soon(load.run, Random(number))
            await trio.sleep(WARM_UP_S)
            before = sum(map(cpu_s, pids))
            load.is_counting = True
            await trio.sleep(seconds)
            load.is_counting, load.is_stopping = False, True
            spent = sum(map(cpu_s, pids)) - before
    latencies = sorted(load.latencies)
    return {
        "ops_per_s": len(latencies) / seconds,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
        "server_us": spent / len(latencies) * 1e6,
    }


if __name__ == "__main__":
    path, clients, in_flight, duration = sys.argv[1:]
    total = int(clients) * int(in_flight)
    print(json.dumps(trio.run(measure, Path(path), total, float(duration))))
