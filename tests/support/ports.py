"""A client port without a replica behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import memory_stream_pair

from node.core.interface import Add, Propose, Remove
from node.readers import Readers
from node.runtime.clientport import ClientPort
from node.runtime.counters import Counters
from node.runtime.inbox import Inbox
from node.runtime.replies import Replies
from node.settings import Limits
from node.types import ClientId, Command, ReplicaId, RequestNumber
from node.wire.messages import (
    ClientHello,
    Executed,
    Request,
    StatusReply,
)
from tests.support.inboxes import take_all
from tests.support.streams import Talker

ONE, TWO = ReplicaId(1), ReplicaId(2)
CLIENT = ClientId(7)
DEFAULT = Limits()
STATUS = StatusReply(ONE, "follower", 3, TWO, TWO, 9, 9, 9)


def request(number: int, body: bytes = b"body") -> Request:
    return Request(CLIENT, RequestNumber(number), RequestNumber(0), body)


def executed(number: int) -> Executed:
    return Executed(CLIENT, RequestNumber(number), b"result")


class Port:
    """A client port, and what stands behind it."""

    def __init__(self, nursery: trio.Nursery, limits: Limits, status: StatusReply) -> None:
        self.inbox: Inbox[Any] = Inbox()
        self.replies = Replies({ONE: "one:1", TWO: "two:2"}, limits)
        self.counters = Counters()
        self.changes: list[Add | Remove] = []
        self._nursery = nursery
        self._port = ClientPort(
            cluster="test",
            limits=limits,
            inbox=self.inbox,
            replies=self.replies,
            status=lambda: status,
            change_members=self.change_members,
            counters=self.counters,
            readers=Readers(),
        )

    def change_members(self, change: Add | Remove) -> str:
        """Note what is wanted; the answer is that it is not possible."""
        self.changes.append(change)
        return f"no: {change}"

    async def connect(self, *, cluster: str = "test") -> Talker:
        near, far = memory_stream_pair()
        self._nursery.start_soon(self._port.serve, far)
        talker = Talker(near)
        await talker.say(ClientHello(cluster))
        return talker

    async def ask(self, talker: Talker, number: int) -> None:
        """Ask, and wait until the driver would see it."""
        await talker.say(request(number))
        assert await take_all(self.inbox) == [Propose(command(number))]


def command(number: int) -> Command:
    return Command(
        client=CLIENT, number=RequestNumber(number), answered=RequestNumber(0), body=b"body"
    )


@asynccontextmanager
async def open_port(limits: Limits = DEFAULT, status: StatusReply = STATUS) -> AsyncIterator[Port]:
    async with trio.open_nursery() as nursery:
        yield Port(nursery, limits, status)
        nursery.cancel_scope.cancel()
