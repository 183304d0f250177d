"""Clients and sessions that write down what they ask and hear, by the rules of the history format.

    the answer                                  in the history
    executed                                    ok, with the result
    a cas that compared and did not match       fail, "mismatch": it took place, as an observation
    Rejected                                    fail: certainly not executed
    Indeterminate, or cancelled while asking    info: unknown; the process is retired

After an unknown outcome the client goes on under a new process number: the old operation may still
take effect beside the new ones, which one sequential process could not do.
"""

from typing import assert_never

from msgspec import UNSET, UnsetType

from clients.errors import Indeterminate, Rejected
from clients.handle import Handle
from clients.kv import KvClient, KvSession
from history import MISMATCH, Invocation, Recorder
from history.event import Stamp, Value
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
        invocation = _invoke(self._recorder, self.process, operation)
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
        _respond(self._recorder, invocation, operation, result)
        return result

    def _abandon(self, invocation: Invocation, why: str) -> None:
        self._recorder.info(invocation, why)
        self.process += self._concurrency


class RecordingSession:
    """A session whose operations are written down: each at its issue, and when its result is handed over.

    So what is on record is what the application can know: answers in the order of issue. One process
    number is one session; a new session needs a new number.
    """

    def __init__(self, session: KvSession, recorder: Recorder, *, process: int) -> None:
        self.session = session
        self._recorder = recorder
        self._process = process

    def issue(self, operation: Operation) -> Handle[Done | Mismatch]:
        """Issue and record; raises what `KvSession.issue` does, and then nothing is on record."""
        session = self.session
        session.check_may_issue()
        invocation = _invoke(
            self._recorder,
            self._process,
            operation,
            session=self._process,
            seq=session.next_seq,
        )
        return session.issue(operation, lambda handle: self._record(invocation, operation, handle))

    def _record(
        self, invocation: Invocation, operation: Operation, handle: Handle[Done | Mismatch]
    ) -> None:
        try:
            result = handle.result()
        except Rejected as why:
            self._recorder.fail(invocation, str(why))
        except Indeterminate as why:
            self._recorder.info(invocation, str(why))
        else:
            stamp = None if handle.stamp is None else (handle.shard, handle.stamp)
            _respond(self._recorder, invocation, operation, result, stamp)


def _invoke(
    recorder: Recorder,
    process: int,
    operation: Operation,
    *,
    session: int | None = None,
    seq: int | None = None,
) -> Invocation:
    value: Value | UnsetType
    match operation:
        case Get():
            f, value = "get", UNSET
        case Put(_, text):
            f, value = "put", text
        case Cas(_, old, new):
            f, value = "cas", [old, new]
        case Delete():
            f, value = "delete", UNSET
        case Append(_, text):
            f, value = "append", text
        case _:
            assert_never(operation)
    return recorder.invoke(process, f, value, key=operation.key, session=session, seq=seq)


def _respond(
    recorder: Recorder,
    invocation: Invocation,
    operation: Operation,
    result: Done | Mismatch,
    stamp: Stamp | None = None,
) -> None:
    if isinstance(result, Mismatch):
        recorder.fail(invocation, MISMATCH, stamp=stamp)
    elif isinstance(operation, Get):
        recorder.ok(invocation, result.value, stamp=stamp)
    else:
        recorder.ok(invocation, invocation.value, stamp=stamp)
