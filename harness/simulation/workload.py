"""What the clients of a world ask, on both floors.

Each client draws from streams of its own, so that what one asks does not depend on how fast the
others are answered; only how many operations are left is shared. Keys of even number hold values that
are put and compared, the others grow by appends.
"""

from collections.abc import Callable
from typing import Final

from harness.simulation.draws import Stream
from harness.simulation.links import FIRST_CLIENT
from harness.simulation.world import World
from node.wire.kv import Append, Cas, Delete, Done, Get, Operation, Put

_OFTEN: Final = 4


class Workload:
    """Gives out the operations of one world, until there are no more."""

    def __init__(self, world: World, stream: Callable[[str, int], Stream]) -> None:
        """`stream` is asked for the draws of a name and the place of a client, from 0."""
        self._world = world
        self._left = world.operations
        self._pace = [stream("pace", place) for place in range(world.clients)]
        self._work = [stream("work", place) for place in range(world.clients)]
        self._asked = [0] * world.clients
        self._seen: list[dict[str, str | None]] = [{} for _ in range(world.clients)]

    @property
    def is_given_out(self) -> bool:
        """Nothing is left to ask; some of it may be pending."""
        return self._left == 0

    def pause(self, client: int) -> int:
        """Nanoseconds for which `client` thinks before it asks again."""
        place = client - FIRST_CLIENT
        mean = self._world.think_mean // (_OFTEN if self._is_reader(place) else 1)
        return self._pace[place].exponential(mean)

    def _is_reader(self, place: int) -> bool:
        return place >= self._world.clients - self._world.readers

    def next(self, client: int) -> Operation:
        """What `client` asks next."""
        assert self._left > 0
        self._left -= 1
        place, world = client - FIRST_CLIENT, self._world
        self._asked[place] += 1
        work = self._work[place]
        number, kind = work.below(world.keys), work.below(100)
        key, value = f"k{number}", f"{place}.{self._asked[place]};"
        if kind < 40 or self._is_reader(place):
            return Get(key)
        if number % 2:
            return Append(key, value + "." * (world.padding // 2))
        value += "." * world.padding
        if kind < 65:
            return Put(key, value)
        # A cas hopes to find what this client, or the one that crashed before it, saw last.
        return Delete(key) if kind < 70 else Cas(key, self._seen[place].get(key), value)

    def learn(self, client: int, operation: Operation, result: Done) -> None:
        """What `client` was answered; after a delete it expects nothing under the key."""
        seen = self._seen[client - FIRST_CLIENT]
        match operation:
            case Get(key):
                seen[key] = result.value
            case Put(key, value) | Cas(key, _, value):
                seen[key] = value
            case Delete(key) | Append(key, _):
                seen.pop(key, None)

    def last_read(self, client: int) -> Get:
        """What `client` reads when all is over."""
        return Get(f"k{client % self._world.keys}")
