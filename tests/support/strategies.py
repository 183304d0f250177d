"""Histories for tests: any small one, and ones of any size that an atomic object could have given.

The strategies are Hypothesis's; `atomic_history` takes a `random.Random`, for large histories
where shrinking would not help and for benchmarks.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from checker import ILLEGAL, UNKNOWN, Action, Model, State
from checker.values import Value
from history import Operation, Outcome

Letter = tuple[str, Any, Any]
"""The name, argument and result of an operation."""

REGISTER_LETTERS: Sequence[Letter] = [
    ("read", None, None),
    *(("read", None, value) for value in (1, 2, True)),
    *(("write", value, None) for value in (1, 2, True, None)),
]

CAS_LETTERS: Sequence[Letter] = [
    *(("read", None, value) for value in (None, 1, 2)),
    *(("write", value, None) for value in (1, 2)),
    *(
        ("cas", pair, output)
        for pair in ([None, 1], [1, 2], [2, 1], [1, 1], [2, 3])
        for output in (True, False)
    ),
]

KV_LETTERS: Sequence[Letter] = [
    *(("get", None, value) for value in (None, "a", "ab", "ba", 1)),
    *(("put", value, None) for value in ("a", 1)),
    ("append", "a", None),
    ("append", "b", None),
    ("delete", None, None),
    ("cas", ["a", "ab"], True),
    ("cas", ["a", "ab"], False),
    ("cas", [None, "a"], True),
]


@st.composite
def any_history(
    draw: st.DrawFn,
    letters: Sequence[Letter],
    *,
    operations_max: int = 6,
    keys: Sequence[str | None] = (None,),
) -> list[Operation]:
    """Any overlaps, any results, any outcomes; most are not linearizable."""
    count = draw(st.integers(0, operations_max))
    ends = draw(st.permutations([number for number in range(count) for _ in range(2)]))
    operations = []
    for number in range(count):
        f, value, output = draw(st.sampled_from(letters))
        outcome = draw(st.sampled_from([*[Outcome.OK] * 5, Outcome.UNKNOWN, Outcome.FAILED]))
        call = ends.index(number)
        return_ = len(ends) - 1 - ends[::-1].index(number)
        operations.append(
            operation(
                number,
                f,
                value,
                output,
                call=call,
                return_=None if outcome is Outcome.UNKNOWN else return_,
                outcome=outcome,
                key=draw(st.sampled_from(keys)),
            )
        )
    return operations


def operation(
    index: int,
    f: str,
    value: Value = None,
    output: Value = None,
    *,
    call: int,
    return_: int | None,
    outcome: Outcome | None = None,
    key: Value = None,
    process: int | None = None,
    line: int | None = None,
) -> Operation:
    """One operation; without an outcome, it is OK when it returned and unknown otherwise."""
    if outcome is None:
        outcome = Outcome.UNKNOWN if return_ is None else Outcome.OK
    return Operation(
        index=index,
        process=index if process is None else process,
        f=f,
        value=value,
        output=output,
        key=key,
        outcome=outcome,
        call=call,
        return_=return_,
        call_time=call,
        return_time=return_,
        line=line,
    )


def timeline(*rows: tuple[str, Any, Any, int, int | None]) -> list[Operation]:
    """A history written down: (f, value, output, call, return) a row."""
    return [
        operation(index, f, value, output, call=call, return_=return_)
        for index, (f, value, output, call, return_) in enumerate(rows)
    ]


def widened(operations: Sequence[Operation], rng: random.Random) -> list[Operation]:
    """The same operations, each called earlier or returned later; ranks stay distinct."""
    ends = [(o.call * 10 - rng.randrange(40), rng.random(), o.index, "call") for o in operations]
    ends += [
        (o.return_ * 10 + rng.randrange(40), rng.random(), o.index, "return")
        for o in operations
        if o.return_ is not None
    ]
    return _ranked(operations, ends)


def _ranked(
    operations: Sequence[Operation], ends: list[tuple[int, float, int, str]]
) -> list[Operation]:
    rank = {(index, end): number for number, (_, _, index, end) in enumerate(sorted(ends))}
    return [
        operation(
            o.index,
            o.f,
            o.value,
            o.output,
            call=rank[o.index, "call"],
            return_=None if o.return_ is None else rank[o.index, "return"],
            outcome=o.outcome,
            key=o.key,
            process=o.process if isinstance(o.process, int) else None,
            line=o.line,
        )
        for o in operations
    ]


Ask = Callable[[random.Random], tuple[str, Any]]
"""Draws the name and argument of the next operation."""


def ask_cas_register(rng: random.Random) -> tuple[str, Any]:
    """Half reads, a quarter each writes and cas over five values."""
    kind = rng.random()
    if kind < 0.5:
        return "read", None
    if kind < 0.75:
        return "write", rng.randrange(5)
    return "cas", [rng.randrange(5), rng.randrange(5)]


def ask_unique_register(rng: random.Random) -> tuple[str, Any]:
    """Half reads; writes that in all likelihood differ."""
    return ("read", None) if rng.random() < 0.5 else ("write", rng.randrange(10**9))


def atomic_history(
    rng: random.Random,
    model: Model,
    ask: Ask,
    *,
    operations: int,
    processes: int,
    keys: int = 1,
    crashed: float = 0.0,
) -> list[Operation]:
    """What `processes` sequential clients of one atomic object a key could have seen.

    Every operation has its place in time within its interval. A crashed client is replaced by a
    new one, and its operation took effect or not.
    """
    free_at = [rng.random() for _ in range(processes)]
    points = []
    for index in range(operations):
        process = min(range(processes), key=free_at.__getitem__)
        call = free_at[process] + rng.random() * 0.2
        return_ = call + rng.random()
        free_at[process] = return_
        points.append((rng.uniform(call, return_), index, process, call, return_))
    states: dict[int, Any] = {}
    done: list[tuple[float, float | None, str, Any, Any, int, int]] = []
    for _, _, process, call, end in sorted(points):
        key = rng.randrange(keys)
        f, value = ask(rng)
        state = states.get(key, model.initial)
        crashes = rng.random() < crashed
        output = _answer(model, state, f, value)
        if not crashes or rng.random() < 0.5:
            after = model.step(state, Action(f, value, UNKNOWN if crashes else output))
            assert after is not ILLEGAL
            states[key] = after
        done.append((call, None if crashes else end, f, value, output, key, process))
    done.sort(key=lambda entry: entry[0])
    history = [
        operation(
            i, f, value, output, call=0, return_=None if end is None else 0, key=key, process=p
        )
        for i, (_, end, f, value, output, key, p) in enumerate(done)
    ]
    ends = [(call, 0.0, i, "call") for i, (call, *_) in enumerate(done)]
    ends += [(end, 0.0, i, "return") for i, (_, end, *_) in enumerate(done) if end is not None]
    return _ranked(history, ends)  # type: ignore[arg-type]


def _answer(model: Model, state: State, f: str, value: Value) -> Value:
    if f in ("read", "get"):
        return state
    if f == "cas":
        return model.step(state, Action(f, value, True)) is not ILLEGAL
    return None
