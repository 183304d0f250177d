"""A client that writes down what it asks and what it hears, by the rules of the history format.

    the answer                                  in the history
    executed                                    ok, with the result
    a cas that compared and did not match       fail, "mismatch": it took place, as an observation
    Rejected                                    fail: certainly not executed
    Indeterminate, or cancelled while asking    info: unknown; the process is retired

After an unknown outcome the client goes on under a new process number: the old operation may still
take effect beside the new ones, which one sequential process could not do.
"""

from typing import assert_never

from clients.errors import Indeterminate, Rejected
from clients.kv import KvClient
from history import MISMATCH, Invocation, Recorder
from node.wire.kv import Append, Cas, Delete, Done, Get, Mismatch, Operation, Put


class RecordingClient:
    """One sequential client of the key-value store, under one process number at a time."""

    def __init__(
        self, client: KvClient, recorder: Recorder, *, process: int, concurrency: int
    ) -> None:
        """`concurrency` is the number of clients: process numbers grow by it, and stay apart."""
        assert 0 <= process < concurrency
        self._client = client
        self._recorder = recorder
        self._concurrency = concurrency
        self.process = process
        """The number of the next operation's process."""

    async def perform(self, operation: Operation) -> Done | Mismatch | None:
        """Execute and record; None when it failed or its outcome is unknown.

        The invocation is on record before anything is sent, the response as soon as it is known.
        """
        invocation = self._invoke(operation)
        try:
            result = await self._client.perform(operation)
        except Rejected as why:
            self._recorder.fail(invocation, str(why))
            return None
        except Indeterminate as why:
            self._abandon(invocation, str(why))
            return None
        except BaseException as error:
            # Cancelled, or a defect: the request may be on its way all the same.
            self._abandon(invocation, type(error).__name__)
            raise
        self._respond(invocation, operation, result)
        return result

    def _invoke(self, operation: Operation) -> Invocation:
        match operation:
            case Get(key):
                return self._recorder.invoke(self.process, "get", key=key)
            case Put(key, value):
                return self._recorder.invoke(self.process, "put", value, key=key)
            case Cas(key, old, new):
                return self._recorder.invoke(self.process, "cas", [old, new], key=key)
            case Delete(key):
                return self._recorder.invoke(self.process, "delete", key=key)
            case Append(key, suffix):
                return self._recorder.invoke(self.process, "append", suffix, key=key)
            case _:
                assert_never(operation)

    def _respond(
        self, invocation: Invocation, operation: Operation, result: Done | Mismatch
    ) -> None:
        if isinstance(result, Mismatch):
            self._recorder.fail(invocation, MISMATCH)
        elif isinstance(operation, Get):
            self._recorder.ok(invocation, result.value)
        else:
            self._recorder.ok(invocation, invocation.value)

    def _abandon(self, invocation: Invocation, why: str) -> None:
        self._recorder.info(invocation, why)
        self.process += self._concurrency
