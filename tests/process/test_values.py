"""Values, not only speed: one application, with sessions and without, sees the same."""

from pathlib import Path
from typing import Final

import pytest
import trio

from clients import KvClient, open_client
from tests.support.applications import Result, all_at_once, one_by_one, requests, run
from tests.support.processes import GONG, PATIENCE_S, Running, running_cluster

pytestmark = pytest.mark.process

FAN_OUT: Final = 6
COUNT: Final = 25
SEED: Final = 11
ROOT: Final = Path(__file__).parents[2]


async def outputs(directory: Path, protocol: str, *, shards: int, kills: int) -> list[Result]:
    """What one client of that protocol sees while leaders are killed, shard after shard."""
    async with running_cluster(directory, shards=shards, protocol=protocol) as running:
        async with (
            open_client(
                shards=running.cluster.shards, protocol=protocol, timeout_s=PATIENCE_S
            ) as client,
            (all_at_once if protocol == "mdl" else one_by_one)(KvClient(client)) as perform,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(kill_leaders, running, kills)
            results = await run(perform, requests(SEED, fan_out=FAN_OUT, count=COUNT))
            nursery.cancel_scope.cancel()
        return results


async def kill_leaders(running: Running, kills: int) -> None:
    for number in range(kills):
        shard = number % len(running.observer.shards)
        seen = running.observer.shards[shard]
        leader, ballot = seen.leader, seen.ballot
        assert leader is not None
        for replica in running.cluster.beside(leader):
            running.observer.forget(replica)
        running.cluster.kill(leader)
        await running.observer.wait_leader(above=ballot, shard=shard)
        await running.cluster.start(leader)


@pytest.mark.parametrize("kills", [0, 2])
async def test_one_client_sees_the_same_with_sessions_and_without(
    tmp_path: Path, kills: int
) -> None:
    alone = await outputs(tmp_path / "alone", "multipaxos", shards=1, kills=0)
    for protocol, shards in (("multipaxos", 3), ("mdl", 1), ("mdl", 3)):
        directory = tmp_path / f"{protocol}-{shards}"
        assert await outputs(directory, protocol, shards=shards, kills=kills) == alone


async def test_the_example_of_a_session_runs_as_it_stands(tmp_path: Path) -> None:
    async with running_cluster(tmp_path, shards=2, protocol="mdl") as running:
        master = running.cluster.config.master
        done = await trio.run_process(
            [GONG[0], str(ROOT / "docs" / "examples" / "ordered_session.py"), str(master)],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == [
        "my own look: sent",
        "parcel: sent - invoice: paid",
    ]
