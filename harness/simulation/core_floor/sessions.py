"""A client that issues operations before the ones before them have answered, without sockets.

    think ─▶ some operations, each on record and sent as soon as the window has room
             each is asked until it is answered, with the same number, of whoever leads its shard
             answers are handed over, and recorded, in the order of issue

After a failed or unknown operation all later ones of the session are failed, or unknown, too, and a new
session begins. Each rule is a method of its own, so that a planted bug can replace it.
"""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, assert_never

from harness.simulation.core_floor.client import ATTEMPT_TIMEOUT, BACK_OFF_MAX, asked
from harness.simulation.core_floor.errands import Errand, State
from harness.simulation.draws import MILLION, Draws
from harness.simulation.orders import Tag
from harness.simulation.tagged import with_tag
from history import MISMATCH
from node.dispatch import NO_PREDECESSOR, Dispatch, encode_dispatch
from node.types import OPEN_SESSION, ClientId, ReplicaId, RequestNumber
from node.wire.kv import Cas, Done, Get, Mismatch, Operation, decode_result, encode_operation
from node.wire.messages import (
    Answer,
    Executed,
    Expired,
    Failed,
    Interrupted,
    NotExecuted,
    Opened,
    Overloaded,
    Request,
    TooLarge,
)

if TYPE_CHECKING:
    from harness.simulation.core_floor.session_office import SessionOffice


