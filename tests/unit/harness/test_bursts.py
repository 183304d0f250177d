"""Bursts: the shapes in which sessions can be caught out of order."""

from collections import Counter
from random import Random

from harness.bursts import MEAN, Bursts
from harness.workload import KvWorkload
from node.wire.kv import Cas, Get, Operation, Put


def shape(burst: list[Operation]) -> str:
    return "".join(type(operation).__name__[0] for operation in burst)


def bursts(keys: int, count: int = 400) -> list[list[Operation]]:
    random = Random(1)
    drawn = Bursts(KvWorkload(keys=keys, random=random), random)
    return [drawn.next() for _ in range(count)]


def test_every_shape_comes_in_both_orders_of_its_keys() -> None:
    found = bursts(keys=2)
    shapes = Counter(map(shape, found))
    assert {"PP", "GG", "PGG", "CC"} <= set(shapes)
    for kind in ("PP", "GG"):
        pairs = {tuple(each.key for each in burst) for burst in found if shape(burst) == kind}
        assert {("k0", "k1"), ("k1", "k0")} <= pairs
    locks = [burst for burst in found if shape(burst) == "CC" and burst[0].key != burst[1].key]
    assert all(burst[0].key < burst[1].key for burst in locks[:5])


def test_every_written_value_is_its_own() -> None:
    written = [
        operation.value if isinstance(operation, Put) else operation.new
        for burst in bursts(keys=5)
        for operation in burst
        if isinstance(operation, Put | Cas)
    ]
    assert len(written) == len(set(written))


def test_one_key_is_enough_for_bursts_and_the_mean_is_about_what_it_says() -> None:
    assert {type(each) for burst in bursts(keys=1) for each in burst} == {Get, Put, Cas}
    lengths = [len(burst) for burst in bursts(keys=5)]
    assert MEAN - 1 < sum(lengths) / len(lengths) < MEAN + 1
