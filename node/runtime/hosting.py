"""Several replicas in one process, each of another shard: what one machine of a sharded cluster runs.

    open_process ── one task each ── open_replica   complete: journal, driver, ports of its own

They share a processor and their end, and nothing else: shards that coordinate speak over links, also
within a process. If one fails, the process ends with its error, as that of a single replica does.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import trio

from node.errors import NodeError, Removed
from node.runtime.logs import logger, speaking_as
from node.runtime.nursery import bare_errors
from node.runtime.replica import Replica
from node.types import ReplicaId

_log = logger("process")

OpenReplica = Callable[[ReplicaId], AbstractAsyncContextManager[Replica]]


@asynccontextmanager
async def open_process(
    replicas: tuple[ReplicaId, ...], open_one: OpenReplica
) -> AsyncIterator[None]:
    """Run these replicas; inside the block they all serve, leaving the block stops them.

    Raises what `open_replica` does. A replica that was removed from its shard ends alone; `Removed` is
    raised when it was the last one.
    """
    hosting = _Hosting(open_one, len(replicas))
    with bare_errors(NodeError):
        async with trio.open_nursery() as hosted:
            async with trio.open_nursery() as starting:
                for replica in replicas:
                    starting.start_soon(hosted.start, hosting.run, replica)
            yield
            hosting.told_to_stop.set()


class _Hosting:
    def __init__(self, open_one: OpenReplica, running: int) -> None:
        self._open = open_one
        self._running = running
        self.told_to_stop = trio.Event()

    async def run(
        self, replica: ReplicaId, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """One replica, until told to stop, or until it is not needed any more."""
        has_started = False
        with speaking_as(f"replica-{replica}"):
            try:
                async with self._open(replica):
                    has_started = True
                    task_status.started()
                    await self.told_to_stop.wait()
            except Removed as error:
                self._running -= 1
                if not self._running:
                    raise
                if not has_started:
                    task_status.started()
                _log.warning("%s; the other replicas of this process go on", error)
