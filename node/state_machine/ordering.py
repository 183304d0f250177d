"""Sessions over several shards: the replicated state of one of them.

Beside what a session remembers anyway, the state says of each operation that is not answered whether
it is announced, placed or failed, with its stamps; whose decisions count, and how many did; and whom
of the other shards' leaders this shard no longer believes. Docs/internals/mdl.md says what for.

    announced ── Place ──▶ placed (executed, once)
        └─────── Fail ───▶ failed, like all later operations of its session

A decision counts only as the next one of the present reign. So when a new leader finds a hole where an
old one proposed something, all that the old one decided behind the hole is void, though it stands in
the log: it cannot have been executed anywhere, since slots are executed in order.
"""

from collections.abc import Callable
from typing import Final, assert_never

from node.dispatch import (
    NO_REIGN,
    Announce,
    Announced,
    Begin,
    Fail,
    Fence,
    Place,
    Reign,
    Stamp,
    Standing,
    Token,
    read_entry,
)
from node.marks import sometimes
from node.state_machine.interface import StateMachine
from node.state_machine.sessions import (
    PLACES_PER_SLOT,
    RESULT_BYTES_MAX,
    SESSIONS_A_PIECE,
    SESSIONS_MAX,
    Session,
    SessionedStateMachine,
    Told,
)
from node.state_machine.snapshot import KeptAnnounced, KeptOrder, OrderPiece, State
from node.types import OPEN_SESSION, ClientId, Command, Configuration, RequestNumber
from node.wire.messages import Executed, Expired, Failed, Opened

_VOID: Final = sometimes("a decision of an old reign, or behind a hole, is void")
_PLACED_TWICE: Final = sometimes("an operation that was placed is placed again")
_PLACED_LATE: Final = sometimes("an operation that was placed is announced or failed")
_FAILED_LATE: Final = sometimes("an operation that failed is announced or placed")
_OPENED_TWICE: Final = sometimes("a session is opened twice by the same token")
_NO_ROOM: Final = sometimes("no session can be forgotten to make room")
_RESULTS_DROPPED: Final = sometimes("the results of a session are dropped to make room")
_SUFFIX_FAILS: Final = sometimes("announced operations fail with one before them")


class Order:
    """What is remembered of one session for the sake of its order."""

    __slots__ = ("announced", "failed_from", "placed", "token")

    def __init__(self, token: Token) -> None:
        self.token: Final = token
        self.announced: dict[RequestNumber, Announce] = {}
        self.placed: dict[RequestNumber, tuple[Stamp, ...]] = {}
        """With their stamps, until they are answered."""
        self.failed_from: RequestNumber | None = None

    @property
    def is_needed(self) -> bool:
        """Whether another shard may still have to learn something of it."""
        return bool(self.announced) or any(len(stamps) > 1 for stamps in self.placed.values())


