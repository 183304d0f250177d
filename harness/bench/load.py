"""Closed-loop clients: each keeps so many requests in flight on a connection of its own.

One task reads for all connections (`node.readers`), and no request has one (`clients.pipeline`). The
load shares the machine with the replicas, so what it costs is part of what is measured, and is reported.
"""

import time
from array import array
from random import Random
from typing import Final

from clients import Indeterminate, Rejected
from clients.pipeline import Pipeline
from node.types import RequestNumber
from node.wire.kv import Get, Put, encode_operation
from node.wire.messages import Executed

KEYS: Final = 100_000
"""Different keys; of 16 bytes each."""


def draw(random: Random, put_fraction: float, value: str) -> tuple[str, bytes]:
    """A random key, and one operation on it."""
    key = f"{int(random.random() * KEYS):016d}"
    if put_fraction >= 1 or random.random() < put_fraction:
        return key, encode_operation(Put(key, value))
    return key, encode_operation(Get(key))


class Samples:
    """What clients saw while `is_open`."""

    def __init__(self) -> None:
        self.is_open = False
        self.latencies_ns = array("q")
        """Of application requests that were answered while it was open."""
        self.errors = 0
        """Requests that were refused, or whose outcome is unknown, open or not."""


class LoadClient:
    """One connection under load."""

    def __init__(
        self,
        pipeline: Pipeline,
        samples: Samples,
        *,
        in_flight: int,
        fan_out: int,
        put_fraction: float,
        value_bytes: int,
        random: Random,
    ) -> None:
        self._pipeline = pipeline
        self._samples = samples
        self._in_flight = in_flight
        self._fan_out = fan_out
        self._put_fraction = put_fraction
        self._value = "v" * value_bytes
        self._random = random
        self._begun: dict[RequestNumber, tuple[int, int]] = {}
        """When its application request began, and how many operations of that are still to come."""
        self.stopping = False
        """Begin nothing new; `run` ends when the last answer is there."""

    async def run(self) -> None:
        """Load until told to stop."""
        while not self.stopping:
            try:
                await self._pipeline.open()
                await self._load()
            except (Rejected, Indeterminate):
                self._samples.errors += max(len(self._begun), 1)
                self._begun.clear()
        await self._pipeline.aclose()

    async def _load(self) -> None:
        for _ in range(self._in_flight):
            self._begin(time.perf_counter_ns(), self._fan_out - 1)
        await self._pipeline.run(self._on_answers)

    def _on_answers(self, answers: list[Executed]) -> None:
        now = time.perf_counter_ns()
        for answer in answers:
            began, to_come = self._begun.pop(answer.number)
            if to_come:
                self._begin(began, to_come - 1)
                continue
            if self._samples.is_open:
                self._samples.latencies_ns.append(now - began)
            if not self.stopping:
                self._begin(now, self._fan_out - 1)

    def _begin(self, began: int, to_come: int) -> None:
        """One operation on a random key."""
        _, body = draw(self._random, self._put_fraction, self._value)
        self._begun[self._pipeline.ask(body)] = (began, to_come)
