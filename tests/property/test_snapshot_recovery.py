"""Journal and snapshots together: whatever the moment of a crash, nothing that was synced is gone."""

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from harness.simulation.disk import SimulatedDisk
from harness.simulation.draws import MILLION, Stream
from node.core.ballot import Ballot
from node.core.log import Batch, Entry
from node.core.multipaxos import Record, truncated_upto
from node.core.multipaxos.acceptor import Acceptor
from node.core.multipaxos.messages import ChosenRecord
from node.core.multipaxos.snapshots import truncation_point
from node.failpoints import OF_SNAPSHOTS, listen
from node.runtime.codecs import RECORD_CODEC
from node.runtime.journal import Journal, open_journal
from node.runtime.snapshots import recover, save, slots_in
from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SessionedStateMachine
from node.types import OPEN_SESSION, ClientId, Command, ReplicaId, RequestNumber
from node.wire.kv import Append, encode_operation

DIRECTORY = Path("/replica")
BALLOT = Ballot(1, ReplicaId(1))
SESSION = ClientId(1 << 20)
"""The name of the session that slot 1 opens."""

STEPS = st.lists(
    st.sampled_from(
        ("append", "append", "sync", "promise", "snapshot", "truncate 0", "truncate 2")
    ),
    max_size=25,
)
LIVES = st.lists(
    st.tuples(STEPS, st.integers(0, 12), st.sampled_from((0, 300_000, MILLION))),
    min_size=1,
    max_size=4,
)


class Died(BaseException):
    """At a failpoint."""


def command_of(slot: int) -> Command:
    """What stands in a slot: appends, so that one that is missing or there twice shows."""
    if slot == 1:
        return Command(client=ClientId(5), number=OPEN_SESSION, answered=OPEN_SESSION, body=b"")
    number = RequestNumber(slot - 1)
    body = encode_operation(Append(f"k{slot % 3}", f"{slot},"))
    return Command(client=SESSION, number=number, answered=RequestNumber(number - 1), body=body)


def image_after(slot: int) -> bytes:
    """The state of somebody who has executed everything from the beginning."""
    machine = SessionedStateMachine(KeyValueStore())
    for each in range(1, slot + 1):
        machine.execute_slot(each, (command_of(each),))
    return b"".join(machine.encode(machine.capture()))


class Life:
    """One replica from a start to a crash."""

    def __init__(self, disk: SimulatedDisk) -> None:
        self.disk = disk
        self.machine = SessionedStateMachine(KeyValueStore())
        self.journal: Journal
        self.journal, frames = open_journal(disk, DIRECTORY / "journal", "test", ReplicaId(1))
        records = [RECORD_CODEC.decode(frame) for frame in frames]
        found = recover(disk, DIRECTORY, truncated_upto(records), self.machine.decode)
        slot = 0
        if found is not None:
            self.machine.restore(found[1])
            slot = found[0].slot
        self.acceptor = Acceptor.restored(records, slot)
        log = self.acceptor.log
        for entry in log.entries(slot + 1, log.chosen_upto):
            self.machine.execute_slot(entry.slot, entry.value.commands)
        if log.truncated_upto > truncated_upto(records):
            self.switch()

    def play(self, step: str) -> None:
        match step.split():
            case ["append"]:
                slot = self.acceptor.log.chosen_upto + 1
                ballot = max(BALLOT, self.acceptor.promised)
                entry = Entry(slot, ballot, Batch((command_of(slot),)))
                held = self.acceptor.log.get(slot)
                records: list[Record] = [] if held == entry else [self.acceptor.accept(entry)]
                self.acceptor.log.choose(slot)
                self.write(*records, ChosenRecord(slot))
                self.machine.execute_slot(slot, entry.value.commands)
            case ["sync"]:
                self.journal.sync()
            case ["promise"]:
                self.write(self.acceptor.promise(self.acceptor.promised.next_for(ReplicaId(2))))
            case ["snapshot"]:
                self.snapshot()
            case ["truncate", kept]:
                self.snapshot()
                slot = max(slots_in(self.disk, DIRECTORY), default=0)
                log = self.acceptor.log
                log.truncate(truncation_point(log, slot, slots_kept=int(kept), bytes_kept=1 << 20))
                self.switch()
            case _:
                raise AssertionError(step)

    def snapshot(self) -> None:
        if self.machine.executed_upto not in (0, *slots_in(self.disk, DIRECTORY)):
            parts = self.machine.encode(self.machine.capture())
            save(self.disk, DIRECTORY, self.machine.executed_upto, parts)

    def switch(self) -> None:
        self.journal.switch([RECORD_CODEC.encode(r) for r in self.acceptor.records()])

    def write(self, *records: Record) -> None:
        self.journal.append([RECORD_CODEC.encode(record) for record in records])


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(LIVES, st.integers(0, 1 << 30))
def test_a_crash_at_any_failpoint_leaves_what_was_synced_and_applies_nothing_twice(
    lives: list[tuple[list[str], int, int]], seed: int
) -> None:
    """The oracle is a replica that never crashed and executed every slot once."""
    disk = SimulatedDisk(Stream(seed))
    synced_slot, synced_promise = 0, BALLOT
    for steps, dies_at, survive in lives:
        life = Life(disk)
        executed = life.machine.executed_upto
        assert executed >= synced_slot, "an acknowledged slot is gone"
        assert max(life.acceptor.promised, BALLOT) >= synced_promise, "a promise is gone"
        state = b"".join(life.machine.encode(life.machine.capture()))
        assert state == image_after(executed)
        left = dies_at

        def pass_by(name: str) -> None:
            nonlocal left
            if name in OF_SNAPSHOTS:
                left -= 1
                if left == 0:
                    raise Died

        listen(pass_by)
        try:
            for step in steps:
                life.play(step)
                if life.journal.is_durable:
                    synced_slot = life.acceptor.log.chosen_upto
                    synced_promise = max(life.acceptor.promised, BALLOT)
        except Died:
            pass
        finally:
            listen(None)
        disk.crash(tear=MILLION // 2 if survive else 0, survive=survive // 2)
