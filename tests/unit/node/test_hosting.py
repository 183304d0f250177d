"""Several replicas in one process: they begin together, end together, and fail together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import pytest
import trio

from node.errors import Removed, StorageError
from node.runtime.hosting import open_process
from node.runtime.nursery import bare_errors
from node.runtime.replica import Replica
from node.types import ReplicaId

ONE, TWO = ReplicaId(1), ReplicaId(2)


class Stage:
    """Replicas that only say when they begin and end, and fail when told to."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.failures: dict[ReplicaId, Exception] = {}
        self.fails_at_once = False
        self.fail = trio.Event()

    def open_one(self, replica: ReplicaId) -> AbstractAsyncContextManager[Replica]:
        return cast(Callable[[ReplicaId], Any], self._open)(replica)  # type: ignore[no-any-return]

    @asynccontextmanager
    async def _open(self, replica: ReplicaId) -> AsyncIterator[None]:
        if self.fails_at_once and replica in self.failures:
            raise self.failures[replica]
        self.said.append(f"{replica} begins")
        with bare_errors(StorageError, Removed):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._run, replica)
                yield
                nursery.cancel_scope.cancel()
        self.said.append(f"{replica} ends")

    async def _run(self, replica: ReplicaId) -> None:
        await self.fail.wait()
        if replica in self.failures:
            raise self.failures[replica]
        await trio.sleep_forever()


async def test_all_serve_inside_the_block_and_have_ended_behind_it() -> None:
    stage = Stage()
    async with open_process((ONE, TWO), stage.open_one):
        assert sorted(stage.said) == ["1 begins", "2 begins"]
    assert sorted(stage.said[2:]) == ["1 ends", "2 ends"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_one_failure_ends_them_all_with_its_sentence(at_once: bool) -> None:
    stage = Stage()
    stage.failures[TWO] = StorageError("the disk of 2 failed")
    stage.fails_at_once = at_once
    stage.fail.set()
    with pytest.raises(StorageError, match="the disk of 2 failed"):
        async with open_process((ONE, TWO), stage.open_one):
            await trio.sleep_forever()


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_removed_replica_ends_alone_unless_it_is_the_last(at_once: bool) -> None:
    stage = Stage()
    stage.failures[ONE] = Removed("replica 1 was removed")
    stage.fails_at_once = at_once
    async with open_process((ONE, TWO), stage.open_one):
        stage.fail.set()
        await trio.testing.wait_all_tasks_blocked()
        assert "2 ends" not in stage.said
    stage.failures[TWO] = Removed("replica 2 was removed")
    with pytest.raises(Removed):
        async with open_process((ONE, TWO), stage.open_one):
            await trio.sleep_forever()
