"""A new leader: which operations were told places by earlier leaders, and what places those were.

What is announced in the executed state, and neither placed nor failed, may have been decided by an
earlier leader whose decision was lost with it. If that leader answered for such an operation, its
successor may be ordered, executed and read on another shard: then its place must not move. Otherwise
nobody can have observed it, and it may be decided anew.

    new leader of shard 0                        leader of every other shard
        │ ── WhichStamps(my reign, 4, 8) ──────────▶ │  gives a fence against my predecessors to its log
        │                                            │  and when that is executed:
        │ ◀── Stamped(found: 4 with its stamps) ──── │    it holds operation 5, with the stamps of 4
        │ ◀── Stamped(unknown: 8) ────────────────── │    it knows nothing, and will believe nothing
        │                                            │    that my predecessors may yet have said

Found anywhere: the operation gets its old stamps, and all those are placed in the order of their stamps
before anything else is decided. Unknown everywhere: its predecessor is asked for again.

Both leaders may be new at the same time, so nobody waits for more than he must (F3): a question is left
open as long as a *later* operation of the same session is unsettled here, and of the latest one of all
shards that is never so.

After the timestamp chains of MDL's recovery, of which the log makes all but this unnecessary.
"""

from abc import ABC
from typing import Final

from node.core.mdl.coordinator import Coordinator
from node.core.mdl.messages import Chain, Reigning, Stamped, Tag, WhichStamps
from node.core.mdl.office import Inquiry, Office, Operation
from node.core.multipaxos.campaign import Campaign
from node.dispatch import Announced, Begin, Fence, Reign, Stamp
from node.marks import reachable, sometimes
from node.types import ClientId, ReplicaId, RequestNumber

_BEGINS: Final = reachable("a leader of a shard begins")
_TAKES_OVER: Final = sometimes("a new leader finds announced operations")
_FOUND: Final = sometimes("a new leader is told the stamps of an operation")
_UNKNOWN: Final = sometimes("a new leader is told by all shards that they know no stamps")
_UNSETTLED_HERE: Final = sometimes("a question about stamps waits for the recovery of who is asked")
_OLD_QUESTION: Final = sometimes("a question about stamps comes from a leader that was replaced")
_OLD_ANSWER: Final = sometimes("stamps are told to a leader that did not ask for them")
_NOT_BELIEVED: Final = sometimes("a leader that is fenced off tells stamps")
_ASKS_STAMPS: Final = sometimes("a new leader asks other shards for stamps")
_IN_ORDER: Final = sometimes("a new leader places several operations in the order of their stamps")
_TOO_MANY: Final = sometimes("a question about stamps is dropped because too many wait")


