"""The search over positions: how far each issuer has come, and the state they made together.

Each issuer's operations stand in one order, so what has taken effect is a position for each
issuer, and at most one operation an issuer can be next. A configuration is

    the positions, the state of all objects, and the optional operations that were used (bits)

Where real time counts, the next one must also have been called before the earliest return among
those that have not taken effect ("first response", Lowe 2017). The search goes depth first,
remembers every configuration from which no way led on, and does not recurse. Three reductions;
"the plan" is any order of the rest that continues the configuration:

1. Observers at once. A next operation that is a pure observer and legal now is taken right away,
   in both orders: whatever must precede it has taken effect, so moving it from its place in the
   plan to here breaks nothing, and it changes no state, so all others keep their results. An
   observer waits, though, while an optional operation of its own session may come before it.
2. Dominance. If no way led on with the optional operations F used, none does with a superset
   U used and all else equal: what the plan after U takes could be taken after F. This needs that
   nothing in the plan had to wait for a member of U that is not in F, so it is not used where
   another optional operation needs one of these.
3. Equals. Of unused optional operations that nothing distinguishes but their number (same action,
   not in turn with others, available from now on for ever), the first is tried. One that changes
   nothing and that no other needs is not tried: leave it out of the plan.

What search.py of the parent package calls "equals by return" has no place here: two equal writes
of two issuers stand before different operations of theirs.
"""

from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from checker.orders.lookahead import Lookahead
from checker.orders.problem import NEVER, Optional, Order, Problem
from checker.orders.store import Store
from checker.search import Found, Stopped

_POLL_EVERY: Final = 256
"""Moves between two looks at the budget: some 5 ms with many issuers."""

Failures = dict[tuple[tuple[int, ...], int], list[int]]
"""By positions and store: the sets of used optional operations that led nowhere."""


class Stuck(Struct):
    """There is no order. How far the furthest one came."""

    event: int
    """With real time: the first return, as a position in `returns`, that no order gets past."""
    states: set[int]
    """The states of that operation's object in all configurations that wait for the return."""
    positions: tuple[int, ...]
    """Of a configuration that is furthest, and has most operations in it."""
    store: int
    placed: int
    """How many required operations that is."""


class Configuration(Struct, frozen=True):
    """A place in the search."""

    positions: tuple[int, ...]
    store: int
    used: int
    event: int
    """The first return in `returns` of an operation that has not taken effect."""
    live: tuple[int, ...]
    """The chains that are called and not finished."""
    started: int
    """How many chains are called."""


class _Frame(Struct):
    """A configuration on the way, and what is left to try from it."""

    at: Configuration
    order_length: int
    moves: Iterator[tuple[int, int, int]]


