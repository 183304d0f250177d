"""One `gong node` process: how it stops, and what it refuses to start from."""

import os
import signal
from pathlib import Path

import pytest

from clients import KvClient, Rejected, open_client
from node.config import ClusterConfig, load_config
from node.runtime.journal import FILE_HEADER_BYTES
from node.types import ReplicaId
from node.wire.messages import FRAME_BYTES_MAX
from tests.support.processes import background, gong, write_config

pytestmark = pytest.mark.process

STOPS_WITHIN_S = 3.0
"""Nothing to hand over and one fsync; on a busy machine."""


async def put_some(config: ClusterConfig) -> None:
    async with open_client(replicas=[config.replicas[0].client_address]) as client:
        for number in range(20):
            await KvClient(client).put(f"k{number}", "v" * 50)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_replica_that_is_told_to_stop_stops_and_has_kept_everything(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = write_config(tmp_path / "cluster.toml")
    config = load_config(path)
    async with background("node", "--config", path, "--id", 1, log=tmp_path / "one") as replica:
        await replica.wait_said("serves")
        async with open_client(replicas=[config.replicas[0].client_address]) as idle:
            await KvClient(idle).put("k", "kept")
            os.kill(replica.pid, number)
            assert await replica.wait_end(within_s=STOPS_WITHIN_S) == 0, replica.said
        assert f"received {number.name}" in replica.said
        assert replica.said.rstrip().endswith("replica 1 of test stopped")
    async with background("node", "--config", path, "--id", 1, log=tmp_path / "two") as replica:
        await replica.wait_said("serves")
        async with open_client(replicas=[config.replicas[0].client_address]) as client:
            assert await KvClient(client).get("k") == "kept"


async def test_a_master_that_is_told_to_stop_stops(tmp_path: Path) -> None:
    path = write_config(tmp_path / "cluster.toml")
    async with background("master", "--config", path, log=tmp_path / "log") as master:
        await master.wait_said("serves")
        os.kill(master.pid, signal.SIGTERM)
        assert await master.wait_end(within_s=STOPS_WITHIN_S) == 0, master.said
        assert master.said.rstrip().endswith("master of test stopped")


async def test_a_journal_that_was_damaged_in_the_middle_is_refused_with_file_and_offset(
    tmp_path: Path,
) -> None:
    path = write_config(tmp_path / "cluster.toml")
    config = load_config(path)
    async with background("node", "--config", path, "--id", 1, log=tmp_path / "log") as replica:
        await replica.wait_said("serves")
        await put_some(config)
        os.kill(replica.pid, signal.SIGKILL)
        await replica.wait_end()
    journal = config.journal_path(ReplicaId(1))
    damaged = bytearray(journal.read_bytes())
    written = len(damaged.rstrip(b"\0")) - FILE_HEADER_BYTES  # and room behind it
    damaged[FILE_HEADER_BYTES + written // 2] ^= 0x40
    journal.write_bytes(damaged)
    ended = await gong("node", "--config", path, "--id", 1)
    assert ended.code == 1
    last = ended.err.splitlines()[-1]
    assert last.startswith(f"gong: replica 1 stopped: {journal}: damaged at byte ")
    assert "Traceback" not in ended.err
    assert journal.read_bytes() == damaged, "the evidence is kept"


async def test_the_journal_of_another_replica_is_refused(tmp_path: Path) -> None:
    path = write_config(tmp_path / "cluster.toml", replicas=2)
    config = load_config(path)
    async with background("node", "--config", path, "--id", 1, log=tmp_path / "log") as replica:
        await replica.wait_said("serves")
    mine, theirs = (config.journal_path(ReplicaId(number)) for number in (1, 2))
    theirs.parent.mkdir(parents=True)
    mine.rename(theirs)
    ended = await gong("node", "--config", path, "--id", 2)
    assert ended.code == 1
    assert "belongs to replica 1 of cluster 'test'" in ended.err.splitlines()[-1]


async def test_a_value_cannot_be_appended_to_until_no_frame_holds_it(tmp_path: Path) -> None:
    """It could not be answered, and each replica that tried to would stop in its turn."""
    path = write_config(tmp_path / "cluster.toml")
    config = load_config(path)
    async with (
        background("node", "--config", path, "--id", 1, log=tmp_path / "log") as replica,
        open_client(replicas=[config.replicas[0].client_address]) as client,
    ):
        await replica.wait_said("serves")
        store = KvClient(client)
        await store.append("k", "✓" * 300_000)
        with pytest.raises(Rejected, match="characters"):
            await append_a_frame_full(store)
        value = await store.get("k")
        assert value is not None
        assert len(value) >= 300_000
        assert replica.process.poll() is None, replica.said


async def append_a_frame_full(store: KvClient) -> None:
    for _ in range(FRAME_BYTES_MAX // 900_000 + 1):
        await store.append("k", "✓" * 300_000)
