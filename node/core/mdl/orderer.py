"""From the arrival of an operation to its place in the log: what the leader of a shard decides.

    comes ──▶ its predecessor?  none, or answered ─────────────────────▶ decided at once
                                decided here ──────────────────────────▶ decided right behind it
                                waits here, or is of another shard ──▶ announced ──▶ coordinated ──▶ decided
                                of this shard, and unknown ──▶ parked until it comes

A decision is an entry in the log, and counts when it is executed. Its number says that all decisions
before it were executed as well, or it does not count: so within one reign, an operation is never
executed without what its leader decided before (docs/internals/mdl.md, F1).
"""

from abc import ABC, abstractmethod

from node.core.interface import Refusal
from node.core.mdl.layer import Layer
from node.core.mdl.messages import Tag
from node.core.mdl.office import Office, Operation
from node.core.mdl.settings import Coordination
from node.dispatch import (
    NO_PREDECESSOR,
    Announce,
    Dispatch,
    Fail,
    Place,
    Stamp,
    Standing,
    read_dispatch,
)
from node.marks import sometimes
from node.types import OPEN_SESSION, ClientId, Command, RequestNumber

_NOT_BEGUN = sometimes("a dispatch comes to a leader that has not begun")
_NO_DISPATCH = sometimes("a request is no dispatch")
_ASKED_AGAIN = sometimes("a dispatch comes again while its leader has it in hand")
_FROM_STATE = sometimes("a dispatch is answered from the state")
_TOO_MANY = sometimes("a leader refuses a dispatch because it has too many in hand")
_NO_MORE_SESSIONS = sometimes("a leader opens no session because none can be forgotten")
_PARKED = sometimes("an operation waits for one of its own shard that has not come")
_BEHIND = sometimes("an operation is decided right behind its predecessor")
_NOT_YET = sometimes("an operation is coordinated before its leader may decide")
_DOOMED = sometimes("an operation fails because the one before it did, or did not come")
_WITHDRAWN = sometimes("an operation of which nothing is in the log is withdrawn")
_GIVEN_UP = sometimes("an operation of which nothing is in the log is given up")


