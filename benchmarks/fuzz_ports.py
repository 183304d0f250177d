"""Foreign bytes on the live ports of three replicas, for as long as one likes.

    python -m benchmarks.fuzz_ports [--seconds 300] [--seed 1]

Recording clients work all the while. It prints what the fuzzer did, what the replicas refused and
why, what the clients got done without and with it, how much memory the replicas held, and the
verdict over the clients' history. Exit status 1 when any of that is not as it should be.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import trio

from checker import VerdictKind
from tests.process.load import Load, loaded, lost_writes
from tests.support.fuzzing import Fuzzer
from tests.support.processes import Running, resident_mb, running_cluster, wait_until
from tests.support.scraping import scrape

QUIET_S = 10.0
CLIENTS = 4


async def rate(load: Load, seconds: float) -> float:
    """Answered writes per second of the clients, over a while."""
    before, started = load.answered, time.monotonic()
    await trio.sleep(seconds)
    return (load.answered - before) / (time.monotonic() - started)


async def ended(running: Running) -> Counter[str]:
    """Ended connections of all replicas, by port and reason."""
    found: Counter[str] = Counter()
    for member in running.cluster.config.replicas:
        assert member.metrics_address is not None
        for (name, labels), value in (await scrape(member.metrics_address)).items():
            if name == "gong_connections_ended_total":
                found[" ".join(dict(labels).values())] += int(value)
    return found


async def fuzz(directory: Path, seconds: float, seed: int) -> list[str]:
    """Run it and print; what is wrong with the outcome."""
    wrong = []
    async with (
        running_cluster(directory, metrics=True) as running,
        loaded(running.cluster, directory, clients=CLIENTS) as load,
    ):
        await load.wait_answers(30)
        quiet = await rate(load, QUIET_S)
        ballot, refused_before = running.observer.ballot, await ended(running)
        before = [resident_mb(running.pid(replica)) for replica in running.cluster.replicas]
        fuzzer = Fuzzer(Random(seed), "test", running.cluster.replicas)
        answered, started = load.answered, time.monotonic()
        members = running.cluster.config.replicas
        await fuzzer.attack(
            [member.client_address for member in members],
            [member.peer_address for member in members],
            seconds,
        )
        took = time.monotonic() - started
        after = [resident_mb(running.pid(replica)) for replica in running.cluster.replicas]
        print(f"fuzzer     {fuzzer.tally} in {took:.0f} s, seed {seed}")
        print(
            f"clients    {quiet:.0f} writes/s without, {(load.answered - answered) / took:.0f} with"
        )
        print(
            f"memory MB  {[round(mb) for mb in before]} before, {[round(mb) for mb in after]} after"
        )
        print(f"leader     {ballot} before, {running.observer.ballot} after")
        running.cluster.check_alive()
        wrong += running.cluster.unexpected_ends
        load.end()
        await wait_until(lambda: load.recorder.in_flight == 0, what="the last answers")
        counted = await ended(running) - refused_before
        for reason, count in counted.most_common():
            print(f"  {count:>8} {reason}")
        refused = sum(
            count for name, count in counted.items() if not name.startswith(("closed", "broken"))
        )
        doubtful = fuzzer.tally.cut + fuzzer.tally.half_open
        print(
            f"refusals   {refused} counted, {fuzzer.tally.goodbyes} told, {doubtful} cut or silent"
        )
        if not fuzzer.tally.goodbyes <= refused <= fuzzer.tally.goodbyes + doubtful:
            wrong.append("refusals are not counted as they were told")
        if lost := lost_writes(load, await load.read_everything()):
            wrong.append(f"lost writes: {lost}")
        verdict = load.verdict().kind
        print(f"history    {verdict.name.lower()}, {load.answered} answered writes")
        if verdict is not VerdictKind.LINEARIZABLE:
            wrong.append("the history is not linearizable")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gong-fuzz-") as directory:
        wrong = trio.run(fuzz, Path(directory), options.seconds, options.seed)
    for problem in wrong:
        print(f"wrong: {problem}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
