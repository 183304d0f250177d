"""Mdl with one rule removed: what is coordinated, ordered, recovered or failed is so too early, or wrongly.

The letters are those of the design: D for what may be built wrongly, F for what the published protocol
lacks.
"""

from collections.abc import Callable

from msgspec import structs

from node.core.mdl import Mdl
from node.core.mdl.messages import Chain, Coordinated, Tag
from node.core.mdl.office import Office, Operation
from node.core.multipaxos import MultiPaxos
from node.dispatch import NO_PREDECESSOR, Announced, Dispatch, Reign, Stamp, Standing
from node.state_machine.ordering import Order, OrderedStateMachine
from node.state_machine.sessions import Told
from node.types import ClientId, Command, Query, RequestNumber

# ── While all is well ────────────────────────────────────────────────────────────────────────


class VouchBeforeReplicated(Mdl):
    """An operation is decided, and answered for, before the shard has chosen that it is there (D1)."""

    def _may_decide(self, operation: Operation) -> bool:
        return True

    def _is_remembered(self, operation: Operation) -> bool:
        return operation.is_announced or operation.is_announcing


class VouchForFirst(Mdl):
    """An operation that waits for nothing is answered for before it is chosen, and so nowhere (F6)."""

    def _is_remembered(self, operation: Operation) -> bool:
        return True


class VouchRightBehind(Mdl):
    """An operation is answered for that stands right behind one which may be lost (F15)."""

    def _is_remembered(self, operation: Operation) -> bool:
        return operation.is_announced


class ForgetPredecessor(Mdl):
    """Nobody waits for the operation before, if another shard has that (D2)."""

    def _take(self, office: Office, command: Command, dispatch: Dispatch) -> None:
        if dispatch.after != self.shard:
            dispatch = structs.replace(dispatch, after=NO_PREDECESSOR)
        super()._take(office, command, dispatch)


class AnyCopyCoordinates(Mdl):
    """An answer for one operation coordinates whatever of its session waits (D8)."""

    def _waiting_for(self, office: Office, shard: int, tag: Tag) -> Operation | None:
        client = self._machine.session(tag.token)
        for operation in [] if client is None else office.of_session(client):
            if operation.after == shard and operation.chain is None and operation.is_open:
                return operation
        return None


class AskOnce(Mdl):
    """A question that nobody answered is not asked again, and nobody loses patience (F10)."""

    def _on_tick(self) -> None:
        """Whoever was asked will answer."""
        MultiPaxos._on_tick(self)  # noqa: SLF001 - past the rule


class QueryAtOnce(Mdl):
    """A query is answered from what is executed, whatever other shards were told of (F16)."""

    def _on_query(self, query: Query, clock: int) -> None:
        MultiPaxos._on_query(self, query, clock)  # noqa: SLF001 - past the rule


# ── When leaders change ──────────────────────────────────────────────────────────────────────


class RecoverWithNewStamps(Mdl):
    """What others were told comes behind all else, in the order in which it is found again (D4)."""

    def _old_stamps(self, office: Office, stamps: tuple[Stamp, ...]) -> tuple[Stamp, ...]:
        office.clock += 1
        return (*stamps[:-1], office.clock)


class StampsStandStill(Mdl):
    """Operations that are decided one after the other may have the same stamp (D9)."""

    def _next_stamp(self, office: Office, operation: Operation) -> Stamp:
        return max(1, office.clock)


class ForgetAnnounced(Mdl):
    """A new leader begins with what is ordered, and nothing else (D5)."""

    def _found_announced(self) -> list[Announced]:
        return []


class BelieveOldLeaders(Mdl):
    """A leader that was replaced is still believed when it answers for an operation (F2)."""

    def _is_believed(self, shard: int, reign: Reign) -> bool:
        return True


class AnswerWhenRecovered(Mdl):
    """A new leader answers other new leaders when it has been answered itself (F3)."""

    def _is_left_open(self, office: Office, tag: Tag) -> bool:
        return not office.may_decide


# ── Failures ─────────────────────────────────────────────────────────────────────────────────


class FailAtOnce(Mdl):
    """Client and successor hear of a failure before it is chosen (F4)."""

    def _fail(self, office: Office, operation: Operation) -> None:
        super()._fail(office, operation)
        self._tell(self._machine.refusal(operation.client, operation.seq, "at once"))
        tag = Tag(operation.token, operation.seq)
        for asker in office.askers.pop(tag, ()):
            self._deny(asker, tag)


class PassFailures(Mdl):
    """When an operation fails, the one behind it on another shard has nothing to wait for (D6)."""

    def _on_coordinated(self, message: Coordinated) -> None:
        passed = tuple(Chain(tag.token, tag.seq, ()) for tag in message.failed)
        certain = (*message.certain, *passed)
        super()._on_coordinated(structs.replace(message, certain=certain, failed=()))


# ── The log ──────────────────────────────────────────────────────────────────────────────────


class DecideAcrossHoles(OrderedStateMachine):
    """A decision counts although one before it is lost (F1)."""

    def _counts(self, reign: Reign, decision: int) -> bool:
        if reign == self.reign:
            self.decisions = max(self.decisions, decision)
        return reign == self.reign


class DeposedDecide(OrderedStateMachine):
    """Decisions of a leader count that stand behind the first entry of the next one."""

    def _counts(self, reign: Reign, decision: int) -> bool:
        if reign == self.reign:
            return super()._counts(reign, decision)
        return reign < self.reign


class PlaceTwice(OrderedStateMachine):
    """Nobody looks whether an operation has its place, neither a leader nor who executes it (F8)."""

    def known_answer(self, client: ClientId, seq: RequestNumber) -> Told | None:
        """Nothing, of what is placed."""
        if self.standing(client, seq) is Standing.PLACED:
            return None
        return super().known_answer(client, seq)

    def _is_done(self, order: Order, seq: RequestNumber, tell: Callable[[Told], None]) -> bool:
        return seq not in order.placed and super()._is_done(order, seq, tell)