class Orderer(Layer, ABC):
    """The part of a leader that has operations in hand."""

    @abstractmethod
    def _on_certain(self, office: Office, tag: Tag) -> None:
        """Something was decided or executed that others may be waiting for."""

    # ── What clients send ────────────────────────────────────────────────────────────────────

    def _on_propose(self, command: Command) -> None:
        office = self.office
        if office is None or not office.has_begun:
            _NOT_BEGUN.hit()
            self._refuse(command, Refusal.NOT_LEADER)
        elif command.number == OPEN_SESSION:
            self._on_open(command)
        else:
            self._on_dispatch(office, command)

    def _on_open(self, command: Command) -> None:
        if not self._machine.has_room:
            _NO_MORE_SESSIONS.hit()
            self._refuse(command, Refusal.OVERLOADED)
        else:
            # Whatever else the client has written there: nobody but a leader writes entries.
            zero = RequestNumber(0)
            super()._on_propose(Command(command.client, OPEN_SESSION, zero, b""))

    def _on_dispatch(self, office: Office, command: Command) -> None:
        client, seq = command.client, command.number
        dispatch = read_dispatch(command.body)
        problem = self._problem(command, dispatch)
        if dispatch is None or problem:
            _NO_DISPATCH.hit()
            self._tell(self._machine.refusal(client, seq, problem))
            return
        known = self._machine.known_answer(client, seq)
        if known is not None:
            _FROM_STATE.hit()
            self._tell(known)
        elif (operation := office.get(client, seq)) is not None:
            _ASKED_AGAIN.hit()  # the answer will come
            if operation.waits and command.answered >= seq - 1:
                operation.chain = ()
                self._consider(office, operation)
        elif not self._has_room(office, command, dispatch):
            _TOO_MANY.hit()
            self._refuse(command, Refusal.OVERLOADED)
        else:
            self._take(office, command, dispatch)

    def _has_room(self, office: Office, command: Command, dispatch: Dispatch) -> bool:
        """Whether one more operation may be taken in hand.

        Those that wait must not keep out whom they wait for. So there is as much room again for those
        that wait for nothing, and the first of a session without an answer is one, wherever it goes.
        """
        most = self._patience.operations_max
        waits = dispatch.after != NO_PREDECESSOR and command.answered < command.number - 1
        return office.count < (most if waits else 2 * most)

    def _problem(self, command: Command, dispatch: Dispatch | None) -> str:
        """Why this can be no operation of a session; empty when it can."""
        if dispatch is None:
            return "expected a dispatch: the body of a request to a shard names the one before it"
        if dispatch.after >= len(self._groups):
            return f"names shard {dispatch.after} of {len(self._groups)}"
        if command.number == 1 and dispatch.after != NO_PREDECESSOR:
            return "names a shard of the operation before the first"
        return ""

    def _take(self, office: Office, command: Command, dispatch: Dispatch) -> None:
        token = self._machine.token(command.client)
        assert token is not None, "its session is open"
        is_answered = command.answered >= command.number - 1
        operation = Operation(
            client=command.client,
            seq=command.number,
            token=token,
            after=NO_PREDECESSOR if is_answered else dispatch.after,
            body=dispatch.body,
            answered=command.answered,
            now=self._now,
        )
        office.add(operation)
        self._consider(office, operation)
        self._consider_next(office, operation)

    def _withdraw(self, requests: tuple[tuple[ClientId, RequestNumber], ...]) -> None:
        """Drop those of which nothing is in the log.

        Entries that wait for a slot stay: without one of them none behind it would count, and others
        may have been told of it.
        """
        super()._withdraw(tuple(each for each in requests if each[1] == OPEN_SESSION))
        if self.office is None:
            return
        for client, seq in requests:
            operation = self.office.get(client, seq)
            if operation is not None and not operation.is_in_log:
                _WITHDRAWN.hit()
                self.office.remove(client, seq)
                self._turn_away(operation, Refusal.WITHDRAWN)

    # ── What becomes of them ─────────────────────────────────────────────────────────────────

    def _consider(self, office: Office, operation: Operation) -> None:
        """Do what can be done about it now. Called whenever something has changed."""
        if not operation.is_open:
            return
        waits_in_log = True
        if operation.chain is None and operation.after == self.shard:
            waits_in_log = self._look_before(office, operation)
        if operation.is_doomed:
            self._fail(office, operation)
        elif operation.chain is not None:
            if not office.may_decide:
                _NOT_YET.hit()
            elif self._may_decide(operation):
                self._decide(office, operation)
        elif waits_in_log:
            self._wait(operation)

    def _look_before(self, office: Office, operation: Operation) -> bool:
        """What about a predecessor on this shard? True when it waits as well."""
        client, seq = operation.client, RequestNumber(operation.seq - 1)
        before = office.get(client, seq)
        match self._machine.standing(client, seq):
            case Standing.PLACED | Standing.ANSWERED:
                operation.chain = ()
                return False
            case Standing.FAILED:
                operation.is_doomed = True
                return False
            case Standing.ANNOUNCED | Standing.UNKNOWN | Standing.NO_SESSION:
                pass  # it may be in hand
        if before is None:
            _PARKED.hit()
            return False
        if before.stamps is not None:
            _BEHIND.hit()
            operation.chain, operation.behind = before.stamps, before
        elif before.is_failing or before.is_doomed:
            operation.is_doomed = True
        return True

    def _may_decide(self, operation: Operation) -> bool:
        """Coordinated, and announced if it was to be: its successor can be answered for then."""
        return operation.is_announced or not operation.is_announcing

    def _wait(self, operation: Operation) -> None:
        """Its predecessor is not certain: let it be replicated meanwhile, and ask."""
        if self._coordination is Coordination.FAST and not (
            operation.is_announcing or operation.is_announced
        ):
            operation.is_announcing = True
            self._enter(Announce(operation.after, operation.body), operation)
        if operation.after != self.shard and operation.asked_at < 0:
            operation.asked_at = self._now
            self._ask(operation.after, Tag(operation.token, RequestNumber(operation.seq - 1)))

    def _decide(self, office: Office, operation: Operation) -> None:
        """Give it the next place of this shard."""
        assert operation.chain is not None
        self._place(office, operation, (*operation.chain, self._next_stamp(office, operation)))

    def _next_stamp(self, office: Office, operation: Operation) -> Stamp:
        """Above all that this shard gave, and above that of its predecessor."""
        assert operation.chain is not None
        before = operation.chain[-1] if operation.chain else 0
        return max(office.clock, before) + 1

    def _place(self, office: Office, operation: Operation, stamps: tuple[Stamp, ...]) -> None:
        operation.stamps = stamps
        office.clock = max(office.clock, stamps[-1])
        office.decisions += 1
        operation.decision = office.decisions
        body = None if operation.is_announced else operation.body
        self._enter(Place(office.reign, office.decisions, stamps, body), operation)
        self._on_certain(office, Tag(operation.token, operation.seq))
        self._consider_next(office, operation)

    def _consider_next(self, office: Office, operation: Operation) -> None:
        """Its successor may be of this shard, too."""
        after = office.get(operation.client, RequestNumber(operation.seq + 1))
        if after is not None and after.chain is None and after.after == self.shard:
            self._consider(office, after)

    def _fail(self, office: Office, operation: Operation) -> None:
        """Through the log: a client or another shard hears of it when no leader can forget it."""
        operation.is_doomed = True
        if not office.may_decide or operation.recovered is not None or operation.unsettled:
            return
        _DOOMED.hit()
        operation.is_failing = True
        office.decisions += 1
        self._enter(Fail(office.reign, office.decisions), operation)

    def _give_up(self, office: Office, operation: Operation) -> None:
        """Nothing of it is in the log, so its client may try again, here or elsewhere."""
        _GIVEN_UP.hit()
        office.remove(operation.client, operation.seq)
        self._turn_away(operation, Refusal.NO_PREDECESSOR)

    # ── What was executed ────────────────────────────────────────────────────────────────────

    def _on_news(self, office: Office, client: ClientId, seq: RequestNumber) -> None:
        """Something was executed about an operation; its client has been told if it is over."""
        operation = office.get(client, seq)
        standing = self._machine.standing(client, seq)
        if standing is Standing.ANNOUNCED:
            if operation is not None:
                operation.is_announced = True
                self._consider(office, operation)
        elif standing is Standing.FAILED:
            self._on_failed(office, client, seq)
        elif standing is not Standing.UNKNOWN:
            office.remove(client, seq)
            token = self._machine.token(client)
            if token is not None:
                self._on_certain(office, Tag(token, seq))
            if operation is not None:
                self._on_executed(office, operation)

    def _on_executed(self, office: Office, operation: Operation) -> None:
        """Those right behind it may be certain now, and there may be one that has waited for it."""
        operation.is_executed = True
        operation.behind = None
        self._consider_next(office, operation)
        seq = operation.seq
        while (after := office.get(operation.client, seq := RequestNumber(seq + 1))) is not None:
            if after.behind is None:
                break
            self._on_certain(office, Tag(after.token, seq))

    def _on_failed(self, office: Office, client: ClientId, seq: RequestNumber) -> None:
        """And with it all later ones that are here."""
        for operation in office.of_session(client):
            if operation.seq >= seq:
                office.remove(client, operation.seq)
                if operation.seq != seq:
                    self._tell(self._machine.known_answer(client, operation.seq))
        token = self._machine.token(client)
        if token is not None:
            self._on_certain(office, Tag(token, seq))
