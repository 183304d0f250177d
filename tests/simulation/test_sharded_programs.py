"""Whole replicas and clients of several shards in simulated worlds: what repeats, is survived, is noticed.

The same worlds among cores are in `test_sharded_worlds.py`.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from msgspec import structs

from clients.shards import shard_of
from harness.simulation.runtime_floor import draw_world, run
from harness.simulation.runtime_floor.session_office import key_of
from harness.simulation.trace import Event, Trace
from harness.simulation.world import (
    ALL_SHARDS,
    MS,
    SECOND,
    US,
    Fault,
    Kind,
    Rates,
    Size,
    World,
)

pytestmark = pytest.mark.slow

SEEDS = int(os.environ.get("GONG_SEEDS", "15"))

MDL = Size(protocol="mdl")

CALM = Rates(delay_min=100 * US, delay_mean=300 * US, sync_mean=1 * MS)

_IN_ANOTHER_PROCESS = """
import sys
from harness.simulation.runtime_floor import draw_world, run
from harness.simulation.world import Size
for seed in map(int, sys.argv[1:]):
    print(run(draw_world(seed, Size(protocol="mdl"))).trace_hash)
"""


def world(*faults: Fault, **changes: object) -> World:
    calm = World(
        seed=1,
        protocol="mdl",
        shards=2,
        replicas=3,
        coordination="fast",
        coordination_ticks=200,
        zigzags=60,
        window=5,
        clients=3,
        operations=90,
        keys=4,
        think_mean=200 * MS,
        patience=5 * SECOND,
        horizon=2500 * MS,
        rates=CALM,
        faults=faults,
    )
    return structs.replace(calm, **changes)


def fault(kind: Kind, *, at: int = 900 * MS, target: int = 1, **named: object) -> Fault:
    return Fault(number=1, kind=kind, at=at, target=target, until=at + 300 * MS, **named)  # type: ignore[arg-type]


def crashes(trace: Trace) -> list[Event]:
    return [event for event in trace.events if event.kind == "crash" and event.text != "frozen"]


def shard_at(event: Event) -> int:
    return (int(event.host.split()[1]) - 1) // 3


@pytest.mark.parametrize("shared", [False, True])
def test_a_calm_world_answers_everything(shared: bool) -> None:
    outcome = run(world(shared_machines=shared))
    assert (outcome.failure, outcome.undecided, outcome.crashes) == (None, "", 0)
    assert outcome.completed == outcome.operations == 90 + 3 * 4, "and each client reads every key"
    assert outcome.marks["an operation is answered for before it is executed"]


def test_readers_without_a_session_ask_by_queries() -> None:
    trace = Trace(is_kept=True)
    outcome = run(world(readers=1), trace=trace)
    assert (outcome.failure, outcome.undecided) == (None, "")
    assert outcome.completed == outcome.operations
    reader = [event for event in trace.events if event.host == "client 103"]
    assert not [event for event in reader if event.kind == "session"]
    asked = [event.detail for event in reader if event.kind == "send" and event.detail]
    assert any(str(each).startswith("Query(") for each in asked)


@pytest.mark.parametrize("coordination", ["fast", "durable"])
def test_the_leaders_of_all_shards_are_lost_in_the_same_instant(coordination: str) -> None:
    trace = Trace(is_kept=True)
    crash = fault(Kind.CRASH_LEADER, shard=ALL_SHARDS)
    outcome = run(world(crash, coordination=coordination), trace=trace)
    assert (outcome.failure, outcome.undecided) == (None, "")
    assert outcome.bites["crash-leader"] == outcome.crashes == 2
    assert [event.at for event in crashes(trace)] == [900 * MS, 900 * MS]
    assert {shard_at(event) for event in crashes(trace)} == {0, 1}
    assert outcome.operations > 90, "they went on"


def test_the_leader_of_one_shard_is_lost() -> None:
    for shard in (0, 1):
        trace = Trace(is_kept=True)
        outcome = run(world(fault(Kind.CRASH_LEADER, shard=shard)), trace=trace)
        assert outcome.failure is None
        assert [shard_at(event) for event in crashes(trace)] == [shard]


def test_with_a_machine_goes_a_replica_of_each_shard() -> None:
    trace = Trace(is_kept=True)
    outcome = run(world(fault(Kind.CRASH, target=5), shared_machines=True), trace=trace)
    assert outcome.failure is None
    assert [event.host for event in crashes(trace)] == ["machine 2"]
    again = [event for event in trace.events if event.host == "machine 2" and event.at > 900 * MS]
    started = [event.text for event in again if event.text.startswith("recovered ")]
    assert [text.split("/")[-2] for text in started] in (
        ["replica-2", "replica-5"],
        ["replica-5", "replica-2"],
    )


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    "struck",
    [
        fault(Kind.HIDE_LEADER, amount=0, shard=1),
        fault(Kind.HIDE_LEADER, amount=2, shard=ALL_SHARDS),
        fault(Kind.HIDE_LEADER, amount=1, shard=0),
        fault(Kind.CUT_LEADERS, amount=30 * MS, shard=ALL_SHARDS),
        fault(Kind.STRAND_LEADER, shard=1),
        fault(Kind.SUSPEND_LEADER, shard=ALL_SHARDS),
        fault(Kind.TURN_BACK, shard=0),
        fault(Kind.RING, shard=1),
        fault(Kind.FAIL_FSYNC, target=4),
        fault(Kind.PAUSE, target=6),
    ],
    ids=lambda value: f"{value.kind.value}-{value.shard}",
)
def test_what_befalls_leaders_and_machines_bites_and_is_survived(
    struck: Fault, shared: bool
) -> None:
    outcome = run(world(struck, shared_machines=shared))
    assert (outcome.failure, outcome.undecided) == (None, "")
    assert outcome.bites[struck.kind.value] > 0


def test_a_cut_between_shards_spares_their_insides() -> None:
    trace = Trace(is_kept=True)
    cut = fault(Kind.CUT_SHARDS, shard=1, amount=1)
    outcome = run(world(cut), trace=trace)
    assert outcome.failure is None
    assert outcome.bites["cut-shards"] > 0
    ways = {event.text.split(" fault")[0] for event in trace.events if event.kind == "cut"}
    assert len(ways) == 2 * 3 * 3
    assert all(len({(int(n) - 1) // 3 for n in way.split() if n.isdigit()}) == 2 for way in ways)


def test_what_one_process_cannot_read_stops_all_its_replicas() -> None:
    crash = structs.replace(fault(Kind.CRASH, target=2), number=2)
    outcome = run(world(fault(Kind.FAIL_READ, at=800 * MS, target=5), crash, shared_machines=True))
    assert outcome.failure is None
    assert outcome.bites["fail-read"] == outcome.bites["stopped-by-disk"] == 1


def test_a_damaged_machine_is_done_without() -> None:
    flip = structs.replace(fault(Kind.FLIP_BIT, at=1000 * MS, target=4), number=2)
    outcome = run(world(flip, fault(Kind.CRASH, at=1100 * MS), shared_machines=True))
    assert (outcome.failure, outcome.unavailable) == (None, False)
    assert outcome.bites["flip-bit"] == outcome.bites["stopped-by-disk"] == 1


def test_keys_are_looked_for_where_they_belong() -> None:
    for shards in (1, 2, 3):
        keys = [key_of(number, shards) for number in range(2 * shards)]
        assert len(set(keys)) == 2 * shards
        assert [shard_of(key, shards) for key in keys] == [*range(shards), *range(shards)]


def test_a_seed_is_one_world_whatever_the_process() -> None:
    seeds = (3, 4, 5)
    here = [run(draw_world(seed, MDL)).trace_hash for seed in seeds]
    for hash_seed, order in (("1", seeds), ("2", seeds[::-1])):
        there = subprocess.run(
            [sys.executable, "-c", _IN_ANOTHER_PROCESS, *map(str, order)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        assert dict(zip(order, there, strict=True)) == dict(zip(seeds, here, strict=True))


@pytest.mark.parametrize("coordination", ["fast", "durable"])
def test_drawn_worlds_are_survived_and_their_faults_bite(coordination: str) -> None:
    seen: Counter[str] = Counter()
    size = structs.replace(MDL, coordination=coordination)
    for seed in range(SEEDS):
        outcome = run(draw_world(seed, size))
        assert (outcome.failure, outcome.undecided) == (None, ""), seed
        seen.update(dict.fromkeys(outcome.bites, 1))
    for kind in ("crash-leader", "hide-leader", "cut-shards"):
        assert seen[kind] >= SEEDS // 10, (kind, seen)


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("replicas", [1, 2, 5])
def test_sizes_that_are_asked_for(shards: int, replicas: int) -> None:
    drawn = draw_world(1, structs.replace(MDL, shards=shards, replicas=replicas))
    assert (drawn.shards, drawn.replicas) == (shards, replicas)
    outcome = run(drawn)
    assert (outcome.failure, outcome.undecided) == (None, "")


@pytest.mark.parametrize(
    "mutant", ["forget-predecessor", "place-twice", "pass-failures", "vouch-for-first"]
)
def test_a_planted_bug_is_noticed_and_without_it_the_same_seed_does_not_fail(mutant: str) -> None:
    for seed in range(60):
        if run(draw_world(seed, structs.replace(MDL, mutant=mutant))).failure is not None:
            assert run(draw_world(seed, MDL)).failure is None
            return
    raise AssertionError(f"60 worlds show nothing of {mutant}")
