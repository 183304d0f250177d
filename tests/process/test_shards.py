"""Clusters of several shards as real processes: each runs a replica of every shard."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from clients import KvClient, open_client, shard_of
from clients.connection import CannotConnect, locate
from node.types import Address, ReplicaId
from tests.support.processes import (
    PATIENCE_S,
    Running,
    gong,
    processes_naming,
    running_cluster,
    wait_until,
)

pytestmark = pytest.mark.process

SHARDED = ("--shards", 3, "--replicas", 3, "--clients", 8, "--rate", 150, "--json")
KILLING = ("--nemesis", "kill-leader", "--nemesis-interval", 2, "--time-limit", 4)


def master_of(running: Running) -> Address:
    master = running.cluster.config.master
    assert master is not None
    return master


async def judged(tmp_path: Path, *arguments: object) -> dict[str, Any]:
    run = await gong("run", *SHARDED, *arguments, "--out", tmp_path, "--seed", 7)
    assert run.code == 0, run.out + run.err
    assert processes_naming(tmp_path) == {}
    result: dict[str, Any] = json.loads(run.out)
    assert result["verdict"] == "linearizable"
    assert all(kill["new_leader_s"] is not None for kill in result["kills"])
    return result


async def test_shards_of_multipaxos_are_linearizable_together_under_kills(tmp_path: Path) -> None:
    result = await judged(tmp_path, "--protocol", "multipaxos", *KILLING)
    assert (result["consistency"], result["faults"]) == ("linearizable", {"kill-leader": 2})


@pytest.mark.parametrize("coordination", ["fast", "durable"])
async def test_sessions_over_shards_keep_their_order_under_kills(
    tmp_path: Path, coordination: str
) -> None:
    result = await judged(tmp_path, "--protocol", "mdl", "--coordination", coordination, *KILLING)
    assert (result["consistency"], result["faults"]) == ("mdl", {"kill-leader": 2})
    history = tmp_path / "latest" / "history.jsonl"
    events = [json.loads(line) for line in history.read_text().splitlines()[1:]]
    kills = [event["time"] for event in events if event.get("f") == "kill"]
    answered = [event["time"] for event in events if event["type"] == "ok"]
    for begin, end in zip(kills, [*kills[1:], max(answered)], strict=True):
        assert any(begin < time <= end for time in answered), "no progress after a kill"
    assert any(event.get("seq", 0) > 1 for event in events)
    in_sessions = [event for event in events if event["type"] == "ok" and "session" in event]
    assert all("stamp" in event for event in in_sessions)
    checked = await gong("check", "--model", "kv", "--consistency", "mdl", "--json", history)
    assert checked.code == 0, checked.out
    assert json.loads(checked.out)["engines"] == {"proposed": 1}, "what replicas told is an order"
    assert "--consistency mdl" in (tmp_path / "latest" / "report.html").read_text()


@pytest.mark.parametrize("protocol", ["multipaxos", "mdl"])
async def test_commands_find_each_key_and_show_each_shard(tmp_path: Path, protocol: str) -> None:
    async with running_cluster(tmp_path, shards=2, protocol=protocol) as running:
        master = master_of(running)
        await wait_registered(running)
        keys = ("a", "g")
        assert {shard_of(key, 2) for key in keys} == {0, 1}
        for key in keys:
            put = await gong("kv", "--master", master, "put", key, f"value of {key}")
            assert put.code == 0, put.err
        for key in keys:
            found = await gong("kv", "--master", master, "get", key)
            assert (found.code, found.out) == (0, f"value of {key}\n")
        shown = json.loads((await gong("admin", "--master", master, "status", "--json")).out)
        leaders = [seen.leader for seen in running.observer.shards]
        assert [shard["leader"] for shard in shown["shards"]] == leaders
        assert [shard["members"] for shard in shown["shards"]] == [[1, 2, 3], [4, 5, 6]]
        unknown = await gong("admin", "--master", master, "--shard", 2, "remove", 1)
        assert unknown.code == 254
        assert "--shard: 2: this cluster has 2, from 0" in unknown.err


async def test_the_coordinator_may_die_and_come_back_while_sessions_go_on(tmp_path: Path) -> None:
    async with running_cluster(tmp_path, shards=2, protocol="mdl") as running:
        master = master_of(running)
        await wait_registered(running)
        async with sessions(master) as answered:
            await more(answered)
            await running.cluster.kill_master()
            await more(answered)
            # A leader dies while nobody could tell who leads.
            leader, ballot = running.observer.leader, running.observer.ballot
            assert leader is not None
            running.kill(leader)
            with trio.fail_after(PATIENCE_S):
                await running.observer.wait_leader(above=ballot)
            await more(answered)
            await running.cluster._launch(running.cluster._master)
            await wait_registered(running)
            await more(answered)
        assert answered.failures == []


async def test_a_process_ends_with_the_sentence_of_the_replica_that_failed(tmp_path: Path) -> None:
    async with running_cluster(tmp_path, shards=2) as running:
        running.kill(ReplicaId(1))
        journal = tmp_path / "data" / "replica-4" / "journal"
        content = bytearray(journal.read_bytes())
        content[5] ^= 1
        journal.write_bytes(content)
        process = running.cluster._servers[ReplicaId(1)]
        await running.cluster._launch(process)
        assert process.process is not None
        with trio.fail_after(PATIENCE_S):
            assert await process.process.wait() == 1
        assert (
            process.log.read_text()
            .splitlines()[-1]
            .startswith(f"gong: replica 1 stopped: {journal}")
        )
        running.cluster.check_alive()


async def wait_registered(running: Running) -> None:
    """Wait until the master knows every replica, and all leaders that are seen."""
    config = running.cluster.config
    up = [tuple(r for r in group if running.cluster.is_up(r)) for group in config.shards]
    with trio.fail_after(PATIENCE_S):
        while True:
            try:
                found = await locate(master_of(running), "test", timeout_s=PATIENCE_S)
            except CannotConnect:
                await trio.sleep(0.02)
                continue
            known = [{info.replica for info in shard.replicas} for shard in found.shards]
            leaders = [shard.leader for shard in found.shards]
            if all(map(set.issuperset, known, up)) and leaders == [
                seen.leader for seen in running.observer.shards
            ]:
                return
            await trio.sleep(0.02)


class Answered:
    """How many operations of the sessions have their result, and what went wrong."""

    def __init__(self) -> None:
        self.count = 0
        self.failures: list[str] = []


@asynccontextmanager
async def sessions(master: Address) -> AsyncIterator[Answered]:
    """Clients that know the master only, and issue bursts for the length of a block."""
    answered = Answered()
    async with trio.open_nursery() as clients:
        for number in range(3):
            clients.start_soon(bursts, master, number, answered)
        yield answered
        clients.cancel_scope.cancel()


async def bursts(master: Address, number: int, answered: Answered) -> None:
    async with open_client(master=master, timeout_s=PATIENCE_S) as client:
        store = KvClient(client)
        value = 0
        async with store.session() as session:
            while True:
                value += 1
                handles = [session.put(f"{number}-{key}", str(value)) for key in range(4)]
                reads = [session.get(f"{number}-{key}") for key in range(4)]
                for handle in handles:
                    await handle
                for read in reads:
                    found = await read
                    if found != str(value):
                        answered.failures.append(f"{found} is not {value}")
                answered.count += len(handles) + len(reads)


async def more(answered: Answered) -> None:
    """Wait until there are some answers more."""
    before = answered.count
    await wait_until(lambda: answered.count >= before + 50, what="more answers")
