"""Events to operations as they happen, keeping only what is open.

As `history.pairing`, which keeps everything and so can refuse more: here a process that goes on
after an unknown outcome, and a `seq` that is used twice one after the other, pass unseen.
"""

from msgspec import UNSET, Struct

from checker.model import Action, Model
from history import MISMATCH, HistoryError, Operation, Outcome
from history.event import Event, Fail, Info, Invocation, Ok, Response
from history.pairing import READS


class Call(Struct):
    """An operation from its invocation on; the outcome is filled in when it is known."""

    operation: Operation
    """As it was asked; its outcome UNKNOWN."""
    outcome: Outcome | None = None
    action: Action | None = None
    """What it asked and got; with the outcome."""
    rank: int = -1
    """Of its return, when it has one."""
    name: int = 0
    """What the frontier calls it."""

    def resolve(self, model: Model, response: Response | None) -> None:
        """Fill in what became of it; no response is as unknown as an info."""
        asked = self.operation
        outcome, output = Outcome.UNKNOWN, None
        if isinstance(response, Ok):
            outcome = Outcome.OK
            output = None if response.value is UNSET else response.value
            output = True if asked.f == "cas" else output
        elif isinstance(response, Fail):
            outcome = Outcome.FAILED
            if asked.f == "cas" and response.error == MISMATCH:
                outcome, output = Outcome.OK, False
        self.outcome = outcome
        if outcome is not Outcome.FAILED:
            self.action = model.action(_answered(asked, outcome, output))


class StreamingPairing:
    """Finds the invocation of each response."""

    def __init__(self) -> None:
        self._open: dict[object, Call] = {}
        self.operations = 0
        """Count of invocations."""

    def invoke(self, event: Invocation, rank: int) -> Call:
        """A new call. Its operation counts from 0, as in a file."""
        name = self._name(event)
        if name in self._open:
            raise HistoryError(f"{_whose(event)} invokes again while an invocation is open")
        assert isinstance(event.process, int)
        if event.f is None:
            raise HistoryError(f"the invocation of {_whose(event)} has no f")
        value = None if event.value is UNSET or event.f in READS else event.value
        call = Call(
            Operation(
                index=self.operations,
                process=event.process,
                f=event.f,
                key=None if event.key is UNSET else event.key,
                value=value,
                outcome=Outcome.UNKNOWN,
                call=rank,
                return_=None,
                call_time=rank if event.time is None else event.time,
                session=event.session,
                seq=event.seq,
                node=event.node,
            )
        )
        self.operations += 1
        self._open[name] = call
        return call

    def respond(self, event: Event) -> Call:
        """The call that this answers; it is open no more."""
        call = self._open.pop(self._name(event), None)
        if call is None:
            raise HistoryError(f"a response, but no invocation of {_whose(event)} is open")
        if event.f is not None and event.f != call.operation.f:
            raise HistoryError(
                f"{_whose(event)} invoked {call.operation.f!r}, and the response says {event.f!r}"
            )
        return call

    def abandon(self) -> list[Call]:
        """All open calls, which are open no more."""
        calls = list(self._open.values())
        self._open.clear()
        return calls

    def _name(self, event: Event) -> object:
        if event.session is not None and event.seq is not None:
            return event.session, event.seq
        return event.process


def is_unknown(response: Response) -> bool:
    """Whether nobody knows what became of the operation."""
    return isinstance(response, Info)


def _answered(asked: Operation, outcome: Outcome, output: object) -> Operation:
    return Operation(
        index=asked.index,
        process=asked.process,
        f=asked.f,
        key=asked.key,
        value=asked.value,
        output=output,
        outcome=outcome,
        call=asked.call,
        return_=None,
        call_time=asked.call_time,
        session=asked.session,
        seq=asked.seq,
        node=asked.node,
    )


def _whose(event: Event) -> str:
    if event.session is not None and event.seq is not None:
        return f"seq {event.seq} of session {event.session}"
    return f"process {event.process}"
