"""What the clients ask: seeded generators of operations, and the pace at which they ask.

The workload `kv`: gets, puts and cas on a few keys. Every written value is unique, so a get tells
which write it saw; a cas expects what its client saw last, so that many of them succeed.
"""

from dataclasses import dataclass
from random import Random
from typing import Final, assert_never

import trio

from node.wire.kv import Append, Cas, Delete, Done, Get, Operation, Put

GET_SHARE: Final = 0.45
PUT_SHARE: Final = 0.30
"""The rest is cas: the operation that notices lost and doubled writes best."""


class KvWorkload:
    """Operations for any number of clients, from one seed."""

    def __init__(self, *, keys: int, random: Random) -> None:
        self.keys = tuple(f"k{number}" for number in range(keys))
        self._random = random
        self._written = 0
        self._seen: dict[str, str | None] = dict.fromkeys(self.keys)

    def next(self) -> Operation:
        """One more operation, for whichever client is free."""
        key = self._random.choice(self.keys)
        draw = self._random.random()
        if draw < GET_SHARE:
            return Get(key)
        return self.put(key) if draw < GET_SHARE + PUT_SHARE else self.cas(key)

    def put(self, key: str) -> Put:
        """A put of a value that nobody else writes."""
        self._written += 1
        return Put(key, f"v{self._written}")

    def cas(self, key: str) -> Cas:
        """A cas of what was seen last to a value that nobody else writes."""
        self._written += 1
        return Cas(key, self._seen[key], f"v{self._written}")

    def done(self, operation: Operation, result: Done) -> None:
        """`operation` was executed: its client now knows what its key held."""
        match operation:
            case Get(key):
                self._seen[key] = result.value
            case Put(key, value) | Cas(key, _, value):
                self._seen[key] = value
            case Append() | Delete():
                raise AssertionError(f"this workload does not ask for {operation}")
            case _:
                assert_never(operation)


@dataclass(slots=True)
class _Crowd:
    size: int
    waiting: int
    gathered: trio.Event
    released: trio.Event


class Pacer:
    """Lets clients take turns at a total rate, with random gaps; can gather them into a crowd.

    Closed loop: a client that waits for an answer takes no turn, so the rate is an upper bound.
    """

    def __init__(self, *, rate: float | None, random: Random) -> None:
        self._gap_s = 1 / rate if rate else 0.0
        self._random = random
        self._next_at = trio.current_time()
        self._crowd: _Crowd | None = None
        self._closed = trio.Event()

    async def turn(self) -> bool:
        """Wait for this client's turn; False when there will be none any more."""
        now = trio.current_time()
        at = max(self._next_at, now)
        # Gaps from 0 to twice the mean: clients neither march in step nor drift apart.
        self._next_at = at + self._gap_s * 2 * self._random.random()
        with trio.move_on_at(at):
            await self._closed.wait()
        crowd = self._crowd
        if crowd is not None:
            crowd.waiting += 1
            if crowd.waiting >= crowd.size:
                crowd.gathered.set()
            await crowd.released.wait()
        return not self._closed.is_set()

    def close(self) -> None:
        """No more turns; whoever waits for one goes home."""
        self._closed.set()

    async def gather(self, size: int, *, patience_s: float) -> None:
        """Hold clients back until `size` wait for their turn, then let all go at once.

        A leader that is killed while nobody asks anything proves nothing.
        """
        assert self._crowd is None, "one crowd at a time"
        self._crowd = crowd = _Crowd(size, 0, trio.Event(), trio.Event())
        try:
            with trio.move_on_after(patience_s):
                await crowd.gathered.wait()
        finally:
            self._crowd = None
            crowd.released.set()
