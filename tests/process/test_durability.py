"""What was answered is on disk: replicas die by SIGKILL, all at once or one by one."""

from pathlib import Path

import pytest
import trio

from checker import VerdictKind
from clients import KvClient, open_client
from node.core.ballot import Ballot
from node.types import ReplicaId
from tests.process.load import loaded, lost_writes
from tests.support.processes import PATIENCE_S, Running, running_cluster, wait_until

pytestmark = pytest.mark.process

SERVES_AGAIN_S = 2.0
"""The promise of the project: a leader with a higher ballot serves within this time."""


async def test_every_answered_write_survives_the_death_of_all_replicas_at_once(
    tmp_path: Path,
) -> None:
    """SIGKILL to all under load, restart, and again: only the journals remember."""
    async with running_cluster(tmp_path) as running, loaded(running.cluster, tmp_path) as load:
        for _ in range(2):
            await load.wait_answers(60)
            assert load.recorder.in_flight > 0, "killed while nobody asked anything"
            for replica in running.cluster.replicas:
                running.kill(replica)
            await running.cluster.start(*running.cluster.replicas)
        await load.wait_answers(30)
        load.end()
        await wait_until(lambda: load.recorder.in_flight == 0, what="the last answers")
        found = await load.read_everything()
        assert lost_writes(load, found) == {}
        assert load.verdict().kind is VerdictKind.LINEARIZABLE


async def test_a_killed_leader_is_replaced_within_two_seconds_and_catches_up_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with running_cluster(tmp_path) as running, loaded(running.cluster, tmp_path) as load:
        await load.wait_answers(30)
        old_leader, old_ballot = running.observer.leader, running.observer.ballot
        assert old_leader is not None
        running.kill(old_leader)
        with trio.fail_after(SERVES_AGAIN_S):
            new_leader = await running.observer.wait_leader(above=old_ballot)
            await load.wait_answers(1)
        assert new_leader != old_leader
        await load.wait_answers(30)
        await running.cluster.start(old_leader)
        goal = max(running.executed_upto(replica) for replica in running.cluster.replicas)
        assert goal > 0
        await wait_caught_up(running, old_leader, goal)
        load.end()
        await running.wait_all_serve()
        assert running.observer.ballot >= Ballot(old_ballot.round + 1, new_leader)


async def test_a_replica_that_was_away_for_many_writes_catches_up(tmp_path: Path) -> None:
    """More slots than one answer to its question holds (`report_entries_max`)."""
    async with running_cluster(tmp_path) as running:
        away = running.followers()[0]
        running.kill(away)
        leader = running.observer.leader
        assert leader is not None
        goal = running.executed_upto(leader) + 300
        async with open_client(replicas=running.cluster.client_addresses) as client:
            store = KvClient(client)
            with trio.fail_after(PATIENCE_S):
                for number in range(300):
                    await store.put(f"k{number % 7}", str(number))
            await wait_until(lambda: running.executed_upto(leader) >= goal, what="300 slots")
            await running.cluster.start(away)
            await wait_caught_up(running, away, goal)
            assert await store.get("k6") == "293"
        await running.wait_all_serve()


async def wait_caught_up(running: Running, replica: ReplicaId, slot: int) -> None:
    await wait_until(
        lambda: running.executed_upto(replica) >= slot,
        what=f"replica {replica} executes slot {slot}",
    )
