"""Every configuration that one object could be in now: a breadth-first search that forgets.

A configuration is the state, the live operations that have taken effect, and how many of the
crashed operations of each class have. It does not grow with the history, and all that the past has
to say about the future is the set of them. They move only when an operation returns that has not
taken effect in all of them (just-in-time linearization, Lowe 2017); each then takes every
sequence of operations that ends with the returning one. None left: the history so far has no
linearization, however it goes on.

The reductions are those of `checker.search`, where they are argued: observers at once, equals by
return, crashed ones as counts, dominance. One more, for crashed operations: one is taken only
where it gains something for another one at hand, which was impossible before it or led elsewhere.
The plan takes something right after it (or could as well leave it out, being last); if that would
have done the same without it, it is left out. So too for a run of crashed ones and the live
operation after it: without a live one that does something else elsewhere, no run begins.
`checker.streaming_crashed` adds which of several such ways is the best.

All that keeps a frontier exact. But the ways to have spent crashed operations can still multiply
without end. When more than `counts_max` differ in nothing else, some are merged into one
that has spent no more than either: no possibility is lost, so an alarm stays a proof.
"""

from collections.abc import Hashable
from copy import copy
from typing import Final

from msgspec import Struct

from checker.errors import OperationError
from checker.model import UNKNOWN, Action, Model
from checker.streaming_crashed import DEPENDS, Crashed, Effect, Effects, packed
from checker.table import Table
from checker.values import token

_COARSER: Final = 4
"""How many times fewer counts are kept once some were merged: exactness is what the many are for.

Measured with 2 % of crashes over five values: twice as fast as with as many as before, and nearly
as many lies are caught."""

_STATES_KEPT_MAX: Final = 4096
"""States or actions in the table before those that nobody needs any more are dropped."""

Configurations = dict[tuple[int, int], tuple[int, ...]]
"""By state and taken slots (bits): the least vectors of used crashed operations, packed."""


class TooMany(Exception):
    """More configurations than allowed; caught by whoever set the limit."""


class Slot(Struct, frozen=True, order=True):
    """A live operation; they sort by return."""

    rank: int
    """Of its return."""
    bit: int
    kind: int
    is_observer: bool


