"""A run: set up, load and hurt, heal, read finally, tear down.

    start ── leader ── load, with strikes of the nemesis ── heal ── all serve ── final reads ── stop

The history is written while it happens. What a run concludes is not decided here (see
`harness.verdicts`): this module reports what it did and saw.
"""

import signal
import time
from dataclasses import dataclass, field
from itertools import cycle
from random import Random, SystemRandom
from typing import Final

import trio

from clients import KvClient, RecordingClient, open_client
from harness.bursts import MEAN, Bursts
from harness.cluster import LocalCluster, StartError, open_cluster
from harness.nemesis import NEMESES, Target, Toll
from harness.observer import Observer
from harness.options import RunOptions
from harness.placement import spread_leaders
from harness.session_client import SessionClient
from harness.store import RunDirectory
from harness.timing import timing_of
from harness.workload import KvWorkload, Pacer
from history import Recorder
from node.core.ballot import Ballot
from node.types import ReplicaId
from node.wire.kv import Done, Get

FIRST_LEADER_PATIENCE_S: Final = 20.0
HEAL_PATIENCE_S: Final = 30.0
"""After the heal every replica must serve within this time; else the cluster is stuck."""
OPERATION_TIMEOUT_S: Final = 2.0
"""Longer than an election, so that most operations survive one by retrying."""
SESSION_OPERATION_TIMEOUT_S: Final = 5.0
"""Of an operation in a session: without its answer all later ones are unknown, too, and those ask
more of the judge than any others. It may have to wait for elections of two shards."""
FINAL_READ_TIMEOUT_S: Final = 10.0


@dataclass(slots=True)
class Progress:
    """What a display may show while the run goes on."""

    phase: str = "starting"
    started_at: float = 0.0
    ok: int = 0
    failed: int = 0
    unknown: int = 0
    leader: str = "none"
    toll: Toll = field(default_factory=Toll)


@dataclass(slots=True)
class Observed:
    """What a run did and saw, apart from its history."""

    toll: Toll = field(default_factory=Toll)
    leader_changes: int = 0
    retries: int = 0
    load_s: float = 0.0
    """How long the load lasted."""
    problem: str | None = None
    """Why the run ended early; nothing is proved then."""
    stuck: str | None = None
    """What did not work again after the heal."""
    unexpected_ends: list[str] = field(default_factory=list)
    """Servers that ended by themselves."""


async def run_cluster(options: RunOptions, directory: RunDirectory, progress: Progress) -> Observed:
    """Do everything but judge. SIGINT and SIGTERM end the run early; no process is left behind."""
    observed = Observed(toll=progress.toll)
    random = Random(options.seed)
    header = {
        "model": "kv",
        "workload": options.workload,
        "seed": options.seed,
        "system": options.system,
        "protocol": options.protocol,
        "replicas": options.replicas,
        "clients": options.clients,
        "concurrency": options.clients + 1,
        "nemesis": list(options.nemesis),
    }
    if options.shards > 1:
        header["shards"] = options.shards
    if options.coordination is not None:
        header["coordination"] = options.coordination
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as watchers:
            running = trio.CancelScope()

            async def watch_signals() -> None:
                # To the very end: an impatient second Ctrl-C must not cut the end of the cluster
                # short, nor what is said of the run.
                async for number in signals:
                    observed.problem = f"interrupted by {signal.Signals(number).name}"
                    running.cancel()

            watchers.start_soon(watch_signals)
            with running, Recorder(directory.history, time.monotonic_ns, header=header) as recorder:
                async with open_cluster(
                    replicas=options.replicas,
                    shards=options.shards,
                    protocol=options.protocol,
                    coordination=options.coordination,
                    timing=timing_of(
                        replicas=options.replicas * options.shards, protocol=options.protocol
                    ),
                    directory=directory.path,
                    # Nobody else's, whatever the seed: two runs of one seed at the same time would
                    # else draw the same ports, and their clients would talk to each other's
                    # replicas.
                    cluster=f"run-{SystemRandom().getrandbits(64):016x}",
                    random=SystemRandom(),
                ) as cluster:
                    run = _Run(
                        options,
                        cluster,
                        recorder=recorder,
                        random=random,
                        observed=observed,
                        progress=progress,
                    )
                    await run.all_phases()
                    cluster.check_alive()
                    observed.unexpected_ends += cluster.unexpected_ends
            watchers.cancel_scope.cancel()
    return observed


