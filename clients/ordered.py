"""A session over all shards: operations are issued without waiting, and take effect in that order.

    issue(a), issue(b), issue(c) ──▶ lanes, one a shard ──▶ leaders
    await a, await b             ◀── in the order of issue ◀── answers, in any order

The system behaves as if the operations of a session ran one after the other in the order of their issue,
each once, between its issue and its answer (multi-dispatch linearizability). What a failure leaves:

    an operation that the cluster failed              Rejected, and all later ones: never executed
    one without an answer in time                     Indeterminate, and all later ones, unless failed
    nothing of it left this process                   Rejected

After any of these the session is over, since later operations must not take effect without earlier ones;
a new session begins cleanly.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any, Final, TypeVar

import trio

from clients.errors import ClientError, Indeterminate, NoRoom, Rejected
from clients.handle import Handle, nobody
from clients.lane import Lane, Settled
from clients.shards import shard_of
from node.dispatch import NO_PREDECESSOR
from node.readers import Readers
from node.types import Address, ClientId, RequestNumber
from node.wire.messages import COMMAND_BYTES_MAX, Executed, Expired, Failed, TooLarge

WINDOW: Final = 64
"""Operations that a session has in flight unless told otherwise; at most a thousand."""
WINDOW_MAX: Final = 1000
"""Replicas refuse what is 1024 ahead of what the session has answered."""

ENVELOPE_BYTES: Final = 64
"""What a dispatch adds to a body, generously."""

ResultT = TypeVar("ResultT")


class OrderedSession:
    """Made by `open_session`. For one task at a time: the order of its calls is the order of issue."""

    def __init__(
        self,
        *,
        cluster: str,
        shards: Sequence[Sequence[Address]],
        readers: Readers,
        random: Random,
        timeout_s: float,
        window: int,
        is_dispatched: bool,
        lanes: trio.Nursery,
    ) -> None:
        assert 1 <= window <= WINDOW_MAX, window
        self._timeout_s = timeout_s
        self._window = window
        self._tasks = lanes
        self._in_flight: deque[Handle[Any]] = deque()
        """In the order of issue, until handed over."""
        self._answered = RequestNumber(0)
        self._last = RequestNumber(0)
        self._last_shard = NO_PREDECESSOR
        self._over_because: str | None = None
        self._moved = trio.Event()
        """Something was handed over, or issued where nothing was in flight."""
        self._unflushed: dict[int, None] = {}
        self._issued = trio.Event()
        token = ClientId(random.getrandbits(62))
        self._lanes = [
            Lane(
                cluster=cluster,
                replicas=replicas,
                readers=readers,
                random=random,
                token=token,
                answered=lambda: self._answered,
                settle=self._on_settled,
                is_dispatched=is_dispatched,
            )
            for replicas in shards
        ]
        self._running: dict[int, None] = {}
        """Lanes that were needed so far."""

    @property
    def room(self) -> int:
        """How many operations may be issued at once."""
        return self._window - len(self._in_flight)

    @property
    def next_seq(self) -> RequestNumber:
        """The number of the operation that is issued next."""
        return RequestNumber(self._last + 1)

    @property
    def is_over(self) -> bool:
        """An operation failed or is unknown: this session takes no more."""
        return self._over_because is not None

    @property
    def retries(self) -> int:
        """Operations that were sent again."""
        return sum(lane.retries for lane in self._lanes)

    def issue(
        self,
        key: str,
        body: bytes,
        decode: Callable[[bytes], ResultT],
        told: Callable[[Handle[ResultT]], None] = nobody,
    ) -> Handle[ResultT]:
        """Have `body` executed by the shard of `key`, after all that was issued before; never waits.

        `told` is called when the result is handed over, in the order of issue; it must not raise.
        Raises Rejected when the session is over or `body` too large, NoRoom when the window is full.
        """
        self.check_may_issue()
        if len(body) > COMMAND_BYTES_MAX - ENVELOPE_BYTES:
            raise Rejected(f"an operation of {len(body)} bytes; a dispatch has less than a command")
        shard = shard_of(key, len(self._lanes))
        self._last = self.next_seq
        handle = Handle(
            self,
            seq=self._last,
            shard=shard,
            body=body,
            deadline=trio.current_time() + self._timeout_s,
            decode=decode,
            told=told,
        )
        self._in_flight.append(handle)
        if len(self._in_flight) == 1:
            self._wake()
        if shard not in self._running:
            self._running[shard] = None
            self._tasks.start_soon(self._lanes[shard].run)
        self._lanes[shard].ask(handle)
        self._unflushed[shard] = None
        self._issued.set()
        return handle

    def check_may_issue(self) -> None:
        """Raises Rejected when the session is over, NoRoom when the window is full."""
        if self._over_because is not None:
            raise Rejected(f"the session is over: {self._over_because}")
        if self.room <= 0:
            raise NoRoom(f"{self._window} operations are in flight: wait_room() first")

    async def wait_room(self) -> None:
        """Wait until something may be issued, or the session is over."""
        self.flush()
        while self.room <= 0 and not self.is_over:
            await self._moved.wait()

    async def wait_moved(self) -> None:
        """Wait until something is handed over, or the session is over."""
        await self._moved.wait()

    async def wait_all(self) -> None:
        """Wait until everything that was issued is handed over."""
        self.flush()
        while self._in_flight:
            await self._moved.wait()

    def flush(self) -> None:
        """Send what was issued, now; it leaves soon anyway."""
        for shard in self._unflushed:
            self._lanes[shard].flush()
        self._unflushed.clear()

    def shard_before(self, seq: RequestNumber) -> int:
        """Where the operation before `seq` went; -1 when it was answered, or there is none."""
        place = seq - 2 - self._answered
        return self._in_flight[place].shard if place >= 0 else NO_PREDECESSOR

    async def keep_sending(self) -> None:
        """Send what nobody waits for, until cancelled."""
        while True:
            await self._issued.wait()
            self._issued = trio.Event()
            self.flush()

    async def keep_time(self) -> None:
        """Give up what has no answer in time, until cancelled."""
        while True:
            if self._in_flight:
                first = self._in_flight[0]
                if first.deadline <= trio.current_time():
                    self.abandon(f"no answer in time: {self._lanes[first.shard].why}")
                    continue
                with trio.move_on_at(first.deadline):
                    await self._moved.wait()
            else:
                await self._moved.wait()

    def abandon(self, why: str) -> None:
        """Nobody waits for an answer any more: what is in flight is unknown."""
        self._close(why)
        left_us = False
        for handle in self._in_flight:
            left_us = left_us or handle.was_sent
            # What never left, and follows nothing that did, is certain: it cannot happen.
            handle.settle(Indeterminate(why) if left_us else Rejected(why))
        self._hand_over()

    def _on_settled(self, messages: list[Settled]) -> None:
        for message in messages:
            # Between the first and the last in flight numbers have no gaps.
            place = message.number - 1 - self._answered
            if not 0 <= place < len(self._in_flight):
                continue
            handle = self._in_flight[place]
            match message:
                case Executed(_, _, body, stamp):
                    handle.settle(body, stamp)
                case Failed(_, _, reason):
                    self._fail(place, reason)
                case Expired():
                    self._lose(place, "the cluster has forgotten this session")
                case TooLarge():
                    self._lose(place, f"{message.bytes_max} bytes are allowed")
        self._hand_over()

    def _fail(self, place: int, reason: str) -> None:
        """The cluster executes none of these, ever, on any shard."""
        self._close(reason)
        for handle in list(self._in_flight)[place:]:
            handle.settle(Rejected(f"failed: {reason}"))

    def _lose(self, place: int, why: str) -> None:
        """Nobody will ever say what became of these."""
        self._close(why)
        for handle in list(self._in_flight)[place:]:
            handle.settle(Indeterminate(why))

    def _close(self, why: str) -> None:
        if self._over_because is None:
            self._over_because = why
            self._wake()

    def _hand_over(self) -> None:
        """In the order of issue, as far as outcomes are known."""
        moved = False
        while self._in_flight and self._in_flight[0].is_settled:
            handle = self._in_flight.popleft()
            self._answered = handle.seq
            self._lanes[handle.shard].drop(handle.seq)
            moved = True
            outcome = handle.hand_over()
            if isinstance(outcome, ClientError):
                # Before anything later is told: it must not look as if that went on alone.
                self._end_behind(outcome)
        if moved:
            self._wake()

    def _end_behind(self, outcome: ClientError) -> None:
        """What was issued behind an operation without a result has none either."""
        self._close(str(outcome))
        for handle in self._in_flight:
            if isinstance(outcome, Rejected):
                handle.overrule(Rejected(f"one before it was not executed: {outcome}"))
            else:
                handle.overrule(Indeterminate(f"one before it is unknown: {outcome}"))

    def _wake(self) -> None:
        self._moved.set()
        self._moved = trio.Event()


@asynccontextmanager
async def open_session(
    *,
    cluster: str,
    shards: Sequence[Sequence[Address]],
    random: Random,
    readers: Readers | None = None,
    timeout_s: float = 5.0,
    window: int = WINDOW,
    is_dispatched: bool = True,
) -> AsyncIterator[OrderedSession]:
    """A session for the length of a block, over the replicas of each shard.

    Leaving the block waits for everything that was issued, `timeout_s` at most for each; leaving it by
    an error does not, and what is in flight is unknown then. `readers`, which somebody runs, may read
    for many sessions. Not `is_dispatched`, the shards are those of plain Multi-Paxos, which execute an
    operation when it comes: only what was answered is before what is issued next. What the block raises leaves it bare.
    """
    error = None
    async with AsyncExitStack() as own:
        if readers is None:
            readers = Readers()
            await own.enter_async_context(readers.open())
        async with trio.open_nursery() as lanes:
            session = OrderedSession(
                cluster=cluster,
                shards=shards,
                readers=readers,
                random=random,
                timeout_s=timeout_s,
                window=window,
                is_dispatched=is_dispatched,
                lanes=lanes,
            )
            lanes.start_soon(session.keep_sending)
            lanes.start_soon(session.keep_time)
            try:
                yield session
                await session.wait_all()
            except Exception as raised:
                error = raised  # through the nursery it would come out as a group of one
            finally:
                session.abandon("the session was left")
                lanes.cancel_scope.cancel()
    if error is not None:
        raise error
