"""The same judgement while it happens: feed events, hear the alarm, in bounded memory.

    checker = StreamingChecker(model)
    for event in events:
        if alarm := checker.feed(event):
            ring(alarm)
    verdict = checker.finish()

An alarm is never false: it says that what was fed has no linearization, whatever comes after. It
comes no earlier than the results allow: `r` begins, 1 is written, 2 is written, `r` returns 1 is
legal, and nobody can tell before `r` returns. `checker.streaming_lane` says when it does come.

What is kept is what is in flight, the operations of unknown outcome by class, and for each
object the configurations it could be in; not the history. Where there are too many of these, the
object is undecided from there on, and the others go on. Where only the ways to have spent crashed
operations are too many, the object is judged on with bounds in place of counts: alarms are as
certain as before, but silence is "undecided" (`doubts`).
"""

from collections.abc import Hashable
from typing import Final

from msgspec import Struct

from checker.model import Model
from checker.streaming_lane import Alarm, Lane
from checker.streaming_pairing import Call, StreamingPairing, is_unknown
from checker.verdict import VerdictKind
from history import Event, HistoryError, Invocation, Outcome, Response

_CONFIGURATIONS_MAX: Final = 20_000
"""For one object; some 10 MB. Public histories have at most a few hundred at a time."""

_COUNTS_MAX: Final = 16
"""Counts of used crashed operations for one object in one state. An antichain that has come to this
many does not stop there in general, and each return costs in proportion."""

_LAG_MAX: Final = 100_000
"""Events of one object behind an operation without a result; some 50 MB."""

_TRIAL_MIN: Final = 32
"""Waiting events of one object before they are judged on trial: more than a round of calls."""


class StreamingVerdict(Struct, frozen=True, kw_only=True):
    """What the whole stream amounts to; without a witness, as that would be as long as the stream."""

    kind: VerdictKind
    alarms: tuple[Alarm, ...] = ()
    """At most one an object."""
    reason: str | None = None
    """Why it is undecided."""
    operations: int = 0
    objects: int = 0


class StreamingChecker:
    """Judges linearizability event by event. Feed in the order in which things happened.

    With `has_ties` events may bear equal times, and then count as concurrent, so each return
    waits for the next event. Without, the order in which they are fed counts alone: that is for
    our recorder, whose times rise.

    Behind an operation that has no result yet, events are judged on trial once `trial_min` of
    them wait, and whenever there are `trial_growth` times as many. With 1 and 1 that is after
    each event, for much more work, and an alarm then comes with the very event that decides.
    """

    def __init__(
        self,
        model: Model,
        *,
        has_ties: bool = True,
        configurations_max: int = _CONFIGURATIONS_MAX,
        counts_max: int = _COUNTS_MAX,
        lag_max: int = _LAG_MAX,
        trial_min: int = _TRIAL_MIN,
        trial_growth: int = 2,
    ) -> None:
        self._model = model
        self._has_ties = has_ties
        self._configurations_max = configurations_max
        self._counts_max = counts_max
        self._lag_max = lag_max
        self._trial_min = trial_min
        self._trial_growth = trial_growth
        self._pairing = StreamingPairing()
        self._lanes: dict[Hashable, Lane] = {}
        self._returned: list[tuple[Call, Response]] = []
        """At `_time`; they come after all calls of that time."""
        self._rank = 0
        self._time: int | None = None
        self._alarms: list[Alarm] = []
        self._heard = 0

    @property
    def alarms(self) -> list[Alarm]:
        """All so far; one event may have caused several."""
        return list(self._alarms)

    @property
    def doubts(self) -> list[str]:
        """Of each object about which silence is no longer a proof: since when, and why."""
        lanes = [lane for lane in self._lanes.values() if lane.alarm is None]
        given_up = [lane.doubt for lane in lanes if lane.doubt is not None]
        return given_up + [lane.bound for lane in lanes if lane.bound and lane.doubt is None]

    @property
    def lag(self) -> int:
        """Events that were fed and wait for the result of an earlier operation."""
        return len(self._returned) + sum(lane.lag for lane in self._lanes.values())

    @property
    def size(self) -> int:
        """Configurations, waiting events and remembered states over all objects."""
        return sum(lane.size for lane in self._lanes.values())

    def feed(self, event: Event) -> Alarm | None:
        """Take the next event; an alarm that nobody has been told of yet, or None.

        Raises:
            HistoryError: the events are not a history.
            OperationError: an operation does not fit the model.
            ModelError: the model broke its contract.
        """
        if event.time is None or event.time != self._time:
            self._move_time(event.time)
        if event.process is None:
            raise HistoryError("the event has no process, expected a number or a name")
        if isinstance(event, Invocation):
            if not isinstance(event.process, str):
                call = self._pairing.invoke(event, self._next_rank())
                self._lane(call).call(call)
        elif isinstance(event, Response) and not isinstance(event.process, str):
            self._respond(event)
        return self._next_alarm()

    def finish(self) -> StreamingVerdict:
        """Judge the rest; what has no response is unknown. Feed nothing after this."""
        self._flush()
        for call in self._pairing.abandon():
            call.resolve(self._model, None)
        for lane in self._lanes.values():
            self._advance(lane)
        doubts = self.doubts
        kind = VerdictKind.LINEARIZABLE
        if self._alarms:
            kind = VerdictKind.NOT_LINEARIZABLE
        elif doubts:
            kind = VerdictKind.UNDECIDED
        reason = None
        if kind is VerdictKind.UNDECIDED:
            others = f"; {len(doubts) - 1} more keys are undecided too" if doubts[1:] else ""
            reason = f"{doubts[0]}{others}"
        return StreamingVerdict(
            kind=kind,
            alarms=tuple(self._alarms),
            reason=reason,
            operations=self._pairing.operations,
            objects=len(self._lanes),
        )

    def _respond(self, event: Response) -> None:
        call = self._pairing.respond(event)
        if is_unknown(event):
            call.resolve(self._model, event)
            self._advance(self._lane(call))
            return
        self._returned.append((call, event))
        if not self._has_ties:
            self._flush()

    def _flush(self) -> None:
        """Give the returns that wait for time to move on their ranks, and judge."""
        if not self._returned:
            return
        for call, event in self._returned:
            call.rank = self._next_rank()
            call.resolve(self._model, event)
            lane = self._lane(call)
            if call.outcome is Outcome.OK:
                lane.return_(call)
            self._advance(lane)
        self._returned.clear()

    def _move_time(self, time: int | None) -> None:
        self._flush()
        if time is not None:
            if self._time is not None and time < self._time:
                raise HistoryError(f"time goes back from {self._time} to {time}")
            self._time = time

    def _advance(self, lane: Lane) -> None:
        alarm = lane.advance()
        if alarm is not None:
            self._alarms.append(alarm)

    def _lane(self, call: Call) -> Lane:
        part = self._model.partition(call.operation)
        lane = self._lanes.get(part)
        if lane is None:
            self._lanes[part] = lane = Lane(
                self._model,
                configurations_max=self._configurations_max,
                counts_max=self._counts_max,
                lag_max=self._lag_max,
                trial_min=self._trial_min,
                trial_growth=self._trial_growth,
            )
        return lane

    def _next_alarm(self) -> Alarm | None:
        if self._heard == len(self._alarms):
            return None
        self._heard += 1
        return self._alarms[self._heard - 1]

    def _next_rank(self) -> int:
        self._rank += 1
        return self._rank
