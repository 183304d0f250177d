"""Schedules that hurt a cluster that counts votes wrongly, or lets them leave too early."""

from harness.mutants import Mutant
from node.core.multipaxos.messages import Accept, Accepted
from node.wire.kv import Get, Put
from tests.simulation.stage import Stage


def reply_before_quorum(bug: Mutant) -> Stage:
    """Nobody hears of the write but the leader, who is then replaced."""
    stage = Stage(bug)
    stage.cluster.cut_off(1)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.elect(2, among=(2, 3))
    stage.reader.invoke(Get("x"), at=2)
    stage.cluster.settle()
    assert stage.reader.is_idle
    return stage


def send_before_sync(bug: Mutant) -> Stage:
    """The power of 1 and 2 fails before their disks are synced: 3 has never heard of the write."""
    stage = Stage(bug, syncs_at_once=False)
    stage.cluster.cut_off(3)
    stage.writer.invoke(Put("x", "1"), at=1)
    while stage.cluster.messages:
        stage.cluster.deliver(stage.cluster.messages[0])
    stage.fail_power(1, 2)
    stage.cluster.heal()
    stage.cluster.elect(3)
    stage.reader.invoke(Get("x"), at=3)
    stage.cluster.settle()
    assert stage.reader.is_idle
    return stage


def half_is_enough(bug: Mutant) -> Stage:
    """Two of four confirm a write, the other two elect a leader who has never heard of it."""
    stage = Stage(bug, replicas=4)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.settle(among=(1, 2))
    stage.lose_all()
    stage.cluster.campaign(3)
    stage.cluster.settle(among=(3, 4))
    stage.reader.invoke(Get("x"), at=3)
    stage.cluster.settle(among=(3, 4))
    return stage


def count_duplicate_votes(bug: Mutant) -> Stage:
    """Of five only 1 and 2 accept the write, and 2's vote is delivered twice."""
    stage = Stage(bug, replicas=5)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.deliver(Accept, to=2)
    for vote in stage.find(Accepted, to=1):
        stage.cluster.duplicate(vote)
    stage.deliver(Accepted, to=1)
    stage.lose_all()
    stage.cluster.elect(3, among=(3, 4, 5))
    stage.reader.invoke(Get("x"), at=3)
    stage.cluster.settle(among=(3, 4, 5))
    assert stage.reader.is_idle
    return stage


def count_stale_votes(bug: Mutant) -> Stage:
    """1 forgets what it proposed, is elected again, and 2's vote of before arrives then."""
    stage = Stage(bug, syncs_at_once=False)
    stage.reader.invoke(Get("x"), at=1)
    stage.deliver(Accept, to=2)
    stage.cluster.sync(2)
    late = stage.delay(Accepted, to=1)
    stage.lose_all()
    stage.fail_power(1)
    stage.cluster.elect(1, among=(1, 3))
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.sync(1)
    stage.arrive(late)
    stage.lose_all()
    stage.cluster.crash(1)
    stage.cluster.elect(2, among=(2, 3))
    stage.other.invoke(Get("x"), at=2)
    stage.cluster.settle(among=(2, 3))
    assert stage.other.is_idle
    return stage
