"""Claim: the native search is right about *every* history of three changes and a last read.

Random histories of this size missed for weeks what one of these shows: a write of unknown outcome to
the value that is there already matters, because it hides another one. All overlaps of three
operations, each with a known or an unknown outcome, every write and cas over three values, and
every value read at the end: 262,440 histories. `GONG_BUDGET` says how many of them, evenly spread.
"""

import os
from collections.abc import Iterator
from functools import cache
from itertools import combinations, permutations, product

import pytest

from checker import Linearizable, check, find_model
from checker.lowering import native_search
from history import Operation, Outcome

pytestmark = pytest.mark.skipif(native_search() is None, reason="no native engine in this build")

VALUES = (0, 1, 2)
ALL = 262_440
BUDGET = min(ALL, int(os.environ.get("GONG_BUDGET", "6000")))
STEP = 43 if BUDGET == 6000 else max(1, ALL // BUDGET)

Change = tuple[int | None, int]
"""What it needs to find (None: anything), and what it leaves."""

CHANGES: tuple[Change, ...] = (
    *((None, new) for new in VALUES),
    *((old, new) for old in VALUES for new in VALUES if old != new),
)
END = 6


def overlaps() -> Iterator[tuple[tuple[int, int], ...]]:
    """Calls and returns of three operations, in the order of their calls: 15 ways."""
    for order in sorted(set(permutations([0, 0, 1, 1, 2, 2]))):
        first = [order.index(number) for number in range(3)]
        if first == sorted(first):
            yield tuple((order.index(n), END - 1 - order[::-1].index(n)) for n in range(3))


@cache
def orders(times: tuple[tuple[int, int], ...], lost: tuple[bool, ...]) -> list[tuple[int, ...]]:
    """Every order that keeps real time, the lost ones in it or not."""
    kept = [number for number in range(3) if not lost[number]]
    maybe = [number for number in range(3) if lost[number]]
    found = []
    for count in range(len(maybe) + 1):
        for chosen in combinations(maybe, count):
            for order in permutations([*kept, *chosen]):
                late = {
                    (a, b)
                    for place, a in enumerate(order)
                    for b in order[place + 1 :]
                    if not lost[b] and times[b][1] < times[a][0]
                }
                if not late:
                    found.append(order)
    return found


def is_legal(
    changes: tuple[Change, ...],
    lost: tuple[bool, ...],
    times: tuple[tuple[int, int], ...],
    read: int,
) -> bool:
    """By trying every order."""
    for order in orders(times, lost):
        state = 0
        for number in order:
            old, new = changes[number]
            if old is None or old == state:
                state = new
            elif not lost[number]:
                break
        else:
            if state == read:
                return True
    return False


def histories() -> Iterator[
    tuple[tuple[Change, ...], tuple[bool, ...], tuple[tuple[int, int], ...], int]
]:
    spread = product(
        overlaps(), product((False, True), repeat=3), product(CHANGES, repeat=3), VALUES
    )
    for number, (times, lost, changes, read) in enumerate(spread):
        if number % STEP == 0:
            yield changes, lost, times, read


def operations(
    changes: tuple[Change, ...],
    lost: tuple[bool, ...],
    times: tuple[tuple[int, int], ...],
    read: int,
) -> list[Operation]:
    made = []
    for number, ((old, new), is_lost, (call, return_)) in enumerate(
        zip(changes, lost, times, strict=True)
    ):
        made.append(
            Operation(
                index=number,
                process=number,
                f="write" if old is None else "cas",
                value=new if old is None else [old, new],
                output=None if old is None or is_lost else True,
                outcome=Outcome.UNKNOWN if is_lost else Outcome.OK,
                call=call,
                return_=None if is_lost else return_,
                call_time=call,
            )
        )
    last = Operation(
        index=3,
        process=3,
        f="read",
        output=read,
        outcome=Outcome.OK,
        call=END,
        return_=END + 1,
        call_time=END,
    )
    return [*made, last]


@pytest.mark.slow
def test_every_small_history_is_judged_rightly() -> None:
    model = find_model("cas-register").with_initial(0)
    count = legal = 0
    for changes, lost, times, read in histories():
        history = operations(changes, lost, times, read)
        expected = is_legal(changes, lost, times, read)
        for engine in ("native", "auto"):
            verdict = check(history, model, engine=engine, shrink=False)
            assert isinstance(verdict, Linearizable) == expected, (engine, history)
        count, legal = count + 1, legal + expected
    assert count >= BUDGET
    assert count // 10 < legal < count
