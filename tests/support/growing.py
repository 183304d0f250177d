"""Objects that grow, and histories of them: what the look-ahead of the native search is about."""

import random
from collections.abc import Sequence
from typing import ClassVar

from msgspec import structs

from checker import ILLEGAL, UNKNOWN, Action, Model, State, find_model
from checker.model import ANYWHERE
from checker.values import Value
from history import Operation, Outcome
from tests.support.strategies import Letter, operation, widened


class Tags(Model):
    """`add v`; `read` → sorted list. A user's own, from which nothing is ever removed."""

    name = "tags"
    operations: ClassVar[tuple[str, ...]] = ("add", "read")
    initial: State = frozenset()

    def step(self, state: State, action: Action) -> State:
        if action.f == "add":
            return state | {action.value}
        return state if action.output is UNKNOWN or action.output == sorted(state) else ILLEGAL

    def is_observer(self, action: Action) -> bool:
        return action.f == "read"

    def only_in(self, action: Action) -> State:
        known = action.f == "read" and action.output is not UNKNOWN
        return frozenset(action.output) if known else ANYWHERE

    def grows(self, action: Action) -> bool:
        return action.f == "add"

    def may_become(self, state: State, wanted: State) -> bool:
        return bool(state <= wanted)


LETTERS: dict[str, Sequence[Letter]] = {
    "append-list": [
        ("append", 1, None),
        ("append", 2, None),
        *(("read", None, seen) for seen in ([], [1], [2], [1, 1], [1, 2], [1, 2, 1], [1, 1, 2])),
    ],
    "kv": [
        ("append", "a", None),
        ("append", "b", None),
        ("put", "a", None),
        ("delete", None, None),
        ("cas", ["ab", "b"], True),
        ("cas", ["a", "ab"], True),
        *(("get", None, seen) for seen in (None, "a", "ab", "aa", "b", "ba", "aba")),
    ],
    "counter": [
        ("add", 1, None),
        ("add", 2, None),
        ("add", -1, None),
        *(("read", None, seen) for seen in (0, 1, 2, 3, 4, 5)),
    ],
    "set": [
        ("add", 1, True),
        ("add", 2, True),
        ("add", 1, False),
        ("remove", 1, True),
        ("contains", 1, False),
        *(("read", None, seen) for seen in ([], [1], [2], [1, 2])),
    ],
    "tags": [
        ("add", 1, None),
        ("add", 2, None),
        ("add", 3, None),
        *(("read", None, seen) for seen in ([], [1], [2], [1, 2], [1, 3], [1, 2, 3])),
    ],
}
"""Anything of these, in any order, with any overlaps: mostly not linearizable."""


def model_of(name: str) -> Model:
    return Tags() if name == "tags" else find_model(name)


def nearly_valid(rng: random.Random, name: str, *, count: int) -> list[Operation]:
    """One order of the operations that fits, widened until many do; and now and then one misread.

    A crashed operation took effect or not, and some take effect long after their call.
    """
    model = model_of(name)
    changes = [(f, value) for f, value, _ in LETTERS[name] if f not in ("read", "get", "contains")]
    changes = rng.sample(changes, rng.randrange(1, len(changes) + 1))
    look = "get" if name == "kv" else "read"
    state = model.initial
    operations: list[Operation] = []
    for index in range(count):
        f, value = (look, None) if rng.random() < 0.4 else rng.choice(changes)
        output = _seen(state) if f == look else True if f in ("cas", "remove") else None
        output = True if name == "set" and f == "add" else output
        crashes = rng.random() < 0.1
        after = model.step(state, Action(f, value, UNKNOWN if crashes else output))
        if after is ILLEGAL:
            continue
        if not crashes or rng.random() < 0.5:
            state = after
        end = None if crashes else 2 * index + 1
        operations.append(operation(len(operations), f, value, output, call=2 * index, return_=end))
    for _ in range(rng.randrange(3)):
        operations = widened(operations, rng)
    looks = [o for o in operations if o.f == look and o.outcome is Outcome.OK]
    if looks and rng.random() < 0.6:
        one, other = rng.choice(looks), rng.choice(looks)
        seen = other.output if rng.random() < 0.5 else _misread(one.output, rng)
        operations[one.index] = structs.replace(one, output=seen)
    return operations


def _seen(state: State) -> Value:
    return sorted(state) if isinstance(state, frozenset) else _plain(state)


def _plain(state: State) -> Value:
    return list(state) if isinstance(state, tuple) else state


def _misread(output: Value, rng: random.Random) -> Value:
    if isinstance(output, list) and output:
        return output[:-2] + output[-1:]
    if isinstance(output, str) and output:
        at = rng.randrange(len(output))
        return output[:at] + output[at + 1 :]
    return output + 1 if isinstance(output, int) else output
