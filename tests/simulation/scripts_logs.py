"""Schedules that hurt a cluster whose leaders recover, execute or refuse the wrong things."""

from harness.mutants import Mutant
from node.core.multipaxos.messages import Accept, Accepted
from node.wire.kv import Append, Get, Put
from tests.simulation.stage import Stage


def ignore_accepted(bug: Mutant) -> Stage:
    """Replica 2 votes for the write, the leader answers and dies, 3 hears of the vote."""
    stage = Stage(bug)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.settle(among=(1, 2))
    assert stage.writer.is_idle
    stage.lose_all()
    stage.cluster.crash(1)
    stage.cluster.elect(3, among=(2, 3))
    stage.reader.invoke(Get("x"), at=3)
    stage.cluster.settle(among=(2, 3))
    assert stage.reader.is_idle
    return stage


def believe_the_first(bug: Mutant) -> Stage:
    """1 holds a read that lost, 3 the write that was chosen there; 1 asks itself first."""
    stage = Stage(bug)
    stage.reader.invoke(Get("x"), at=1)
    stage.lose_all()
    stage.cluster.elect(2, among=(2, 3))
    stage.writer.invoke(Put("x", "1"), at=2)
    stage.cluster.settle(among=(2, 3))
    assert stage.writer.is_idle
    stage.lose_all()
    stage.cluster.crash(2)
    stage.fail_power(1)
    stage.cluster.campaign(1)
    stage.cluster.settle(among=(1, 3))  # is told of 2's ballot
    stage.cluster.elect(1, among=(1, 3))
    stage.other.invoke(Get("x"), at=1)
    stage.cluster.settle(among=(1, 3))
    assert stage.other.is_idle
    return stage


def fill_gaps_at_once(bug: Mutant) -> Stage:
    """Two writes are chosen; 2, who lacks the first, becomes the leader, and 3 has it."""
    stage = Stage(bug)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.deliver(Accept, to=3)
    stage.delay(Accept, to=2)
    stage.reader.invoke(Put("y", "1"), at=1)
    stage.deliver(Accept, to=2)
    stage.deliver(Accepted, to=1)
    assert stage.writer.is_idle
    assert stage.reader.is_idle
    stage.lose_all()
    stage.cluster.crash(1)
    stage.cluster.elect(2, among=(2, 3))
    stage.other.invoke(Get("x"), at=2)
    stage.cluster.settle(among=(2, 3))
    assert stage.other.is_idle
    return stage


def execute_out_of_order(bug: Mutant) -> Stage:
    """The second of two appends is chosen first, and read before the first one is executed."""
    stage = Stage(bug)
    stage.writer.invoke(Append("x", "a"), at=1)
    first = stage.delay(Accept, to=2) + stage.delay(Accept, to=3)
    for client, operation in ((stage.reader, Append("x", "b")), (stage.other, Get("x"))):
        client.invoke(operation, at=1)
        stage.deliver(Accept, to=2)
        stage.deliver(Accepted, to=1)
    stage.arrive(first)
    stage.cluster.settle()
    stage.cluster.tick(1, stage.cluster.settings.heartbeat_ticks)
    stage.cluster.settle()
    stage.cluster.crash(1)
    stage.cluster.elect(2, among=(2, 3))
    stage.other.invoke(Get("x"), at=2)
    stage.cluster.settle(among=(2, 3))
    assert stage.other.is_idle
    return stage


def trust_old_entries(bug: Mutant) -> Stage:
    """3 holds a read of 1's that lost, where 2, 4 and 5 chose a write, and is told of it."""
    stage = Stage(bug, replicas=5)
    stage.reader.invoke(Get("x"), at=1)
    stage.deliver(Accept, to=3)
    stage.lose_all()
    stage.cluster.crash(1)
    stage.cluster.elect(2, among=(2, 4, 5))
    stage.writer.invoke(Put("x", "1"), at=2)
    stage.cluster.settle(among=(2, 4, 5))
    assert stage.writer.is_idle
    stage.lose_all()
    stage.cluster.tick(2, stage.cluster.settings.heartbeat_ticks)
    stage.cluster.settle()
    stage.cluster.crash(2)
    stage.cluster.elect(3, among=(3, 4, 5))
    stage.other.invoke(Get("x"), at=3)
    stage.cluster.settle(among=(3, 4, 5))
    assert stage.other.is_idle
    return stage


def refuse_what_is_proposed(bug: Mutant) -> Stage:
    """2 has the write of the leader that it replaces, and proposes it again."""
    stage = Stage(bug)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.deliver(Accept, to=2)
    stage.lose_all()
    stage.cluster.elect(2, among=(2, 3))
    stage.cluster.tick(2, stage.cluster.settings.heartbeat_ticks)
    stage.cluster.settle()
    stage.writer.give_up()
    stage.reader.invoke(Get("x"), at=2)
    stage.cluster.settle()
    assert stage.reader.is_idle
    return stage


def dedup_by_number_only(bug: Mutant) -> Stage:
    """The first requests of two clients have the same number."""
    stage = Stage(bug)
    for client, value in ((stage.writer, "1"), (stage.reader, "2")):
        client.invoke(Put("x", value), at=1)
        stage.cluster.settle()
    stage.reader.invoke(Get("x"), at=1)
    stage.cluster.settle()
    return stage


def forget_sessions_early(bug: Mutant) -> Stage:
    """An append is asked for twice, and another client's write comes between."""
    stage = Stage(bug)
    stage.writer.invoke(Append("x", "a"), at=1)
    stage.reader.invoke(Put("y", "1"), at=1)
    stage.writer.ask(1)
    stage.cluster.settle()
    stage.reader.invoke(Get("x"), at=1)
    stage.cluster.settle()
    return stage
