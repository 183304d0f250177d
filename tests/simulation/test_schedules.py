"""Whole clusters of cores under schedules from a seed; a failure names the seed that repeats it."""

import pytest

from checker import VerdictKind
from harness.mutants import MUTANTS
from node.core.multipaxos import Settings
from node.errors import ProtocolViolation
from tests.simulation.actions import Run
from tests.simulation.schedules import calm, read_all, state, storm

_FEW = range(3)
_MANY = range(100, 160)
_STORMED = ("reply-before-quorum", "ignore-accepted", "local-reads", "send-before-sync")
"""Planted bugs that these schedules find. Those of the simulator find the others too."""

SMALL_LIMITS = Settings(
    election_timeout_ticks=6,
    heartbeat_ticks=2,
    slots_in_flight_max=2,
    batch_commands_max=2,
    report_entries_max=2,
)
"""So small that reports come in parts, batches fill up and proposals wait."""


@pytest.mark.parametrize("seed", _FEW)
def test_a_short_storm_among_three(seed: int) -> None:
    judge(storm(seed, steps=250))


@pytest.mark.parametrize("seed", _FEW)
def test_a_short_storm_among_five_with_small_limits(seed: int) -> None:
    judge(storm(seed, replicas=5, steps=250, settings=SMALL_LIMITS))


def test_equal_seeds_play_equal_schedules() -> None:
    assert fingerprint(storm(7, steps=200)) == fingerprint(storm(7, steps=200))
    assert fingerprint(storm(7, steps=200)) != fingerprint(storm(8, steps=200))


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2, 3, 4, 5])
def test_many_storms(replicas: int) -> None:
    for seed in _MANY:
        judge(storm(seed, replicas=replicas, steps=600))


@pytest.mark.slow
def test_many_storms_with_small_limits() -> None:
    for seed in _MANY:
        judge(storm(seed, steps=800, settings=SMALL_LIMITS))


@pytest.mark.slow
@pytest.mark.parametrize("name", _STORMED)
def test_clients_notice_a_planted_bug_within_some_seeds(name: str) -> None:
    """By what clients wrote down alone; measured: 7, 11, 36 and 80 seeds on average."""
    for seed in range(600):
        run = storm(seed, core=MUTANTS[name].core, watched=False)
        try:
            calm(run)
            read_all(run)
        except AssertionError:
            pass  # a cluster that broke down; what was seen before counts all the same
        if run.verdict().kind is VerdictKind.NOT_LINEARIZABLE:
            return
    raise AssertionError(f"{name} survived")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in _STORMED if name != "local-reads"])
def test_the_invariants_notice_a_planted_bug_within_some_seeds(name: str) -> None:
    """All but local-reads, which breaks no rule of the log: only a history can tell."""
    for seed in range(100):
        try:
            storm(seed, core=MUTANTS[name].core)
        except (AssertionError, ProtocolViolation):
            return
    raise AssertionError(f"{name} survived")


def judge(run: Run) -> None:
    """Calm down; then everybody agrees, every append happened once, clients saw one store."""
    where = f"seed {run.seed}"
    calm(run)
    states = [state(run.cluster, member) for member in run.cluster.members]
    assert all(each == states[0] for each in states), where
    read_all(run)
    verdict = run.verdict()
    assert verdict.kind is VerdictKind.LINEARIZABLE, f"{where}: {verdict}"


def fingerprint(run: Run) -> list[object]:
    return [
        [state(run.cluster, member) for member in run.cluster.up],
        [(p.sender, p.to, p.data) for p in run.cluster.messages],
        run.journalist.operations(),
    ]
