"""Claim: worlds of several shards are repeatable, survived, and bad enough: T1 to T6 never happen there.

What T1 to T6 are is shown by tests/data/histories/mdl; both judges refuse them in tests/unit. Here both
look at what worlds of the swarm do, with all rules and without one of them.
"""

import os
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from msgspec import structs

from checker import Verdict, check
from harness.mutants import MUTANTS
from harness.simulation.core_floor import draw_world, run
from harness.simulation.core_floor.cluster import Cluster
from harness.simulation.core_floor.faults import Faults
from harness.simulation.links import links_between
from harness.simulation.outcome import FailureKind
from harness.simulation.trace import Trace
from harness.simulation.world import (
    ALL_SHARDS,
    MS,
    OF_SHARDS,
    SECOND,
    Fault,
    Kind,
    Manner,
    Size,
    World,
)

SEEDS = int(os.environ.get("GONG_SEEDS", "50"))

MDL = Size(protocol="mdl")

_IN_ANOTHER_PROCESS = """
import sys
from harness.simulation.core_floor import draw_world, run
from harness.simulation.world import Size
for seed in map(int, sys.argv[1:]):
    print(run(draw_world(seed, Size(protocol="mdl"))).trace_hash)
"""

FOUND_BY: dict[str, int] = {
    "vouch-before-replicated": 18,
    "forget-predecessor": 0,
    "recover-with-new-stamps": 29,
    "forget-announced": 1,
    "pass-failures": 17,
    "return-as-they-arrive": 0,
    "any-copy-coordinates": 2,
    "stamps-stand-still": 0,
    "number-from-one-again": 0,
    "decide-across-holes": 2,
    "believe-old-leaders": 13,
    "answer-when-recovered": 2,
    "fail-at-once": 23,
    "go-on-after-failure": 17,
    "vouch-for-first": 2,
    "vouch-right-behind": 78,
    "query-at-once": 57,
    "place-twice": 0,
    "ask-once": 3,
    "deposed-decide": 51,
}
"""By name of the planted bug, the first seed that shows it."""


def quiet(seed: int, *faults: Fault, shards: int = 2) -> World:
    """A world in which nothing happens but these faults."""
    size = Size(protocol="mdl", replicas=3, shards=shards, coordination="fast", operations=60)
    world = draw_world(seed, size)
    rates = structs.replace(
        world.rates, loss=0, duplicate=0, late=0, kind_loss=0, kind_late=0, sync_stall=0, tear=0,
        survive=0, delay_mean=MS, delay_min=MS, sync_mean=MS,
    )  # fmt: skip
    return structs.replace(
        world, rates=rates, faults=faults, horizon=2 * SECOND, election_ticks=6,
        has_small_limits=False, coordination_ticks=200, patience=5 * SECOND,
    )  # fmt: skip