class Frontier:
    """The configurations of one object; `call`, `crash` and `return_` move it along."""

    def __init__(self, model: Model, configurations_max: int, counts_max: int) -> None:
        self._model = model
        self._counts_max = counts_max
        self.configurations_max = configurations_max
        self._table = Table(model, [], [])
        self._kinds: dict[Hashable, int] = {}
        self._configurations: Configurations = {(0, 0): (0,)}
        self._live: list[Slot] = []
        self._taken_bits = 0
        self.crashed = Crashed(self._table)
        self._effects = Effects(self._table)
        self.is_coarse = False
        """Counts of used crashed operations were merged: more seems possible than is."""
        self.reached: list[str] = []
        """When no configuration is left: the states of those that were, in words."""

    def __len__(self) -> int:
        """Count of the configurations."""
        return sum(len(vectors) for vectors in self._configurations.values())

    @property
    def table_size(self) -> int:
        """States and actions that are remembered."""
        return len(self._table.states) + len(self._table.actions)

    def copy(self) -> "Frontier":
        """For asking what if; the table is shared."""
        twin = copy(self)  # all else that changes is replaced, never changed in place
        twin.crashed = copy(self.crashed)
        return twin

    def call(self, action: Action, rank: int) -> int:
        """An operation begins; its result, and the rank of its return, are known. Names it."""
        kind = self._kind(action)
        bit = ~self._taken_bits & (self._taken_bits + 1)
        slot = Slot(rank, bit, kind, self._table.observers[kind])
        self._taken_bits |= bit
        self._live = sorted([*self._live, slot])
        if slot.is_observer:
            rows = self._table.rows
            self._configurations = {
                (state, taken | bit if rows[state][kind] >= 0 else taken): vectors
                for (state, taken), vectors in self._configurations.items()
            }
        return bit

    def crash(self, action: Action) -> None:
        """An operation begins that may take effect once, now or later, or never."""
        kind = self._kind(action)
        if self._table.observers[kind]:
            return
        self.crashed.add(kind, self._effects[kind])

    def return_(self, bit: int) -> bool:
        """The operation ends, so it has taken effect; False when that is impossible.

        Raises:
            TooMany: there are more configurations than allowed.
        """
        survivors: Configurations = {}
        waiting: Configurations = {}
        for (state, taken), vectors in self._configurations.items():
            if taken & bit:
                survivors[state, taken ^ bit] = vectors
            else:
                waiting[state, taken] = vectors
        if waiting:
            self._place(bit, waiting, survivors)
        self._live = [slot for slot in self._live if slot.bit != bit]
        self._taken_bits ^= bit
        self._configurations = survivors
        return bool(survivors)

    def forget(self) -> None:
        """Drop what nobody needs any more: states, actions, crashed operations used everywhere."""
        if self.table_size > _STATES_KEPT_MAX + 2 * len(self._configurations):
            self._rebuild()

    def _place(self, bit: int, waiting: Configurations, survivors: Configurations) -> None:
        """Let operations take effect in every order that ends with this one."""
        rows, live, crashed = self._table.rows, self._live, self.crashed
        effects, are_there = self._effects, bool(crashed.kinds)
        work: list[tuple[tuple[int, int], int, tuple[int, ...]]]
        work = [(name, used, (name[0],)) for name, vectors in waiting.items() for used in vectors]
        while work:
            name, used, path = work.pop()
            if used not in waiting[name]:
                continue  # a better one has taken its place since
            state, taken = name
            row = rows[state]
            needs: dict[int, Effect] = {}
            steps: list[tuple[int, int, int, tuple[int, ...]]] = []
            for other in live:
                kind = other.kind
                if taken & other.bit or kind in needs:
                    continue
                needs[kind] = effects[kind] if are_there else DEPENDS
                after = row[kind]
                if after >= 0:
                    steps.append((after, taken | other.bit, used, (after,)))
            if are_there:
                steps += [(s, taken, u, p) for s, u, p in crashed.steps(path, used, needs)]
            for after, was_taken, now_used, onward in steps:
                now_taken = was_taken
                if after != state:
                    now_taken |= self._visible(after, was_taken)
                if now_taken & bit:
                    self._put(survivors, (after, now_taken ^ bit), now_used)
                    continue
                best = self._put(waiting, (after, now_taken), now_used)
                if best is not None:
                    # A run that an observer saw, or that was merged, did more than lead here.
                    is_run = now_taken == was_taken and best == now_used
                    work.append(((after, now_taken), best, onward if is_run else (after,)))
            if len(waiting) + len(survivors) > self.configurations_max:
                raise TooMany
        if not survivors:
            states = {self._table.states[state] for state, _ in waiting}
            self.reached = sorted(self._model.describe_state(state) for state in states)

    def _put(self, configurations: Configurations, name: tuple[int, int], used: int) -> int | None:
        """Add a configuration unless one there dominates it; those it dominates leave.

        Where too many differ in counts only, the new one is merged with the nearest. What was
        possible stays possible; what was not may become so. The counts of what was added come
        back.
        """
        vectors = configurations.get(name)
        if vectors is None:
            configurations[name] = (used,)
            return used
        guards = self.crashed.guards
        while True:
            for vector in vectors:
                if ((used | guards) - vector) & guards == guards:
                    return None
            vectors = tuple(v for v in vectors if ((v | guards) - used) & guards != guards)
            if len(vectors) < self._counts_max:
                break
            if not self.is_coarse:
                self.is_coarse = True
                self._counts_max = max(1, self._counts_max // _COARSER)
            used = self.crashed.merged(self.crashed.nearest(vectors, used), used)
        configurations[name] = (*vectors, used)
        if len(vectors) >= self.configurations_max:
            raise TooMany
        return used

    def _visible(self, state: int, taken: int) -> int:
        """Bits of the live observers that are legal in the state."""
        row, bits = self._table.rows[state], 0
        for other in self._live:
            if other.is_observer and not taken & other.bit and row[other.kind] >= 0:
                bits |= other.bit
        return bits

    def _kind(self, action: Action) -> int:
        output = action.output if action.output is UNKNOWN else token(action.output)
        name = (action.f, token(action.value), output, token(action.key))
        known = self._kinds.get(name)
        if known is not None:
            return known
        model = self._model
        if model.operations and action.f not in model.operations:
            expected = ", ".join(model.operations)
            raise OperationError(
                f"the model {model.name} has no operation {action.f!r}; expected {expected}"
            )
        problem = model.problem(action)
        if problem is not None:
            raise OperationError(problem)
        self._kinds[name] = known = len(self._table.actions)
        self._table.actions.append(action)
        self._table.observers.append(model.is_observer(action))
        return known

    def _rebuild(self) -> None:
        """A new table with the states and actions that live on."""
        old, live, crashed = self._table, self._live, self.crashed
        vectors = [v for vectors in self._configurations.values() for v in vectors]
        fields, spent = crashed.shares(vectors)
        states = [(name, old.states[name[0]]) for name in self._configurations]
        self._table, self._kinds = Table(self._model, [], []), {}
        self._effects = Effects(self._table)
        self._live = [
            Slot(slot.rank, slot.bit, self._kind(old.actions[slot.kind]), slot.is_observer)
            for slot in live
        ]
        self.crashed = Crashed(self._table)
        for field, left in fields:
            kind = self._kind(old.actions[crashed.kinds[field]])
            self.crashed.add(kind, self._effects[kind], left)
        self._configurations = {
            (self._table.number(state), name[1]): tuple(
                packed(vector - spent, fields) for vector in self._configurations[name]
            )
            for name, state in states
        }
