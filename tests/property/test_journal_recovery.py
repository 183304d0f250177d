"""Whatever a crash leaves, recovery gives a prefix that has every synced record, or refuses."""

from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings, strategies as st

from harness.simulation.disk import SimulatedDisk
from harness.simulation.draws import MILLION, Draws
from node.errors import CorruptRecord
from node.runtime.disk import Disk
from node.runtime.journal import FILE_HEADER_BYTES, Journal, open_journal
from node.types import ReplicaId
from tests.support.fake_disk import FakeDisk

PATH = Path("/disk/journal")
FEW = settings(max_examples=20, deadline=None)

groups_of_records = st.lists(
    st.lists(st.binary(max_size=30) | st.just(b"Jl" * 400), min_size=1, max_size=3),
    min_size=1,
    max_size=6,
)

rooms = st.just(0) | st.integers(1, 2000)
"""Zeros behind what was written, for what comes next."""


EVEN: Final = {"tear": MILLION // 3, "survive": MILLION // 3}
"""At a crash each write that was not synced is lost, torn, or there."""


def drawn_disk(seed: int) -> SimulatedDisk:
    """One on which chance decides."""
    return SimulatedDisk(Draws(seed).stream("disk"))


def reopen(disk: Disk) -> tuple[Journal, list[bytes]]:
    return open_journal(disk, PATH, "blue", ReplicaId(1))


def flat(groups: list[list[bytes]]) -> list[bytes]:
    return [record for group in groups for record in group]


def write(journal: Journal, groups: list[list[bytes]], synced: set[int]) -> list[int]:
    """Append each group, sync after those in `synced`; returns where each frame ends."""
    ends = []
    for i, group in enumerate(groups):
        journal.append(group)
        if i in synced:
            journal.sync()
        ends.append(journal.length)
    return ends


def assert_appending_works(disk: FakeDisk | SimulatedDisk, expected: list[bytes]) -> None:
    journal, records = reopen(disk)
    assert records == expected
    assert journal.dropped_bytes == 0
    journal.append([b"after recovery"])
    journal.sync()
    disk.crash()
    assert reopen(disk)[1] == [*expected, b"after recovery"]


@FEW
@given(groups_of_records, rooms, st.data())
def test_a_journal_cut_at_any_byte_gives_the_groups_that_are_whole(
    groups: list[list[bytes]], room: int, data: st.DataObject
) -> None:
    disk = FakeDisk()
    ends = write(reopen(disk)[0], groups, synced=set(range(len(groups))))
    # Where there is room, the header was durable before.
    cut = data.draw(st.integers(FILE_HEADER_BYTES if room else 0, ends[-1]))
    disk.crash()
    all_of_it = disk.contents(PATH)
    left = all_of_it[:cut] + bytes(room)
    disk.put(PATH, left)
    # The last bytes of a group may be zeros anyway.
    whole = [g for g, end in zip(groups, ends, strict=True) if left[:end] == all_of_it[:end]]
    end = [FILE_HEADER_BYTES, *ends][len(whole)]
    journal, records = reopen(disk)
    assert records == flat(whole)
    assert journal.dropped_bytes == len(left[end:].rstrip(b"\0"))
    journal.close()
    assert_appending_works(disk, flat(whole))


@FEW
@given(groups_of_records, st.sets(st.integers(0, 5)), st.integers(0, 2**32))
def test_after_a_torn_crash_every_synced_record_and_a_prefix_of_the_rest_is_there(
    groups: list[list[bytes]], synced: set[int], seed: int
) -> None:
    disk = drawn_disk(seed)
    write(reopen(disk)[0], groups, synced)
    disk.crash(**EVEN)
    journal, records = reopen(disk)
    journal.close()
    promised = max((i + 1 for i in synced if i < len(groups)), default=0)
    prefixes = [flat(groups[:count]) for count in range(promised, len(groups) + 1)]
    assert records in prefixes
    assert_appending_works(disk, records)


@FEW
@given(groups_of_records, st.integers(0, 2**32), st.integers(0, 2**32))
def test_crashes_while_recovering_from_crashes_lose_no_synced_record(
    groups: list[list[bytes]], seed: int, other_seed: int
) -> None:
    disk, faults = drawn_disk(seed), Random(other_seed)
    synced: list[bytes] = []
    for group in groups:
        journal, records = reopen(disk)
        assert records[: len(synced)] == synced
        synced = records
        journal.append(group)
        if faults.random() < 0.5:
            journal.sync()
            synced = [*records, *group]
            journal.append([b"never synced" * 100])
        disk.crash(**EVEN)
    assert reopen(disk)[1][: len(synced)] == synced


@FEW
@given(groups_of_records, st.sets(st.integers(0, 5)), rooms, st.data())
def test_a_flipped_bit_never_silently_loses_a_record_that_a_later_frame_vouches_for(
    groups: list[list[bytes]], synced: set[int], room: int, data: st.DataObject
) -> None:
    disk = FakeDisk()
    journal, _ = reopen(disk)
    vouched = 0
    durable = journal.length
    ends = []
    for i, group in enumerate(groups):
        vouched = durable  # by this frame, the last one so far
        journal.append(group)
        ends.append(journal.length)
        if i in synced:
            journal.sync()
            durable = journal.length
    journal.close()
    disk.put(PATH, disk.contents(PATH) + bytes(room))
    at = data.draw(st.integers(0, ends[-1] - 1))
    disk.flip_bit(PATH, at, bit=data.draw(st.integers(0, 7)))
    intact = [group for group, end in zip(groups, ends, strict=True) if end <= at]
    if at < vouched:
        with pytest.raises(CorruptRecord) as caught:
            reopen(disk)
        assert caught.value.offset <= at
    else:
        assert reopen(disk)[1] == flat(intact)
