"""Placing operations that only say what the value was not: each cas that found another value.

Such an operation changes nothing, so a history is not linearizable if it is not without them. If it
is, they are put into the linearization that was found for the rest, each at the earliest place that
real time and the values allow. The rest may have other linearizations, so this can fail where the
history is linearizable: then nothing is concluded.

`gap` g is the place before the g-th operation of the order. An operation may stand there when
nothing before was called after its return and nothing behind returned before its call.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable

from checker.engines.chains import Arranged
from checker.engines.wording import FOREVER, end
from checker.patience import watched
from history import Operation


def insert(arranged: Arranged, misses: list[tuple[Operation, Hashable]]) -> list[Operation] | None:
    """The order with all `misses`, operations with the value that each did not find, or None."""
    order = arranged.order()
    if not misses:
        return order
    calls, returns = _bounds(order)
    values, ends = _values(arranged)
    misses = sorted(misses, key=lambda miss: miss[0].call)
    by_return = sorted(range(len(misses)), key=lambda number: end(misses[number][0]))
    gaps = [0] * len(misses)
    passed = earliest = 0
    for number, (operation, value) in enumerate(watched(misses)):
        while end(misses[by_return[passed]][0]) < operation.call:
            earliest = max(earliest, gaps[by_return[passed]])
            passed += 1
        gap = max(earliest, bisect_right(returns, operation.call))
        latest = bisect_left(calls, end(operation)) - 1
        while gap <= latest and values[gap] == value:
            gap = ends[gap]
        if gap > latest:
            return None
        gaps[number] = gap
    return _woven(order, misses, gaps)


def _bounds(order: list[Operation]) -> tuple[list[int], list[int]]:
    """By gap: the latest call before it, and the earliest return behind it."""
    calls, returns = [-1], [FOREVER]
    for operation in watched(order):
        calls.append(max(calls[-1], operation.call))
    for operation in watched(reversed(order)):
        returns.append(min(returns[-1], end(operation)))
    returns.reverse()
    return calls, returns


def _values(arranged: Arranged) -> tuple[list[Hashable], list[int]]:
    """By gap: the value there, and the first gap with the next one."""
    values: list[Hashable] = []
    ends: list[int] = []
    for node in watched(arranged.nodes):
        # After its maker comes the first gap with the value; for the initial one, gap zero.
        count = len(node.reads) + 1
        if node.make is None and values:
            continue
        values += [node.value] * count
        ends += [len(values)] * count
    return values, ends


def _woven(
    order: list[Operation], misses: list[tuple[Operation, Hashable]], gaps: list[int]
) -> list[Operation]:
    woven: list[Operation] = []
    numbers = sorted(range(len(misses)), key=lambda number: (gaps[number], number))
    done = 0
    for number in watched(numbers):
        woven += order[done : gaps[number]]
        done = gaps[number]
        woven.append(misses[number][0])
    return woven + order[done:]
