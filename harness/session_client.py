"""A client of a run that works in sessions: bursts issued at once, a new session after each failure."""

from collections.abc import Callable
from random import Random
from typing import Final

from clients import ClientError, Handle, KvClient, RecordingSession, Rejected
from harness.bursts import Bursts
from harness.workload import KvWorkload, Pacer
from history import Recorder
from node.wire.kv import Done, Mismatch, Operation

WINDOW: Final = 12
"""Operations in flight: two bursts of the longest kind."""

GOES_ON_SHARE: Final = 0.3
"""Of bursts whose results are not waited for before the next burst is issued."""

Count = Callable[[bool, bool], None]
"""Whether an operation is ok, and whether its outcome is unknown."""


class SessionClient:
    """One application, in one session at a time; each is a process of its own in the history."""

    def __init__(
        self,
        store: KvClient,
        recorder: Recorder,
        *,
        bursts: Bursts,
        workload: KvWorkload,
        pacer: Pacer,
        process: int,
        concurrency: int,
        random: Random,
        count: Count,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._bursts = bursts
        self._workload = workload
        self._pacer = pacer
        self._process = process
        self._concurrency = concurrency
        self._random = random
        self._count = count
        self._waiting: list[tuple[Operation, Handle[Done | Mismatch]]] = []
        self.retries = 0
        """Operations that were sent again, over all sessions."""

    async def run(self) -> None:
        """Issue bursts until the pacer has no more turns."""
        goes_on = True
        while goes_on:
            async with self._store.session(window=WINDOW) as session:
                recording = RecordingSession(session, self._recorder, process=self._process)
                while goes_on and not session.is_over:
                    goes_on = await self._pacer.turn()
                    if goes_on:
                        await self._issue(recording)
                        if self._random.random() >= GOES_ON_SHARE:
                            await self._collect()
                await self._collect()
                self.retries += session.retries
            self._process += self._concurrency

    async def _issue(self, recording: RecordingSession) -> None:
        """One burst, as far as the session takes it."""
        for operation in self._bursts.next():
            await recording.session.wait_room()
            try:
                self._waiting.append((operation, recording.issue(operation)))
            except Rejected:
                return  # it is over: nothing of this operation exists

    async def _collect(self) -> None:
        """Wait for all results."""
        waiting, self._waiting = self._waiting, []
        for operation, handle in waiting:
            try:
                result = await handle
            except ClientError as error:
                self._count(False, not isinstance(error, Rejected))
            else:
                self._count(True, False)
                if isinstance(result, Done):
                    self._workload.done(operation, result)
