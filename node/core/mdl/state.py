"""What a core reads of the state that its replica has executed."""

from typing import Protocol

from node.dispatch import Announced, Reign, Stamp, Standing, Token
from node.types import ClientId, RequestNumber


class OrderedState(Protocol):
    """The state machine, as far as a core may look into it. A core changes nothing there."""

    @property
    def reign(self) -> Reign:
        """Whose decisions count."""

    @property
    def decisions(self) -> int:
        """How many of them were executed."""

    @property
    def clock(self) -> Stamp:
        """The stamp of the last operation that was placed."""

    @property
    def has_room(self) -> bool:
        """Whether another session can be opened."""

    def fence(self, shard: int) -> Reign:
        """No leader of `shard` below this one is believed."""

    def session(self, token: Token) -> ClientId | None:
        """What a session is called here; None when it is not open."""

    def token(self, client: ClientId) -> Token | None:
        """What it is called everywhere."""

    def standing(self, client: ClientId, seq: RequestNumber) -> Standing:
        """What is known of one operation."""

    def stamps_upto(self, client: ClientId, seq: RequestNumber) -> tuple[Stamp, ...] | None:
        """The chain of `seq`, out of that of a later operation that was placed here."""

    def stamp(self, client: ClientId, seq: RequestNumber) -> Stamp | None:
        """Of an operation that was placed here."""

    def announced(self) -> list[Announced]:
        """All that are announced and neither placed nor failed, in the order of their coming."""

    def known_answer(self, client: ClientId, seq: RequestNumber) -> object | None:
        """What the client of an operation can be told without the log."""

    def refusal(self, client: ClientId, seq: RequestNumber, reason: str) -> object:
        """The answer to a request that cannot be an operation."""

    def take_news(self) -> list[tuple[ClientId, RequestNumber]]:
        """Operations that something was executed about since the last time."""
