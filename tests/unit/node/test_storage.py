"""The storage stage: one fsync for a group, and nothing leaves before what it rests on."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.core.ballot import Ballot
from node.core.interface import Envelope
from node.core.multipaxos.messages import Accepted, ChosenRecord, PromiseRecord
from node.errors import StorageError
from node.failpoints import listen
from node.runtime.codecs import RECORD_CODEC
from node.runtime.counters import SYNC_BOUNDS_S, Durations
from node.runtime.journal import Journal, open_journal
from node.runtime.storage import GROUP_MAX, StorageStage, Work
from node.types import ReplicaId
from tests.support.fake_disk import FakeDisk, Operation

PATH = Path("/disk/journal")
ME = ReplicaId(1)


def promise(round_: int) -> PromiseRecord:
    return PromiseRecord(Ballot(round_, ME))


def envelope(slot: int) -> Envelope[Any]:
    return Envelope(ReplicaId(2), Accepted(Ballot(1, ME), slot))


def work(number: int) -> Work:
    """One record and the message that rests on it."""
    return Work((promise(number),), (envelope(number),))


class Stage:
    """A storage stage on a fake disk, and what it let go of."""

    def __init__(self) -> None:
        self.disk = FakeDisk()
        self.journal, _ = open_journal(self.disk, PATH, "test", ME)
        self.stage = StorageStage(self.journal, Durations(SYNC_BOUNDS_S), self.release)
        self.submit, self.run = self.stage.submit, self.stage.run
        self.syncs_before = self.disk.sync_count
        self.released: list[Envelope[Any]] = []
        self.durable_at_release: list[int] = []
        self.arrived = trio.Event()

    @property
    def syncs(self) -> int:
        return self.disk.sync_count - self.syncs_before

    def release(self, envelopes: Sequence[Envelope[Any]]) -> None:
        self.released += envelopes
        self.durable_at_release.append(self.disk.durable_length(PATH))
        assert self.journal.is_durable
        self.arrived.set()

    async def wait_released(self, count: int) -> None:
        with trio.fail_after(10):
            while len(self.released) < count:
                self.arrived = trio.Event()
                await self.arrived.wait()

    def survivors(self) -> list[Any]:
        """What a replica would find after the power went now."""
        self.disk.crash()
        _, records = open_journal(self.disk, PATH, "test", ME)
        return [RECORD_CODEC.decode(record) for record in records]


@asynccontextmanager
async def running() -> AsyncIterator[Stage]:
    stage = Stage()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        yield stage
        stage.stage.close()


async def test_a_message_leaves_once_its_record_is_durable() -> None:
    async with running() as stage:
        stage.submit(work(1))
        await stage.wait_released(1)
        assert stage.released == [envelope(1)]
        assert stage.survivors() == [promise(1)]


async def test_what_waits_together_shares_one_sync_and_leaves_in_order() -> None:
    stage = Stage()
    for number in range(1, 51):
        stage.submit(work(number))
    stage.stage.close()
    await stage.run()
    assert stage.syncs == 1
    assert stage.released == [envelope(number) for number in range(1, 51)]
    assert stage.survivors() == [promise(number) for number in range(1, 51)]


async def test_a_group_is_bounded() -> None:
    stage = Stage()
    for number in range(1, GROUP_MAX + 2):
        stage.submit(work(number))
    stage.stage.close()
    await stage.run()
    assert stage.syncs == 2


async def test_records_that_nothing_rests_on_cost_no_sync_of_their_own() -> None:
    async with running() as stage:
        stage.submit(Work((ChosenRecord(7),), ()))
        stage.submit(work(1))
        await stage.wait_released(1)
        assert stage.syncs <= 1
    assert stage.survivors() == [ChosenRecord(7), promise(1)]


async def test_the_end_of_the_channel_makes_everything_durable() -> None:
    stage = Stage()
    stage.submit(Work((ChosenRecord(7),), ()))
    stage.stage.close()
    await stage.run()
    assert stage.survivors() == [ChosenRecord(7)]


async def test_a_message_without_records_still_waits_for_earlier_ones() -> None:
    """`messages_after_persist` rest on these records and on all earlier ones."""
    stage = Stage()
    stage.submit(Work((promise(1),), ()))
    stage.submit(Work((), (envelope(1),)))
    stage.stage.close()
    await stage.run()
    assert stage.released == [envelope(1)]
    assert stage.syncs == 1


@pytest.mark.parametrize("operation", ["append", "sync"])
async def test_a_disk_that_fails_ends_the_stage_and_nothing_is_let_go(
    operation: Operation,
) -> None:
    stage = Stage()
    stage.disk.fail_next(operation)
    stage.submit(work(1))
    stage.submit(work(2))
    with pytest.raises(StorageError, match=f"{PATH}"):
        await stage.run()
    assert stage.released == []


async def test_what_was_let_go_before_the_disk_failed_survives() -> None:
    stage = Stage()
    with pytest.raises(StorageError):
        await first_good_then_bad(stage)
    assert stage.released == [envelope(1)]
    assert stage.survivors() == [promise(1)]


async def first_good_then_bad(stage: Stage) -> None:
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.run)
            stage.submit(work(1))
            await stage.wait_released(1)
            stage.disk.fail_next("sync")
            stage.submit(work(2))
    except* StorageError as group:
        raise group.exceptions[0] from None


def test_a_journal_that_failed_once_is_unusable() -> None:
    disk = FakeDisk()
    journal, _ = open_journal(disk, PATH, "test", ME)
    assert isinstance(journal, Journal)
    disk.fail_next("sync")
    journal.append([b"x"])
    for _ in range(2):
        with pytest.raises(StorageError):
            journal.sync()


async def test_who_dies_before_saving_has_saved_nothing_and_who_dies_after_has_told_nobody() -> (
    None
):
    kept: dict[str, list[Any]] = {}
    for place in ("before-save", "after-save"):

        def die(passed: str, place: str = place) -> None:
            if passed == place:
                raise _Died

        stage = Stage()
        stage.submit(work(1))
        listen(die)
        try:
            with pytest.raises(_Died):
                await stage.run()
        finally:
            listen(None)
        assert stage.released == []
        kept[place] = stage.survivors()
    assert kept == {"before-save": [], "after-save": [promise(1)]}


class _Died(Exception):
    """In the place of SIGKILL."""


async def test_a_cancellation_does_not_hide_what_the_disk_said() -> None:
    """The driver notices that the stage has ended, fails too, and the stage is cancelled."""
    stage = Stage()
    stage.submit(work(1))
    stage.disk.fail_next("sync")
    listen(lambda name: trio.from_thread.run_sync(scope.cancel) if name == "before-sync" else None)
    try:
        with pytest.raises(StorageError), trio.CancelScope() as scope:
            await stage.run()
    finally:
        listen(None)
    assert scope.cancel_called


async def test_a_disk_that_is_quick_needs_no_thread_and_one_that_stalls_gets_it_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    saving_takes_s = 0.0001

    async def run_sync(call: Callable[..., None], *arguments: object) -> None:
        threads.append(1)
        await trio.sleep(saving_takes_s)
        call(*arguments)

    monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)
    async with running() as stage:

        async def save(count: int) -> int:
            before, saved = len(threads), len(stage.released)
            for number in range(count):
                stage.submit(work(saved + number + 1))
                await stage.wait_released(saved + number + 1)
            return len(threads) - before

        assert 1 < await save(100) < 100
        assert await save(100) == 0
        assert stage.syncs == 200
        with monkeypatch.context() as patched:
            sync = stage.journal.sync

            def stall() -> None:
                autojump_clock.jump(0.5)
                sync()

            patched.setattr(stage.journal, "sync", stall)
            assert await save(1) == 0, "the replica stands still"
        saving_takes_s = 0.01
        assert await save(100) == 100, "and has to prove itself again"