def in_another_process(*seeds: int, hash_seed: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _IN_ANOTHER_PROCESS, *map(str, seeds)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.slow
def test_a_seed_is_one_world_whatever_the_process() -> None:
    here = [run(draw_world(seed, MDL)).trace_hash for seed in (1, 2)]
    assert in_another_process(1, 2, hash_seed=1) == here
    assert in_another_process(2, 1, hash_seed=2) == here[::-1]


def test_worlds_of_one_log_have_none_of_it() -> None:
    for seed in range(20):
        world = draw_world(seed, Size())
        assert world.shards == 1
        assert not any(fault.kind in OF_SHARDS for fault in world.faults)


def test_a_world_without_faults_answers_everything() -> None:
    outcome = run(quiet(3))
    assert (outcome.failure, outcome.crashes) == (None, 0)
    assert outcome.completed == outcome.operations > 60, "all of them, and the last reads"


def test_both_leaders_are_lost_in_the_same_instant() -> None:
    crash = Fault(
        number=1, kind=Kind.CRASH_LEADER, at=SECOND, target=1, until=1200 * MS, shard=ALL_SHARDS
    )
    trace = Trace(is_kept=True)
    outcome = run(quiet(3, crash), trace=trace)
    crashed = [(event.at, event.host) for event in trace.events if event.kind == "crash"]
    assert [at for at, _ in crashed] == [SECOND, SECOND]
    assert {(int(host.split()[1]) - 1) // 3 for _, host in crashed} == {0, 1}
    assert outcome.failure is None
    assert outcome.completed == outcome.operations


def test_a_cut_between_shards_spares_their_insides() -> None:
    fault = Fault(number=1, kind=Kind.CUT_SHARDS, at=0, target=1, shard=1, amount=1)
    shards = [(1, 2), (3, 4), (5, 6)]
    cut = links_between(fault, shards)
    assert len(cut) == len(set(cut)) == 2 * 2 * 4
    assert all((sender in shards[1]) != (to in shards[1]) for sender, to in cut)
    assert set(links_between(structs.replace(fault, amount=0), shards)) < set(cut)


def test_while_shards_cannot_hear_each_other_clients_get_on_when_they_can_again() -> None:
    cut = Fault(
        number=1, kind=Kind.CUT_SHARDS, at=300 * MS, target=1, until=1300 * MS, shard=0, amount=1
    )
    outcome = run(quiet(5, cut))
    assert outcome.bites == {"cut-shards": outcome.bites["cut-shards"]}
    assert outcome.failure is None
    assert outcome.completed == outcome.operations


def test_a_hidden_leader_is_replaced_and_goes_on_talking_to_other_shards() -> None:
    world = quiet(
        3, Fault(number=1, kind=Kind.HIDE_LEADER, at=400 * MS, target=1, until=800 * MS, amount=1)
    )
    trace = Trace(is_kept=True)
    outcome = run(world, trace=trace)
    assert outcome.failure is None
    assert outcome.bites["hide-leader"]
    hidden = next(e.host for e in trace.events if e.kind == "lose" and e.at > 400 * MS)
    assert hidden in {"replica 1", "replica 2", "replica 3"}


@pytest.mark.parametrize(
    ("manner", "seed", "mark"),
    [
        (Manner(0), 3, "a new leader places several operations in the order of their stamps"),
        (Manner.LATE, 3, "a leader that is fenced off answers for an operation"),
        (Manner.UNANSWERED, 3, "a new leader is told the stamps of an operation"),
        (Manner.AGAIN | Manner.CRASH, 3, "a new leader is told the stamps of an operation"),
        (Manner.HOLES, 19, "a decision of an old reign, or behind a hole, is void"),
    ],
)
def test_leaders_lose_what_they_decided_and_the_next_ones_learn_of_it(
    manner: Manner, seed: int, mark: str
) -> None:
    faults = [
        Fault(
            number=number, kind=Kind.LOSE_DECISIONS, at=at, target=1, until=at + 40 * MS, other=1,
            amount=manner.value, shard=number % 2,
        )
        for number, at in ((1, 800 * MS), (2, 1300 * MS))
    ]  # fmt: skip
    world = structs.replace(
        quiet(seed, *faults), zigzags=80, clients=4, readers=0,
        has_small_limits=manner is Manner.HOLES,
    )  # fmt: skip
    outcome = run(world)
    assert outcome.failure is None
    assert outcome.bites["lose-decisions"]
    assert outcome.bites["held-back"]
    assert outcome.marks[mark]
    assert (outcome.crashes > 0) == (manner in {Manner.AGAIN | Manner.CRASH, Manner.HOLES})


def test_disks_of_a_minority_of_each_shard_may_be_damaged() -> None:
    cluster = Cluster(quiet(3), Trace())
    faults = Faults(cluster)
    lost = Fault(number=1, kind=Kind.LOSE_DISK, at=0, target=1)
    assert [faults.lose_disk(lost, cluster.replicas[member]) for member in cluster.members] == [
        True,
        False,
        False,
    ] * 2


def test_without_a_quorum_in_one_shard_nobody_is_blamed() -> None:
    faults = tuple(
        Fault(number=10 * target + n, kind=kind, at=at, target=target, until=at + 50 * MS)
        for target in (4, 5)
        for n, (kind, at) in enumerate(((Kind.FLIP_BIT, 400 * MS), (Kind.CRASH, 500 * MS)))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.simulation.atlas.Atlas.allows", lambda *_: True)
        outcome = run(quiet(4, *faults))
    assert (outcome.failure, outcome.unavailable) == (None, True)


@pytest.mark.slow
def test_worlds_that_end_well_are_decided_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of them have readers whose queries stand in no log."""
    engines = []

    def judged(*operations: Any, **named: Any) -> Verdict:  # noqa: ANN401 - as `check`
        verdict = check(*operations, **named)
        engines.append(verdict.statistics.engines)
        return verdict

    monkeypatch.setattr("harness.simulation.judges.check", judged)
    worlds = [draw_world(seed, MDL) for seed in range(60)]
    with_queries = [w for w in worlds if w.readers and not w.reads_through_log][:4]
    others = [w for w in worlds if w.reads_through_log][:4]
    assert len(with_queries) == len(others) == 4
    for world in (*with_queries, *others):
        assert run(world).failure is None
    assert engines == [{"proposed": 1}] * 8


@pytest.mark.slow
@pytest.mark.parametrize("coordination", ["durable", "fast"])
def test_worlds_of_the_swarm_are_survived_and_their_faults_bite(coordination: str) -> None:
    seen: Counter[str] = Counter()
    size = structs.replace(MDL, coordination=coordination)
    for seed in range(SEEDS):
        outcome = run(draw_world(seed, size))
        assert (outcome.failure, outcome.undecided) == (None, ""), seed
        seen.update(dict.fromkeys(outcome.bites, 1))
    for kind in OF_SHARDS:
        assert seen[kind.value] >= SEEDS // 20, (kind, seen)


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 2, 3])
@pytest.mark.parametrize("replicas", [1, 2, 5])
def test_sizes_that_are_asked_for(shards: int, replicas: int) -> None:
    for seed in range(4):
        outcome = run(draw_world(seed, structs.replace(MDL, shards=shards, replicas=replicas)))
        assert (outcome.failure, outcome.undecided) == (None, ""), seed


def test_every_planted_bug_of_mdl_has_its_seed() -> None:
    assert set(FOUND_BY) == {name for name, bug in MUTANTS.items() if bug.protocol == "mdl"}


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUND_BY)
def test_without_a_rule_its_seed_fails_and_with_it_the_same_seed_does_not(name: str) -> None:
    seed = FOUND_BY[name]
    without = run(draw_world(seed, structs.replace(MDL, mutant=name))).failure
    assert without is not None
    assert without.kind in FailureKind
    assert run(draw_world(seed, MDL)).failure is None
