"""Replicas that answer as a test tells them to."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import chain, repeat
from random import Random
from typing import Final

from clients import Client, open_client
from node.types import OPEN_SESSION, Address, ClientId, Query
from node.wire.kv import Done, Result, encode_result
from node.wire.messages import (
    Answer,
    ClientHello,
    Executed,
    Expired,
    Interrupted,
    NotExecuted,
    Opened,
    Overloaded,
    Request,
    TooLarge,
)
from tests.support.streams import FakeNetwork, Talker

A: Final = Address("replica-a", 1)
B: Final = Address("replica-b", 2)
MASTER: Final = Address("master", 3)
SESSION: Final = ClientId(1000)

Reaction = Callable[[Request | Query], Answer | None]
"""An answer; None closes the connection without one."""


def execute(request: Request | Query, result: Result = Done(None)) -> Answer:  # noqa: B008 - frozen
    """What a leader of a healthy cluster says."""
    if request.number == OPEN_SESSION:
        return Opened(request.client, SESSION)
    return Executed(request.client, request.number, encode_result(result))


def refuse(request: Request | Query) -> Answer:
    return NotExecuted(request.client, request.number, "not-leader", None, None)


def overloaded(request: Request | Query) -> Answer:
    return Overloaded(request.client, request.number, "too much")


def too_large(request: Request | Query) -> Answer:
    return TooLarge(request.client, request.number, 3)


def interrupt(request: Request | Query) -> Answer:
    return Interrupted(request.client, request.number, None, None)


def expire(request: Request | Query) -> Answer:
    return Expired(request.client, request.number)


def hang_up(_request: Request | Query) -> None:
    return None


def answers(result: Result) -> Reaction:
    return lambda request: execute(request, result)


class ScriptedReplica:
    """Reacts to each request with the next reaction, and to all others with the last one."""

    def __init__(self, *reactions: Reaction) -> None:
        self._reactions: Iterator[Reaction] = chain(reactions, repeat(reactions[-1]))
        self.requests: list[Request | Query] = []
        self.hellos: list[ClientHello] = []

    @property
    def requested(self) -> list[Request]:
        """All but queries."""
        return [request for request in self.requests if isinstance(request, Request)]

    @property
    def numbers(self) -> list[int]:
        return [request.number for request in self.requests]

    async def handle(self, talker: Talker) -> None:
        hello = await talker.hear()
        assert isinstance(hello, ClientHello)
        self.hellos.append(hello)
        while (request := await talker.hear()) is not None:
            assert isinstance(request, Request | Query)
            self.requests.append(request)
            answer = next(self._reactions)(request)
            if answer is None:
                return
            await talker.say(answer)


def opening(*reactions: Reaction) -> Iterable[Reaction]:
    """Let a session be opened first."""
    return execute, *reactions


@asynccontextmanager
async def client_of(
    network: FakeNetwork, *, timeout_s: float = 1.0, **replicas: ScriptedReplica
) -> AsyncIterator[Client]:
    """A client of the replicas `a` and perhaps `b`, that goes to `a` first."""
    places = {"a": A, "b": B}
    first = next(seed for seed in range(100) if Random(seed).randrange(len(replicas)) == 0)
    async with network.serve(A, replicas["a"].handle):
        other = replicas.get("b", replicas["a"])
        async with (
            network.serve(B, other.handle),
            open_client(
                cluster="test",
                replicas=[places[name] for name in replicas],
                timeout_s=timeout_s,
                random=Random(first),
            ) as client,
        ):
            yield client
