"""What connections may hold: how many there are, how many bytes wait, and how long nothing moves.

Each bound is counted where the memory is held. Where one client alone exceeds its bound, it pays
for it; where all of them together exceed theirs, whoever holds most does.

    requests in flight        `node.runtime.clientport`    answered Overloaded, certainly not executed
    connections               `Connections`                told why, and closed
    frames half arrived       `Held`                       whoever holds most is closed
    answers that nobody reads `Held`                       whoever holds most is closed
    no byte of a frame moves  `Connections.watch`          closed
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import trio

from node.errors import DoesNotRead, TooManyConnections, TooMuchHeld, TooSlow, WireError
from node.settings import Limits

LOOK_EVERY_S: Final = 1.0
"""How often connections are looked at for signs of life."""

FREE_BYTES: Final = 64 * 1024
"""What one connection may hold without being counted: what one read brings. Small answers and
requests then cost no bookkeeping, and `connections_max` bounds the sum of what is not counted."""


class Holder(Protocol):
    """A connection, as its limits see it."""

    @property
    def is_greeted(self) -> bool:
        """It has said who it is."""

    @property
    def frames(self) -> int:
        """Frames that arrived so far, all of them read."""

    @property
    def half_frame_bytes(self) -> int:
        """Of a frame that is still arriving while somebody waits for it; else 0."""

    @property
    def sent_bytes(self) -> int:
        """Bytes that the other side's system has taken so far."""

    @property
    def unsent_bytes(self) -> int:
        """Bytes that wait to be sent."""

    def close_because(self, error: WireError) -> None:
        """Close at once, without waiting for anything."""


class Held:
    """Bytes that all connections together hold; beyond the bound, whoever holds most is closed."""

    def __init__(self, what: str, bytes_max: int) -> None:
        self._what = what
        self._bytes_max = bytes_max
        self._by: dict[Holder, int] = {}
        self.total = 0
        """Of those who hold more than `FREE_BYTES`."""

    def update(self, holder: Holder, held: int) -> None:
        """`holder` now holds so much; costs something only above `FREE_BYTES`, or coming down."""
        before = self._by.pop(holder, 0)
        self.total -= before
        if held <= FREE_BYTES:
            return
        self._by[holder] = held
        self.total += held
        while self.total > self._bytes_max:
            worst = max(self._by, key=self._by.__getitem__)
            most = self._by.pop(worst)
            self.total -= most
            worst.close_because(
                TooMuchHeld(
                    f"{self._what} of all connections exceed {self._bytes_max} bytes, and "
                    f"{most} of them are this one's"
                )
            )


class Connections:
    """The open connections of one port."""

    def __init__(self, limits: Limits, connections_max: int) -> None:
        self._limits = limits
        self._connections_max = connections_max
        self._open: dict[Holder, tuple[int, int, float, float]] = {}
        """With the counts of the last look, and when they last moved: frames in, bytes out."""
        self.output = Held("unread answers", limits.output_total_bytes_max)
        self.input = Held("half-sent frames", limits.input_total_bytes_max)

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def admitted(self, holder: Holder) -> Iterator[None]:
        """Count `holder` for the length of a block; raises TooManyConnections.

        Strangers, who have not said who they are, make room for one another, oldest first: silent
        connections must not keep out those who have something to say.
        """
        if len(self._open) >= self._connections_max:
            why = TooManyConnections(f"{self._connections_max} connections are open; try later")
            stranger = next((one for one in self._open if not one.is_greeted), None)
            if stranger is None:
                raise why
            self._drop(stranger)
            stranger.close_because(why)
        now = trio.current_time()
        self._open[holder] = (0, 0, now, now)
        try:
            yield
        finally:
            self._drop(holder)

    def _drop(self, holder: Holder) -> None:
        self._open.pop(holder, None)
        self.output.update(holder, 0)
        self.input.update(holder, 0)

    async def watch(self) -> None:
        """Close whoever lets a frame or an answer wait too long; until cancelled."""
        while True:
            await trio.sleep(LOOK_EVERY_S)
            now = trio.current_time()
            for holder, seen in list(self._open.items()):
                self._open[holder] = self._look(holder, seen, now)

    def _look(
        self, holder: Holder, seen: tuple[int, int, float, float], now: float
    ) -> tuple[int, int, float, float]:
        frames, sent, arrived_at, sent_at = seen
        if holder.frames != frames or holder.half_frame_bytes == 0:
            arrived_at = now
        elif now - arrived_at > self._limits.frame_timeout_s:
            holder.close_because(
                TooSlow(
                    f"a frame has not arrived within {self._limits.frame_timeout_s} s: "
                    f"{holder.half_frame_bytes} bytes of it are here"
                )
            )
        if holder.sent_bytes != sent or holder.unsent_bytes == 0:
            sent_at = now
        elif now - sent_at > self._limits.read_timeout_s:
            holder.close_because(
                DoesNotRead(
                    f"the other side has read nothing for {self._limits.read_timeout_s} s, and "
                    f"{holder.unsent_bytes} bytes wait for it"
                )
            )
        return holder.frames, holder.sent_bytes, arrived_at, sent_at
