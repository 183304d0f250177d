"""What clients ask that have many operations in flight: shapes that show a broken order.

    zigzag       to and fro between two shards, so that each waits for one that waits for the other
    crossing     writes to two shards, which others issue the other way round        T2, T6
    readers      reads of what others write together                                T1
    own          a write, and reads of it right behind                               T5
    locks        cas from absent to mine on several keys, always in the same order; or their release    T3
    mixed        anything

Key number k belongs to shard k modulo the number of shards. Of the keys of a shard every other one
holds a value that is put, compared and deleted, and the rest grow by appends, which do not commute: one
read shows the order of all that came before.
"""

from collections.abc import Callable
from typing import Final

from harness.simulation.draws import Stream
from harness.simulation.links import FIRST_CLIENT
from harness.simulation.workload import Workload
from harness.simulation.world import World
from node.wire.kv import Append, Cas, Delete, Get, Operation, Put

FAN_OUT_MAX: Final = 6


class BatchWorkload(Workload):
    """Gives out several operations at once, until there are no more."""

    def __init__(
        self,
        world: World,
        stream: Callable[[str, int], Stream],
        name: Callable[[int], str] = "k{}".format,
    ) -> None:
        """`name` gives a key its name, by its number."""
        super().__init__(world, stream)
        self._numbers: dict[str, int] = {name(number): number for number in range(world.keys)}

    def shard_of(self, key: str) -> int:
        """Which shard has it."""
        return self._numbers[key] % self._world.shards

    def next_batch(self, client: int) -> list[Operation]:
        """What `client` asks next, all of it in flight at once."""
        assert self._left > 0
        place = client - FIRST_CLIENT
        work = self._work[place]
        kind = work.below(100)
        batch: list[Operation]
        if work.below(100) < self._world.zigzags and not self._is_reader(place):
            batch = self._zigzag(place, work)
        elif self._is_reader(place) or kind < 20:
            keys = work.sample(self._keys(), work.between(2, 3))
            batch = [Get(key) for key in keys]
        elif kind < 50:
            keys = work.sample(self._keys(), work.between(2, 3))
            batch = [self._write(place, key, work) for key in keys]
        elif kind < 75:
            key, *others = work.shuffled(self._keys())
            batch = [self._write(place, key, work), Get(key)]
            batch += [Get(other) for other in others[: work.below(2)]]
        elif kind < 85:
            batch = self._lock(place, work)
        else:
            keys = [work.choice(self._keys()) for _ in range(work.between(1, FAN_OUT_MAX))]
            batch = [self._any(place, key, work) for key in keys]
        batch = batch[: self._left]
        self._left -= len(batch)
        return batch

    def next_read(self, client: int) -> Operation:
        """What `client` asks next that has no session."""
        self._left -= 1
        return Get(self._work[client - FIRST_CLIENT].choice(self._keys()))

    def last_reads(self, client: int) -> list[Operation]:
        """What `client` reads when all is over: everything, beginning somewhere."""
        keys = self._keys()
        first = client % len(keys)
        return [Get(key) for key in (*keys[first:], *keys[:first])]

    def _keys(self) -> list[str]:
        return list(self._numbers)

    def _grows(self, key: str) -> bool:
        return self._numbers[key] // self._world.shards % 2 == 1

    def _value(self, place: int) -> str:
        self._asked[place] += 1
        return f"{place}.{self._asked[place]};"

    def _write(self, place: int, key: str, work: Stream) -> Operation:
        value = self._value(place)
        if self._grows(key):
            return Append(key, value + "." * (self._world.padding // 8))
        value += "." * self._world.padding
        kind = work.below(10)
        if kind < 7:
            return Put(key, value)
        return Delete(key) if kind == 7 else Cas(key, self._seen[place].get(key), value)

    def _any(self, place: int, key: str, work: Stream) -> Operation:
        return Get(key) if work.below(100) < 40 else self._write(place, key, work)

    def _zigzag(self, place: int, work: Stream) -> list[Operation]:
        shards = work.sample(range(self._world.shards), 2)
        keys = [
            work.choice([key for key in self._keys() if self.shard_of(key) == shard])
            for shard in shards
        ]
        length, stride = work.between(3, FAN_OUT_MAX), work.choice((1, 2))
        return [self._any(place, keys[step // stride % len(keys)], work) for step in range(length)]

    def _lock(self, place: int, work: Stream) -> list[Operation]:
        registers = [key for key in self._keys() if not self._grows(key)][:3]
        mine = f"{place}.lock;"
        held = [key for key in registers if self._seen[place].get(key) == mine]
        if held and work.below(2):
            return [Delete(key) for key in held]
        return [Cas(key, None, mine) for key in registers]
