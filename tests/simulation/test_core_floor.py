"""Claim: a world of the core floor is repeatable, survived by the cluster, and bad enough."""

import os
import subprocess
import sys
from collections import Counter

import pytest
from msgspec import structs

from harness.simulation.atlas import Atlas
from harness.simulation.core_floor import draw_world, run
from harness.simulation.links import ring
from harness.simulation.outcome import FailureKind
from harness.simulation.trace import Trace
from harness.simulation.world import MS, OF_SHARDS, Fault, Kind, Size, World
from node.core.multipaxos import MultiPaxos
from node.types import ReplicaId

SEEDS = int(os.environ.get("GONG_SEEDS", "100"))

ALL_THE_TIME = (
    "loss",
    "duplicate",
    "late",
    "after-restart",
    "sync-stall",
    "lost-write",
    "torn-write",
    "survived-write",
)
"""What no fault of its own brings, but a rate. The least frequent ones bite in a sixth of the seeds."""

_IN_ANOTHER_PROCESS = """
import sys
from harness.simulation.core_floor import draw_world, run
from harness.simulation.world import Size
for seed in map(int, sys.argv[1:]):
    print(run(draw_world(seed, Size())).trace_hash)
"""

_WITH_A_SET = """
from harness import mutants
from harness.mutants import Mutant
from harness.simulation.core_floor import draw_world, run
from harness.simulation.world import Size
from node.core.multipaxos import MultiPaxos

class Unordered(MultiPaxos):
    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.peers = tuple(int(name) for name in {str(peer) for peer in self.peers})

mutants.MUTANTS["unordered"] = Mutant(
    name="unordered", number="-", core=Unordered, removes="", seen_as=""
)
for seed in range(3):
    print(run(draw_world(seed, Size(replicas=5, mutant="unordered"))).trace_hash)
"""


def in_another_process(script: str, *arguments: object, hash_seed: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.slow
def test_a_seed_is_one_world_whatever_the_process_and_whatever_ran_before_it() -> None:
    here = [run(draw_world(seed, Size())).trace_hash for seed in (7, 8, 9)]
    assert len(set(here)) == 3
    first = in_another_process(_IN_ANOTHER_PROCESS, 7, 8, 9, hash_seed=1)
    last = in_another_process(_IN_ANOTHER_PROCESS, 9, 8, 7, hash_seed=2)
    assert first == here
    assert last == here[::-1]


@pytest.mark.slow
def test_iterating_over_a_set_of_strings_in_a_core_is_noticed() -> None:
    hashes = [tuple(in_another_process(_WITH_A_SET, hash_seed=n)) for n in range(4)]
    assert len(set(hashes)) > 1


@pytest.mark.slow
def test_the_cluster_survives_and_every_kind_of_fault_bites_in_a_tenth_of_the_seeds() -> None:
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        outcome = run(draw_world(seed, Size()))
        assert outcome.failure is None, (seed, outcome.failure)
        assert not outcome.undecided, (seed, outcome.undecided)
        assert outcome.completed > 0, seed
        seen.update(dict.fromkeys(outcome.bites, 1))
    kinds = [kind.value for kind in Kind if kind not in OF_SHARDS]
    for name in (*kinds, *ALL_THE_TIME):
        assert seen[name] >= SEEDS // 10, (name, seen)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2, 9])
def test_clusters_of_sizes_that_are_not_drawn(replicas: int) -> None:
    for seed in range(12):
        outcome = run(draw_world(seed, Size(replicas=replicas)))
        assert (outcome.failure, outcome.undecided) == (None, ""), seed


def quiet(seed: int) -> World:
    """A world in which nothing bad happens, and somebody leads soon."""
    world = draw_world(seed, Size(replicas=3, operations=30))
    rates = structs.replace(
        world.rates, loss=0, duplicate=0, late=0, sync_stall=0, tear=0, survive=0
    )
    quick = structs.replace(world, election_ticks=6, heartbeat_ticks=0, lease_ticks=0)
    return structs.replace(quick, rates=rates, faults=())


def test_a_world_in_which_nothing_bit_says_so() -> None:
    outcome = run(quiet(3))
    assert (outcome.failure, outcome.bites, outcome.crashes) == (None, {}, 0)


def test_a_fault_that_is_taken_out_changes_nothing_before_it() -> None:
    world = draw_world(11, Size())
    assert len(world.faults) > 2
    last = max(world.faults, key=lambda fault: fault.at)
    fewer = structs.replace(world, faults=tuple(f for f in world.faults if f != last))
    with_it, without = Trace(is_kept=True), Trace(is_kept=True)
    run(world, trace=with_it)
    run(fewer, trace=without)
    before = [[e for e in t.events if e.at < last.at] for t in (with_it, without)]
    assert before[0] == before[1]
    assert before[0]


def test_a_run_has_other_futures() -> None:
    world, moment = draw_world(5, Size()), 500_000_000
    traces = {}
    for salt in (0, 1, 2):
        traces[salt] = Trace(is_kept=True)
        run(structs.replace(world, reseed=salt, reseed_at=moment), trace=traces[salt])
    before = {s: [e for e in t.events if e.at < moment] for s, t in traces.items()}
    assert before[0] == before[1] == before[2]
    assert len({trace.digest() for trace in traces.values()}) == 3


def test_a_cluster_that_elects_nobody_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MultiPaxos, "_on_tick", lambda _: None)
    outcome = run(quiet(4))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.rule) == (FailureKind.LIVENESS, "stuck")


def test_a_cluster_without_a_quorum_of_intact_disks_is_unavailable_and_not_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Atlas, "allows", lambda *_: True)
    faults = tuple(
        Fault(number=10 * target + n, kind=kind, at=at, target=target, until=at + 50 * MS)
        for target in (1, 2)
        for n, (kind, at) in enumerate(((Kind.FLIP_BIT, 400 * MS), (Kind.CRASH, 500 * MS)))
    )
    outcome = run(structs.replace(quiet(4), faults=faults))
    assert outcome.bites["flip-bit"] >= 2
    assert (outcome.failure, outcome.unavailable) == (None, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [
        "promise-not-durable",
        "half-is-enough",
        "ignore-accepted",
        "dedup-by-number-only",
        "execute-out-of-order",
    ],
)
def test_without_one_of_the_main_rules_a_seed_fails(rule: str) -> None:
    """The promise's durability, the quorum's size, recovery, the session table, the order."""
    worlds = (draw_world(seed, Size(mutant=rule)) for seed in range(SEEDS))
    assert any(run(world).failure is not None for world in worlds)


@pytest.mark.parametrize("count", [3, 4, 5, 7])
def test_in_a_ring_everybody_hears_somebody_and_no_two_the_same(count: int) -> None:
    members = [ReplicaId(n + 1) for n in range(count)]
    cut = ring(members)
    heard = {
        to: frozenset(sender for sender in members if (sender, to) not in cut) for to in members
    }
    assert all(len(some) > count // 2 for some in heard.values())  # itself included
    assert len(set(heard.values())) == count


def test_worlds_are_plain_data() -> None:
    world = draw_world(12, Size(operations=500, replicas=5))
    assert World.from_json(world.to_json()) == world
    assert (world.operations, world.replicas) == (500, 5)
