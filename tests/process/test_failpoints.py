"""A replica dies at a place that the environment names, comes back, and nothing answered is lost."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from checker import VerdictKind
from harness.cluster import StartError
from node.failpoints import NAMES, OF_SNAPSHOTS, VARIABLE
from node.types import ReplicaId
from tests.process.load import loaded, lost_writes
from tests.support.processes import PATIENCE_S, Running, running_cluster, wait_until

pytestmark = pytest.mark.process

PASS = 40
"""Late enough for the replica to take part again, early enough for a moment of load."""

SNAPSHOTS = "[snapshots]\nslots = 25\n"


@pytest.mark.parametrize(
    ("places", "passes"),
    [
        pytest.param([n for n in NAMES if n not in OF_SNAPSHOTS], PASS, id="of every command"),
        pytest.param(OF_SNAPSHOTS, 2, id="of snapshots"),
    ],
)
async def test_a_replica_that_dies_at_each_failpoint_comes_back_and_no_answered_write_is_lost(
    places: Sequence[str], passes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running_cluster(tmp_path, settings=SNAPSHOTS) as running,
        loaded(running.cluster, tmp_path) as load,
    ):
        doomed = running.followers()[0]
        for place in places:
            running.kill(doomed)
            await load.wait_answers(5)
            await die_at(
                running, doomed, f"{place}:{1 if place == 'at-opening' else passes}", monkeypatch
            )
            await load.wait_answers(5)
            goal = max(running.executed_upto(replica) for replica in running.cluster.replicas)
            await running.cluster.start(doomed)
            await wait_caught_up(running, doomed, goal)
        load.end()
        await wait_until(lambda: load.recorder.in_flight == 0, what="the last answers")
        found = await load.read_everything()
        assert lost_writes(load, found) == {}
        assert load.verdict().kind is VerdictKind.LINEARIZABLE
        await running.wait_all_serve()


async def wait_caught_up(running: Running, replica: ReplicaId, slot: int) -> None:
    await wait_until(
        lambda: running.executed_upto(replica) >= slot,
        what=f"replica {replica} executes slot {slot}",
    )


async def test_a_failpoint_that_does_not_exist_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_cluster(tmp_path) as running:
        replica = running.followers()[0]
        running.kill(replica)
        monkeypatch.setenv(VARIABLE, "before-lunch")
        with trio.fail_after(PATIENCE_S), pytest.raises(StartError, match="before-lunch"):
            await running.cluster.start(replica)


async def die_at(
    running: Running, replica: ReplicaId, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start one replica, wait until it has ended, and see that it ended by SIGKILL."""
    cluster = running.cluster

    def is_dead() -> bool:
        cluster.check_alive()
        return not cluster.is_up(replica)

    # What is started inherits it; the others run already, without it.
    monkeypatch.setenv(VARIABLE, place)
    with suppress(StartError):  # it may catch up, and so die, before it is asked whether it is up
        await cluster.start(replica)
    monkeypatch.delenv(VARIABLE)
    await wait_until(is_dead, what=f"replica {replica} dies {place}")
    running.observer.forget(replica)
    (end,) = cluster.unexpected_ends
    assert f"replica-{replica} ended by itself with exit status -9" in end
    cluster.unexpected_ends.clear()
