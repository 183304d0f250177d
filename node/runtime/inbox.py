"""The driver's inbox: anyone may post, at once; the driver takes all that is there.

A wake-up costs the driver one checkpoint however many events arrived meanwhile, and what arrived
together shares a batch and an fsync. Who posts much at a time holds the inbox meanwhile, and has the
driver take it all without a wake-up. Posting never waits; who reads from a connection waits for
room *before* it reads more, so the sender feels it through its socket.
"""

from typing import Final, Generic, TypeVar

import trio

EventT = TypeVar("EventT")

ROOMY: Final = 4096
"""Events above which edges stop reading. Not tuned; some hundred batches."""
ROOMY_BYTES: Final = 16 * 1024 * 1024
"""The same in bytes: a thousand events of a megabyte each are no small number."""


class Inbox(Generic[EventT]):
    """Events in order of arrival."""

    def __init__(self) -> None:
        self._events: list[EventT] = []
        self._bytes = 0
        self._is_held = False
        self._arrived = trio.Event()
        self._taken = trio.Event()

    def __len__(self) -> int:
        return len(self._events)

    def post(self, event: EventT, size: int = 0) -> None:
        """Add one event, which came in a frame of `size` bytes; never waits."""
        self._events.append(event)
        self._bytes += size
        if not self._is_held:
            self._arrived.set()

    def hold(self) -> None:
        """Wake nobody up until `release`, which comes before anything else can run."""
        self._is_held = True

    def release(self) -> None:
        """Wake the driver up as usual, also for what has come meanwhile and was not taken."""
        self._is_held = False
        if self._events:
            self._arrived.set()

    @property
    def has_room(self) -> bool:
        """Whether edges may read on."""
        return len(self._events) < ROOMY and self._bytes < ROOMY_BYTES

    async def wait_room(self) -> None:
        """Wait until the driver has caught up; edges call this before they read on."""
        while not self.has_room:
            await self._taken.wait()

    async def wait(self) -> None:
        """Wait until there are events; for the one driver."""
        await self._arrived.wait()
        self._arrived = trio.Event()

    def take_all(self) -> list[EventT]:
        """All events, perhaps none."""
        events, self._events, self._bytes = self._events, [], 0
        self._taken.set()
        self._taken = trio.Event()
        return events
