"""Histories that orders other than real time must allow, as a store of that kind gives them.

`lagging_history` is sequential and mostly not linearizable; `pipelined_history` is `mdl`. Both are
valid by construction, whatever their size, which is more than a search can say.
"""

import random
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, structs

from checker import ILLEGAL, UNKNOWN, Action, Model, State
from checker.values import Value
from history import Operation, Outcome
from history.event import Stamp
from tests.support.strategies import Ask


class Row(Struct):
    """An operation before its times are ranks."""

    call: float
    end: float | None
    f: str
    value: Value
    output: Value
    key: int
    session: int
    seq: int | None
    stamp: Stamp | None = None


def ask_register(values: int, *, writes: float = 0.5) -> Ask:
    """Reads, and writes of so many values; without values, all differ."""
    fresh = iter(range(10**9))

    def ask(rng: random.Random) -> tuple[str, Any]:
        if rng.random() >= writes:
            return "read", None
        return "write", rng.randrange(values) if values else next(fresh)

    return ask


def ask_kv(rng: random.Random) -> tuple[str, Any]:
    """A bit of everything, over three values."""
    f = rng.choice(("get", "get", "get", "put", "cas", "delete", "append"))
    match f:
        case "put":
            return f, rng.choice("abc")
        case "cas":
            return f, [rng.choice(["a", "b", None]), rng.choice("abc")]
        case "append":
            return f, rng.choice("ab")
        case _:
            return f, None


def ask_once() -> Ask:
    """Reads, writes, and swaps of a value of late for another; each value is made once at most."""
    fresh = iter(range(1, 10**9))
    late = 0

    def ask(rng: random.Random) -> tuple[str, Any]:
        nonlocal late
        f = rng.choice(("read", "write", "write", "cas", "cas"))
        if f == "read":
            return f, None
        found, late = max(0, late - rng.randrange(8)) or None, next(fresh)
        return f, late if f == "write" else [found, late]

    return ask


def lagging_history(
    rng: random.Random,
    model: Model,
    ask: Ask,
    *,
    operations: int,
    sessions: int,
    keys: int,
    lag: float = 10.0,
    unknown: float = 0.0,
) -> list[Operation]:
    """One log of changes; a process reads from its replica, which is some `lag` changes behind.

    A process that changes something waits until its replica has that. So the log, with each read
    where its replica stood, is an order that keeps each process's own.
    """
    times = [rng.random() for _ in range(sessions)]
    log: list[tuple[int, Action]] = []
    heights = [0] * sessions
    replicas: list[dict[int, State]] = [{} for _ in range(sessions)]
    rows = []
    for _ in range(operations):
        session = min(range(sessions), key=times.__getitem__)
        call = times[session]
        end = call + rng.random()
        times[session] = end + 0.2 * rng.random()
        key = rng.randrange(keys)
        f, value = ask(rng)
        is_change = f not in ("read", "get")
        upto = len(log) if is_change else max(0, len(log) - int(rng.expovariate(1 / lag)))
        replica = replicas[session]
        for at, action in log[heights[session] : upto]:
            replica[at] = model.step(replica.get(at, model.initial), action)
        heights[session] = max(heights[session], upto)
        action, after = answered(model, replica.get(key, model.initial), f, value)
        is_lost = is_change and rng.random() < unknown
        if is_change:
            replica[key] = after
            log.append((key, action))
            heights[session] = len(log)
        rows.append(
            Row(call, None if is_lost else end, f, value, action.output, key, session, None)
        )
    return ranked(rows)


def pipelined_history(
    rng: random.Random,
    model: Model,
    ask: Ask,
    *,
    operations: int,
    sessions: int,
    keys: int,
    depth: int = 4,
    unknown: float = 0.0,
) -> list[Operation]:
    """Sessions with up to `depth` operations in flight, which take effect in the order of issue."""
    points = []
    for session in range(sessions):
        issued, effect = rng.random(), 0.0
        ends: list[float] = []
        for seq in range(operations // sessions):
            issued += 0.2 * rng.random()
            if seq >= depth:
                issued = max(issued, *ends[: seq - depth + 1][-depth:]) + 0.01
            effect = max(effect, issued) + rng.random() / 2
            ends.append(effect + rng.random() / 2)
            points.append((effect, issued, ends[-1], session, seq))
    states: dict[int, State] = {}
    rows = []
    for _, call, end, session, seq in sorted(points):
        key = rng.randrange(keys)
        f, value = ask(rng)
        action, states[key] = answered(model, states.get(key, model.initial), f, value)
        is_lost = rng.random() < unknown
        rows.append(Row(call, None if is_lost else end, f, value, action.output, key, session, seq))
    return ranked(rows)


def answered(model: Model, state: State, f: str, value: Value) -> tuple[Action, State]:
    """The operation with the result that it has in this state, and the state after it."""
    for output in outputs(state, f):
        action = Action(f, value, output)
        after = model.step(state, action)
        if after is not ILLEGAL:
            return action, after
    raise AssertionError((state, f, value))


def outputs(state: State, f: str) -> Sequence[Any]:
    """Results that may be right."""
    if f in ("read", "get"):
        return (state,)
    return (True, False) if f == "cas" else (None, UNKNOWN)


def ranked(rows: list[Row]) -> list[Operation]:
    """The rows in the order of their calls, with distinct ranks for times."""
    rows.sort(key=lambda row: row.call)
    ends = sorted(
        [(row.call, number, "call") for number, row in enumerate(rows)]
        + [(row.end, number, "end") for number, row in enumerate(rows) if row.end is not None]
    )
    rank = {(number, what): place for place, (_, number, what) in enumerate(ends)}
    return [
        Operation(
            index=number,
            process=row.session,
            f=row.f,
            value=row.value,
            output=None if row.output is UNKNOWN else row.output,
            key=row.key,
            outcome=Outcome.UNKNOWN if row.end is None else Outcome.OK,
            call=rank[number, "call"],
            return_=rank.get((number, "end")),
            call_time=rank[number, "call"],
            return_time=rank.get((number, "end")),
            session=row.session if row.seq is not None else None,
            seq=row.seq,
            stamp=row.stamp,
        )
        for number, row in enumerate(rows)
    ]


def with_another_read(rng: random.Random, operations: list[Operation]) -> list[Operation]:
    """One late read returns what another one of the same key returned; often a violation."""
    changed = list(operations)
    reads = [o for o in operations if o.f in ("read", "get") and o.return_ is not None]
    late = [read for read in reads if read.index > len(operations) // 4]
    if not late:
        return changed
    one = rng.choice(late)
    others = [o.output for o in reads if o.key == one.key and o.output != one.output]
    if others:
        changed[one.index] = structs.replace(one, output=rng.choice(others))
    return changed
