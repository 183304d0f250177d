"""The master is metadata: the cluster goes on without it, and tells it everything again."""

from pathlib import Path

import pytest
import trio

from checker import VerdictKind
from clients import KvClient, open_client
from clients.connection import CannotConnect, locate
from node.types import Address
from node.wire.messages import Located
from tests.process.load import loaded
from tests.support.processes import PATIENCE_S, Running, gong, running_cluster

pytestmark = pytest.mark.process


def master_of(running: Running) -> Address:
    master = running.cluster.config.master
    assert master is not None
    return master


async def wait_located(running: Running) -> Located:
    """Wait until the master knows every replica and the leader that the observer sees."""
    with trio.fail_after(PATIENCE_S):
        while True:
            found = await locate(master_of(running), "test", timeout_s=PATIENCE_S)
            located = found.shards[0]
            known = [info.replica for info in located.replicas]
            if known == [*running.cluster.replicas] and located.leader == running.observer.leader:
                return located
            await trio.sleep(0.02)


async def test_the_cluster_goes_on_without_its_master_and_tells_a_new_one_everything(
    tmp_path: Path,
) -> None:
    async with running_cluster(tmp_path) as running:
        master = master_of(running)
        await wait_located(running)
        # Knows only the master, and learns the replicas of it before it dies.
        async with open_client(master=master, timeout_s=PATIENCE_S) as client:
            store = KvClient(client)
            await store.put("k", "before")
            await running.cluster.kill_master()
            leader, ballot = running.observer.leader, running.observer.ballot
            assert leader is not None
            running.kill(leader)
            await store.put("k", "after")
            with trio.fail_after(PATIENCE_S):
                await running.observer.wait_leader(above=ballot)
            assert await store.get("k") == "after"
        with pytest.raises(CannotConnect):
            await locate(master, "test", timeout_s=1)
        told = await gong("kv", "--master", str(master), "--timeout", 1, "get", "k")
        assert told.code == 1
        assert f"cannot connect to {master}" in told.err
        assert told.err.count("\n") == 1

        await running.cluster.start(leader)
        await running.cluster._launch(running.cluster._master)
        located = await wait_located_from_scratch(running)
        addresses = [Address.parse(info.client_address) for info in located.replicas]
        assert addresses == [*running.cluster.client_addresses]
        found = await gong("kv", "--master", str(master), "get", "k")
        assert (found.code, found.out) == (0, "after\n")


async def wait_located_from_scratch(running: Running) -> Located:
    """A master that was just started first has to listen, and then to be told."""
    with trio.fail_after(PATIENCE_S):
        while True:
            try:
                return await wait_located(running)
            except CannotConnect:
                await trio.sleep(0.02)


async def test_epochs_grow_over_the_deaths_of_masters_and_leaders_while_clients_go_on(
    tmp_path: Path,
) -> None:
    """SIGKILL to the master under load: nobody notices, and it goes on counting afterwards."""
    async with running_cluster(tmp_path) as running, loaded(running.cluster, tmp_path) as load:
        seen = [await wait_located(running)]
        for _ in range(2):
            await load.wait_answers(20)
            await running.cluster.kill_master()
            await load.wait_answers(20)
            await running.cluster._launch(running.cluster._master)
            again = await wait_located_from_scratch(running)
            assert again.epoch >= seen[-1].epoch
            if again.leader == seen[-1].leader and running.observer.leader_changes == 0:
                assert again.epoch == seen[-1].epoch, "the same leader keeps its epoch"
            leader, ballot = running.observer.leader, running.observer.ballot
            assert leader is not None
            running.kill(leader)
            with trio.fail_after(PATIENCE_S):
                await running.observer.wait_leader(above=ballot)
            await running.cluster.start(leader)
            located = await wait_located(running)
            assert located.epoch > again.epoch, "another leader, another epoch"
            seen.append(located)
        load.end()
        assert load.verdict().kind is VerdictKind.LINEARIZABLE


async def test_a_client_of_another_cluster_is_told_that_it_knocks_at_the_wrong_door(
    tmp_path: Path,
) -> None:
    async with running_cluster(tmp_path, replicas=1) as running:
        with pytest.raises(CannotConnect, match=r"answered Goodbye.*cluster 'other'"):
            await locate(master_of(running), "other", timeout_s=PATIENCE_S)
