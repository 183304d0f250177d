"""Servers that cannot start say why, in a line, and leave nothing behind."""

import socket
from pathlib import Path
from random import Random

import pytest
import trio

from harness.cluster import StartError, open_cluster
from harness.options import RunOptions
from harness.ports import free_ports
from harness.runner import Progress, run_cluster
from harness.store import RunDirectory
from node.types import ReplicaId
from tests.support.processes import PATIENCE_S, background, gong, processes_naming, write_config

pytestmark = pytest.mark.process


async def test_a_cluster_with_a_port_that_is_taken_says_which_and_leaves_nobody(
    tmp_path: Path,
) -> None:
    with socket.socket() as squatter:
        async with open_cluster(
            replicas=3, directory=tmp_path, cluster="test", random=Random()
        ) as cluster:
            taken = cluster.config.replica(ReplicaId(2)).peer_address
            squatter.bind(taken)
            squatter.listen()
            with trio.fail_after(PATIENCE_S), pytest.raises(StartError) as caught:
                await cluster.start_all()
        assert "replica-2 did not start" in str(caught.value)
        assert f"cannot listen on {taken}" in str(caught.value)
        assert processes_naming(tmp_path) == {}


async def test_a_run_whose_cluster_does_not_start_is_undecided_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]

        def with_one_taken(count: int, random: Random) -> list[int]:
            return [taken, *free_ports(count - 1, random)]

        monkeypatch.setattr("harness.cluster.free_ports", with_one_taken)
        options = RunOptions(replicas=3, seed=1, out=tmp_path)
        with trio.fail_after(PATIENCE_S):
            observed = await run_cluster(options, RunDirectory.create(options), Progress())
    assert observed.problem is not None
    assert f"cannot listen on 127.0.0.1:{taken}" in observed.problem
    assert processes_naming(tmp_path) == {}


async def test_a_master_whose_port_is_taken_says_so(tmp_path: Path) -> None:
    config = write_config(tmp_path / "cluster.toml")
    port = int(config.read_text().split("127.0.0.1:")[1].split('"')[0])
    with socket.create_server(("127.0.0.1", port)):
        ended = await gong("master", "--config", config)
    assert ended.code == 254
    assert ended.err.splitlines()[-1] == (
        f"gong: cannot listen on 127.0.0.1:{port}: Address already in use"
    )


async def test_a_data_directory_that_cannot_be_made_stops_the_replica_with_a_sentence(
    tmp_path: Path,
) -> None:
    (tmp_path / "data").write_text("this is a file")
    config = write_config(tmp_path / "cluster.toml")
    ended = await gong("node", "--config", config, "--id", 1)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert f"{tmp_path}/data/replica-1" in ended.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("id = 1", "id = 0", "replica[0].id: 0", ">= 1"),
        ("id = 1", 'id = 1\ncolour = "red"', "replica[0]", "colour"),
        ('cluster = "test"', "cluster = 7", "cluster: 7", "str"),
        ("127.0.0.1:", "127.0.0.1:9", "master.address", "is not HOST:PORT"),
    ],
    ids=["too small", "unknown key", "wrong type", "no port"],
)
async def test_a_bad_configuration_is_one_line_with_key_value_and_reason(
    tmp_path: Path, old: str, new: str, key: str, reason: str
) -> None:
    config = write_config(tmp_path / "cluster.toml")
    config.write_text(config.read_text().replace(old, new, 1))
    ended = await gong("node", "--config", config, "--id", 1)
    assert ended.code == 254
    assert ended.err.count("\n") == 1
    assert ended.err.startswith(f"gong: {config}: {key}")
    assert reason in ended.err


async def test_a_second_replica_on_the_same_data_directory_refuses_to_start(
    tmp_path: Path,
) -> None:
    first = write_config(tmp_path / "first.toml")
    second = write_config(tmp_path / "second.toml")
    async with background("node", "--config", first, "--id", 1, log=tmp_path / "log") as running:
        await running.wait_said("serves")
        ended = await gong("node", "--config", second, "--id", 1)
        assert ended.code == 1
        assert "in use, probably by another replica process" in ended.err.splitlines()[-1]
        assert running.process.poll() is None
