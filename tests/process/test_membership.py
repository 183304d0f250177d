"""Members of a cluster of real processes change under load, with `gong admin`."""

import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checker import VerdictKind
from harness.ports import free_ports
from node.types import ReplicaId
from tests.process.load import loaded
from tests.support.processes import Running, background, gong, running_cluster, wait_until

pytestmark = pytest.mark.process

FOUR = ReplicaId(4)


async def test_a_member_is_added_and_the_leader_is_removed_under_load(tmp_path: Path) -> None:
    async with running_cluster(tmp_path) as running, loaded(running.cluster, tmp_path) as load:
        await load.wait_answers(30)
        config, address = with_another(running, tmp_path)
        async with background(
            "node", "--config", config, "--id", FOUR, "--join", log=tmp_path / "four.log"
        ) as four:
            await four.wait_said("replica 4 of test serves")
            added = await admin(running, "add", FOUR, address)
            assert added.code == 0, added.err
            assert "replica 4 is a member; the members are 1, 2, 3, 4" in added.out
            await load.wait_answers(30)

            view = await status(running)
            first = view["leader"]
            assert view["members"] == [1, 2, 3, 4]
            removed = await admin(running, "remove", first)
            assert removed.code == 0, removed.err
            assert f"replica {first} is no member any more" in removed.out
            server = running.cluster._servers[ReplicaId(first)]
            await wait_until(
                lambda: server.process is None or server.process.poll() is not None,
                what="the end of the leader that was removed",
            )
            assert server.process is not None
            assert server.process.returncode == 0
            assert "was removed from the cluster" in server.log.read_text()
            await load.wait_answers(30)
            async with background(
                "node", "--config", tmp_path / "cluster.toml", "--id", first, log=tmp_path / "again"
            ) as again:
                assert await again.wait_end() == 0, "it knows that it is not needed"

            view = await status(running)
            assert view["leader"] != first
            assert view["members"] == [n for n in (1, 2, 3, 4) if n != first]
            moved = await admin(running, "transfer", FOUR)
            assert moved.code == 0, moved.err
            assert (await status(running))["leader"] == FOUR
            await load.wait_answers(30)
            load.end()
            await wait_until(lambda: load.recorder.in_flight == 0, what="the last answers")
            assert load.verdict().kind is VerdictKind.LINEARIZABLE


async def test_who_was_away_when_it_was_removed_is_told_by_those_who_have_gone_on(
    tmp_path: Path,
) -> None:
    async with running_cluster(tmp_path, replicas=4) as running:
        away, other = running.followers()[:2]
        running.kill(away)
        for replica in (away, other):
            removed = await admin(running, "remove", replica)
            assert removed.code == 0, removed.err
        async with background(
            "node", "--config", tmp_path / "cluster.toml", "--id", away, log=tmp_path / "again"
        ) as again:
            assert await again.wait_end() == 0
        assert f"replica {away} was removed from the cluster, says replica" in again.said


async def test_a_member_that_lost_its_disk_may_not_join_as_if_it_were_new(tmp_path: Path) -> None:
    async with running_cluster(tmp_path) as running:
        lost = running.followers()[0]
        running.kill(lost)
        directory = running.cluster.config.journal_path(lost).parent
        shutil.rmtree(directory)
        start = ("node", "--config", tmp_path / "cluster.toml", "--id", lost)
        joined = await gong(*start, "--join")
        assert joined.code == 254
        assert f"--join: replica {lost} is a member, says replica" in joined.err
        assert joined.err.splitlines()[-1].endswith("a new replica needs a number of its own")
        assert not directory.exists(), "so that it may come back as it has to"
        async with background(*start, "--lost-disk", log=tmp_path / "again") as again:
            await again.wait_said("votes again")


async def test_what_is_not_possible_is_refused_in_a_sentence(tmp_path: Path) -> None:
    async with running_cluster(tmp_path) as running:
        unknown = await admin(running, "remove", 9)
        assert (unknown.code, unknown.err) == (
            1,
            "gong: not done: replica 9 is no member; the members are 1, 2, 3\n",
        )
        member = running.cluster.config.replica(ReplicaId(2)).client_address
        known = await admin(running, "add", 2, member)
        assert (known.code, known.err) == (1, "gong: not done: replica 2 is a member already\n")
        other = await admin(running, "add", FOUR, member)
        assert (other.code, other.err) == (254, f"gong: at {member} is replica 2, not replica 4\n")
        table = await admin(running, "status")
        assert table.code == 0
        assert [line.split()[0] for line in table.out.splitlines()] == ["id", "1", "2", "3"]


async def admin(running: Running, *arguments: object) -> Any:  # noqa: ANN401 - Finished
    return await gong("admin", "--master", running.cluster.config.master, *arguments)


async def status(running: Running) -> dict[str, Any]:
    told = await admin(running, "status", "--json")
    assert told.code == 0, told.err
    found: dict[str, Any] = json.loads(told.out)
    return found


def with_another(running: Running, directory: Path) -> tuple[Path, str]:
    """A file that names a fourth replica, too, and where clients reach that one."""
    peers, clients = free_ports(2, Random())
    path = directory / "with-four.toml"
    path.write_text(
        (directory / "cluster.toml").read_text()
        + f'\n[[replica]]\nid = 4\npeer_address = "127.0.0.1:{peers}"\n'
        + f'client_address = "127.0.0.1:{clients}"\n'
    )
    return path, f"127.0.0.1:{clients}"
