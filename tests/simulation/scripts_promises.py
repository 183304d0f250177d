"""Schedules that hurt a cluster whose acceptors break or forget promises, or whose ballots are shared."""

from harness.mutants import Mutant
from node.core.multipaxos.messages import Accept, Accepted, Heartbeat, Prepare, Promise
from node.wire.kv import Get, Put
from tests.simulation.stage import Stage


def promise_not_durable(bug: Mutant) -> Stage:
    """3 promises to follow 2, forgets it in a crash, and votes for what 1 proposed before."""
    stage = Stage(bug)
    stage.writer.invoke(Put("x", "1"), at=1)
    late = stage.delay(Accept, to=3)
    stage.lose_all()
    stage.cluster.elect(2, among=(2, 3))
    stage.fail_power(3)
    stage.arrive(late)
    stage.cluster.settle(among=(1, 3))
    stage.reader.invoke(Get("x"), at=2)
    stage.cluster.settle(among=(2, 3))
    assert stage.reader.is_idle
    return stage


def accept_lower_ballot(bug: Mutant) -> Stage:
    """3 follows 2 and votes all the same for what 1 proposed before."""
    stage = Stage(bug)
    stage.writer.invoke(Put("x", "1"), at=1)
    late = stage.delay(Accept, to=3)
    stage.lose_all()
    stage.cluster.elect(2, among=(2, 3))
    stage.arrive(late)
    stage.cluster.settle(among=(1, 3))
    stage.reader.invoke(Get("x"), at=2)
    stage.cluster.settle(among=(2, 3))
    assert stage.reader.is_idle
    return stage


def promise_lower(bug: Mutant) -> Stage:
    """1 promises 3's ballot, then 2's lower one that comes late, and serves them both."""
    stage = Stage(bug)
    stage.cluster.campaign(2)
    late = stage.delay(Prepare, to=1)
    stage.lose_all()
    stage.cluster.elect(3, among=(1, 3))
    stage.arrive(late)
    stage.cluster.settle(among=(1, 2))
    stage.writer.invoke(Put("x", "1"), at=2)
    stage.cluster.settle(among=(1, 2))
    stage.reader.invoke(Get("x"), at=3)
    stage.cluster.settle(among=(1, 3))
    assert stage.reader.is_idle
    return stage


def shared_ballots(bug: Mutant) -> Stage:
    """2 and 3 win at once; 3 then takes 2's word, of the same ballot, for its own slot."""
    stage = Stage(bug)
    stage.cluster.campaign(2)
    stage.cluster.campaign(3)
    for replica in (3, 2):
        stage.deliver(Prepare, to=replica)
    for replica in (3, 2):
        stage.deliver(Promise, to=replica)
    stage.lose_all()
    stage.writer.invoke(Put("x", "1"), at=2)
    stage.deliver(Accept, to=1)
    stage.deliver(Accepted, to=2)
    stage.reader.invoke(Get("x"), at=3)
    stage.lose_all()
    stage.cluster.tick(2, stage.cluster.settings.heartbeat_ticks)
    stage.deliver(Heartbeat, to=3)
    return stage
