"""Histories as `gong run --protocol mdl` makes them: its own bursts, served by a store that keeps its promise."""

import heapq
from random import Random
from typing import Any, Final

from msgspec import structs

from checker import State
from checker.models.kv import MODEL
from harness.bursts import Bursts
from harness.workload import KvWorkload
from history import Operation, Outcome
from node.wire.kv import Cas, Done, Get, Operation as Asked, Put
from tests.support.sessions import Row, answered, ranked

SHARDS: Final = 3


def bursting_history(
    rng: Random, *, operations: int, sessions: int, keys: int, has_stamps: bool = False
) -> list[Operation]:
    """`mdl` by construction: a session's operations take effect in the order of issue, and answer in it.

    Each session issues a burst at once, and the next one when all of it has answered. Now and then
    all wait for as long as some bursts take, as when a leader is killed. Stamps are those of three shards.
    """
    workload = KvWorkload(keys=keys, random=rng)
    bursts = Bursts(workload, rng)
    # What happens at a time: a session begins a burst, an operation takes effect, or answers.
    events: list[tuple[float, int, str, Any]] = [
        (rng.random(), session, "begin", session) for session in range(sessions)
    ]
    heapq.heapify(events)
    numbers = iter(range(sessions, 10**9))
    seqs = [0] * sessions
    states: dict[int, State] = {}
    rows: list[Row] = []
    number = 0
    while events:
        now, _, what, about = heapq.heappop(events)
        if what == "begin" and len(rows) < operations:
            session = about
            effect = answer = now
            for asked in bursts.next():
                stall = 20.0 if rng.random() < 0.0005 else 0.0
                effect += rng.expovariate(1) + stall
                answer = max(answer, effect + rng.expovariate(1))
                row = _row(asked, now, answer, session, seqs[session])
                seqs[session] += 1
                rows.append(row)
                heapq.heappush(events, (effect, next(numbers), "effect", row))
                heapq.heappush(events, (answer, next(numbers), "answer", (asked, row)))
            heapq.heappush(events, (answer + 0.1 * rng.random(), next(numbers), "begin", session))
        elif what == "effect":
            number += 1
            about.stamp = (about.key % SHARDS, number) if has_stamps else None
            action, states[about.key] = answered(MODEL, states.get(about.key), about.f, about.value)
            about.output = action.output
        elif what == "answer":
            asked, row = about
            if row.f != "cas" or row.output:
                workload.done(asked, Done(value=row.output))
    return ranked(rows)


def with_lost_ends(rng: Random, operations: list[Operation], longest: int) -> list[Operation]:
    """Up to so many of the last operations of each session have an unknown outcome."""
    sessions: dict[int | str | None, list[Operation]] = {}
    for operation in operations:
        sessions.setdefault(operation.session, []).append(operation)
    lost: set[int] = set()
    for issued in sessions.values():
        issued.sort(key=lambda operation: operation.seq or 0)
        lost.update(one.index for one in issued[len(issued) - rng.randint(0, longest) :])
    return [
        structs.replace(one, outcome=Outcome.UNKNOWN, return_=None, output=None, stamp=None)
        if one.index in lost
        else one
        for one in operations
    ]


def _row(asked: Asked, call: float, end: float, session: int, seq: int) -> Row:
    match asked:
        case Get(key):
            f, value = "get", None
        case Put(key, value):
            f = "put"
        case Cas(key, old, new):
            f, value = "cas", [old, new]
        case _:
            raise AssertionError(asked)
    return Row(call, end, f, value, None, int(key[1:]), session, seq)
