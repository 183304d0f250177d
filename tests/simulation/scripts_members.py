"""Schedules that hurt a cluster whose members change too early, or by halves."""

from harness.mutants import Mutant
from node.core.multipaxos.messages import Accept, Accepted
from node.wire.kv import Get, Put
from tests.simulation.stage import Stage


def reconfigure_at_once(bug: Mutant) -> Stage:
    """1 adds 5, and only 5 hears of it; 2 removes 1, and 4 does not hear of it: two groups go on.

    It is the schedule of Ongaro's correction of 2015 to changes of one member in Raft, which let
    members decide on the change that makes them members.
    """
    stage = Stage(bug, replicas=4, spares=1)
    stage.add(5, at=1)
    stage.cluster.settle(among=(1, 5))
    stage.lose_all()
    stage.cluster.elect(2, among=(2, 3, 4))
    stage.remove(1, at=2)
    stage.cluster.settle(among=(2, 3))
    stage.writer.invoke(Put("x", "1"), at=2)
    stage.cluster.settle(among=(2, 3))
    stage.lose_all()
    stage.cluster.tick(1, stage.cluster.settings.heartbeat_ticks)
    stage.cluster.settle(among=(1, 4))  # it learns that there is a higher ballot
    stage.cluster.campaign(1)
    stage.cluster.settle(among=(1, 4, 5))
    stage.reader.invoke(Get("x"), at=1)
    stage.cluster.settle(among=(1, 4, 5))
    return stage


def forget_new_quorum(bug: Mutant) -> Stage:
    """4 and 5 become members without 2; with them 1 confirms a write; then 2 asks 3 alone."""
    stage = Stage(bug, spares=2)
    stage.cluster.cut_off(2)
    stage.add(4, at=1)
    stage.let_pass(1, 3, 4)
    stage.add(5, at=1)
    stage.cluster.settle(among=(1, 4, 5))
    stage.deliver(Accept, to=3)
    stage.deliver(Accepted, to=1)
    stage.let_pass(1, 4, 5)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.settle(among=(1, 4, 5))
    stage.lose_all()
    stage.cluster.heal()
    stage.cluster.cut_off(1)
    stage.cluster.campaign(2)
    stage.cluster.settle(among=(2, 3))
    stage.reader.invoke(Get("x"), at=2)
    stage.cluster.settle(among=(2, 3, 4))
    return stage


def removed_keeps_voting(bug: Mutant) -> Stage:
    """4 was removed, and is the only one to hear of a write but the leader."""
    stage = Stage(bug, replicas=4)
    stage.remove(4, at=1)
    stage.cluster.settle()
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.settle(among=(1, 4))
    stage.lose_all()
    stage.cluster.elect(2, among=(2, 3))
    stage.reader.invoke(Get("x"), at=2)
    stage.cluster.settle(among=(2, 3))
    assert stage.reader.is_idle
    return stage