class _Run:
    """The phases of one run against one cluster."""

    def __init__(
        self,
        options: RunOptions,
        cluster: LocalCluster,
        *,
        recorder: Recorder,
        random: Random,
        observed: Observed,
        progress: Progress,
    ) -> None:
        self._options = options
        self._cluster = cluster
        self._recorder = recorder
        self._random = random
        self._observed = observed
        self._progress = progress
        self._workload = KvWorkload(keys=options.keys, random=random)
        self._bursts = Bursts(self._workload, random) if options.protocol == "mdl" else None
        rate = options.rate / MEAN if options.rate and self._bursts else options.rate
        self._pacer = Pacer(rate=rate, random=random)
        self._observer = Observer(cluster.config, self._on_leader)
        self._target = Target(
            cluster=cluster,
            observer=self._observer,
            recorder=recorder,
            pacer=self._pacer,
            clients=options.clients,
            interval_s=options.nemesis_interval_s,
            random=random,
            toll=observed.toll,
        )
        self._nemeses = [NEMESES[name](self._target) for name in options.nemesis]

    async def all_phases(self) -> None:
        """Everything between two ends of the cluster's life."""
        try:
            await self._cluster.start_all()
        except StartError as error:
            self._observed.problem = str(error)
            return
        async with trio.open_nursery() as observing:
            observing.start_soon(self._observer.run)
            with trio.move_on_after(FIRST_LEADER_PATIENCE_S):
                await self._observer.wait_leaders()
            if any(seen.leader is None for seen in self._observer.shards):
                self._observed.problem = f"no leader within {FIRST_LEADER_PATIENCE_S:.0f} s"
            elif len(self._observer.shards) > 1 and not await spread_leaders(
                self._cluster, self._observer
            ):
                self._observed.problem = "the leaders could not be spread over the processes"
            else:
                await self._load_and_hurt()
                await self._heal_and_read()
            observing.cancel_scope.cancel()

    async def _load_and_hurt(self) -> None:
        self._progress.phase = "loading"
        began = self._progress.started_at = trio.current_time()
        end = began + self._options.time_limit_s
        try:
            async with trio.open_nursery() as clients:
                for number in range(self._options.clients):
                    clients.start_soon(self._client, number)
                await self._hurt(end)
                await trio.sleep_until(end)
                # Let operations in flight finish: cut off, they would all be of unknown outcome.
                self._pacer.close()
        finally:
            # Not `end`: a strike that had begun is finished under load, and what completed then counts.
            self._observed.load_s = trio.current_time() - began

    async def _client(self, number: int) -> None:
        concurrency = self._options.clients + 1
        random = Random(self._options.seed * 1000 + number)
        async with open_client(
            cluster=self._cluster.config.cluster,
            shards=self._cluster.shards,
            master=self._cluster.config.master,
            protocol=self._options.protocol,
            timeout_s=OPERATION_TIMEOUT_S if self._bursts is None else SESSION_OPERATION_TIMEOUT_S,
            random=random,
        ) as client:
            if self._bursts is not None:
                sessions = SessionClient(
                    KvClient(client),
                    self._recorder,
                    bursts=self._bursts,
                    workload=self._workload,
                    pacer=self._pacer,
                    process=number,
                    concurrency=concurrency,
                    random=random,
                    count=self._count,
                )
                await sessions.run()
                self._observed.retries += sessions.retries
                return
            recording = RecordingClient(
                KvClient(client), self._recorder, process=number, concurrency=concurrency
            )
            retries = 0
            while await self._pacer.turn():
                operation = self._workload.next()
                process = recording.process
                result = await recording.perform(operation)
                self._count(result is not None, recording.process != process)
                self._observed.retries += client.retries - retries
                retries = client.retries
                if isinstance(result, Done):
                    self._workload.done(operation, result)

    async def _hurt(self, end: float) -> None:
        """Strike in turn, an interval from one beginning to the next; begin none after `end`."""
        next_at = trio.current_time() + self._options.nemesis_interval_s / 2
        for nemesis in cycle(self._nemeses):
            if next_at > end:
                return
            await trio.sleep_until(next_at)
            next_at = trio.current_time() + self._options.nemesis_interval_s
            try:
                await nemesis.strike()
            except StartError as error:
                self._observed.unexpected_ends.append(str(error))
                return

    async def _heal_and_read(self) -> None:
        """Undo all faults, wait until every replica serves, and read every key."""
        self._progress.phase = "healing"
        try:
            for nemesis in self._nemeses:
                await nemesis.heal()
        except StartError as error:
            self._observed.stuck = str(error)
            return
        self._recorder.annotate("nemesis", "heal")
        with trio.move_on_after(HEAL_PATIENCE_S) as patience:
            await self._observer.wait(self._observer.all_serve)
        if patience.cancelled_caught:
            answering = sorted(self._observer.statuses)
            self._observed.stuck = (
                f"after the heal not every replica served within {HEAL_PATIENCE_S:.0f} s; "
                f"those that answer: {answering}, leader: {self._observer.leader}"
            )
            return
        self._progress.phase = "final reads"
        await self._read_finally()

    async def _read_finally(self) -> None:
        number = self._options.clients
        async with open_client(
            cluster=self._cluster.config.cluster,
            shards=self._cluster.shards,
            protocol=self._options.protocol,
            timeout_s=FINAL_READ_TIMEOUT_S,
            random=Random(self._options.seed * 1000 + number),
        ) as client:
            reader = RecordingClient(
                KvClient(client), self._recorder, process=number, concurrency=number + 1
            )
            for key in self._workload.keys:
                if await reader.perform(Get(key)) is None:
                    self._observed.stuck = f"after the heal {key!r} could not be read"
                    return

    def _on_leader(self, replica: ReplicaId, ballot: Ballot) -> None:
        self._observed.leader_changes = self._observer.leader_changes
        self._progress.leader = f"replica {replica}, ballot {ballot}"
        told: dict[str, object] = {"replica": replica, "ballot": str(ballot)}
        if self._options.shards > 1:
            shard = self._cluster.config.replica(replica).shard
            self._progress.leader = f"of shard {shard}: {self._progress.leader}"
            told["shard"] = shard
        self._recorder.annotate("nemesis", "leader", told)

    def _count(self, is_ok: bool, is_unknown: bool) -> None:
        if is_ok:
            self._progress.ok += 1
        elif is_unknown:
            self._progress.unknown += 1
        else:
            self._progress.failed += 1
