"""Cutting a failing world down, and finding the moment at which it went wrong."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import structs

from harness.simulation.likely import find_moment
from harness.simulation.outcome import Failure, FailureKind, Outcome
from harness.simulation.pool import Inline
from harness.simulation.shrink import shrink
from harness.simulation.trials import is_same_class
from harness.simulation.words import fault_text, moment_text, time_text, world_text
from harness.simulation.world import MS, Fault, Kind, Size, World
from tests.support.toy_floor import FATAL_AT, NEEDED, draw_world, run

TOY = "tests.support.toy_floor"


def failing(*, skip: int = 0) -> Outcome:
    for seed in range(200):
        outcome = run(draw_world(seed, Size()))
        if outcome.failure is not None:
            if not skip:
                return outcome
            skip -= 1
    raise AssertionError("no toy world fails")


@pytest.mark.parametrize("which", range(4))
def test_what_is_left_is_what_it_takes(which: int) -> None:
    outcome = failing(skip=which)
    shrunk = shrink(outcome, TOY, Inline())
    world = shrunk.world
    assert shrunk.is_complete
    assert shrunk.outcome.failure is not None
    assert shrunk.outcome == run(world)
    assert [fault.kind for fault in world.faults] == [Kind.CUT_BOTH, Kind.CRASH]
    assert (world.clients, world.keys, world.replicas) == (1, 1, 2)
    assert NEEDED <= world.operations <= NEEDED + 2
    assert world.horizon <= 510 * MS
    rates = world.rates
    assert rates.loss
    assert (rates.duplicate, rates.late, rates.delay_mean) == (0, 0, 0)


def test_nothing_single_can_go_any_more() -> None:
    world = shrink(failing(), TOY, Inline()).world
    for fault in world.faults:
        left = tuple(each for each in world.faults if each is not fault)
        assert run(structs.replace(world, faults=left)).failure is None
    for name in ("operations", "replicas"):
        fewer = structs.replace(world, **{name: getattr(world, name) - 1})
        assert run(fewer).failure is None


def test_a_single_fault_that_is_needed_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = failing()
    failure = outcome.failure

    def run_needing_a_crash(_floor: str, world: World) -> Outcome:
        is_there = any(fault.kind is Kind.CRASH for fault in world.faults)
        return structs.replace(outcome, world=world, failure=failure if is_there else None)

    monkeypatch.setattr("harness.simulation.trials.run_world", run_needing_a_crash)
    shrunk = shrink(outcome, TOY, Inline())
    assert shrunk.is_complete
    assert [fault.kind for fault in shrunk.world.faults] == [Kind.CRASH]
    assert shrunk.runs < 200


def test_workers_do_not_change_the_result() -> None:
    outcome = failing(skip=1)
    alone = shrink(outcome, TOY, Inline())
    with ThreadPoolExecutor(3) as executor:
        assert shrink(outcome, TOY, executor, jobs=3) == alone


def test_runs_are_bounded_and_the_best_so_far_is_kept() -> None:
    outcome = failing()
    for runs_max in (0, 1, 5, 20):
        shrunk = shrink(outcome, TOY, Inline(), runs_max=runs_max)
        assert not shrunk.is_complete
        assert shrunk.runs <= runs_max
        assert run(shrunk.world).failure is not None
    assert shrink(outcome, TOY, Inline(), time_limit_s=0).world == outcome.world


def test_another_failure_is_no_smaller_one() -> None:
    failure = Failure(kind=FailureKind.INVARIANT, rule="two values", what="", at=3)
    assert is_same_class(structs.replace(failure, what="elsewhere", at=9), failure)
    assert not is_same_class(structs.replace(failure, rule="lost promise"), failure)
    assert not is_same_class(structs.replace(failure, kind=FailureKind.LIVENESS), failure)
    assert not is_same_class(None, failure)


# The moment


@pytest.mark.parametrize("which", range(3))
def test_the_moment_is_when_the_dice_fell(which: int) -> None:
    outcome = failing(skip=which)
    assert outcome.failure is not None
    fatal = next(fault.at for fault in outcome.world.faults if fault.number == 21) + FATAL_AT
    moment = find_moment(outcome.world, outcome.failure, TOY, Inline())
    assert moment is not None
    assert moment.before.at <= fatal <= moment.after.at + MS
    assert moment.after.at - moment.before.at <= MS
    assert moment.after.chance == 1
    assert moment.before.chance < 0.7
    assert "it became likely between" in moment_text(moment)


def test_without_time_there_is_no_moment_and_little_time_gives_a_wide_one() -> None:
    outcome = failing()
    assert outcome.failure is not None
    world, failure = outcome.world, outcome.failure
    assert find_moment(world, failure, TOY, Inline(), time_limit_s=0) is None
    wide = find_moment(world, failure, TOY, Inline(), runs_max=100)
    assert wide is not None
    assert wide.runs <= 100


# Words


@pytest.mark.parametrize("kind", Kind)
def test_every_fault_has_a_sentence(kind: Kind) -> None:
    fault = Fault(
        number=1, kind=kind, at=MS, target=2, other=3, until=5 * MS, amount=7, where="before-save"
    )
    words = fault_text(fault)
    assert "{" not in words
    nobody_in_particular = {
        Kind.RING, Kind.CLIENT_CRASH, Kind.CUT_LEADERS, Kind.SUSPEND_LEADER, Kind.ADD_REPLICA,
        Kind.CRASH_LEADER, Kind.HIDE_LEADER, Kind.CUT_SHARDS, Kind.LOSE_DECISIONS,
    }  # fmt: skip
    assert ("2" in words) or kind in nobody_in_particular


def test_a_world_is_told_in_lines() -> None:
    world: World = failing().world
    lines = world_text(world)
    assert len(lines) == 2 + len(world.faults)
    assert world_text(structs.replace(world, faults=()))[-1] == "no faults at times of their own"


def test_times_have_the_unit_that_reads_best() -> None:
    assert [time_text(ns) for ns in (5, 1_500, 2_000_000, 3_210_000_000)] == [
        "5 ns", "1.5 µs", "2 ms", "3.210 s",
    ]  # fmt: skip
