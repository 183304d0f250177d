"""Sessions with one rule removed: what makes a request execute once is no longer remembered rightly."""

from node.state_machine.interface import StateMachine
from node.state_machine.sessions import Session, SessionedStateMachine
from node.types import OPEN_SESSION, Command, RequestNumber
from node.wire.messages import Executed, Expired, Opened


class DedupByNumberOnly(SessionedStateMachine):
    """A request is known by its number, whoever sent it: the second client is told the first's."""

    def __init__(self, inner: StateMachine) -> None:
        super().__init__(inner)
        self._by_number: dict[RequestNumber, bytes] = {}

    def _execute(self, slot: int, place: int, command: Command) -> Opened | Executed | Expired:
        known = self._by_number.get(command.number)
        if known is not None:
            return Executed(command.client, command.number, known)
        answer = super()._execute(slot, place, command)
        if isinstance(answer, Executed):
            self._by_number[command.number] = answer.body
        return answer


class ForgetSessionsEarly(SessionedStateMachine):
    """Only the last session is remembered, and one that is not is taken for new."""

    def __init__(self, inner: StateMachine) -> None:
        super().__init__(inner, sessions_max=1)

    def _execute(self, slot: int, place: int, command: Command) -> Opened | Executed | Expired:
        if command.number != OPEN_SESSION and command.client not in self._sessions:
            self._sessions.clear()
            self._sessions[command.client] = Session()
        return super()._execute(slot, place, command)
