"""The native search for an order: a problem as the integers that it eats, and its answers back.

As `checker.lowering` does for one object. The search asks for a transition that it does not know,
and what a model says about an action beforehand is lowered to the same integers.
"""

from functools import cache
from typing import Final, Protocol

from msgspec import Struct

from checker.budget import Meter, resident_mb
from checker.errors import UnsupportedError
from checker.lowering import Poll, lower, missed_by, native_search
from checker.model import UNKNOWN
from checker.orders.problem import NEVER, Order, Problem
from checker.patience import watched

NOWHERE: Final = (1 << 32) - 1
"""Instead of a number that is not there; as `NONE` in native/orders_problem.hpp."""

_BOUNDS_MAX: Final = 1 << 26
"""Bounds that are kept, one for each operation and issuer: 256 megabytes at the most."""

_BOUND_BYTES: Final = 4


class Lowered(Struct, frozen=True, kw_only=True):
    """A problem as the native search takes it; see `Input` in native/orders_problem.hpp."""

    keeps_time: bool
    bounds_max: int
    part_count: int
    parts: list[int]
    classes: list[int]
    calls: list[int]
    returns: list[int]
    chains: list[list[int]]
    goals: list[int]
    first_class: list[int]
    kinds: list[int]
    only_in: list[int]
    targets: list[int]
    not_in: list[int]
    sure: list[int]
    optional: list[int]
    optional_chains: list[int]
    opens: list[int]
    closes: list[int]
    needs: list[int]
    excludes_end: list[int]
    is_needed: list[int]


class Step(Protocol):
    """Asked for each transition that the search does not know: the object, its state, its class."""

    def __call__(self, part: int, state: int, kind: int, /) -> int:
        """The state after it, or `IMPOSSIBLE`."""


class NativeSearch(Protocol):
    """`checker._native.search_orders`; see `Answer` for what it returns."""

    def __call__(
        self, lowered: Lowered, looks_ahead: bool, step: Step, poll: Poll, /
    ) -> tuple[
        str,
        list[int],
        list[int],
        list[int],
        list[tuple[int, int, int, int]],
        int,
        bool,
        int,
    ]:
        """Search for an order."""


class Edge(Struct, frozen=True):
    """One operation that must come before another, and why."""

    before: int
    after: int
    why: int
    """As `Why` in native/orders_clocks.hpp."""
    about: int
    """For some reasons: a third operation; else -1."""


class Answer(Struct, frozen=True):
    """What the native search says."""

    status: str
    """"found", "stuck" or "stopped"."""
    order: list[int]
    """Found: numbers of operations."""
    fronts: list[int]
    """Otherwise: how far the furthest order came, by chain."""
    states: list[int]
    """And the state of each object then."""
    cycle: list[Edge]
    """Stuck: operations each of which must come before the next, the last before the first."""
    without_source: int
    """Stuck: an operation that found what nobody can have made, or -1."""
    looked_ahead: bool
    configurations: int
    why: str
    """Stopped: which limit was reached."""


@cache
def native_orders() -> NativeSearch | None:
    """The native search, or None where it was not built.

    Raises:
        UnsupportedError: it was built, and does not load or has no such search.
    """
    if native_search() is None:
        return None
    try:
        from checker._native import search_orders  # noqa: PLC0415  # absent without a C++ compiler
    except ImportError as why:
        raise UnsupportedError(
            f"the native engine was built from older sources ({why}); install again"
        ) from why
    return search_orders


def run(
    native: NativeSearch, problem: Problem, lowered: Lowered, meter: Meter, *, ahead: bool = True
) -> Answer:
    """Search for an order; `ahead` as in `Search`."""
    reasons: list[str] = []

    def poll() -> bool:
        why = meter.exhausted()
        if why is not None:
            reasons.append(why)
        return why is not None

    rows = [table.rows for table in problem.tables]

    def step(part: int, state: int, kind: int) -> int:
        return rows[part][state][kind]

    status, order, fronts, states, cycle, lost, looked_ahead, configurations = native(
        lowered, ahead, step, poll
    )
    edges = [Edge(*edge) for edge in cycle]
    why = reasons[0] if reasons else ""
    return Answer(status, order, fronts, states, edges, lost, looked_ahead, configurations, why)


def lower_problem(problem: Problem, meter: Meter) -> Lowered | None:
    """Number what the models declare; None where the native search would need too much memory."""
    bounds_max = _bounds_max(meter)
    bounds = len(problem.operations) * len(problem.chains)
    if problem.order is Order.MDL and bounds > bounds_max:
        return None  # they are what knows of real time
    first_class = [0]
    kinds: list[int] = []
    only_in: list[int] = []
    targets: list[int] = []
    not_in: list[int] = []
    sure: list[int] = []
    for part, table in watched(zip(problem.prepared, problem.tables, strict=True)):
        declared = lower(part)
        kinds += declared.kinds
        only_in += declared.only_in
        targets += declared.targets
        not_in += [missed_by(table, kind) for kind in range(len(table.actions))]
        sure += [int(action.output is not UNKNOWN) for action in table.actions]
        first_class.append(len(kinds))
    optional = problem.optional
    return Lowered(
        keeps_time=problem.order is Order.MDL,
        bounds_max=bounds_max,
        part_count=len(problem.tables),
        parts=problem.parts,
        classes=[
            first_class[part] + kind
            for part, kind in watched(zip(problem.parts, problem.kinds, strict=True))
        ],
        calls=_calls(problem),
        returns=[
            NEVER + operation.call if operation.return_ is None else operation.return_
            for operation in watched(problem.operations)
        ],
        chains=problem.chains,
        goals=_goals(problem),
        first_class=first_class,
        kinds=kinds,
        only_in=only_in,
        targets=targets,
        not_in=not_in,
        sure=sure,
        optional=[one.number for one in optional],
        optional_chains=[one.chain for one in optional],
        opens=[one.opens for one in optional],
        closes=[NOWHERE if one.closes == NEVER else one.closes for one in optional],
        needs=[one.needs.bit_length() - 1 if one.needs else NOWHERE for one in optional],
        excludes_end=[one.excludes.bit_length() for one in optional],
        is_needed=[int(one.is_needed) for one in optional],
    )


def _bounds_max(meter: Meter) -> int:
    """How many bounds between operations and issuers may take a quarter of the memory left."""
    limit = meter.budget.memory_limit_mb
    if limit is None:
        return _BOUNDS_MAX
    left = max(0.0, limit - resident_mb()) * 1e6
    return min(_BOUNDS_MAX, int(left / 4 / _BOUND_BYTES))


def _calls(problem: Problem) -> list[int]:
    """When each was called, at the latest when one that was issued before it was."""
    calls = [operation.call for operation in problem.operations]
    for chain in problem.chains:
        latest = 0
        for number in chain:
            calls[number] = latest = max(latest, calls[number])
    return [max(call, known) for call, known in zip(calls, problem.calls, strict=True)]


def _goals(problem: Problem) -> list[int]:
    """By chain: where its last completed operation stands, and one more."""
    goals = [0] * len(problem.chains)
    for number in problem.returns:
        chain = problem.chain_of[number]
        goals[chain] = max(goals[chain], problem.place_of[number] + 1)
    return goals
