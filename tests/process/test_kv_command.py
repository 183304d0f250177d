"""`gong kv`, as a script uses it: what it prints and how it exits."""

from pathlib import Path

import pytest

from tests.support.processes import Finished, gong, running_cluster

pytestmark = pytest.mark.process


async def test_operations_print_what_they_found_and_exit_with_what_became_of_them(
    tmp_path: Path,
) -> None:
    async with running_cluster(tmp_path, replicas=1) as running:

        async def kv(*arguments: str) -> Finished:
            return await gong("kv", "--master", str(running.cluster.config.master), *arguments)

        assert await kv("get", "k") == Finished(1, "", "k is absent\n")
        assert await kv("put", "k", "blue") == Finished(0, "", "")
        assert await kv("get", "k") == Finished(0, "blue\n", "")
        assert await kv("cas", "k", "red", "green") == Finished(1, "", "k does not hold red\n")
        assert await kv("cas", "k", "blue", "green") == Finished(0, "", "")
        assert await kv("append", "k", "ish ✓") == Finished(0, "", "")
        assert await kv("get", "k") == Finished(0, "greenish ✓\n", "")
        assert await kv("delete", "k") == Finished(0, "", "")
        assert await kv("get", "k") == Finished(1, "", "k is absent\n")

        too_much = await kv("put", "k")
        assert too_much.code == 254
        assert "VALUE" in too_much.err


async def test_without_a_quorum_no_session_opens_so_nothing_was_done(tmp_path: Path) -> None:
    async with running_cluster(tmp_path) as running:
        master = str(running.cluster.config.master)
        assert (await gong("kv", "--master", master, "put", "k", "1")).code == 0
        for replica in running.followers():
            running.kill(replica)
        # The leader is alone: it takes the request that opens a session, and cannot decide on it.
        alone = await gong("kv", "--master", master, "--timeout", 2, "put", "k", "2")
        assert alone.code == 1
        assert alone.err.startswith("gong: not done: no session could be opened")


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:0", "127.0.0.1:70000"])
async def test_an_address_that_is_none_is_a_wrong_argument(address: str) -> None:
    told = await gong("kv", "--master", address, "get", "k")
    assert told.code == 254
    assert told.err.startswith(f"gong: --master: '{address}' is not HOST:PORT")
    assert told.err.count("\n") == 1
