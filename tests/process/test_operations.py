"""What an operator sees: logs, metrics, exit codes, and how a server stops."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import trio

from clients import ClientError, KvClient, open_client
from clients.connection import ask_status
from harness.ports import free_ports
from node.config import load_config
from node.types import Address
from node.wire.messages import StatusReply
from tests.process.load import loaded
from tests.support.processes import (
    GONG,
    LOOK_AGAIN_S,
    PATIENCE_S,
    background,
    gong,
    running_cluster,
    wait_until,
    write_config,
)
from tests.support.scraping import http_get, scrape, total

pytestmark = pytest.mark.process

STOPS_WITHIN_S = 5.0


async def test_a_log_in_json_is_one_object_a_line(tmp_path: Path) -> None:
    path = write_config(tmp_path / "cluster.toml")
    address = load_config(path).replicas[0].client_address
    arguments = ("node", "--config", path, "--id", 1, "--log-format", "json")
    async with background(*arguments, log=tmp_path / "log") as replica:
        await replica.wait_said("serves")
        async with await trio.open_tcp_stream(*address) as stream:
            await stream.send_all(b'GET /"\n HTTP/1.1\r\n')
            assert await stream.receive_some()
        await replica.wait_said("ForeignBytes")
        os.kill(replica.pid, signal.SIGTERM)
        assert await replica.wait_end() == 0
        entries = [json.loads(line) for line in replica.said.splitlines()]
    assert {entry["server"] for entry in entries} == {"replica-1"}
    assert all(entry["time"].endswith("Z") and entry["level"] for entry in entries)
    (refusal,) = [entry for entry in entries if entry["level"] == "warning"]
    assert refusal["part"] == "clients"
    assert refusal["fields"] == {"port": "client", "reason": "ForeignBytes"}
    assert "not gong's protocol" in refusal["message"]


async def test_metrics_say_what_happened(tmp_path: Path) -> None:
    path = write_config(tmp_path / "cluster.toml")
    path.write_text(path.read_text() + "[snapshots]\nslots = 5\nslots_kept = 2\n")
    config = load_config(path)
    metrics = Address("127.0.0.1", free_ports(1, Random())[0])
    arguments = ("node", "--config", path, "--id", 1, "--metrics", metrics)
    async with background(*arguments, log=tmp_path / "log") as replica:
        await replica.wait_said("serves")
        async with open_client(replicas=[config.replicas[0].client_address]) as client:
            for number in range(7):
                await KvClient(client).put("k", str(number))
            with trio.fail_after(PATIENCE_S):
                # The snapshot is saved beside everything else.
                while not total(samples := await scrape(metrics), "gong_truncated_upto"):  # noqa: ASYNC110
                    await trio.sleep(LOOK_AGAIN_S)
            status = await ask_status(config.replicas[0].client_address, "test", timeout_s=9)
        assert total(samples, "gong_role", role="leader") == 1
        assert total(samples, "gong_commands_total") == 8, "seven, and a session was opened"
        assert total(samples, "gong_executed_upto") == status.executed_upto
        assert total(samples, "gong_snapshot_slot") == status.snapshot_slot >= 5
        assert total(samples, "gong_truncated_upto") == status.truncated_upto
        assert status.truncated_upto == status.snapshot_slot - 2
        assert total(samples, "gong_fsync_seconds_count") > 0
        assert total(samples, "gong_connections", port="client") == 1
        assert total(samples, "gong_resident_memory_bytes") > 10_000_000
        assert total(samples, "gong_leaderships_total") == 1
        for request, answer in {
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n": b"404",
            b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n": b"405",
            b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n": b"200",
            b"\x00\xff nonsense\r\n\r\n": b"400",
        }.items():
            head, body = await http_get(metrics, request)
            assert head.split()[1] == answer, head
            assert body == b"" or answer in (b"404", b"405")
        assert (await ask_status(config.replicas[0].client_address, "test", timeout_s=9)).replica


async def test_the_status_says_all_that_an_operator_asks_for(tmp_path: Path) -> None:
    async with running_cluster(tmp_path) as running:
        await running.wait_all_serve()
        leader = running.observer.leader
        assert leader is not None

        def status() -> StatusReply:
            return running.observer.statuses[leader]

        linked = {peer for peer in running.cluster.replicas if peer != leader}
        await wait_until(
            lambda: all(peer.is_sending and peer.is_receiving for peer in status().peers),
            what="links in both directions",
        )

        found = running.observer.statuses[leader]
        assert {peer.replica for peer in found.peers} == linked
        assert found.role == "leader"
        assert found.version
        assert found.uptime_ms > 0
        assert found.resident_bytes > 10_000_000
        assert found.connections >= 1
        running.kill(running.followers()[0])
        await wait_until(
            lambda: [peer.is_receiving for peer in status().peers].count(True) == 1,
            what="the dead peer is seen as gone",
        )


async def test_servers_that_are_told_to_stop_under_load_stop_soon_and_well(tmp_path: Path) -> None:
    async with running_cluster(tmp_path) as running, loaded(running.cluster, tmp_path) as load:
        await load.wait_answers(60)
        servers = [running.cluster._servers[replica] for replica in running.cluster.replicas]
        processes = [server.process for server in servers]
        assert load.recorder.in_flight > 0
        for process in processes:
            assert process is not None
            process.terminate()
        with trio.fail_after(STOPS_WITHIN_S):
            for process in processes:
                assert process is not None
                assert await process.wait() == 0
        for server in servers:
            said = server.log.read_text()
            assert said.rstrip().endswith("stopped")
            assert "Traceback" not in said
            server.process = None
        await running.cluster.start(*running.cluster.replicas)
        await load.wait_answers(10)
        load.end()


async def test_a_second_signal_ends_a_server_that_takes_its_time(tmp_path: Path) -> None:
    """The disk hangs: it is a pipe that nobody reads, so that a write never comes back."""
    path = write_config(tmp_path / "cluster.toml")
    script = (
        "import sys, time, node.runtime.journal as journal\n"
        "def hang(self): sys.stderr.write('hangs\\n'); sys.stderr.flush(); time.sleep(3600)\n"
        "journal.Journal.sync = hang\n"
        "from harness.cli import main; main()\n"
    )
    with (tmp_path / "log").open("wb") as log:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-P", "-c", script, "node", "--config", str(path), "--id", "1"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        await wait_until(lambda: "hangs" in (tmp_path / "log").read_text(), what="a sync")
        process.send_signal(signal.SIGINT)
        await wait_until(lambda: "received" in (tmp_path / "log").read_text(), what="a signal")
        process.send_signal(signal.SIGINT)
        with trio.fail_after(STOPS_WITHIN_S):
            assert await process.wait() == -signal.SIGINT
        assert "stopping at once" in (tmp_path / "log").read_text()
    finally:
        process.kill()
        await process.wait()


async def test_a_disk_that_fails_ends_a_replica_with_its_own_exit_status(tmp_path: Path) -> None:
    """The file system refuses to let the journal grow: `ulimit -f`, in blocks of 1024 bytes."""
    path = write_config(tmp_path / "cluster.toml")
    config = load_config(path)
    command = " ".join(["ulimit -f 16; exec", *GONG, f"node --config {path} --id 1"])
    with (tmp_path / "log").open("wb") as log:
        process = await trio.lowlevel.open_process(
            ["bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    said = b""
    try:
        async with (
            trio.open_nursery() as nursery,
            open_client(replicas=[config.replicas[0].client_address], timeout_s=1) as client,
        ):

            async def write() -> None:
                while True:
                    try:
                        await KvClient(client).put("k", "v" * 1000)
                    except ClientError:
                        await trio.sleep(0.05)

            nursery.start_soon(write)
            assert process.stderr is not None
            with trio.fail_after(PATIENCE_S):
                async for chunk in process.stderr:
                    said += bytes(chunk)
                assert await process.wait() == 1
            nursery.cancel_scope.cancel()
    finally:
        process.kill()
        await process.wait()
    last = said.decode().splitlines()[-1]
    assert last.startswith("gong: replica 1 stopped: ")
    assert "File too large" in last


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("[limits]\nconnections_max = 0\n", "limits.connections_max: 0: Expected `int` >= 1"),
        ("[limits]\ncoffee = 3\n", "unknown field `coffee`"),
        ("[limits]\noutput_bytes_max = 1000\n", "1000 is less than one frame may have"),
        ("[limits]\nrequest_bytes_max = 4096\n", "less than sixteen times command_bytes_max"),
    ],
    ids=["too small", "unknown", "below a frame", "do not fit"],
)
async def test_limits_that_make_no_sense_are_refused_with_a_sentence(
    tmp_path: Path, more: str, reason: str
) -> None:
    path = write_config(tmp_path / "cluster.toml")
    path.write_text(path.read_text() + more)
    ended = await gong("node", "--config", path, "--id", 1)
    assert ended.code == 254
    assert reason in ended.err
    assert ended.err.count("\n") == 1


async def test_a_metrics_address_that_is_none_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = write_config(tmp_path / "cluster.toml")
    ended = await gong("node", "--config", path, "--id", 1, "--metrics", "nine-thousand")
    assert ended.code == 254
    assert (
        ended.err
        == "gong: --metrics: 'nine-thousand' is not HOST:PORT with a port from 1 to 65535\n"
    )
