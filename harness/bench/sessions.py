"""Closed-loop clients in sessions: what `gong bench` does over shards, and with multi-dispatch.

    mdl          an application request is n operations, issued at once; it ends with the last answer
    multipaxos   the same operations one after the other, each when the one before it is answered

Both take the same way through the client, so that its cost is the same in both.
"""

import time
from collections.abc import Sequence
from random import Random
from typing import Any

from clients import ClientError, Handle
from clients.ordered import OrderedSession, open_session
from harness.bench.load import Samples, draw
from node.readers import Readers
from node.types import Address


class SessionLoad:
    """One session under load."""

    def __init__(
        self,
        samples: Samples,
        *,
        cluster: str,
        shards: Sequence[Sequence[Address]],
        is_dispatched: bool,
        readers: Readers,
        in_flight: int,
        fan_out: int,
        put_fraction: float,
        value_bytes: int,
        timeout_s: float,
        random: Random,
    ) -> None:
        self._samples = samples
        self._cluster = cluster
        self._shards = shards
        self._is_dispatched = is_dispatched
        self._readers = readers
        self._in_flight = in_flight
        self._fan_out = fan_out
        self._put_fraction = put_fraction
        self._value = "v" * value_bytes
        self._timeout_s = timeout_s
        self._random = random
        self._session: OrderedSession | None = None
        self.stopping = False
        """Begin nothing new; `run` ends when the last answer is there."""

    async def run(self) -> None:
        """Load until told to stop."""
        while not self.stopping:
            async with open_session(
                cluster=self._cluster,
                shards=self._shards,
                random=self._random,
                readers=self._readers,
                timeout_s=self._timeout_s,
                window=self._in_flight * (self._fan_out if self._is_dispatched else 1),
                is_dispatched=self._is_dispatched,
            ) as session:
                self._session = session
                for _ in range(self._in_flight):
                    _Request(self, session).begin()
                while not (session.is_over or self.stopping):
                    await session.wait_moved()

    def operation(self) -> tuple[str, bytes]:
        """A key, and one operation on it."""
        return draw(self._random, self._put_fraction, self._value)

    def finish(self, began: int) -> None:
        """An application request has all its answers; the next one begins."""
        if self._samples.is_open:
            self._samples.latencies_ns.append(time.perf_counter_ns() - began)
        session = self._session
        if session is not None and not (self.stopping or session.is_over):
            _Request(self, session).begin()

    def fail(self) -> None:
        """An application request will not have all its answers."""
        self._samples.errors += 1

    @property
    def operations_at_once(self) -> int:
        """That an application request issues before it waits."""
        return self._fan_out if self._is_dispatched else 1

    @property
    def fan_out(self) -> int:
        """Operations of one application request."""
        return self._fan_out


class _Request:
    """One application request."""

    __slots__ = ("_began", "_load", "_session", "_to_come", "_to_issue")

    def __init__(self, load: SessionLoad, session: OrderedSession) -> None:
        self._load = load
        self._session = session
        self._to_issue = self._to_come = load.fan_out
        self._began = 0

    def begin(self) -> None:
        self._began = time.perf_counter_ns()
        self._issue(self._load.operations_at_once)

    def _issue(self, count: int) -> None:
        self._to_issue -= count
        for _ in range(count):
            key, body = self._load.operation()
            _ = self._session.issue(key, body, bytes, self._on_done)
        self._session.flush()

    def _on_done(self, handle: Handle[Any]) -> None:
        try:
            handle.result()
        except ClientError:
            if self._to_come > 0:
                self._load.fail()
                self._to_come = 0
            return
        self._to_come -= 1
        if self._to_come == 0:
            self._load.finish(self._began)
        elif self._to_issue:
            self._issue(1)
