"""The key-value operations of a client."""

from clients.client import Client
from clients.errors import Rejected
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

    async def perform(self, operation: Operation) -> Done | Mismatch:
        """Execute any operation."""
        is_query = isinstance(operation, Get) and not self._reads_through_log
        ask = self._client.query if is_query else self._client.execute
        result = decode_result(await ask(encode_operation(operation), key=operation.key))
        if isinstance(result, Invalid):
            raise Rejected(result.reason)
        return result

    async def _done(self, operation: Operation) -> Done:
        result = await self.perform(operation)
        assert isinstance(result, Done), f"{operation}: {result}"
        return result