class SessionClient:
    """Runs from `start` until it is told to stop, or crashes."""

    def __init__(self, number: int, office: "SessionOffice", draws: Draws, *, process: int) -> None:
        self.number: Final = number
        self.process = process
        """Of the session: it is the session's name in the history, too."""
        self.is_crashed = False
        self.is_patient = False
        """In the last phase nothing times out any more: what is pending has to end."""
        self._office = office
        self._random = draws.stream("client", number, process)
        self._overlaps = self._random.chance(MILLION // 2)
        """Begins the next operations while the ones before are under way."""
        self._queue: deque[Operation] = deque()
        """Not issued yet."""
        self._is_busy = False
        self._begin_session()

    def _begin_session(self) -> None:
        self._token = ClientId(self._random.bits() >> 2)
        self._names: dict[int, ClientId] = {}
        """Of the session, by shard."""
        self._openings: dict[int, Errand] = {}
        self._errands: dict[RequestNumber, Errand] = {}
        """Issued and not handed over, in their order."""
        self._issued = RequestNumber(0)

    # ── Operations ───────────────────────────────────────────────────────────────────────────

    @property
    def pending(self) -> list[Operation] | None:
        """What is not over."""
        under_way = [e.operation for e in self._errands.values() if e.operation is not None]
        return [*under_way, *self._queue] or None

    def begin(self, operations: Iterable[Operation]) -> None:
        """Ask for some operations; `office.done` hears when there is room for more."""
        self._queue.extend(operations)
        self._is_busy = True
        self._go_on()

    def crash(self) -> None:
        """Nobody will hear of what is pending; its outcome is unknown."""
        self.is_crashed = True

    def _go_on(self) -> None:
        while self._queue and len(self._errands) < self._office.window:
            self._issue(self._queue.popleft())
        if self._is_busy and not self._queue and (self._overlaps or not self._errands):
            self._is_busy = False
            self._office.done(self)

    def _issue(self, operation: Operation) -> None:
        number = self._issued = self.next_number()
        errand = Errand(
            shard=self._office.shard_of_key(operation.key),
            number=number,
            operation=operation,
            deadline=self._office.now + self._office.patience,
            invocation=self._office.recorder.invoke(
                self.process, *asked(operation), key=operation.key, session=self.process,
                seq=number,
            ),
        )  # fmt: skip
        self._errands[number] = errand
        self._attempt(errand)

    def next_number(self) -> RequestNumber:
        """Counts over all shards."""
        return RequestNumber(self._issued + 1)

    def tag(self, errand: Errand) -> Tag:
        """What the application calls it."""
        return self.process, errand.number

    # ── Attempts ─────────────────────────────────────────────────────────────────────────────

    def _attempt(self, errand: Errand) -> None:
        if self.is_crashed or not self._is_current(errand):
            return
        errand.life += 1
        if not self.is_patient and self._office.now >= errand.deadline:
            self._give_up(errand)
            return
        self._office.loop.after(ATTEMPT_TIMEOUT, self._on_silence, errand, errand.life)
        request = self._request(errand)
        if request is None:
            self._open(errand.shard)
            return
        errand.asked = self._choose_replica(errand.shard)
        self._office.send(self, errand.asked, request)

    def _is_current(self, errand: Errand) -> bool:
        """Whether anybody still waits for it."""
        if errand.state is not State.PENDING:
            return False
        if errand.number == OPEN_SESSION:
            return self._openings.get(errand.shard) is errand
        return self._errands.get(errand.number) is errand

    def _open(self, shard: int) -> None:
        if shard not in self._openings:
            self._openings[shard] = Errand(
                shard=shard,
                number=OPEN_SESSION,
                deadline=self._office.now + self._office.patience,
            )
            self._attempt(self._openings[shard])

    def _request(self, errand: Errand) -> Request | None:
        """None: the session must be opened at this shard first."""
        if errand.operation is None:
            return Request(self._token, OPEN_SESSION, OPEN_SESSION, b"")
        name = self._names.get(errand.shard)
        if name is None:
            return None
        body = with_tag(self.tag(errand), encode_operation(errand.operation))
        dispatch = Dispatch(self.predecessor(errand), body)
        return Request(name, errand.number, self.answered, encode_dispatch(dispatch))

    def predecessor(self, errand: Errand) -> int:
        """The shard of the operation before this one, if that is not answered; otherwise -1."""
        before = self._errands.get(RequestNumber(errand.number - 1))
        return NO_PREDECESSOR if before is None else before.shard

    @property
    def answered(self) -> RequestNumber:
        """Up to here everything was handed over."""
        first = next(iter(self._errands), None)
        return self._issued if first is None else RequestNumber(first - 1)

    def _choose_replica(self, shard: int) -> ReplicaId:
        believed = self._office.leader_for(self, shard)
        return believed or self._random.choice(self._office.hosts_of(shard))

    def _on_silence(self, errand: Errand, life: int) -> None:
        if life == errand.life and self._is_current(errand) and not self.is_crashed:
            if errand.asked is not None:
                errand.may_be_executed = True
                errand.problem = "no answer in time"
            self._leave(errand, None)

    def on_broken(self, replica: ReplicaId, *, is_certain: bool) -> None:
        """The connection to a replica broke.

        What was asked on an earlier one is lost with it, so nothing is certain.
        """
        del is_certain
        if self.is_crashed:
            return
        for errand in (*self._openings.values(), *self._errands.values()):
            if errand.asked == replica and self._is_current(errand):
                errand.may_be_executed = True
                errand.problem = "the connection broke"
                self._leave(errand, None)

    def _leave(self, errand: Errand, leader: ReplicaId | None) -> None:
        """This replica is no help; go on elsewhere, soon."""
        errand.life += 1
        errand.asked = None
        self._office.believe(self, leader, errand.shard)
        pause = self._random.below(BACK_OFF_MAX)
        self._office.loop.after(pause, self._after_pause, errand, errand.life)

    def _after_pause(self, errand: Errand, life: int) -> None:
        if life == errand.life:
            self._attempt(errand)

    def _give_up(self, errand: Errand) -> None:
        if errand.operation is None:
            del self._openings[errand.shard]  # whoever needs it opens again
            return
        errand.state = State.GIVEN_UP
        self._settle()

    # ── Answers ──────────────────────────────────────────────────────────────────────────────

    def on_answer(self, replica: ReplicaId, answer: Answer) -> None:
        """Something arrived."""
        errand = self._errand_of(replica, answer)
        if self.is_crashed or errand is None or errand.state is not State.PENDING:
            return
        match answer:
            case Opened(_, name):
                self._office.believe(self, replica, errand.shard)
                self._on_opened(errand, name)
            case Executed():
                self._office.believe(self, replica, errand.shard)
                errand.state = State.ANSWERED
                errand.result = decode_result(answer.body)
                errand.stamp = None if answer.stamp is None else (errand.shard, answer.stamp)
                self._settle()
            case Failed():
                errand.problem = answer.reason
                self.fail_from(errand)
                self._settle()
            case Expired() if errand.number == OPEN_SESSION:
                self._leave(errand, replica)  # there is no room for a session now
            case Expired():
                errand.problem = "the shard has forgotten this session"
                errand.may_be_executed = True
                errand.state = State.GIVEN_UP
                self._settle()
            case NotExecuted() | Overloaded():
                errand.problem = f"refused: {answer.reason}"
                self._leave(errand, answer.leader if isinstance(answer, NotExecuted) else replica)
            case Interrupted():
                errand.may_be_executed = True
                errand.problem = "the leader stepped down"
                self._leave(errand, answer.leader)
            case TooLarge():
                raise AssertionError(f"a replica of this floor does not say {answer}")
            case _:
                assert_never(answer)

    def _on_opened(self, errand: Errand, name: ClientId) -> None:
        self._names[errand.shard] = name
        errand.state = State.ANSWERED
        for waiting in list(self._errands.values()):
            if waiting.shard == errand.shard and waiting.asked is None:
                self._attempt(waiting)

    def _errand_of(self, replica: ReplicaId, answer: Answer) -> Errand | None:
        """What this answers; None when nobody waits for it any more."""
        shard = self._office.shard_of(replica)
        number = getattr(answer, "number", OPEN_SESSION)  # Opened answers request 0
        if number == OPEN_SESSION:
            return self._openings.get(shard) if answer.client == self._token else None
        errand = self._errands.get(number)
        is_mine = errand is not None and errand.shard == shard
        return errand if is_mine and answer.client == self._names.get(shard) else None

    def fail_from(self, first: Errand) -> None:
        """What a shard says of one operation holds for all later ones."""
        for errand in self._errands.values():
            if errand.number >= first.number:
                errand.state = State.FAILED

    def _settle(self) -> None:
        """Hand over what is next in the order of issue, as far as it is known."""
        while (errand := self.next_to_hand_over()) is not None:
            if errand.state is State.ANSWERED:
                del self._errands[errand.number]
                self._hand_over(errand)
            else:
                self._end_session()
        self._go_on()

    def next_to_hand_over(self) -> Errand | None:
        """The oldest operation, if its outcome is known."""
        oldest = next(iter(self._errands.values()), None)
        return None if oldest is None or oldest.state is State.PENDING else oldest

    def _hand_over(self, errand: Errand) -> None:
        operation, invocation = errand.operation, errand.invocation
        assert operation is not None
        assert invocation is not None
        if isinstance(errand.result, Mismatch) and isinstance(operation, Cas):
            self._office.recorder.fail(invocation, MISMATCH, stamp=errand.stamp)
            return
        # What does not answer this operation is recorded all the same: the judges will see it.
        read = errand.result.value if isinstance(errand.result, Done) else None
        self._office.recorder.ok(
            invocation,
            read if isinstance(operation, Get) else invocation.value,
            stamp=errand.stamp,
        )
        if isinstance(errand.result, Done):
            self._office.learn(self, operation, errand.result)

    def _end_session(self) -> None:
        """The oldest one has failed, or is unknown, and so are all later ones.

        Another session begins, as another process. In the last phase it asks again what was only
        asked, since nothing is left that excuses a failure for ever.
        """
        for errand in self._errands.values():
            assert errand.invocation is not None
            if errand.state is State.FAILED or errand.is_certainly_not_executed:
                self._office.recorder.fail(errand.invocation, errand.problem)
            else:
                self._office.recorder.info(errand.invocation, errand.problem)
        if self.is_patient:
            operations = [errand.operation for errand in self._errands.values()]
            self._queue.extendleft(each for each in reversed(operations) if isinstance(each, Get))
        self.process += self._office.processes
        self._begin_session()