class Recoverer(Coordinator, ABC):
    """The part of a leader that begins, and helps leaders of other shards to begin."""

    def _lead(self, campaign: Campaign) -> None:
        super()._lead(campaign)
        assert self.leadership is not None
        self.office = Office(self.leadership.ballot)
        self._enter(Begin(self.office.reign))

    def _begin(self, office: Office) -> None:
        """The first entry of this reign is executed, so all that this shard ever chose before it."""
        _BEGINS.hit()
        office.has_begun = True
        office.clock = self._machine.clock
        self._say(self._everybody_else(), Reigning(self.shard, office.reign))
        others = [shard for shard in range(len(self._groups)) if shard != self.shard]
        for announced in self._found_announced():
            operation = self._take_in_hand(office, announced)
            operation.unsettled = dict.fromkeys(others)
        self._open_if_settled(office)
        self._inquire(office)
        for operation in list(office):
            self._consider(office, operation)

    def _found_announced(self) -> list[Announced]:
        """What this shard has promised not to forget, and has not ordered."""
        return self._machine.announced()

    def _take_in_hand(self, office: Office, announced: Announced) -> Operation:
        _TAKES_OVER.hit()
        operation = Operation(
            client=announced.client,
            seq=announced.seq,
            token=announced.token,
            after=announced.after,
            body=announced.body,
            answered=RequestNumber(0),
            now=self._now,
        )
        operation.is_announced = True
        office.add(operation)
        return operation

    # ── Asking ───────────────────────────────────────────────────────────────────────────────

    def _inquire(self, office: Office) -> None:
        """Ask all shards that have not answered yet, each for what it has not answered."""
        if office.may_decide:
            return
        open_tags: dict[int, list[Tag]] = {}
        for operation in office:
            for shard in operation.unsettled:
                open_tags.setdefault(shard, []).append(Tag(operation.token, operation.seq))
        if open_tags:
            _ASKS_STAMPS.hit()
        for shard, tags in open_tags.items():
            for part in self._parts(tags):
                question = WhichStamps(self.shard, office.reign, tuple(part))
                self._say(self._groups[shard], question)

    def _on_stamped(self, message: Stamped) -> None:
        office = self.office
        if office is None or office.reign != message.asked or office.may_decide:
            _OLD_ANSWER.hit()
            return
        if not self._is_believed(message.shard, message.reign):
            _NOT_BELIEVED.hit()
            return
        self._note_leader(message.shard, message.reign)
        for chain in message.found:
            self._recover(office, chain)
        for tag in message.unknown:
            operation = self._unsettled(office, tag.token, tag.seq)
            if operation is not None:
                operation.unsettled.pop(message.shard, None)
                if not operation.unsettled:
                    _UNKNOWN.hit()
        self._reconsider_inquiries(office)
        self._open_if_settled(office)

    def _recover(self, office: Office, chain: Chain) -> None:
        """These were the stamps of an operation, and of some before it: keep those that are here."""
        for kept in range(len(chain.stamps), 0, -1):
            seq = RequestNumber(chain.seq - len(chain.stamps) + kept)
            operation = self._in_hand(office, chain.token, seq)
            if operation is not None and operation.is_announced and operation.recovered is None:
                _FOUND.hit()
                operation.recovered = self._old_stamps(office, chain.stamps[:kept])
                operation.unsettled.clear()

    def _old_stamps(self, office: Office, stamps: tuple[Stamp, ...]) -> tuple[Stamp, ...]:
        """What others were told stays true."""
        del office
        return stamps

    def _in_hand(self, office: Office, token: int, seq: int) -> Operation | None:
        client = self._machine.session(token)
        return None if client is None else office.get(client, RequestNumber(seq))

    def _unsettled(self, office: Office, token: int, seq: int) -> Operation | None:
        operation = self._in_hand(office, token, seq)
        return operation if operation is not None and operation.unsettled else None

    def _open_if_settled(self, office: Office) -> None:
        """Place what others were told of as they were told, and from then on decide."""
        if office.may_decide or any(operation.unsettled for operation in office):
            return
        recovered = [each for each in office if each.recovered is not None]
        recovered.sort(key=_old_stamp)
        if len(recovered) > 1:
            _IN_ORDER.hit()
        for operation in recovered:
            assert operation.recovered is not None
            operation.chain = operation.recovered[:-1]
            self._place(office, operation, operation.recovered)
        office.recovered_upto = office.vouched_upto = office.decisions
        office.may_decide = True
        office.decides_since = self._now
        self._reconsider_inquiries(office)
        for operation in list(office):
            self._consider(office, operation)

    # ── Being asked ──────────────────────────────────────────────────────────────────────────

    def _on_which_stamps(self, sender: ReplicaId, message: WhichStamps) -> None:
        office = self.office
        if office is None or not office.has_begun:
            return
        inquiry = office.inquiries.get(message.shard)
        if message.reign < self._machine.fence(message.shard) or (
            inquiry is not None and message.reign < inquiry.reign
        ):
            _OLD_QUESTION.hit()
            return
        self._note_leader(message.shard, message.reign)
        if inquiry is None or inquiry.reign < message.reign:
            inquiry = office.inquiries[message.shard] = Inquiry(sender, message.reign)
        for tag in message.tags:
            if len(inquiry.tags) < self._patience.operations_max:
                inquiry.tags[tag] = None
            else:
                _TOO_MANY.hit()  # it asks again
        self._answer_inquiry(office, message.shard, inquiry)

    def _reconsider_inquiries(self, office: Office) -> None:
        for shard, inquiry in list(office.inquiries.items()):
            self._answer_inquiry(office, shard, inquiry)

    def _answer_inquiry(self, office: Office, shard: int, inquiry: Inquiry) -> None:
        """Say all that can be said already, once nothing of earlier leaders can change it."""
        if not self._has_fence(office, shard, inquiry.reign):
            return
        found: list[Chain] = []
        unknown: list[Tag] = []
        for tag in list(inquiry.tags):
            if self._is_left_open(office, tag):
                _UNSETTLED_HERE.hit()
                continue
            del inquiry.tags[tag]
            stamps = self._stamps_of(office, tag)
            if stamps is None:
                unknown.append(tag)
            else:
                found.append(Chain(*tag, stamps))
        if not inquiry.tags:
            del office.inquiries[shard]
        for chains in self._parts(found):
            self._tell_stamps(office, inquiry, tuple(chains), ())
        for tags in self._parts(unknown):
            self._tell_stamps(office, inquiry, (), tuple(tags))

    def _tell_stamps(
        self, office: Office, inquiry: Inquiry, found: tuple[Chain, ...], unknown: tuple[Tag, ...]
    ) -> None:
        answer = Stamped(self.shard, office.reign, inquiry.reign, found, unknown)
        self._say([inquiry.replica], answer)

    def _has_fence(self, office: Office, shard: int, reign: Reign) -> bool:
        """Whether this shard, whoever will lead it, believes no leader of `shard` before `reign`."""
        if self._machine.fence(shard) >= reign:
            return True
        if office.fencing.get(shard, (0, 0)) < reign:
            office.fencing[shard] = reign
            self._enter(Fence(shard, reign))
        return False

    def _is_left_open(self, office: Office, tag: Tag) -> bool:
        """Whether it may still turn out that somebody was told the stamps of `tag` by this shard."""
        client = self._machine.session(tag.token)
        return client is not None and any(
            operation.unsettled and operation.seq > tag.seq
            for operation in office.of_session(client)
        )

    def _stamps_of(self, office: Office, tag: Tag) -> tuple[Stamp, ...] | None:
        """The stamps that this shard was told for an operation of another one."""
        client = self._machine.session(tag.token)
        if client is None:
            return None
        placed = self._machine.stamps_upto(client, tag.seq)
        return placed if placed is not None else _stamps_in_hand(office, client, tag.seq)


def _stamps_in_hand(
    office: Office, client: ClientId, seq: RequestNumber
) -> tuple[Stamp, ...] | None:
    """Of an operation that precedes one that is coordinated, decided, or to be placed again."""
    for operation in office.of_session(client):
        chain = operation.chain if operation.recovered is None else operation.recovered[:-1]
        if chain is not None:
            first = operation.seq - len(chain)
            if first <= seq < operation.seq:
                return chain[: seq - first + 1]
    return None


def _old_stamp(operation: Operation) -> Stamp:
    assert operation.recovered is not None
    return operation.recovered[-1]
