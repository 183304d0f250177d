"""Random small histories of every model, and sound deletions taken from them at random."""

import random
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from checker import ILLEGAL, Model, State, find_model
from checker.evidence.deletions import apply
from checker.evidence.remembering import remembering
from checker.evidence.steps import Rule, Step
from checker.evidence.work import Facts, Work, is_optional
from history import Operation, Outcome
from tests.support.strategies import CAS_LETTERS, KV_LETTERS, Letter, operation

_TAKEN: Sequence[Any] = (None, 1, 2, 3)

LETTERS: dict[str, Sequence[Letter]] = {
    "register": [
        *(("write", v, None) for v in (1, 2, 3)),
        *(("read", None, v) for v in (None, 1, 2, 3)),
    ],
    "cas-register": [*CAS_LETTERS, ("cas", [2, 3], True), ("cas", [3, 1], True), ("read", None, 3)],
    "kv": [*KV_LETTERS, ("get", None, "a"), ("put", "b", None), ("get", None, "b")],
    "fifo-queue": [
        *(("enqueue", v, None) for v in (1, 2, 3)),
        *(("dequeue", None, v) for v in _TAKEN),
        *(("peek", None, v) for v in _TAKEN),
    ],
    "stack": [
        *(("push", v, None) for v in (1, 2, 3)),
        *(("pop", None, v) for v in _TAKEN),
        *(("peek", None, v) for v in _TAKEN),
    ],
    "priority-queue": [
        *(("insert", v, None) for v in (1, 2, [2, "a"])),
        *(("poll", None, v) for v in (None, 1, 2, [2, "a"])),
        *(("peek", None, v) for v in (None, 1, [2, "a"])),
    ],
    "set": [
        *((f, v, out) for f in ("add", "remove") for v in (1, 2) for out in (True, False)),
        *(("contains", v, out) for v in (1, 2) for out in (True, False)),
        *(("read", None, v) for v in ([], [1], [1, 2])),
    ],
    "mutex": [(f, None, out) for f in ("acquire", "release") for out in (None, None, False)],
    "counter": [
        *(("add", v, None) for v in (1, 2, 0)),
        *(("read", None, v) for v in (0, 1, 2, 3)),
    ],
    "append-list": [
        *(("append", v, None) for v in (1, 2, 3)),
        *(("read", None, v) for v in ([], [1], [1, 2], [2], [2, 1])),
    ],
}
"""By model: what its random histories are made of."""

INITIALS: dict[str, Sequence[Any]] = {
    "register": (None, 1),
    "cas-register": (None, 1),
    "kv": (None, "a"),
    "mutex": (None, "held"),
    "counter": (0, 2),
}
_INITIALS_OF_COLLECTIONS: Sequence[Any] = ([], [1], [1, 2])


def random_model(rng: random.Random, name: str) -> Model:
    """The model called `name`, in one of its initial states."""
    initials = INITIALS.get(name, _INITIALS_OF_COLLECTIONS)
    return find_model(name).with_initial(rng.choice(initials))


def random_history(
    rng: random.Random, model: Model, *, operations_max: int = 7, crashed: float = 0.15
) -> list[Operation]:
    """Short intervals, so that many operations are ordered; about half are legal."""
    count = rng.randrange(1, operations_max + 1)
    starts = [(number + rng.random() * 2, number, False) for number in range(count)]
    ends = [(start + rng.random() * 3, number, True) for start, number, _ in starts]
    rank = {(n, is_end): r for r, (_, n, is_end) in enumerate(sorted(starts + ends))}
    letters = LETTERS[model.name]
    guess: State = model.initial
    sessions = rng.choice([(None, 1, 2), (1, 2)]) if model.name == "mutex" else (None,)
    history = []
    by_point = sorted(range(count), key=lambda n: rng.choice([rank[n, False], rank[n, True]]))
    for number in by_point:
        options = rng.sample(letters, min(len(letters), 6))
        f, value, output = options[0]
        is_crashed = rng.random() < crashed
        session = rng.choice(sessions)
        for option in options if rng.random() < 0.85 else ():
            letter = replace(operation(number, *option, call=0, return_=1), session=session)
            after = model.step(guess, model.action(letter))
            if after is not ILLEGAL:
                (f, value, output), guess = option, after
                break
        end = None if is_crashed else rank[number, True]
        made = operation(number, f, value, output, call=rank[number, False], return_=end)
        history.append(replace(made, session=session))
    return sorted(history, key=lambda o: o.index)


def is_linearizable(work: Work, facts: Facts) -> bool:
    """By trying everything; optional operations have the results that they had before any cut."""
    model, seen = remembering(facts, work.initial), set()

    def search(left: tuple[Operation, ...], state: State) -> bool:
        if all(is_optional(o) for o in left):
            return True
        known = (tuple(o.index for o in left), state)
        if known in seen:
            return False
        seen.add(known)
        first_end = min(o.return_ for o in left if o.return_ is not None)
        for candidate in left:
            if candidate.call < first_end:
                after = model.step(state, facts.action(candidate))
                rest = tuple(o for o in left if o is not candidate)
                if after is not ILLEGAL and search(rest, after):
                    return True
        return False

    return search(tuple(work.operations), work.initial)


def random_step(rng: random.Random, work: Work) -> Step:
    """Any rule, applied to any operations."""
    rule = rng.choice([rule for rule in Rule if rule is not Rule.KEY])
    completed = [o.index for o in work.operations if o.outcome is Outcome.OK]
    if rule in {Rule.UNTIL, Rule.AFTER, Rule.COUNTED}:
        if not completed:
            return Step(rule=Rule.KEY)
        return Step(rule=rule, operation=rng.choice(completed))
    chosen = [o.index for o in work.operations if rng.random() < rng.choice((0.2, 0.8))]
    rng.shuffle(chosen)
    if rng.random() < 0.5:
        return Step(rule=rule, operations=tuple(chosen))
    return Step(rule=rule, keep=tuple(chosen))


def random_deletions(rng: random.Random, work: Work, facts: Facts, steps_max: int) -> list[Step]:
    """Steps that delete something, at most `steps_max` of them."""
    steps = []
    for _ in range(steps_max * 4):
        step = random_step(rng, work)
        after = apply(step, work, facts)
        if after != work:
            work = after
            steps.append(step)
        if len(steps) == steps_max:
            break
    return steps
