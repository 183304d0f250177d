"""One application, written twice: it waits for each operation, or issues them all at once.

What it does is the same, operation by operation, so the values that it sees can be compared: with one
client they must be equal, whatever the protocol, and also when leaders die in between.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Final

from clients import ClientError, KvClient
from node.wire.kv import Append, Cas, Delete, Done, Get, Mismatch, Operation, Put

KEYS: Final = tuple(f"k{number}" for number in range(12))

Result = Done | Mismatch
Request = list[Operation]
Perform = Callable[[Request], Awaitable[list[Result]]]
"""Has all operations of one request executed, in their order, and returns their results."""


def requests(seed: int, *, fan_out: int, count: int) -> list[Request]:
    """So many requests of so many operations, all from one seed."""
    random = Random(seed)
    written = 0
    found: list[Request] = []
    last: dict[str, str | None] = dict.fromkeys(KEYS)
    for _ in range(count):
        request: Request = []
        for _ in range(fan_out):
            key = random.choice(KEYS)
            written += 1
            value = f"v{written}"
            draw = random.random()
            if draw < 0.4:
                request.append(Get(key))
            elif draw < 0.65:
                request.append(Put(key, value))
                last[key] = value
            elif draw < 0.85:
                # Half of them match: the others say what they say in any order but this one.
                old = last[key] if random.random() < 0.5 else "no such value"
                request.append(Cas(key, old, value))
                last[key] = value if old == last[key] else last[key]
            elif draw < 0.95:
                request.append(Append(key, f"+{written}"))
                last[key] = f"{last[key] or ''}+{written}"
            else:
                request.append(Delete(key))
                last[key] = None
        found.append(request)
    return found


@asynccontextmanager
async def one_by_one(store: KvClient) -> AsyncIterator[Perform]:
    """Each operation when the one before it is answered."""

    async def perform(request: Request) -> list[Result]:
        return [await store.perform(operation) for operation in request]

    yield perform


@asynccontextmanager
async def all_at_once(store: KvClient) -> AsyncIterator[Perform]:
    """All operations of a request issued before the first answer is waited for."""
    async with store.session() as session:

        async def perform(request: Request) -> list[Result]:
            handles = [session.issue(operation) for operation in request]
            return [await handle for handle in handles]

        yield perform


async def run(perform: Perform, asked: list[Request]) -> list[Result]:
    """The results of all operations; raises ClientError when one has none."""
    results: list[Result] = []
    for number, request in enumerate(asked):
        try:
            results += await perform(request)
        except ClientError as error:
            raise ClientError(f"request {number} of {len(asked)}: {error}") from error
    return results
