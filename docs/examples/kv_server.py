# ruff: noqa: INP001 - a program to be run and read, not a module
"""A small durable key-value server on Trio, one JSON request a line.

Run it: python docs/examples/kv_server.py /tmp/kv.log
Ask it: echo '{"f": "put", "key": "a", "value": 1}' | nc localhost 4000

It knows nothing of simulation. Its one peculiarity: it is told what its disk is.
"""

import json
import sys
from pathlib import Path
from typing import Any

import trio

from harness.simulation.programs import Disk, OsDisk

PORT = 4000


class Store:
    """A dictionary, and a log of its changes from which it comes back after a crash."""

    def __init__(self, disk: Disk, path: Path) -> None:
        disk.make_directory(path.parent)
        self._file = disk.open(path)
        disk.sync_directory(path.parent)
        self._values: dict[str, Any] = {}
        self._replay()
        self._is_dirty = trio.Event()
        self._written = 0
        self._synced = 0
        self._sync_done = trio.Event()

    async def get(self, key: str) -> Any:  # noqa: ANN401 - whatever JSON knows
        """What `key` holds; None when it is absent."""
        return self._values.get(key)

    async def put(self, key: str, value: Any) -> None:  # noqa: ANN401 - whatever JSON knows
        """Write; durable when this returns."""
        self._file.append(json.dumps([key, value]).encode() + b"\n")
        self._values[key] = value
        self._written += 1
        self._is_dirty.set()
        await self._wait_durable(self._written)

    async def sync_forever(self) -> None:
        """One fsync for all that was written while the one before was under way."""
        while True:
            await self._is_dirty.wait()
            self._is_dirty = trio.Event()
            await trio.to_thread.run_sync(self._file.sync)
            self._synced = self._written  # BUG: also what was written during that fsync
            self._sync_done.set()
            self._sync_done = trio.Event()

    async def _wait_durable(self, count: int) -> None:
        while self._synced < count:
            await self._sync_done.wait()

    def _replay(self) -> None:
        data = self._file.read()
        end = data.rfind(b"\n") + 1  # a crash may have cut the last line off
        for line in data[:end].splitlines():
            key, value = json.loads(line)
            self._values[key] = value
        self._file.truncate(end)
        self._file.sync()


class FixedStore(Store):
    """The same, without the bugs: the one that was planted, and the one that was found."""

    async def get(self, key: str) -> Any:  # noqa: ANN401 - whatever JSON knows
        """What `key` holds, once a crash cannot take that back."""
        value, written = self._values.get(key), self._written
        await self._wait_durable(written)
        return value

    async def sync_forever(self) -> None:
        """Only what was written before the fsync began is durable after it."""
        while True:
            await self._is_dirty.wait()
            self._is_dirty = trio.Event()
            written = self._written
            await trio.to_thread.run_sync(self._file.sync)
            self._synced = written
            self._sync_done.set()
            self._sync_done = trio.Event()


async def serve(disk: Disk, path: Path, store_class: type[Store] = Store) -> None:
    """Serve until cancelled."""
    store = store_class(disk, path)

    async def handle(stream: trio.SocketStream) -> None:
        buffer = b""
        try:
            async for data in stream:
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    request = json.loads(line)
                    if request["f"] == "put":
                        await store.put(request["key"], request["value"])
                    answer = {"value": await store.get(request["key"])}
                    await stream.send_all(json.dumps(answer).encode() + b"\n")
        except trio.BrokenResourceError:
            return  # this client has gone

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.sync_forever)
        nursery.start_soon(trio.serve_tcp, handle, PORT)


if __name__ == "__main__":
    trio.run(serve, OsDisk(), Path(sys.argv[1]))
