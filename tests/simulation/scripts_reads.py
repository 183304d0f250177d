"""Schedules that hurt a cluster whose leaders answer queries from an old state."""

from harness.mutants import Mutant
from node.core.multipaxos.messages import Accept, Heard, Heartbeat
from node.wire.kv import Get, Put
from tests.simulation.stage import Stage


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
