"""Schedules that hurt a cluster whose journals do not keep what they promised."""

from pathlib import Path

from harness.mutants import Mutant
from node.runtime.journal import FILE_HEADER_BYTES
from node.types import ReplicaId
from node.wire.kv import Get, Put
from tests.simulation.stage import Stage

_JOURNAL = Path("/replica/journal")


def power_fails(bug: Mutant) -> Stage:
    """1 and 2 have the write on their disks, as they say; 3 asks 2 after both lost their power."""
    stage = Stage(bug)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.settle(among=(1, 2))
    assert stage.writer.is_idle
    stage.lose_all()
    stage.cluster.crash(1)
    stage.fail_power(2)
    stage.cluster.elect(3, among=(2, 3))
    stage.reader.invoke(Get("x"), at=3)
    stage.cluster.settle(among=(2, 3))
    assert stage.reader.is_idle
    return stage


def retry_fsync(bug: Mutant) -> Stage:
    """The fsync that was to save the write fails at 1 and 2; then their power fails."""
    stage = Stage(bug, syncs_at_once=False)
    stage.writer.invoke(Put("x", "1"), at=1)
    for replica in (1, 2):
        stage.cluster.hosts[ReplicaId(replica)].disk.fail_next("sync")
    for packet in [p for p in stage.cluster.messages if p.to == 2]:
        stage.cluster.deliver(packet)
    for replica in (1, 2):
        stage.sync(replica)
    for packet in [p for p in stage.cluster.messages if p.to == 1]:
        stage.cluster.deliver(packet)
    stage.lose_all()
    stage.fail_power(1, 2)
    stage.cluster.elect(3)
    stage.reader.invoke(Get("x"), at=3)
    stage.cluster.settle()
    assert stage.reader.is_idle
    return stage


def trust_checksums(bug: Mutant) -> Stage:
    """A bit flips in the value that 3 has stored, and 3 becomes the leader if it starts."""
    stage = Stage(bug)
    stage.writer.invoke(Put("x", "needle"), at=1)
    stage.cluster.settle()
    stage.reader.invoke(Put("y", "1"), at=1)
    stage.cluster.settle()
    disk = stage.cluster.host(3).disk
    stage.cluster.crash(3)
    disk.flip_bit(_JOURNAL, disk.contents(_JOURNAL).index(b"needle"))
    leader = 3 if stage.starts(3) else 2
    stage.cluster.elect(leader)
    stage.reader.invoke(Get("x"), at=leader)
    stage.cluster.settle()
    assert stage.reader.is_idle
    return stage


def cut_at_damage(bug: Mutant) -> Stage:
    """1 and 2 have the write; a bit flips at 1, long before it, and 3 asks 1 if 1 starts."""
    stage = Stage(bug)
    stage.writer.invoke(Put("x", "1"), at=1)
    stage.cluster.settle(among=(1, 2))
    assert stage.writer.is_idle
    stage.lose_all()
    disk = stage.cluster.host(1).disk
    stage.cluster.crash(1)
    disk.flip_bit(_JOURNAL, FILE_HEADER_BYTES + 30)
    quorum = (1, 3) if stage.starts(1) else (2, 3)
    stage.cluster.elect(3, among=quorum)
    stage.reader.invoke(Get("x"), at=3)
    stage.cluster.settle(among=quorum)
    assert stage.reader.is_idle
    return stage
