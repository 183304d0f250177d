"""Small random histories of every model: what an atomic object answered, spoilt or not, and noise.

Everything is drawn from a `random.Random`, so that a seed is a history. `KINDS` says for each model
what is asked and which results are worth trying; `legal` picks a result that the model allows.
"""

import random
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from checker import ILLEGAL, UNKNOWN, Action, Model, State, find_model
from checker.values import Value, value_of
from history import Operation
from tests.support.strategies import operation

Answers = Callable[[State, str, Value, Sequence[Value]], list[Value]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How histories of one model are made up."""

    model: Model
    names: Sequence[str]
    """Names of operations; repeat one to have more of it."""
    fresh: Sequence[str]
    """Those whose argument is a value, mostly one that was not used before."""
    answers: Answers
    """Results worth trying in a state; when it is legal, one of them."""
    values: Callable[[int], Value] = field(default=lambda number: number + 1)
    """The n-th distinct value."""
    duplicates: float = 0.05
    """Chance that a value is used again."""
    sequential: bool = False
    """Processes are sessions, and do one thing at a time."""
    size: int = 8


@dataclass
class _Draft:
    f: str
    value: Value
    output: Value
    call: float
    end: float
    crashed: bool
    process: int


def random_history(rng: random.Random, kind: Kind, count: int | None = None) -> list[Operation]:
    """A legal history, one that was spoilt, or noise."""
    count = rng.randint(1, kind.size) if count is None else count
    drafts = _atomic(rng, kind, count)
    style = rng.random()
    if style < 0.15:
        for draft in drafts:
            draft.output = rng.choice(
                kind.answers(kind.model.initial, draft.f, draft.value, _values(drafts))
            )
    if style > 0.75 and not kind.sequential:
        for draft in drafts:  # the same results, at other times
            shift = rng.gauss(0, 1.5)
            draft.call, draft.end = draft.call + shift, draft.end + shift
    elif style < 0.6:
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            _spoil(rng, kind, drafts)
    return _ranked(drafts, kind)


def legal_history(
    rng: random.Random, kind: Kind, count: int, *, processes: int, crashed: float = 0.0
) -> list[Operation]:
    """What an atomic object answered to sequential processes; of any size."""
    return _ranked(_atomic(rng, kind, count, processes=processes, crash_rate=crashed), kind)


def _atomic(
    rng: random.Random,
    kind: Kind,
    count: int,
    *,
    processes: int | None = None,
    crash_rate: float | None = None,
) -> list[_Draft]:
    if crash_rate is None:
        crash_rate = rng.choice((0.0, 0.0, 0.1, 0.3))
    width = rng.choice((0.2, 1.0, 2.0, 4.0))
    spots: list[tuple[float, float, float, int]] = []
    if processes is None and not kind.sequential:
        for number in range(count):
            point = rng.random() * count
            call, end = point - rng.random() * width, point + rng.random() * width
            spots.append((point, call, end, number))
    else:
        clients = processes or rng.randint(1, 4)
        free = [rng.random() for _ in range(clients)]
        for _ in range(count):
            process = rng.randrange(clients) if processes is None else free.index(min(free))
            call = free[process] + rng.random() * (0.2 if processes else 1.0)
            end = call + rng.random() * (1.0 if processes else width)
            free[process] = end
            spots.append((rng.uniform(call, end), call, end, process))
        spots.sort()
    state = kind.model.initial
    used: list[Value] = []
    drafts: list[_Draft] = []
    retired: dict[int, int] = {}
    for _, call, end, process in sorted(spots):
        if kind.sequential and retired.get(process) == 1 and rng.random() < 0.95:
            continue
        f, value = _ask(rng, kind, used)
        draft = _Draft(f, value, None, call, end, rng.random() < crash_rate, process)
        if draft.crashed:
            retired[process] = 1
        if not draft.crashed or rng.random() < 0.5:
            state = _do(rng, kind, state, draft, used)
        if draft.crashed and kind.sequential and process not in retired:
            continue  # it waits for ever; a lock that is held lets nobody in
        drafts.append(draft)
    return drafts


def _ask(rng: random.Random, kind: Kind, used: list[Value]) -> tuple[str, Value]:
    f = rng.choice(kind.names)
    if f == "cas":
        old = rng.choice([*used[-3:], value_of(kind.model.initial)])
        return f, [old, _value(rng, kind, used)]
    return f, _value(rng, kind, used) if f in kind.fresh else None


def _value(rng: random.Random, kind: Kind, used: list[Value]) -> Value:
    if used and rng.random() < kind.duplicates:
        return rng.choice(used)
    value = kind.values(len(used))
    used.append(value)
    return value


def _do(rng: random.Random, kind: Kind, state: State, draft: _Draft, used: list[Value]) -> State:
    model = kind.model
    session = draft.process if kind.sequential else None

    def step(output: Value) -> State:
        value = session if kind.sequential else draft.value
        return model.step(state, Action(draft.f, value, output))

    if draft.crashed:
        return step(UNKNOWN)
    answers = kind.answers(state, draft.f, draft.value, used)
    rng.shuffle(answers)
    for answer in answers:
        after = step(answer)
        if after is not ILLEGAL:
            draft.output = answer
            return after
    draft.crashed = True  # nothing that it could have answered: let it be one that never returned
    return step(UNKNOWN)


def _values(drafts: list[_Draft]) -> list[Value]:
    return [draft.value for draft in drafts if draft.value is not None]


def _spoil(rng: random.Random, kind: Kind, drafts: list[_Draft]) -> None:
    if not drafts:
        return
    one, other = rng.choice(drafts), rng.choice(drafts)
    what = rng.random()
    if kind.sequential and what < 0.5:
        shift = rng.uniform(-3, 3)
        for draft in drafts:
            if draft.process == one.process:
                draft.call, draft.end = draft.call + shift, draft.end + shift
    elif what < 0.4:
        one.output = rng.choice(
            kind.answers(kind.model.initial, one.f, one.value, _values(drafts)) or [None]
        )
        if rng.random() < 0.5:
            one.output = other.output if other.f == one.f else one.output
    elif what < 0.7 and not kind.sequential:
        one.call, one.end, other.call, other.end = other.call, other.end, one.call, one.end
    elif what < 0.8:
        middle = (one.call + one.end) / 2
        one.call, one.end = (one.call + middle) / 2, (one.end + middle) / 2
    elif what < 0.9 and not kind.sequential:
        shift = rng.uniform(-2, 2)
        one.call, one.end = one.call + shift, one.end + shift
    else:
        one.f, other.f = (other.f, one.f) if one.value == other.value else (one.f, other.f)


def _ranked(drafts: list[_Draft], kind: Kind) -> list[Operation]:
    drafts = sorted(drafts, key=lambda draft: draft.call)
    ends = [(draft.call, number, False) for number, draft in enumerate(drafts)]
    ends += [(draft.end, number, True) for number, draft in enumerate(drafts) if not draft.crashed]
    ranks = {(number, is_end): rank for rank, (_, number, is_end) in enumerate(sorted(ends))}
    made = [
        operation(
            number,
            draft.f,
            draft.value,
            None if draft.crashed else draft.output,
            call=ranks[number, False],
            return_=None if draft.crashed else ranks[number, True],
            process=draft.process,
        )
        for number, draft in enumerate(drafts)
    ]
    if kind.sequential:
        made = [structs.replace(o, session=o.process) for o in made]
    return made


def _register_answers(state: State, f: str, value: Value, used: Sequence[Value]) -> list[Value]:
    if f == "cas":
        return [True, False]
    return [None] if f in ("write", "put", "delete") else [value_of(state), None, *used[-4:]]


def _text_answers(state: State, f: str, value: Value, used: Sequence[Value]) -> list[Value]:
    if f != "get":
        return [None]
    texts = [value for value in used if isinstance(value, str)]
    return [state, None, "".join(texts[:3]), "".join(texts[:2]), *texts[-2:]]


def _list_answers(state: State, f: str, value: Value, used: Sequence[Value]) -> list[Value]:
    if f == "append":
        return [None]
    return [[value_of(item) for item in state], list(used[:2]), list(used[:3]), list(used[:1]), []]


def _take_answers(state: State, f: str, value: Value, used: Sequence[Value]) -> list[Value]:
    if f in ("enqueue", "push", "insert"):
        return [None]
    contents = [state] if isinstance(state, tuple) else list(state)
    ends = [value_of(item) for items in contents for item in (*items[:2], *items[-3:])]
    return [None, *ends, *used[-8:]]


def _set_answers(state: State, f: str, value: Value, used: Sequence[Value]) -> list[Value]:
    return [True, False]


def _lock_answers(state: State, f: str, value: Value, used: Sequence[Value]) -> list[Value]:
    return [None, None, None, False]


def _owned_answers(state: State, f: str, value: Value, used: Sequence[Value]) -> list[Value]:
    return [None]


def _counter_answers(state: State, f: str, value: Value, used: Sequence[Value]) -> list[Value]:
    return [None] if f == "add" else [state, 0, 1, 2, 3]


def _pairs(number: int) -> Value:
    """Few priorities, so that there are ties; the payload makes them distinct."""
    return [number * 7 % 3, f"p{number}"]


KINDS: dict[str, Kind] = {
    "register": Kind(
        model=find_model("register"),
        names=("write", "read"),
        fresh=("write",),
        answers=_register_answers,
    ),
    "cas-register": Kind(
        model=find_model("cas-register"),
        names=("write", "read", "read", "cas", "cas"),
        fresh=("write",),
        answers=_register_answers,
    ),
    "kv": Kind(
        model=find_model("kv"),
        names=("put", "get", "get", "cas", "delete"),
        fresh=("put",),
        answers=_register_answers,
    ),
    "kv-text": Kind(
        model=find_model("kv"),
        names=("put", "append", "append", "append", "get", "get", "get"),
        fresh=("put", "append"),
        answers=_text_answers,
        values=lambda number: f"<{number}>",
    ),
    "append-list": Kind(
        model=find_model("append-list"),
        names=("append", "read"),
        fresh=("append",),
        answers=_list_answers,
    ),
    "fifo-queue": Kind(
        model=find_model("fifo-queue"),
        names=("enqueue", "enqueue", "dequeue", "dequeue", "peek"),
        fresh=("enqueue",),
        answers=_take_answers,
    ),
    "stack": Kind(
        model=find_model("stack"),
        names=("push", "push", "pop", "pop", "peek"),
        fresh=("push",),
        answers=_take_answers,
    ),
    "priority-queue": Kind(
        model=find_model("priority-queue"),
        names=("insert", "insert", "poll", "poll", "peek"),
        fresh=("insert",),
        answers=_take_answers,
        values=lambda number: number * 5 % 7,
    ),
    "priority-ties": Kind(
        model=find_model("priority-queue"),
        names=("insert", "insert", "poll", "poll", "peek"),
        fresh=("insert",),
        answers=_take_answers,
        values=_pairs,
    ),
    "set": Kind(
        model=find_model("set"),
        names=("add", "remove", "contains"),
        fresh=("add", "remove", "contains"),
        answers=_set_answers,
        values=lambda number: number % 2,
        duplicates=0.9,
    ),
    "mutex": Kind(
        model=find_model("mutex"),
        names=("acquire", "release"),
        fresh=(),
        answers=_lock_answers,
    ),
    "owned-mutex": Kind(
        model=find_model("mutex"),
        names=("acquire", "release"),
        fresh=(),
        answers=_owned_answers,
        sequential=True,
    ),
    "counter": Kind(
        model=find_model("counter"),
        names=("add", "read"),
        fresh=("add",),
        answers=_counter_answers,
        values=lambda _: 1,
    ),
}


def histories(name: str, count: int, seed: int = 0) -> Iterator[list[Operation]]:
    """Random histories of one kind."""
    kind = KINDS[name]
    for number in range(count):
        yield random_history(random.Random(f"{name} {seed} {number}"), kind)


def subset(operations: Sequence[Operation], indices: Sequence[int]) -> list[Operation]:
    """The operations with these indices."""
    wanted: set[Hashable] = set(indices)
    return [o for o in operations if o.index in wanted]
