"""The driver's inbox: anyone may post, at once; one task takes all that is there.

A wake-up costs the driver one checkpoint however many events arrived meanwhile, and what arrived
together shares a batch and an fsync. Posting never waits; who reads from a connection waits for
room *before* it reads more, so the sender feels it through its socket.
"""

from typing import Final, Generic, TypeVar

import trio

EventT = TypeVar("EventT")

ROOMY: Final = 4096
"""Events above which edges stop reading. Not tuned; some hundred batches."""


class Inbox(Generic[EventT]):
    """Events in order of arrival."""

    def __init__(self) -> None:
        self._events: list[EventT] = []
        self._arrived = trio.Event()
        self._taken = trio.Event()

    def post(self, event: EventT) -> None:
        """Add one event; never waits."""
        self._events.append(event)
        self._arrived.set()

    @property
    def has_room(self) -> bool:
        """Whether edges may read on."""
        return len(self._events) < ROOMY

    async def wait_room(self) -> None:
        """Wait until the driver has caught up; edges call this before they read on."""
        while not self.has_room:
            await self._taken.wait()

    async def take_all(self) -> list[EventT]:
        """Wait for events and take all of them; for the one driver."""
        await self._arrived.wait()
        events, self._events = self._events, []
        self._arrived = trio.Event()
        self._taken.set()
        self._taken = trio.Event()
        return events
