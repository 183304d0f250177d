"""A prepared history as the integers that the native search eats, and its answers back.

The boundary carries integers only: the search knows operations by number, their classes and the
states by number, and asks for a transition when it needs one that it does not know. What a model
says about an action beforehand (`Model.only_in`, `Model.overwrites`) is lowered to the same
integers. A model is held to its word as far as one can without asking everything: a witness is
replayed, and each claim is tried in the initial state.
"""

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Final

from msgspec import Struct, structs

from checker.budget import Meter
from checker.errors import ModelError, UnsupportedError
from checker.model import ANYWHERE
from checker.outlook import Outlook, outlook_of
from checker.patience import watched
from checker.prepare import Problem
from checker.table import IMPOSSIBLE, Table

OTHER: Final = 0
OBSERVER: Final = 1
OVERWRITE: Final = 2
"""What a class is to the native search; as `Kind` in `native/search_problem.hpp`."""

NOT_ASKED: Final = -2
"""A successor that is not known beforehand."""

NO_STATE: Final = -3
"""The place of the only state of a class that is not confined to one."""


Step = Callable[[int, int], int]
"""Asked for each transition that the search does not know: the state and the class."""

Poll = Callable[[], bool]
"""Asked some hundred times a second; True ends the search."""

MayBecome = Callable[[int, int], bool]
"""Asked for each pair of a state and another one that somebody must see."""

NativeSearch = Callable[
    [
        int,
        list[int],
        list[int],
        list[int],
        list[int],
        list[int],
        int,
        bool,
        Step,
        Poll,
        list[int],
        MayBecome | None,
    ],
    tuple[str, list[int], int, list[int], list[int], bool, int],
]
"""`checker._native.search`; see `Lowered`, `run` and `Answer` for what the numbers are."""


@cache
def native_search() -> NativeSearch | None:
    """The native engine, or None where it was not built.

    Raises:
        UnsupportedError: it was built, and does not load: nobody should be slow without knowing.
    """
    if importlib.util.find_spec("checker._native") is None:
        return None
    try:
        from checker._native import search  # noqa: PLC0415  # absent without a C++ compiler
    except ImportError as why:
        raise UnsupportedError(
            f"the native engine was built but does not load ({why}); "
            f"install again, or use the engine reference"
        ) from why
    return search


class Lowered(Struct, frozen=True):
    """A problem as the native search takes it."""

    live_count: int
    classes: list[int]
    """By operation."""
    arrivals: list[int]
    """By operation: the first return that comes after its call."""
    kinds: list[int]
    """By class."""
    only_in: list[int]
    """By class: the number of its only state, or `NO_STATE`."""
    targets: list[int]
    """By class: the state after it, where that does not depend on more than `only_in`."""

    grows: list[int]
    """By class: 1 where the model says that it grows."""
    outlook: Outlook | None = None
    """What growing may lead to, where the model says something of it."""

    @property
    def needs_are_known(self) -> bool:
        """True when nothing depends on the state except by needing a certain one."""
        kinds = set(self.classes)
        return all(self.kinds[k] == OVERWRITE or self.only_in[k] != NO_STATE for k in kinds)

    def with_probe(self, event: int, state: int | None) -> "Lowered":
        """With an observer of `state` in the place of operation `event`, called as it returns.

        None: of no state at all, which no order explains.
        """
        classes, arrivals = list(self.classes), list(self.arrivals)
        classes[event] = len(self.kinds)
        arrivals[event] = event
        return structs.replace(
            self,
            classes=classes,
            arrivals=arrivals,
            kinds=[*self.kinds, OBSERVER],
            only_in=[*self.only_in, NO_STATE if state is None else state],
            targets=[*self.targets, IMPOSSIBLE if state is None else state],
            grows=[*self.grows, 0],
        )


class Answer(Struct, frozen=True):
    """What the native search says."""

    status: str
    """"found", "stuck" or "stopped"."""
    order: list[int]
    """Found: numbers of operations."""
    event: int
    """Otherwise: the last return that was reached."""
    states: list[int]
    """Otherwise: the states that were reached there; where it stopped, there may be more."""
    reached: list[int]
    """Stuck: the states that were reached anywhere."""
    looked_ahead: bool
    """Stuck: something was given up for what comes after `event`."""
    configurations: int
    why: str = ""
    """Stopped: which limit was reached."""


