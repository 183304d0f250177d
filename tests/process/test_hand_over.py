"""Leader hand-over between real processes: a leader that is told to stop leaves a leader behind."""

import os
import signal
from pathlib import Path

import pytest
import trio

from checker import VerdictKind
from clients.connection import connect
from node.types import ReplicaId
from node.wire.messages import TransferReply
from tests.process.load import loaded
from tests.support.processes import PATIENCE_S, Running, running_cluster, wait_until

pytestmark = pytest.mark.process


async def test_a_leader_that_is_told_to_stop_hands_over_under_load(tmp_path: Path) -> None:
    """Nobody had to run out of patience: the next leader was asked to lead."""
    async with running_cluster(tmp_path) as running, loaded(running.cluster, tmp_path) as load:
        await load.wait_answers(30)
        first, ballot = running.observer.leader, running.observer.ballot
        assert first is not None
        os.kill(running.pid(first), signal.SIGTERM)
        with trio.fail_after(PATIENCE_S):
            second = await running.observer.wait_leader(above=ballot)
        assert second != first
        assert f"is asked by {first} to take over" in log_of(running, second)
        await load.wait_answers(30)
        server = running.cluster._servers[first]
        await wait_until(
            lambda: server.process is None or server.process.poll() is not None,
            what="the end of the first leader",
        )
        assert server.process is not None
        assert server.process.returncode == 0
        running.cluster.check_alive()
        await running.cluster.start(first)
        load.end()
        await wait_until(lambda: load.recorder.in_flight == 0, what="the last answers")
        assert load.verdict().kind is VerdictKind.LINEARIZABLE


async def test_a_leader_hands_over_on_request(tmp_path: Path) -> None:
    async with running_cluster(tmp_path) as running:
        leader, ballot = running.observer.leader, running.observer.ballot
        assert leader is not None
        target = running.followers()[0]
        assert await transfer(running, target, target) == TransferReply(
            f"replica {target} does not lead: replica {leader} does"
        )
        assert await transfer(running, leader, target) == TransferReply("")
        with trio.fail_after(PATIENCE_S):
            assert await running.observer.wait_leader(above=ballot) == target


async def transfer(running: Running, asked: ReplicaId, to: ReplicaId) -> TransferReply:
    """Ask one replica to let another one lead."""
    address = running.cluster.config.replica(asked).client_address
    connection = await connect(address, "test", timeout_s=PATIENCE_S)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        with trio.fail_after(PATIENCE_S):
            reply = await connection.ask_transfer(to)
        nursery.cancel_scope.cancel()
    return reply


def log_of(running: Running, replica: ReplicaId) -> str:
    return running.cluster._servers[replica].log.read_text()
