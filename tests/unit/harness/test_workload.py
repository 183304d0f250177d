"""What clients ask, and at which pace."""

from collections import Counter
from random import Random

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from harness.workload import KvWorkload, Pacer
from node.wire.kv import Cas, Done, Get, Put


def written(workload: KvWorkload, count: int) -> list[str]:
    values = []
    for _ in range(count):
        operation = workload.next()
        if isinstance(operation, Put):
            values.append(operation.value)
        elif isinstance(operation, Cas):
            values.append(operation.new)
    return values


def test_no_value_is_written_twice() -> None:
    values = written(KvWorkload(keys=3, random=Random(1)), 1000)
    assert len(values) == len(set(values)) > 400


def test_all_kinds_and_all_keys_come_up() -> None:
    workload = KvWorkload(keys=4, random=Random(1))
    operations = [workload.next() for _ in range(1000)]
    kinds = Counter(type(operation) for operation in operations)
    assert set(kinds) == {Get, Put, Cas}
    assert min(kinds.values()) > 150
    assert {operation.key for operation in operations} == set(workload.keys)


def test_one_seed_asks_the_same_again() -> None:
    first, second = (KvWorkload(keys=3, random=Random(5)) for _ in range(2))
    assert [first.next() for _ in range(50)] == [second.next() for _ in range(50)]


def next_cas(workload: KvWorkload) -> Cas:
    while True:
        operation = workload.next()
        if isinstance(operation, Cas):
            return operation


def test_a_cas_expects_what_was_seen_last() -> None:
    workload = KvWorkload(keys=1, random=Random(1))
    assert next_cas(workload).old is None, "nothing was seen yet"
    workload.done(Put("k0", "put"), Done(None))
    assert next_cas(workload).old == "put"
    workload.done(Get("k0"), Done("read"))
    assert next_cas(workload).old == "read"
    workload.done(Cas("k0", "read", "new"), Done(None))
    assert next_cas(workload).old == "new"
    workload.done(Get("k0"), Done(None))
    assert next_cas(workload).old is None


class Crowd:
    """Clients that take turns and do nothing else."""

    def __init__(self, pacer: Pacer) -> None:
        self.turns: list[float] = []
        self._pacer = pacer

    async def client(self) -> None:
        while await self._pacer.turn():
            self.turns.append(trio.current_time())
            await trio.sleep(0.001)


async def test_clients_together_keep_to_the_rate(autojump_clock: MockClock) -> None:
    pacer = Pacer(rate=100.0, random=Random(1))
    crowd = Crowd(pacer)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(crowd.client)
        await trio.sleep(10)
        pacer.close()
    assert 900 < len(crowd.turns) < 1100


async def test_without_a_rate_nobody_waits(autojump_clock: MockClock) -> None:
    pacer = Pacer(rate=None, random=Random(1))
    for _ in range(100):
        assert await pacer.turn()
    assert trio.current_time() == 0


async def test_closing_sends_everyone_home_at_once(autojump_clock: MockClock) -> None:
    pacer = Pacer(rate=0.001, random=Random(1))
    crowd = Crowd(pacer)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(crowd.client)
        await trio.sleep(1)
        pacer.close()
    assert trio.current_time() == 1
    assert not await pacer.turn()


async def test_a_gathered_crowd_starts_together(autojump_clock: MockClock) -> None:
    pacer = Pacer(rate=10.0, random=Random(1))
    crowd = Crowd(pacer)
    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(crowd.client)
        await trio.sleep(5)
        await pacer.gather(6, patience_s=100)
        before = len(crowd.turns)
        released_at = trio.current_time()
        await wait_all_tasks_blocked()
        assert crowd.turns[before:] == [released_at] * 6
        pacer.close()


async def test_gathering_gives_up_when_too_few_come(autojump_clock: MockClock) -> None:
    pacer = Pacer(rate=None, random=Random(1))
    crowd = Crowd(pacer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crowd.client)
        await trio.sleep(1)
        await pacer.gather(5, patience_s=2)
        assert trio.current_time() == 3
        await trio.sleep(1)
        assert crowd.turns[-1] > 3.5, "those who came go on"
        pacer.close()


async def test_a_cancelled_gathering_lets_everyone_go(autojump_clock: MockClock) -> None:
    pacer = Pacer(rate=None, random=Random(1))
    crowd = Crowd(pacer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crowd.client)
        with trio.move_on_after(1):
            await pacer.gather(5, patience_s=100)
        await trio.sleep(1)
        assert crowd.turns[-1] > 1.5
        await pacer.gather(1, patience_s=1)
        pacer.close()
