"""Bounds over all connections: whoever holds most pays, and who does not move is closed."""

from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock

from node.errors import DoesNotRead, TooManyConnections, TooMuchHeld, TooSlow, WireError
from node.runtime.limits import FREE_BYTES, Connections, Held
from node.settings import Limits

LARGE = 10 * FREE_BYTES


@dataclass(eq=False)
class Holder:
    """A connection that does what a test says."""

    is_greeted: bool = True
    frames: int = 0
    half_frame_bytes: int = 0
    sent_bytes: int = 0
    unsent_bytes: int = 0
    closed_because: WireError | None = None

    def close_because(self, error: WireError) -> None:
        self.closed_because = error


def test_whoever_holds_most_is_closed_and_the_others_stay() -> None:
    held = Held("bytes", 3 * LARGE)
    small, middle, large = Holder(), Holder(), Holder()
    held.update(small, FREE_BYTES)
    held.update(large, 2 * LARGE)
    held.update(middle, LARGE)
    assert held.total == 3 * LARGE, "what everybody may hold is not counted"
    held.update(middle, LARGE + 1)
    assert isinstance(large.closed_because, TooMuchHeld)
    assert str(2 * LARGE) in str(large.closed_because)
    assert (small.closed_because, middle.closed_because) == (None, None)
    assert held.total == LARGE + 1


def test_what_is_given_back_makes_room() -> None:
    held = Held("bytes", LARGE)
    for _ in range(5):
        holder = Holder()
        held.update(holder, LARGE)
        held.update(holder, 0)
        assert (holder.closed_because, held.total) == (None, 0)


def test_one_who_alone_holds_too_much_is_closed() -> None:
    held, holder = Held("bytes", LARGE), Holder()
    held.update(holder, LARGE + 1)
    assert isinstance(holder.closed_because, TooMuchHeld)
    assert held.total == 0


async def test_silent_strangers_make_room_oldest_first_and_guests_do_not() -> None:
    connections = Connections(Limits(), 3)
    guest, old, new, last = Holder(), Holder(is_greeted=False), Holder(is_greeted=False), Holder()
    with connections.admitted(guest), connections.admitted(old), connections.admitted(new):
        with connections.admitted(Holder()), connections.admitted(Holder()):
            assert isinstance(old.closed_because, TooManyConnections)
            assert isinstance(new.closed_because, TooManyConnections)
            with pytest.raises(TooManyConnections), connections.admitted(last):
                pass
            assert len(connections) == 3
        assert guest.closed_because is None
    assert len(connections) == 0


@pytest.mark.parametrize(
    ("holder", "error", "limit_s"),
    [
        (Holder(half_frame_bytes=9), TooSlow, 5),
        (Holder(unsent_bytes=9), DoesNotRead, 8),
        (Holder(), None, None),
    ],
    ids=["half a frame", "reads nothing", "idle"],
)
async def test_who_does_not_move_for_a_while_is_closed_and_who_is_idle_is_not(
    autojump_clock: MockClock,
    holder: Holder,
    error: type[WireError] | None,
    limit_s: float | None,
) -> None:
    connections = Connections(Limits(frame_timeout_s=5, read_timeout_s=8), 3)
    async with trio.open_nursery() as nursery:
        with connections.admitted(holder):
            nursery.start_soon(connections.watch)
            await trio.sleep((limit_s or 100) - 0.5)
            assert holder.closed_because is None
            await trio.sleep(3)
            assert type(holder.closed_because) is (error or type(None))
        nursery.cancel_scope.cancel()


async def test_who_moves_slowly_is_left_alone(autojump_clock: MockClock) -> None:
    """A frame in each period, or some bytes read: slow is not stuck."""
    connections = Connections(Limits(frame_timeout_s=5, read_timeout_s=5), 3)
    holder = Holder(half_frame_bytes=9, unsent_bytes=9)
    async with trio.open_nursery() as nursery:
        with connections.admitted(holder):
            nursery.start_soon(connections.watch)
            for _ in range(20):
                await trio.sleep(4)
                holder.frames += 1
                holder.sent_bytes += 1
            assert holder.closed_because is None
        nursery.cancel_scope.cancel()
