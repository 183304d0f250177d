"""Each planted bug is seen by the checker, in what clients wrote down and nowhere else.

Each script is played twice: with the bug, where the history must be refused, and without it, where
the same steps must give a history that is linearizable. So neither the script nor the checker
can be what is wrong.
"""

from collections.abc import Callable
from typing import Final

import pytest

from checker import VerdictKind
from harness.mutants import MUTANTS
from node.core.multipaxos import MultiPaxos
from node.wire.kv import Get, Put
from tests.support.cluster import Cluster
from tests.support.recording import Client, Journalist

Play = Callable[[type[MultiPaxos]], VerdictKind]


class Stage:
    """Three replicas, of which 1 leads, and two clients with a session that everyone knows."""

    def __init__(self, core: type[MultiPaxos], *, syncs_at_once: bool = True) -> None:
        self.cluster = Cluster(core=core, syncs_at_once=syncs_at_once)
        self.journalist = Journalist()
        self.cluster.elect(1)
        self.writer = Client(self.cluster, self.journalist, nonce=1)
        self.reader = Client(self.cluster, self.journalist, nonce=2)
        for client in (self.writer, self.reader):
            client.open_session(1)
            self.cluster.settle()
        self.cluster.tick(1, self.cluster.settings.heartbeat_ticks)
        self.cluster.settle()

    def verdict(self) -> VerdictKind:
        return self.journalist.verdict().kind


def reply_before_quorum(core: type[MultiPaxos]) -> VerdictKind:
    """Nobody hears of the write but the leader, who is then replaced."""
    stage = Stage(core)
    stage.cluster.cut_off(1)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.elect(2, among=(2, 3))
    stage.reader.invoke(Get("x"), at=2)
    stage.cluster.settle()
    assert stage.reader.is_idle
    return stage.verdict()


def ignore_accepted(core: type[MultiPaxos]) -> VerdictKind:
    """Replica 2 votes for the write, the leader answers and dies, 3 hears of the vote."""
    stage = Stage(core)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.settle(among=(1, 2))
    assert stage.writer.is_idle
    stage.cluster.messages.clear()
    stage.cluster.crash(1)
    stage.cluster.elect(3, among=(2, 3))
    stage.reader.invoke(Get("x"), at=3)
    stage.cluster.settle(among=(2, 3))
    assert stage.reader.is_idle
    return stage.verdict()


def local_reads(core: type[MultiPaxos]) -> VerdictKind:
    """A leader that is cut off does not know that it is replaced, and that x is overwritten."""
    stage = Stage(core)
    stage.cluster.cut_off(1)
    stage.cluster.elect(2, among=(2, 3))
    stage.writer.invoke(Put("x", "1"), at=2)
    stage.cluster.settle()
    assert stage.writer.is_idle
    stage.reader.invoke(Get("x"), at=1)
    stage.cluster.settle()
    return stage.verdict()


def send_before_sync(core: type[MultiPaxos]) -> VerdictKind:
    """The power of 1 and 2 fails before their disks are synced: 3 has never heard of the write."""
    stage = Stage(core, syncs_at_once=False)
    stage.cluster.cut_off(3)
    stage.writer.invoke(Put("x", "1"), at=1)
    while stage.cluster.messages:
        stage.cluster.deliver(stage.cluster.messages[0])
    for replica in (1, 2):
        stage.cluster.crash(replica)
        stage.cluster.restart(replica)
    stage.cluster.heal()
    stage.cluster.elect(3)
    stage.reader.invoke(Get("x"), at=3)
    stage.cluster.settle()
    assert stage.reader.is_idle
    return stage.verdict()


SCRIPTS: Final[dict[str, Play]] = {
    "reply-before-quorum": reply_before_quorum,
    "ignore-accepted": ignore_accepted,
    "local-reads": local_reads,
    "send-before-sync": send_before_sync,
}


def test_there_is_a_script_for_every_planted_bug() -> None:
    assert list(SCRIPTS) == list(MUTANTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_checker_refuses_what_clients_saw_of(name: str) -> None:
    assert SCRIPTS[name](MUTANTS[name].core) is VerdictKind.NOT_LINEARIZABLE


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_same_script_is_linearizable_without(name: str) -> None:
    assert SCRIPTS[name](MultiPaxos) is VerdictKind.LINEARIZABLE