class Search:
    """One search: the problem, and the states that were met."""

    def __init__(self, problem: Problem, *, looks_ahead: bool = True) -> None:
        """Without looking ahead it takes longer, and gets stuck no earlier than it must."""
        self.problem: Final = problem
        self.store: Final = Store(len(problem.tables))
        self._rows = [table.rows for table in problem.tables]
        self._first_calls = [
            problem.calls[chain[0]] if chain else NEVER for chain in problem.chains
        ]
        self._by_start = sorted(range(len(problem.chains)), key=self._first_calls.__getitem__)
        self._closing = _closing(problem.optional)
        self._lookahead = Lookahead(problem) if looks_ahead else None
        self.has_looked_ahead = False
        """Whether anything was rejected for what comes later."""
        self._ranks = [
            NEVER + operation.call if operation.return_ is None else operation.return_
            for operation in problem.operations
        ]

    def run(self, exhausted: Callable[[], str | None]) -> Found | Stuck | Stopped:
        """Find an order, or try all, or stop when `exhausted` says which limit was reached."""
        order: list[int] = []
        first = Configuration((0,) * len(self.problem.chains), self.store.initial, 0, 0, (), 0)
        at = self._settle(first, order)
        if at.event == len(self.problem.returns):
            return Found(order)
        failures: Failures = {}
        furthest = self._stuck_at(at)
        stack = [_Frame(at, len(order), self._moves(at))]
        polls = 0
        while stack:
            polls += 1
            if polls % _POLL_EVERY == 0 and (why := exhausted()) is not None:
                return Stopped(why, furthest.event)
            frame = stack[-1]
            move = next(frame.moves, None)
            if move is None:
                at = frame.at
                failures.setdefault((at.positions, at.store), []).append(at.used)
                stack.pop()
                continue
            del order[frame.order_length :]
            at = self._take(frame.at, *move, order)
            if at.event == len(self.problem.returns):
                return Found(order)
            self._note(furthest, at)
            known = failures.get((at.positions, at.store))
            if known is not None and any(self._dominates(used, at.used) for used in known):
                continue
            stack.append(_Frame(at, len(order), self._moves(at)))
        return furthest

    def _moves(self, at: Configuration) -> Iterator[tuple[int, int, int]]:
        """What may take effect next: its number, its bit (0: required) and the state after it.

        The most promising first, which matters to the time and not to the verdict: what the
        earliest return waits for, then what makes that legal, then the others by return.
        """
        problem, store, rows = self.problem, self.store, self._rows
        deadline = problem.deadlines[at.event]
        waiting = problem.returns[at.event]
        chain = problem.chain_of[waiting]
        wanted = problem.chains[chain][at.positions[chain]]
        wanted_part, wanted_kind = problem.parts[wanted], problem.kinds[wanted]
        is_blocked = rows[wanted_part][store.state(at.store, wanted_part)][wanted_kind] < 0
        found: list[tuple[int, int, int, int, int]] = []
        for number, bit in self._candidates(at):
            if problem.calls[number] > deadline:
                continue
            part, kind = problem.parts[number], problem.kinds[number]
            before = store.state(at.store, part)
            after = rows[part][before][kind]
            if after < 0 or (bit and after == before and not self._is_needed(bit)):
                continue
            if after != before and self._is_lost(part, before, number, at):
                continue
            urgency = 0
            if number != wanted:
                helps = is_blocked and part == wanted_part and rows[part][after][wanted_kind] >= 0
                urgency = 1 if helps else 2
            found.append((urgency, self._ranks[number], number, bit, after))
        found.sort()
        for _, _, number, bit, after in found:
            yield number, bit, after

    def _is_lost(self, part: int, state: int, number: int, at: Configuration) -> bool:
        """Whether somebody would miss the state that the operation ends."""
        if self._lookahead is None:
            return False
        is_lost = self._lookahead.is_lost(part, state, number, at.positions, at.used)
        self.has_looked_ahead |= is_lost
        return is_lost

    def _candidates(self, at: Configuration) -> Iterator[tuple[int, int]]:
        problem, positions = self.problem, at.positions
        for chain in at.live:
            yield problem.chains[chain][positions[chain]], 0
        seen: set[tuple[int, int]] = set()
        for place, optional in enumerate(problem.optional):
            bit = 1 << place
            position = positions[optional.chain]
            if (
                at.used & (bit | optional.excludes)
                or optional.needs & ~at.used
                or not optional.opens <= position < optional.closes
            ):
                continue
            number = optional.number
            if _is_free(optional) and problem.calls[number] < problem.deadlines[at.event]:
                alike = problem.parts[number], problem.kinds[number]
                if alike in seen:
                    continue
                seen.add(alike)
            yield number, bit

    def _take(
        self, at: Configuration, number: int, bit: int, state: int, order: list[int]
    ) -> Configuration:
        """Let the operation take effect, and all observers that may follow at once."""
        problem = self.problem
        order.append(number)
        positions, used = list(at.positions), at.used | bit
        if not bit:
            chain = problem.chain_of[number]
            positions[chain] += 1
            used &= ~self._closing.get((chain, positions[chain]), 0)
        part, store = problem.parts[number], at.store
        if state != self.store.state(store, part):
            store = self.store.replace(store, part, state)
        moved = Configuration(tuple(positions), store, used, at.event, at.live, at.started)
        return self._settle(moved, order)

    def _settle(self, at: Configuration, order: list[int]) -> Configuration:
        """Take observers until none is left that may be; note what has begun and ended."""
        positions, store, used = list(at.positions), at.store, at.used
        event, started = at.event, at.started
        problem = self.problem
        chains, returns, deadlines = problem.chains, problem.returns, problem.deadlines
        active = list(at.live)
        moved = True
        while moved:
            while event < len(returns) and (
                positions[problem.chain_of[returns[event]]] > problem.place_of[returns[event]]
            ):
                event += 1
            if event == len(returns):
                # What may be left of a chain has an unknown outcome and fits in any state. In a
                # whole history nothing is left; in one object's part of it the operation that
                # made these required may be another object's.
                return Configuration(tuple(positions), store, used, event, (), started)
            deadline = deadlines[event]
            while started < len(chains) and (self._first_calls[self._by_start[started]] < deadline):
                active.append(self._by_start[started])
                started += 1
            moved = False
            for chain in active:
                issued = chains[chain]
                while positions[chain] < len(issued) and self._is_visible(
                    issued[positions[chain]], store, used, deadline
                ):
                    order.append(issued[positions[chain]])
                    positions[chain] += 1
                    used &= ~self._closing.get((chain, positions[chain]), 0)
                    moved = True
        still = tuple(chain for chain in active if positions[chain] < len(chains[chain]))
        return Configuration(tuple(positions), store, used, event, still, started)

    def _is_visible(self, number: int, store: int, used: int, deadline: int) -> bool:
        """Whether the next operation of a chain is an observer that may be taken at once."""
        problem = self.problem
        if not problem.observers[number] or problem.calls[number] > deadline:
            return False
        if self._closing.get((problem.chain_of[number], problem.place_of[number] + 1), 0) & ~used:
            return False  # the plan may take an optional operation of this session before it
        part = problem.parts[number]
        return self._rows[part][self.store.state(store, part)][problem.kinds[number]] >= 0

    def _dominates(self, failed: int, used: int) -> bool:
        if failed & ~used:
            return False
        more = used & ~failed
        return not more or not any(
            optional.is_needed
            for place, optional in enumerate(self.problem.optional)
            if more >> place & 1
        )

    def _is_needed(self, bit: int) -> bool:
        return self.problem.optional[bit.bit_length() - 1].is_needed

    def _stuck_at(self, at: Configuration) -> Stuck:
        states = {self._waiting_state(at)}
        return Stuck(at.event, states, at.positions, at.store, sum(at.positions))

    def _note(self, furthest: Stuck, at: Configuration) -> None:
        """Remember how far the search came."""
        if self.problem.order is Order.MDL:
            if at.event < furthest.event:
                return
            if at.event > furthest.event:
                furthest.event, furthest.states, furthest.placed = at.event, set(), -1
            furthest.states.add(self._waiting_state(at))
        placed = sum(at.positions)
        if placed > furthest.placed:
            furthest.positions, furthest.store, furthest.placed = at.positions, at.store, placed
            if self.problem.order is Order.SEQUENTIAL:
                furthest.event = at.event

    def _waiting_state(self, at: Configuration) -> int:
        return self.store.state(at.store, self.problem.parts[self.problem.returns[at.event]])


def _is_free(optional: Optional) -> bool:
    return not (optional.needs or optional.excludes or optional.is_needed) and (
        optional.closes == NEVER
    )


def _closing(optional: list[Optional]) -> dict[tuple[int, int], int]:
    """By chain and position: bits of what can no longer be taken, and need not be told apart."""
    bits: dict[tuple[int, int], int] = {}
    for place, one in enumerate(optional):
        if one.closes != NEVER:
            name = one.chain, one.closes
            bits[name] = bits.get(name, 0) | 1 << place
    return bits
