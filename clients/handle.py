"""An operation of a session that was issued and may still be under way: a result to come."""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, Protocol, TypeVar

import trio

from clients.errors import ClientError, Rejected
from node.dispatch import Stamp
from node.types import RequestNumber

ResultT = TypeVar("ResultT")


class Asker(Protocol):
    """The session that an operation belongs to."""

    def flush(self) -> None:
        """Send what was issued, now."""

    def shard_before(self, seq: RequestNumber) -> int:
        """Where the operation before `seq` went; -1 when it was answered, or there is none."""


def nobody(_: "Handle[Any]") -> None:
    """For an operation of which nobody is told."""


class Handle(Awaitable[ResultT], Generic[ResultT]):
    """One operation of a session; awaiting it gives the result, or raises Rejected or Indeterminate.

    Any number of times, by any number of tasks. Cancelling that does not cancel the operation.
    """

    __slots__ = (
        "_asked_by",
        "_decode",
        "_is_done",
        "_outcome",
        "_told",
        "_waits",
        "body",
        "deadline",
        "seq",
        "shard",
        "stamp",
        "was_sent",
    )

    def __init__(
        self,
        session: Asker,
        *,
        seq: RequestNumber,
        shard: int,
        body: bytes,
        deadline: float,
        decode: Callable[[bytes], ResultT],
        told: Callable[["Handle[ResultT]"], None],
    ) -> None:
        self._asked_by = session
        self._decode = decode
        self._told = told
        self._outcome: bytes | ClientError | None = None
        self._is_done = False
        self._waits: trio.Event | None = None
        self.seq = seq
        self.shard = shard
        self.body = body
        self.deadline = deadline
        self.stamp: Stamp | None = None
        """What the shard says of its order: after all that it executed with smaller ones."""
        self.was_sent = False

    @property
    def after(self) -> int:
        """The shard of the operation before this one, if that has no answer yet."""
        return self._asked_by.shard_before(self.seq)

    @property
    def is_done(self) -> bool:
        """The result was handed over: awaiting does not wait any more."""
        return self._is_done

    @property
    def is_settled(self) -> bool:
        """The outcome is known; it is handed over when those of all earlier ones were."""
        return self._outcome is not None

    def result(self) -> ResultT:
        """Of an operation that is done; raises Rejected or Indeterminate."""
        assert self._is_done, "not done yet"
        assert self._outcome is not None
        if isinstance(self._outcome, ClientError):
            raise self._outcome
        return self._decode(self._outcome)

    def __await__(self) -> Generator[Any, Any, ResultT]:
        if not self._is_done:
            self._asked_by.flush()
            self._waits = self._waits or trio.Event()
            yield from self._waits.wait().__await__()
        return self.result()

    def settle(self, outcome: bytes | ClientError, stamp: Stamp | None = None) -> None:
        """Take in what became of it; the first word counts."""
        if self._outcome is None:
            self._outcome = outcome
            self.stamp = stamp

    def overrule(self, outcome: ClientError) -> None:
        """The session ends before this one: what was heard of it may not be told, but a certain no."""
        if not isinstance(self._outcome, Rejected):
            self._outcome = outcome

    def hand_over(self) -> bytes | ClientError:
        """Tell the outcome to whoever waits, and return it."""
        assert self._outcome is not None
        self._is_done = True
        self._told(self)
        if self._waits is not None:
            self._waits.set()
        return self._outcome