class OrderedStateMachine(SessionedStateMachine):
    """Executes the operations of each session in the order of their issue, each once."""

    def __init__(
        self,
        inner: StateMachine,
        *,
        sessions_max: int = SESSIONS_MAX,
        result_bytes_max: int = RESULT_BYTES_MAX,
    ) -> None:
        super().__init__(inner, sessions_max=sessions_max, result_bytes_max=result_bytes_max)
        self.reign: Reign = NO_REIGN
        self.decisions = 0
        self.clock: Stamp = 0
        self._fences: dict[int, Reign] = {}
        self._orders: dict[ClientId, Order] = {}
        self._names: dict[Token, ClientId] = {}
        self._news: list[tuple[ClientId, RequestNumber]] = []

    # ── What a core reads ────────────────────────────────────────────────────────────────────

    @property
    def has_room(self) -> bool:
        """Whether another session can be opened."""
        return len(self._sessions) < self._sessions_max or self._dispensable() is not None

    def fence(self, shard: int) -> Reign:
        """No leader of `shard` below this one is believed."""
        return self._fences.get(shard, NO_REIGN)

    def session(self, token: Token) -> ClientId | None:
        """What a session is called here; None when it is not open."""
        return self._names.get(token)

    def token(self, client: ClientId) -> Token | None:
        """What it is called everywhere."""
        order = self._orders.get(client)
        return None if order is None else order.token

    def standing(self, client: ClientId, seq: RequestNumber) -> Standing:
        """What is known of one operation."""
        order = self._orders.get(client)
        if order is None:
            return Standing.NO_SESSION
        if seq <= self._sessions[client].answered:
            return Standing.ANSWERED
        if seq in order.placed:
            return Standing.PLACED
        if self._has_failed(order, seq):
            return Standing.FAILED
        return Standing.ANNOUNCED if seq in order.announced else Standing.UNKNOWN

    def stamp(self, client: ClientId, seq: RequestNumber) -> Stamp | None:
        """Of an operation that was placed here and is not answered yet."""
        order = self._orders.get(client)
        stamps = None if order is None else order.placed.get(seq)
        return stamps[-1] if stamps else None

    def stamps_upto(self, client: ClientId, seq: RequestNumber) -> tuple[Stamp, ...] | None:
        """The chain of `seq`, out of that of a later operation that was placed here."""
        order = self._orders.get(client)
        if order is not None:
            for later, stamps in order.placed.items():
                first = later - len(stamps) + 1
                if first <= seq < later:
                    return stamps[: seq - first + 1]
        return None

    def announced(self) -> list[Announced]:
        """All that are announced and neither placed nor failed."""
        return [
            Announced(client, seq, order.token, entry.after, entry.body)
            for client, order in self._orders.items()
            for seq, entry in order.announced.items()
        ]

    def known_answer(self, client: ClientId, seq: RequestNumber) -> Told | None:
        """What the client of an operation can be told without the log."""
        match self.standing(client, seq):
            case Standing.PLACED:
                result = self._sessions[client].results.get(seq)
                if result is None:
                    return Expired(client, seq)
                return Executed(client, seq, result, self._orders[client].placed[seq][-1])
            case Standing.FAILED:
                return Failed(client, seq, "an operation before it failed, or it came too late")
            case Standing.NO_SESSION | Standing.ANSWERED:
                return Expired(client, seq)
            case Standing.ANNOUNCED | Standing.UNKNOWN:
                return None

    def refusal(self, client: ClientId, seq: RequestNumber, reason: str) -> Failed:
        """The answer to a request that cannot be an operation."""
        return Failed(client, seq, reason)

    def take_news(self) -> list[tuple[ClientId, RequestNumber]]:
        """Operations that something was executed about since the last time."""
        news, self._news = self._news, []
        return news

    # ── Snapshots ────────────────────────────────────────────────────────────────────────────

    def _capture_order(self) -> tuple[OrderPiece, ...]:
        kept = [
            KeptOrder(
                client,
                order.token,
                order.failed_from,
                tuple(KeptAnnounced(seq, e.after, e.body) for seq, e in order.announced.items()),
                tuple(order.placed.items()),
            )
            for client, order in self._orders.items()
        ]
        return tuple(
            OrderPiece(
                reign=self.reign,
                decisions=self.decisions,
                clock=self.clock,
                fences=tuple(sorted(self._fences.items())),
                sessions=tuple(kept[first : first + SESSIONS_A_PIECE]),
            )
            for first in range(0, max(1, len(kept)), SESSIONS_A_PIECE)
        )

    def restore(self, state: State) -> None:
        """Go on as if everything up to the slot of `state` had been executed here."""
        super().restore(state)
        self._orders = {}
        self._names = {}
        self._news = []
        self.reign, self.decisions, self.clock, self._fences = NO_REIGN, 0, 0, {}
        for piece in state.order:
            self.reign, self.decisions, self.clock = piece.reign, piece.decisions, piece.clock
            self._fences = dict(piece.fences)
            for kept in piece.sessions:
                order = self._orders[kept.client] = Order(kept.token)
                order.failed_from = kept.failed_from
                order.announced = {k.seq: Announce(k.after, k.body) for k in kept.announced}
                order.placed = dict(kept.placed)
                self._names[kept.token] = kept.client

    # ── Commands ─────────────────────────────────────────────────────────────────────────────

    def execute_and_tell(
        self,
        slot: int,
        commands: tuple[Command, ...],
        tell: Callable[[Told], None],
        configuration: Configuration | None = None,
    ) -> None:
        """Execute what was chosen for the next slot; a command has any number of answers."""
        self._begin_slot(slot, commands, configuration)
        for place, command in enumerate(commands):
            if command.number == OPEN_SESSION:
                tell(self._open(ClientId(slot * PLACES_PER_SLOT + place), command.client))
            else:
                self._execute_entry(command, tell)

    def _execute_entry(self, command: Command, tell: Callable[[Told], None]) -> None:
        match entry := read_entry(command.body):
            case Begin(reign):
                if reign > self.reign:
                    self.reign, self.decisions = reign, 0
            case Fence(shard, reign):
                self._fences[shard] = max(reign, self.fence(shard))
            case Announce():
                self._announce(command, entry, tell)
            case Place(reign, decision):
                if self._counts(reign, decision):
                    self._place(command, entry, tell)
            case Fail(reign, decision):
                if self._counts(reign, decision):
                    self._fail(command, tell)
            case None:
                tell(self.refusal(command.client, command.number, "not an entry of this log"))
            case _:
                assert_never(entry)

    def _counts(self, reign: Reign, decision: int) -> bool:
        """Whether this is the next decision of the present reign; all others are void."""
        if reign != self.reign or decision != self.decisions + 1:
            _VOID.hit()
            return False
        self.decisions = decision
        return True

    def _announce(self, command: Command, announce: Announce, tell: Callable[[Told], None]) -> None:
        order = self._order_of(command, tell)
        if order is None:
            return
        seq = command.number
        if self._is_done(order, seq, tell):
            return
        order.announced.setdefault(seq, announce)

    def _place(self, command: Command, place: Place, tell: Callable[[Told], None]) -> None:
        order = self._order_of(command, tell)
        if order is None:
            return
        seq = command.number
        if self._is_done(order, seq, tell):
            return
        announced = order.announced.pop(seq, None)
        body = place.body
        if body is None:
            if announced is None:
                # Its client says that it has the answer, or is none of ours: nobody waits.
                tell(Expired(command.client, seq))
                return
            body = announced.body
        result = self._inner.execute(body)
        stamps = place.stamps or (self.clock + 1,)
        order.placed[seq] = stamps
        self.clock = max(self.clock, stamps[-1])
        self._keep(self._sessions[command.client], seq, result)
        tell(Executed(command.client, seq, result, stamps[-1]))

    def _is_done(self, order: Order, seq: RequestNumber, tell: Callable[[Told], None]) -> bool:
        """Whether the operation is placed or failed already: then say so, and change nothing."""
        if seq in order.placed:
            _PLACED_TWICE.hit()
        elif self._has_failed(order, seq):
            _FAILED_LATE.hit()
        else:
            return False
        answer = self.known_answer(self._names[order.token], seq)
        assert answer is not None
        tell(answer)
        return True

    def _fail(self, command: Command, tell: Callable[[Told], None]) -> None:
        order = self._order_of(command, tell)
        if order is None:
            return
        seq, client = command.number, command.client
        if seq in order.placed:
            _PLACED_LATE.hit()
            return
        if not self._has_failed(order, seq):
            order.failed_from = seq
        reason = "the operation before it failed, or nobody answered for it"
        later = [other for other in order.announced if other > seq]
        if later:
            _SUFFIX_FAILS.hit()
        order.announced.pop(seq, None)
        tell(Failed(client, seq, reason))
        for other in later:
            del order.announced[other]
            self._news.append((client, other))
            tell(Failed(client, other, reason))

    def _has_failed(self, order: Order, seq: RequestNumber) -> bool:
        """Failures are closed under "later in the session"."""
        return order.failed_from is not None and seq >= order.failed_from

    # ── Sessions ─────────────────────────────────────────────────────────────────────────────

    def _order_of(self, command: Command, tell: Callable[[Told], None]) -> Order | None:
        """The session of `command`, as far as order goes; None when its answer is known without."""
        client, seq = command.client, command.number
        self._news.append((client, seq))
        session = self._sessions.pop(client, None)
        if session is None:
            tell(Expired(client, seq))
            return None
        self._sessions[client] = session  # now the most recently used
        order = self._orders[client]
        if command.answered > session.answered:
            self._forget_answered(session, command.answered)
            for kept in (order.placed, order.announced):
                for answered in [other for other in kept if other <= session.answered]:
                    del kept[answered]
        if seq <= session.answered:
            tell(Expired(client, seq))
            return None
        return order

    def _open(self, name: ClientId, nonce: ClientId) -> Opened | Expired:
        """Open a session; one that is open already keeps its name, however often it is asked for."""
        known = self._names.get(nonce)
        if known is not None:
            _OPENED_TWICE.hit()
            return Opened(nonce, known)
        while len(self._sessions) >= self._sessions_max:
            dispensable = self._dispensable()
            if dispensable is None:
                _NO_ROOM.hit()
                return Expired(nonce, OPEN_SESSION)
            self._forget(dispensable)
        self._sessions[name] = Session()
        self._orders[name] = Order(nonce)
        self._names[nonce] = name
        return Opened(nonce, name)

    def _dispensable(self) -> ClientId | None:
        """The session to be forgotten next, if one must be; never one with announced operations."""
        for client in self._sessions:
            if not self._orders[client].is_needed:
                return client
        for client in self._sessions:
            if not self._orders[client].announced:
                return client
        return None

    def _forget(self, name: ClientId) -> None:
        super()._forget(name)
        del self._names[self._orders.pop(name).token]

    def _relieve(self, name: ClientId) -> None:
        """Drop its results, not what is known of its order: another shard may ask for that."""
        _RESULTS_DROPPED.hit()
        session = self._sessions[name]
        self._result_bytes -= session.result_bytes
        session.result_bytes = 0
        session.results.clear()
