"""How a local cluster is laid out, and what becomes of its servers; scripts stand in for gong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
import trio

from harness.cluster import LocalCluster, StartError, open_cluster
from node.types import ReplicaId
from tests.support.processes import processes_naming, wait_until

ONE = ReplicaId(1)

SERVES = "cat > /dev/null"
"""Until its stdin closes, like the real one."""
IGNORES_SIGTERM = "trap '' TERM; echo up >&2; while true; do sleep 0.05; done"
FAILS = "echo first line >&2; echo last line >&2; exit 3"


@asynccontextmanager
async def servers(
    directory: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> AsyncIterator[LocalCluster]:
    """A cluster whose servers all run `script`."""
    program = directory / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr("harness.cluster.sys.executable", str(program))
    async with open_cluster(
        replicas=3, directory=directory, cluster="test", random=Random()
    ) as cluster:
        yield cluster


async def test_every_replica_has_its_own_ports_directory_and_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with servers(tmp_path, monkeypatch, SERVES) as cluster:
        config = cluster.config
    assert config.master is not None
    addresses = [config.master, *cluster.client_addresses]
    addresses += [member.peer_address for member in config.replicas]
    assert cluster.replicas == (1, 2, 3)
    assert len({address.port for address in addresses}) == 7
    assert {address.host for address in addresses} == {"127.0.0.1"}
    assert len({config.journal_path(replica) for replica in cluster.replicas}) == 3
    assert config.data_dir == tmp_path / "data"
    assert (tmp_path / "logs").is_dir()


async def test_a_server_that_ends_at_once_is_reported_with_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with servers(tmp_path, monkeypatch, FAILS) as cluster:
        with pytest.raises(StartError, match="replica-1 did not start: last line"):
            await cluster.start(ONE)


async def test_a_server_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cluster.START_TIMEOUT_S", 0.05)
    async with servers(tmp_path, monkeypatch, SERVES) as cluster:
        with pytest.raises(StartError, match="replica-1 did not start: it said nothing"):
            await cluster.start(ONE)
        assert processes_naming(tmp_path)
    assert processes_naming(tmp_path) == {}


async def test_a_server_that_ends_by_itself_is_noticed_and_one_that_was_killed_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with servers(tmp_path, monkeypatch, "read line; exit 7") as cluster:
        server = cluster._servers[ONE]
        await cluster._launch(server)
        cluster.check_alive()
        assert cluster.is_up(ONE)
        cluster.kill(ONE)
        cluster.check_alive()
        assert not cluster.is_up(ONE)
        assert cluster.unexpected_ends == []
        await cluster._launch(server)
        process = server.process
        assert process is not None
        assert process.stdin is not None
        await process.stdin.aclose()
        await process.wait()
        cluster.check_alive()
        assert not cluster.is_up(ONE)
    assert cluster.unexpected_ends == [
        "replica-1 ended by itself with exit status 7: it said nothing"
    ]


async def test_killing_a_server_that_had_already_ended_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with servers(tmp_path, monkeypatch, FAILS) as cluster:
        server = cluster._servers[ONE]
        await cluster._launch(server)
        assert server.process is not None
        await server.process.wait()
        cluster.kill(ONE)
        assert len(cluster.unexpected_ends) == 1


async def test_a_server_that_ignores_the_request_to_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cluster.STOP_TIMEOUT_S", 0.05)
    async with servers(tmp_path, monkeypatch, IGNORES_SIGTERM) as cluster:
        server = cluster._servers[ONE]
        await cluster._launch(server)
        await wait_until(lambda: "up" in server.log.read_text(), what="it traps SIGTERM")
    assert processes_naming(tmp_path) == {}


@pytest.mark.parametrize("how", ["error", "cancellation"])
async def test_however_the_block_is_left_no_server_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async def leave() -> None:
        async with servers(tmp_path, monkeypatch, SERVES) as cluster:
            await cluster._launch(cluster._master)
            await cluster._launch(cluster._servers[ONE])
            # A process that is just becoming another program has no name for a moment.
            await wait_until(lambda: len(processes_naming(tmp_path)) == 2, what="both run")
            if how == "error":
                raise ZeroDivisionError
            await trio.sleep_forever()

    if how == "error":
        with pytest.raises(ZeroDivisionError):
            await leave()
    else:
        with trio.move_on_after(0.2):
            await leave()
    assert processes_naming(tmp_path) == {}
