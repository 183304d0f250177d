"""The key-value operations of a client, and those of a session."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from clients.client import Client
from clients.errors import Rejected
from clients.handle import Handle, nobody
from clients.ordered import WINDOW, OrderedSession
from node.wire.kv import (
    Append,
    Cas,
    Delete,
    Done,
    Get,
    Invalid,
    Mismatch,
    Operation,
    Put,
    decode_result,
    encode_operation,
)


class KvClient:
    """Operations on keys, each linearizable and executed exactly once.

    Every method raises Rejected (certainly not executed) or Indeterminate (unknown; a get never
    does).
    """

    def __init__(self, client: Client, *, reads_through_log: bool = False) -> None:
        """With `reads_through_log` a get takes a place in the log, like everything else."""
        self._client = client
        self._reads_through_log = reads_through_log

    async def get(self, key: str) -> str | None:
        """What `key` holds; None when it is absent."""
        return (await self._done(Get(key))).value

    async def put(self, key: str, value: str) -> None:
        """Write `key`."""
        await self._done(Put(key, value))

    async def cas(self, key: str, old: str | None, new: str) -> bool:
        """Write `new` if `key` holds `old` (None: is absent); False says that it did not."""
        return isinstance(await self.perform(Cas(key, old, new)), Done)

    async def delete(self, key: str) -> None:
        """Make `key` absent."""
        await self._done(Delete(key))

    async def append(self, key: str, suffix: str) -> None:
        """Put `suffix` behind what `key` holds; absent counts as empty."""
        await self._done(Append(key, suffix))

    @asynccontextmanager
    async def session(self, *, window: int = WINDOW) -> AsyncIterator["KvSession"]:
        """A session over all shards; see `Client.session`."""
        async with self._client.session(window=window) as session:
            yield KvSession(session)

    async def perform(self, operation: Operation) -> Done | Mismatch:
        """Execute any operation."""
        is_query = isinstance(operation, Get) and not self._reads_through_log
        ask = self._client.query if is_query else self._client.execute
        return _result(await ask(encode_operation(operation), key=operation.key))

    async def _done(self, operation: Operation) -> Done:
        result = await self.perform(operation)
        assert isinstance(result, Done), f"{operation}: {result}"
        return result


ResultT = TypeVar("ResultT")

Told = Callable[[Handle[ResultT]], None]
"""Hears of a result when it is handed over."""


class KvSession:
    """Operations on keys that are issued without waiting, and take effect in the order of issue.

    Each method returns a handle to await. All raise Rejected when the session is over, NoRoom when its
    window is full; awaiting a handle raises Rejected or Indeterminate.
    """

    def __init__(self, session: OrderedSession) -> None:
        self._session = session

    @property
    def room(self) -> int:
        """How many operations may be issued at once."""
        return self._session.room

    @property
    def next_seq(self) -> int:
        """The number of the operation that is issued next, counted from 1."""
        return self._session.next_seq

    @property
    def is_over(self) -> bool:
        """An operation failed or is unknown: a new session is needed."""
        return self._session.is_over

    @property
    def retries(self) -> int:
        """Operations that were sent again."""
        return self._session.retries

    def check_may_issue(self) -> None:
        """Raises Rejected when the session is over, NoRoom when the window is full."""
        self._session.check_may_issue()

    async def wait_room(self) -> None:
        """Wait until something may be issued, or the session is over."""
        await self._session.wait_room()

    async def wait_all(self) -> None:
        """Wait until every result is there."""
        await self._session.wait_all()

    def flush(self) -> None:
        """Send what was issued, now; it leaves soon anyway."""
        self._session.flush()

    def get(self, key: str) -> Handle[str | None]:
        """What `key` holds; None when it is absent."""
        return self._issue(Get(key), _value)

    def put(self, key: str, value: str) -> Handle[None]:
        """Write `key`."""
        return self._issue(Put(key, value), _nothing)

    def cas(self, key: str, old: str | None, new: str) -> Handle[bool]:
        """Write `new` if `key` holds `old` (None: is absent); False says that it did not."""
        return self._issue(Cas(key, old, new), _matched)

    def delete(self, key: str) -> Handle[None]:
        """Make `key` absent."""
        return self._issue(Delete(key), _nothing)

    def append(self, key: str, suffix: str) -> Handle[None]:
        """Put `suffix` behind what `key` holds; absent counts as empty."""
        return self._issue(Append(key, suffix), _nothing)

    def issue(
        self, operation: Operation, told: Told[Done | Mismatch] = nobody
    ) -> Handle[Done | Mismatch]:
        """Any operation; `told` is called when its result is handed over, and must not raise."""
        body = encode_operation(operation)
        return self._session.issue(operation.key, body, _result, told)

    def _issue(self, operation: Operation, decode: Callable[[bytes], ResultT]) -> Handle[ResultT]:
        return self._session.issue(operation.key, encode_operation(operation), decode)


def _result(body: bytes) -> Done | Mismatch:
    """Raises Rejected for an operation that the application refused."""
    result = decode_result(body)
    if isinstance(result, Invalid):
        raise Rejected(result.reason)
    return result


def _value(body: bytes) -> str | None:
    result = _result(body)
    assert isinstance(result, Done), result
    return result.value


def _nothing(body: bytes) -> None:
    _value(body)


def _matched(body: bytes) -> bool:
    return isinstance(_result(body), Done)
