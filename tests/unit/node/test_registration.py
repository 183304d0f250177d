"""A replica keeps the master informed, and lives with its death."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.core.ballot import Ballot
from node.core.interface import Role, Status
from node.runtime.registration import BACK_OFF_MAX_S, REGISTER_EVERY_S, keep_registered
from node.types import Address, ReplicaId, ReplicaInfo
from node.wire.messages import (
    MASTER_CODEC,
    MemberHello,
    Register,
)
from tests.support.streams import FakeNetwork, Talker, fake_network

MASTER = Address("master", 1)
ONE, TWO = ReplicaId(1), ReplicaId(2)
INFO = ReplicaInfo(ONE, "peer:1", "client:1")


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


class Self:
    """What the replica believes at the moment."""

    def __init__(self) -> None:
        self.ballot = Ballot(1, TWO)
        self.leader: ReplicaId | None = TWO

    def status(self) -> Status:
        return Status(
            replica=ONE,
            role=Role.FOLLOWER,
            ballot=self.ballot,
            leader=self.leader,
            chosen_upto=0,
            accepted_upto=0,
        )


@asynccontextmanager
async def registering(me: Self) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            partial(
                keep_registered,
                cluster="test",
                master=MASTER,
                info=INFO,
                status=me.status,
                random=Random(1),
            )
        )
        yield
        nursery.cancel_scope.cancel()


class Listener:
    """A master that only listens, for one connection after another."""

    def __init__(self) -> None:
        self.lives: list[list[Any]] = []

    async def handle(self, talker: Talker) -> None:
        heard: list[Any] = []
        self.lives.append(heard)
        while (message := await talker.hear()) is not None:
            heard.append(message)


async def test_the_master_hears_of_the_replica_and_of_each_new_leader(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    me, master = Self(), Listener()
    async with network.serve(MASTER, master.handle, MASTER_CODEC), registering(me):
        await trio.sleep(REGISTER_EVERY_S * 2.5)
        me.ballot, me.leader = Ballot(2, ONE), ONE
        await trio.sleep(REGISTER_EVERY_S)
    assert master.lives == [
        [
            MemberHello("test", ONE),
            *[Register(INFO, 1, TWO, TWO)] * 3,
            Register(INFO, 2, ONE, ONE),
        ]
    ]


async def test_a_new_master_hears_of_everything_again(
    network: FakeNetwork, autojump_clock: MockClock
) -> None:
    me, first, second = Self(), Listener(), Listener()
    async with registering(me):
        await trio.sleep(5)  # nobody is there at first
        async with network.serve(MASTER, first.handle, MASTER_CODEC):
            await trio.sleep(2 * BACK_OFF_MAX_S)
        await trio.sleep(60)  # it is gone for a while
        async with network.serve(MASTER, second.handle, MASTER_CODEC):
            await trio.sleep(2 * BACK_OFF_MAX_S)
    for master in (first, second):
        (heard,) = master.lives
        assert heard[:2] == [MemberHello("test", ONE), Register(INFO, 1, TWO, TWO)]


async def test_a_master_that_is_away_is_not_asked_in_a_busy_loop(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []

    async def refuse(_host: str, _port: int) -> None:
        await trio.lowlevel.checkpoint()
        tries.append(trio.current_time())
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr(trio, "open_tcp_stream", refuse)
    async with registering(Self()):
        await trio.sleep(100)
    assert 100 / (1.5 * BACK_OFF_MAX_S) < len(tries) < 110
