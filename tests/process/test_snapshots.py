"""Real replicas truncate their logs, and one that was away catches up by a snapshot."""

import shutil
from pathlib import Path

import pytest

from checker import VerdictKind
from harness.cluster import StartError
from node.types import ReplicaId
from tests.process.load import loaded, lost_writes
from tests.support.processes import Running, running_cluster, wait_until

pytestmark = pytest.mark.process

OFTEN = "[snapshots]\nslots = 200\nslots_kept = 10\n"
WRITES = 5_000
"""As many operations again are reads, writes and cas of shared keys."""
LOAD_S_MAX = 90.0


async def test_a_replica_that_missed_ten_thousand_operations_catches_up_by_a_snapshot(
    tmp_path: Path,
) -> None:
    async with (
        running_cluster(tmp_path, settings=OFTEN) as running,
        loaded(running.cluster, tmp_path, clients=16) as load,
    ):
        away = running.followers()[0]
        running.kill(away)
        goal = load.answered + WRITES
        await wait_until(lambda: load.answered >= goal, what="the load", within_s=LOAD_S_MAX)
        slot = max(running.executed_upto(replica) for replica in running.cluster.replicas)
        await running.cluster.start(away)
        await wait_until(
            lambda: running.executed_upto(away) >= slot, what=f"replica {away} catches up"
        )
        assert "received a snapshot" in log_of(running, away)
        load.end()
        await wait_until(lambda: load.recorder.in_flight == 0, what="the last answers")
        found = await load.read_everything()
        assert lost_writes(load, found) == {}
        assert load.verdict().kind is VerdictKind.LINEARIZABLE
        for replica in running.cluster.replicas:
            status = running.observer.statuses[replica]
            assert 0 < status.truncated_upto <= status.snapshot_slot <= status.executed_upto
            assert snapshots_of(running, replica) == [status.snapshot_slot]
        # It has none of what it missed in its log, and starts from the snapshot all the same.
        running.kill(away)
        await running.cluster.start(away)
        await running.wait_all_serve()


async def test_a_replica_that_lost_its_disk_learns_in_silence_and_then_votes(
    tmp_path: Path,
) -> None:
    """Its vote counts again when another replica is gone: the two that are left are a quorum."""
    async with (
        running_cluster(tmp_path, settings=OFTEN) as running,
        loaded(running.cluster, tmp_path, clients=8) as load,
    ):
        lost = running.followers()[0]
        await load.wait_answers(500)
        running.kill(lost)
        directory = running.cluster.config.journal_path(lost).parent
        shutil.rmtree(directory)
        await load.wait_answers(50)
        await running.cluster.start(lost, options=["--lost-disk"])
        await wait_until(lambda: "has made good" in log_of(running, lost), what="it votes again")
        leader = running.observer.leader
        assert leader is not None
        running.kill(leader)
        await load.wait_answers(50)
        await running.cluster.start(leader)
        load.end()
        await wait_until(lambda: load.recorder.in_flight == 0, what="the last answers")
        found = await load.read_everything()
        assert lost_writes(load, found) == {}
        assert load.verdict().kind is VerdictKind.LINEARIZABLE
        assert (directory / "journal").exists()


async def test_a_replica_that_has_not_lost_its_disk_does_not_start_as_one_that_has(
    tmp_path: Path,
) -> None:
    async with running_cluster(tmp_path) as running:
        replica = running.followers()[0]
        running.kill(replica)
        with pytest.raises(StartError, match="has not lost its disk"):
            await running.cluster.start(replica, options=["--lost-disk"])


async def test_snapshots_without_their_journal_are_refused(tmp_path: Path) -> None:
    async with (
        running_cluster(tmp_path, settings="[snapshots]\nslots = 5\n") as running,
        loaded(running.cluster, tmp_path) as load,
    ):
        replica = running.followers()[0]
        await wait_until(lambda: bool(snapshots_of(running, replica)), what="a snapshot")
        running.kill(replica)
        running.cluster.config.journal_path(replica).unlink()
        with pytest.raises(StartError, match="--lost-disk"):
            await running.cluster.start(replica)
        load.end()


def log_of(running: Running, replica: ReplicaId) -> str:
    return running.cluster._servers[replica].log.read_text()


def snapshots_of(running: Running, replica: ReplicaId) -> list[int]:
    directory = running.cluster.config.journal_path(replica).parent
    names = [path.name.partition("-")[2] for path in directory.glob("snapshot-*")]
    return [int(name) for name in names if name.isdigit()]  # others are still being written
