"""Gets of real clients: they take no place in the log, and stay linearizable while leaders die."""

from pathlib import Path

import pytest
import trio

from checker import VerdictKind
from clients import KvClient, open_client
from tests.process.load import loaded
from tests.support.processes import PATIENCE_S, running_cluster, wait_until

pytestmark = pytest.mark.process

GETS = 50


async def test_gets_take_no_place_in_the_log_unless_they_are_told_to(tmp_path: Path) -> None:
    async with running_cluster(tmp_path) as running:
        leader = running.observer.leader
        assert leader is not None
        async with open_client(replicas=running.cluster.client_addresses) as client:
            with trio.fail_after(PATIENCE_S):
                await KvClient(client).put("k", "v")
                await wait_until(lambda: running.executed_upto(leader) >= 2, what="the put")
                before = running.executed_upto(leader)
                for _ in range(GETS):
                    assert await KvClient(client).get("k") == "v"
                through_log = KvClient(client, reads_through_log=True)
                assert await through_log.get("k") == "v"
            await wait_until(lambda: running.executed_upto(leader) > before, what="one slot more")
            assert running.executed_upto(leader) == before + 1


async def test_gets_go_on_and_are_linearizable_while_leaders_are_killed(tmp_path: Path) -> None:
    """Right after an election too: clients ask all the time."""
    async with (
        running_cluster(tmp_path) as running,
        loaded(running.cluster, tmp_path, clients=8) as load,
    ):
        for _ in range(3):
            await load.wait_answers(60)
            leader, ballot = running.observer.leader, running.observer.ballot
            assert leader is not None
            running.kill(leader)
            await running.observer.wait_leader(above=ballot)
            await load.wait_answers(60)
            await running.cluster.start(leader)
        load.end()
        await wait_until(lambda: load.recorder.in_flight == 0, what="the last answers")
        assert load.verdict().kind is VerdictKind.LINEARIZABLE
