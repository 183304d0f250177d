"""Everything that happens in a run, in its order: hashed always, kept when somebody wants to look."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from msgspec import Struct


class Event(Struct, frozen=True):
    """One event."""

    at: int
    """Virtual nanoseconds."""
    host: str
    """Where: a replica, a client, or "world"."""
    kind: str
    """What kind: "send", "deliver", "lose", "crash", "restart", "tick", "note", "invoke", …"""
    text: str
    """The rest, for people; part of the hash."""
    detail: str = ""
    """More for people, such as a message in full; not part of the hash."""
    message: int = -1
    """Joins the event of sending with those of delivery: an arrow in a diagram."""
    peer: str = ""
    """The other end of the arrow."""


class Trace:
    """Takes events. The hash costs about a microsecond an event."""

    def __init__(self, *, is_kept: bool = False) -> None:
        self.events: Final[list[Event]] = []
        self.is_kept: Final = is_kept
        self._hash = blake2b(digest_size=16)

    def add(
        self,
        at: int,
        host: str,
        kind: str,
        text: str = "",
        *,
        message: int = -1,
        peer: str = "",
        detail: Callable[[], str] | None = None,
    ) -> None:
        """One more event; `detail` is asked only when it is kept."""
        self._hash.update(f"{at} {host} {kind} {text} {message} {peer}\n".encode())
        if self.is_kept:
            self.events.append(
                Event(at, host, kind, text, "" if detail is None else detail(), message, peer)
            )

    def digest(self) -> str:
        """Of all events so far."""
        return self._hash.hexdigest()
