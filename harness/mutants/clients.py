"""Simulated clients with one rule removed: they record what they do not know, or ask what they must not.

The checker blames the cluster for what these do. That is right: it judges what was recorded. So each
of them shows what the harness itself must never do.
"""

from bisect import insort
from operator import attrgetter

from msgspec import structs

from harness.simulation.core_floor.client import Client
from history import Invocation
from node.types import Query, ReplicaId
from node.wire.kv import Done, Get, Operation, Put
from node.wire.messages import Answer, Executed, Request


class SilenceIsFailure(Client):
    """What was not answered in time is recorded as failed, though it may have been executed."""

    def conclude(self, answer: Executed | None) -> None:
        """Nothing is unknown."""
        self._may_be_executed = False
        super().conclude(answer)


class NewNumberEachTime(Client):
    """Each attempt has a number of its own, so a repeated request is executed once more."""

    def request_again(self, request: Request | Query) -> Request | Query:
        """The same body as something new."""
        if self.session is None or isinstance(request, Query):
            return request
        self.session.finish(request.number)
        number = self.session.next_number()
        return Request(request.client, number, self.session.answered, request.body)


class AnyAnswer(Client):
    """The next answer that arrives is taken for the answer, whichever request it belongs to."""

    def is_mine(self, answer: Answer) -> bool:
        """Whatever was executed."""
        is_asking = self._is_about_operation()
        return (isinstance(answer, Executed) and is_asking) or super().is_mine(answer)


class ReadAnywhere(Client):
    """A get goes to any replica; the cores of this mutant answer it (`FollowerReads`)."""

    def choose_replica(self, operation: Operation) -> ReplicaId:
        """Anybody will do for a get."""
        if isinstance(operation, Get):
            return self._random.choice(self._office.members)
        return super().choose_replica(operation)


class WallClockStamps(Client):
    """Each client stamps its record by the wall clock, and the records are merged by these times."""

    _stamped = -1

    def note_invocation(self, operation: Operation) -> Invocation:
        """On record, at the time that the wall clock shows."""
        invocation = super().note_invocation(operation)
        self._stamp_again()
        return invocation

    def conclude(self, answer: Executed | None) -> None:
        """On record, at the time that the wall clock shows."""
        super().conclude(answer)
        self._stamp_again()

    def _stamp_again(self) -> None:
        """Put the event that came last where its time says, but behind this client's others."""
        events = self._office.recorder.events
        self._stamped = max(self._stamped + 1, self._office.wall_clock(self))
        # Its index would say what the true order was.
        event = structs.replace(events.pop(), time=self._stamped, index=None)
        insort(events, event, key=attrgetter("time"))


class StampWhenAnswered(Client):
    """The invocation is stamped when the answer is there: the operation seems to begin at its end."""

    def note_invocation(self, operation: Operation) -> Invocation:
        """Nothing yet."""
        return Invocation(process=self.process, key=operation.key)

    def conclude(self, answer: Executed | None) -> None:
        """Now."""
        assert self.pending is not None
        self._invocation = super().note_invocation(self.pending)
        super().conclude(answer)


class CachedReads(Client):
    """A client reads what it put last from a cache, whether the put was confirmed or not."""

    _cached: Put | None = None

    def begin(self, operation: Operation) -> None:
        """A get of what is in the cache is answered from there, once."""
        cached = self._cached
        if isinstance(operation, Get) and cached is not None and cached.key == operation.key:
            self._cached = None
            invocation = self.note_invocation(operation)
            self.note_result(invocation, operation, Done(cached.value))
            self._office.done(self)
            return
        if isinstance(operation, Put):
            self._cached = operation
        super().begin(operation)