def run(
    native: NativeSearch,
    table: Table,
    lowered: Lowered,
    meter: Meter,
    *,
    end: int | None = None,
    look_ahead: bool = True,
) -> Answer:
    """Search for a linearization of the history up to return `end` - 1; by default, of all.

    Raises:
        ModelError: the model is wrong about itself.
    """
    reasons: list[str] = []

    def poll() -> bool:
        why = meter.exhausted()
        if why is not None:
            reasons.append(why)
        return why is not None

    rows, outlook = table.rows, lowered.outlook

    def step(state: int, kind: int) -> int:
        successor = rows[state][kind]
        if outlook is not None:
            outlook.saw(state, kind, successor)
        return successor

    answer = native(
        lowered.live_count,
        lowered.classes,
        lowered.arrivals,
        lowered.kinds,
        lowered.only_in,
        lowered.targets,
        lowered.live_count if end is None else end,
        look_ahead,
        step,
        poll,
        lowered.grows,
        None if outlook is None else outlook.may_become,
    )
    if answer[0] == "contradicted":
        raise contradicted(table)
    return Answer(*answer, "".join(reasons))


def contradicted(table: Table) -> ModelError:
    """What to say where an order was found that there should not be."""
    return ModelError(
        f"the model {table.model.name} contradicts itself: by what it says of `grows` and "
        f"`may_become` there is no order of the operations, by its `step` there is one"
    )


def lower(problem: Problem) -> Lowered:
    """Number what the model declares, and ask it for the effects that follow from that."""
    arrivals = [0] * len(problem.operations)
    for event, came in enumerate(watched(problem.arrivals)):
        for operation in came:
            arrivals[operation] = event
    crashed = problem.live_count
    for event, called in enumerate(watched(problem.crashed_before)):
        while crashed < problem.live_count + called:
            arrivals[crashed] = event
            crashed += 1
    arrivals[crashed:] = [problem.live_count] * (len(arrivals) - crashed)
    kinds, only_in, targets = [], [], []
    for kind in range(len(problem.table.actions)):
        what, state, target = _declared(problem.table, kind)
        kinds.append(what)
        only_in.append(state)
        targets.append(target)
    changing = {kind for kind in problem.classes if kinds[kind] != OBSERVER}
    outlook = outlook_of(problem.table, changing, {state for state in only_in if state >= 0})
    grows = [int(outlook is not None and kind in outlook.growing) for kind in range(len(kinds))]
    return Lowered(
        problem.live_count, problem.classes, arrivals, kinds, only_in, targets, grows, outlook
    )


def _declared(table: Table, kind: int) -> tuple[int, int, int]:
    """What a class is, its only state, and its effect there."""
    # Not through the rows: those tell an explanation which states the history reaches.
    model, action = table.model, table.actions[kind]
    if model.nondeterministic:
        return OTHER, NO_STATE, NOT_ASKED
    if not table.observers[kind] and model.overwrites(action):
        target = table.step(0, kind)
        if target == IMPOSSIBLE or table.step(target, kind) != target:
            raise ModelError(f"the model says that {action} overwrites any state, but it does not")
        return OVERWRITE, NO_STATE, target
    what = OBSERVER if table.observers[kind] else OTHER
    only = model.only_in(action)
    if only is ANYWHERE:
        return what, NO_STATE, NOT_ASKED
    state = table.number(only)
    if state != 0 and table.step(0, kind) not in (IMPOSSIBLE, 0):
        raise ModelError(
            f"the model says that {action} matters in the state {only!r} only, "
            f"but it changes {model.initial!r} too"
        )
    return what, state, table.step(state, kind)


def missed_by(table: Table, kind: int) -> int:
    """The state in which the model says that a class is illegal, or `NO_STATE`.

    Of a class that is confined to one state it tells nothing new.
    """
    model, action = table.model, table.actions[kind]
    if model.nondeterministic or model.only_in(action) is not ANYWHERE:
        return NO_STATE
    state = model.not_in(action)
    if state is ANYWHERE:
        return NO_STATE
    missed = table.number(state)
    if table.step(missed, kind) != IMPOSSIBLE:
        raise ModelError(
            f"the model says that {action} is illegal in the state {state!r}, but it is not"
        )
    return missed
