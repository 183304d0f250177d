"""Schedules that hurt a cluster whose leaders answer queries from an old state."""

from dataclasses import replace
from typing import Final

from harness.mutants import Mutant
from node.core.multipaxos.messages import Accept, HandOver, Heard, Heartbeat
from node.wire.kv import Get, Put
from tests.simulation.stage import Stage
from tests.support.cluster import QUICK

WITH_LEASES: Final = replace(QUICK, lease_ticks=QUICK.election_timeout_ticks)


def local_reads(bug: Mutant) -> Stage:
    """A leader that is cut off does not know that it is replaced, and that x is overwritten."""
    stage = Stage(bug)
    stage.cluster.cut_off(1)
    stage.cluster.elect(2, among=(2, 3))
    stage.writer.invoke(Put("x", "1"), at=2)
    stage.cluster.settle()
    assert stage.writer.is_idle
    stage.reader.invoke(Get("x"), at=1, as_query=True)
    stage.cluster.settle()
    return stage


def read_anywhere(bug: Mutant) -> Stage:
    """3 is asked for what it has not heard of yet."""
    stage = Stage(bug)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.settle(among=(1, 2))
    assert stage.writer.is_idle
    stage.reader.invoke(Get("x"), at=3, as_query=True)
    return stage


def read_before_recovery(bug: Mutant) -> Stage:
    """2 has accepted the write and not heard that it was chosen; it leads, and is asked at once."""
    stage = Stage(bug)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.settle(among=(1, 2))
    assert stage.writer.is_idle
    stage.lose_all()
    stage.cluster.crash(1)
    stage.cluster.campaign(2)
    while stage.cluster.leader() != 2:
        stage.cluster.deliver(stage.cluster.messages[0])
    late = stage.delay(Accept, to=3)
    stage.reader.invoke(Get("x"), at=2, as_query=True)
    for _ in range(2):  # the round that was under way, and the one of the query
        stage.deliver(Heartbeat, to=3)
        stage.deliver(Heard, to=2)
    stage.arrive(late)
    stage.cluster.settle(among=(2, 3))
    assert stage.reader.is_idle
    return stage


def count_stale_confirmations(bug: Mutant) -> Stage:
    """Before 2 replaced it, 1 was confirmed by 3; it hears of that after somebody asks for x."""
    stage = Stage(bug)
    stage.cluster.tick(1, stage.cluster.settings.heartbeat_ticks)
    stage.deliver(Heartbeat, to=3)
    late = stage.delay(Heard, to=1)
    assert late
    stage.lose_all()
    stage.cluster.cut_off(1)
    stage.cluster.elect(2, among=(2, 3))
    stage.writer.invoke(Put("x", "1"), at=2)
    stage.cluster.settle(among=(2, 3))
    assert stage.writer.is_idle
    stage.reader.invoke(Get("x"), at=1, as_query=True)
    stage.arrive(late)
    return stage


def confirms_without_memory(bug: Mutant) -> Stage:
    """3 helped 2 to replace 1, which has not heard of that. 3 loses its disk, and meets 1."""
    stage = Stage(bug)
    stage.cluster.cut_off(1)
    stage.cluster.elect(2, among=(2, 3))
    stage.writer.invoke(Put("x", "1"), at=2)
    stage.cluster.settle(among=(2, 3))
    assert stage.writer.is_idle
    stage.lose_all()
    stage.cluster.lose_disk(3)
    stage.cluster.restart(3)
    stage.cluster.heal()
    stage.cluster.cut_off(2)
    stage.reader.invoke(Get("x"), at=1, as_query=True)
    stage.deliver(Heartbeat, to=3)
    stage.deliver(Heard, to=1)
    return stage


def lease_without_margin(bug: Mutant) -> Stage:
    """1 has a lease and stands still; when the grants have ended, 2 is elected."""
    stage = _with_lease(bug)
    stage.cluster.stand_still(1, 2 * WITH_LEASES.lease_ticks)
    stage.cluster.tick(3, WITH_LEASES.lease_ticks)
    stage.lose_all()
    return _replaced(stage)


def forget_grants(bug: Mutant) -> Stage:
    """1 has a lease, and one of those who granted it restarts. 2 has run out of patience."""
    stage = _with_lease(bug)
    stage.fail_power(3)
    return _replaced(stage)


def hand_over_keeps_lease(bug: Mutant) -> Stage:
    """1 has a lease, and lets 2 lead; it has not heard yet that 2 does."""
    stage = _with_lease(bug)
    stage.cluster.transfer(1, 2)
    stage.deliver(HandOver, to=2)
    stage.cluster.settle(among=(2, 3))
    assert stage.cluster.leader() == 2
    return _replaced(stage)


def _with_lease(bug: Mutant) -> Stage:
    stage = Stage(bug, settings=WITH_LEASES)
    stage.cluster.tick(1, WITH_LEASES.heartbeat_ticks)
    stage.cluster.settle()
    before = len(stage.cluster.messages)
    stage.other.invoke(Get("x"), at=1, as_query=True)
    assert stage.other.is_idle, "answered by the lease"
    assert len(stage.cluster.messages) == before, "nobody was asked"
    return stage


def _replaced(stage: Stage) -> Stage:
    """2 leads now, if it can be elected without 1, and overwrites x; then 1 is asked."""
    if stage.cluster.leader() != 2:
        stage.cluster.campaign(2)
        stage.cluster.settle(among=(2, 3))
    stage.writer.invoke(Put("x", "1"), at=2)
    stage.cluster.settle(among=(2, 3))
    stage.writer.give_up()
    stage.reader.invoke(Get("x"), at=1, as_query=True)
    return stage
