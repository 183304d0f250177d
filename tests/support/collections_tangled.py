"""Items whose operations overlap at random: most contradictions among them take several items.

Each item is inserted once, taken at most once and perhaps looked at, all of it within its own life;
lives overlap as they like, so nothing is wrong with any one item, and about half of the histories
are illegal because of two or more. Initial items, empty answers, inserts that never returned and
takes of unknown outcome are among them.
"""

import random
from typing import Any

from checker import Model, find_model
from history import Operation
from tests.support.strategies import operation

NAMES = {
    "fifo-queue": ("enqueue", "dequeue"),
    "stack": ("push", "pop"),
    "priority-queue": ("insert", "poll"),
}

_Row = tuple[str, Any, Any, float, float, bool]
"""Name, argument, result, call, return, and whether it never returned."""


def tangled(rng: random.Random, name: str) -> tuple[list[Operation], Model]:
    """A history of four items at most and two more at first, and the model that starts so."""
    insert, take = NAMES[name]
    count = rng.randint(2, 4)
    initial = [10 + number for number in range(rng.choice((0, 0, 0, 1, 2)))]
    rows: list[_Row] = []
    for value in (*range(count), *initial):
        begin, life, width = rng.random() * 6, rng.random() * 5, rng.choice((0.2, 1.0, 2.0))
        if value < count:
            rows.append((insert, value, None, *_around(rng, begin, width), rng.random() < 0.1))
        if rng.random() < 0.75:
            rows.append((take, None, value, *_around(rng, begin + life, width), False))
        if rng.random() < 0.4:
            middle = begin + life * rng.random()
            rows.append(("peek", None, value, *_around(rng, middle, width), False))
    if rng.random() < 0.25:
        rows.append((take, None, None, *_around(rng, rng.random() * 8, 1.5), False))
    unknown = rng.choice((0, 0, 0, 1, 1, 2))
    rows += [(take, None, None, *_around(rng, rng.random() * 8, 1.0), True) for _ in range(unknown)]
    return _ranked(rows), find_model(name).with_initial(initial)


def _around(rng: random.Random, point: float, width: float) -> tuple[float, float]:
    return point - rng.random() * width, point + rng.random() * width


def _ranked(rows: list[_Row]) -> list[Operation]:
    rows = sorted(rows, key=lambda row: row[3])
    ends = [(call, number, False) for number, (_, _, _, call, _, _) in enumerate(rows)]
    ends += [(end, number, True) for number, (*_, end, is_open) in enumerate(rows) if not is_open]
    rank = {(number, is_end): at for at, (_, number, is_end) in enumerate(sorted(ends))}
    return [
        operation(
            number,
            f,
            value,
            output,
            call=rank[number, False],
            return_=None if is_open else rank[number, True],
        )
        for number, (f, value, output, _, _, is_open) in enumerate(rows)
    ]
