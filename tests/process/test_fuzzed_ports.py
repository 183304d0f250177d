"""Fuzzed frames and silent connections on live ports, while clients work and write down."""

from pathlib import Path
from random import Random

import pytest
import trio

from checker import VerdictKind
from tests.process.load import loaded, lost_writes
from tests.support.fuzzing import Fuzzer
from tests.support.processes import Running, resident_mb, running_cluster, wait_until
from tests.support.scraping import Samples, scrape, total

pytestmark = [pytest.mark.process, pytest.mark.slow]

FUZZ_S = 10.0
MEMORY_JUMP_MB = 48.0
"""The work of the clients included; far less than any limit allows."""


async def test_foreign_bytes_harm_nobody_and_every_refusal_is_counted(tmp_path: Path) -> None:
    async with (
        running_cluster(tmp_path, metrics=True) as running,
        loaded(running.cluster, tmp_path, clients=4) as load,
    ):
        await load.wait_answers(30)
        ballot = running.observer.ballot
        before = {
            replica: resident_mb(running.pid(replica)) for replica in running.cluster.replicas
        }
        refused_before = await refusals(running)
        fuzzer = Fuzzer(Random(7), "test", running.cluster.replicas)
        answered = load.answered
        members = running.cluster.config.replicas
        await fuzzer.attack(
            [member.client_address for member in members],
            [member.peer_address for member in members],
            FUZZ_S,
        )
        assert fuzzer.tally.connections > 100
        assert load.answered > answered, "other clients go on"
        running.cluster.check_alive()
        assert running.cluster.unexpected_ends == []
        assert running.observer.ballot == ballot, "no leader was deposed"
        for replica, megabytes in before.items():
            assert resident_mb(running.pid(replica)) - megabytes < MEMORY_JUMP_MB
        await wait_settled(running)
        refused = await refusals(running) - refused_before
        told, cut = fuzzer.tally.goodbyes, fuzzer.tally.cut + fuzzer.tally.half_open
        assert told > 0
        assert told <= refused <= told + cut, fuzzer.tally
        load.end()
        await wait_until(lambda: load.recorder.in_flight == 0, what="the last answers")
        assert lost_writes(load, await load.read_everything()) == {}
        assert load.verdict().kind is VerdictKind.LINEARIZABLE
        await running.wait_all_serve()


async def all_samples(running: Running) -> list[Samples]:
    found = []
    for member in running.cluster.config.replicas:
        assert member.metrics_address is not None
        found.append(await scrape(member.metrics_address))
    return found


async def refusals(running: Running) -> float:
    """Connections that the replicas closed because of what came over them."""
    ended = "gong_connections_ended_total"
    return sum(
        total(samples, ended)
        - total(samples, ended, reason="closed")
        - total(samples, ended, reason="broken")
        for samples in await all_samples(running)
    )


async def wait_settled(running: Running) -> None:
    """Wait until strangers are gone and each connection that was accepted is open or was counted.

    One that is just being told why it is closed is neither for a moment.
    """
    with trio.fail_after(30):
        while not all(is_settled(one) for one in await all_samples(running)):  # noqa: ASYNC110 - no event comes from another process
            await trio.sleep(0.1)


def is_settled(samples: Samples) -> bool:
    accepted = total(samples, "gong_connections_accepted_total")
    ended = total(samples, "gong_connections_ended_total")
    is_quiet = total(samples, "gong_connections", port="peer") <= 2
    return is_quiet and accepted == ended + total(samples, "gong_connections")
