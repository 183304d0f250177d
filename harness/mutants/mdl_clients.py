"""Simulated clients of sessions with one rule removed."""

import dataclasses
from typing import Any

from msgspec import Struct, structs

from harness.simulation.core_floor.errands import Errand, State
from harness.simulation.core_floor.sessions import SessionClient
from node.types import OPEN_SESSION, ReplicaId, RequestNumber
from node.wire.messages import Answer, Request


class ReturnAsTheyArrive(SessionClient):
    """An answer is handed over although one before it has not arrived (D7)."""

    def next_to_hand_over(self) -> Errand | None:
        """Anything that is there."""
        for errand in self._errands.values():
            if errand.state is State.ANSWERED:
                return errand
        return super().next_to_hand_over()


class GoOnAfterFailure(SessionClient):
    """After a failed operation it goes on in the same session, with the next number (F5)."""

    _used = 0
    """Numbers of operations before the last failure; in the history another session begins with it."""

    def _end_session(self) -> None:
        token, names, openings = self._token, self._names, self._openings
        has_failed = any(errand.state is State.FAILED for errand in self._errands.values())
        used = self._used + self._issued
        super()._end_session()
        if has_failed:
            self._token, self._names, self._openings = token, names, openings
            self._used = used

    def _begin_session(self) -> None:
        super()._begin_session()
        self._used = 0

    def _request(self, errand: Errand) -> Request | None:
        request = super()._request(errand)
        if request is None or errand.number == OPEN_SESSION:
            return request
        number = RequestNumber(request.number + self._used)
        return Request(request.client, number, request.answered, request.body)

    def _errand_of(self, replica: ReplicaId, answer: Answer) -> Errand | None:
        if getattr(answer, "number", OPEN_SESSION) > self._used:
            answer = renumbered(answer, -self._used)
        return super()._errand_of(replica, answer)


class NumberFromOneAgain(SessionClient):
    """After a connection broke, a session counts its operations from 1 again (D10)."""

    _offset = 0
    _is_broken = False

    def on_broken(self, replica: ReplicaId, *, is_certain: bool) -> None:
        """From the next operation on, if nothing is under way then."""
        super().on_broken(replica, is_certain=is_certain)
        self._is_broken = True

    def next_number(self) -> RequestNumber:
        """In the history numbers go on."""
        if self._is_broken and not self._errands:
            self._offset, self._is_broken = self._issued, False
        return super().next_number()

    def _begin_session(self) -> None:
        super()._begin_session()
        self._offset, self._is_broken = 0, False

    def _request(self, errand: Errand) -> Request | None:
        request = super()._request(errand)
        if request is None or errand.number == OPEN_SESSION:
            return request
        number = RequestNumber(request.number - self._offset)
        answered = RequestNumber(max(0, request.answered - self._offset))
        return Request(request.client, number, answered, request.body)

    def _errand_of(self, replica: ReplicaId, answer: Answer) -> Errand | None:
        if getattr(answer, "number", OPEN_SESSION) != OPEN_SESSION:
            answer = renumbered(answer, self._offset)
        return super()._errand_of(replica, answer)


def renumbered(answer: Any, offset: int) -> Answer:  # noqa: ANN401 - two kinds of records
    """The same answer to a later request."""
    replace = structs.replace if isinstance(answer, Struct) else dataclasses.replace
    changed: Answer = replace(answer, number=answer.number + offset)
    return changed
