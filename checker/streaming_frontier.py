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
"""

from collections.abc import Hashable
from copy import copy
from typing import Final

from msgspec import Struct

from checker.errors import OperationError
from checker.model import UNKNOWN, Action, Model
from checker.table import Table
from checker.values import token

_FIELD_BITS: Final = 32
"""Of one class in a packed vector of counts; the highest is kept free as a guard."""

_ONE_GUARD: Final = 1 << (_FIELD_BITS - 1)
_COUNT: Final = _ONE_GUARD - 1

_STATES_KEPT_MAX: Final = 4096
"""States or actions in the table before those that nobody needs any more are dropped."""

_REACH_MAX: Final = 64
"""States that crashed operations may lead to before it is not asked what for."""

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

    def __init__(self, model: Model, configurations_max: int) -> None:
        self._model = model
        self.configurations_max = configurations_max
        self._table = Table(model, [], [])
        self._kinds: dict[Hashable, int] = {}
        self._configurations: Configurations = {(0, 0): (0,)}
        self._live: list[Slot] = []
        self._taken_bits = 0
        self._crashed: list[int] = []
        """The class of each field of the packed vectors."""
        self._available = 0
        self._guards = 0
        self._gains: dict[tuple[int, int], tuple[int, int]] = {}
        """By state and crashed class: classes that were asked about, and those that gain (bits)."""
        self._gainers: dict[tuple[int, int], bool] = {}
        self._reach: dict[int, list[int]] = {}
        """Both: what all classes of crashed operations can do; forgotten when there is a new one."""
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
        return copy(self)  # what changes is replaced, never changed in place

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
        if kind not in self._crashed:
            self._guards |= _ONE_GUARD << (_FIELD_BITS * len(self._crashed))
            self._crashed = [*self._crashed, kind]
            self._gainers, self._reach = {}, {}
        self._available += 1 << (_FIELD_BITS * self._crashed.index(kind))

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
        rows, live = self._table.rows, self._live
        work = [(*name, used) for name, vectors in waiting.items() for used in vectors]
        present = self._present() if self._crashed else 0
        while work:
            state, taken, used = work.pop()
            row = rows[state]
            seen: set[int] = set()
            steps: list[tuple[int, int, int]] = []
            for other in live:
                kind = other.kind
                if taken & other.bit or kind in seen:
                    continue
                seen.add(kind)
                after = row[kind]
                if after >= 0:
                    steps.append((after, taken | other.bit, used))
            may_gain = self._crashed and any(self._may_gain(state, kind) for kind in seen)
            for field, kind in enumerate(self._crashed) if may_gain else ():
                one = 1 << (_FIELD_BITS * field)
                if (self._available - used) // one & _COUNT and self._gain(state, kind, present):
                    steps.append((row[kind], taken, used + one))
            for after, now_taken, now_used in steps:
                if after != state:
                    now_taken |= self._visible(after, now_taken)  # noqa: PLW2901
                if now_taken & bit:
                    self._put(survivors, (after, now_taken ^ bit), now_used)
                elif self._put(waiting, (after, now_taken), now_used):
                    work.append((after, now_taken, now_used))
            if len(waiting) + len(survivors) > self.configurations_max:
                raise TooMany
        if not survivors:
            states = {self._table.states[state] for state, _ in waiting}
            self.reached = sorted(self._model.describe_state(state) for state in states)

    def _put(self, configurations: Configurations, name: tuple[int, int], used: int) -> bool:
        """Add a configuration unless one there dominates it; those it dominates leave."""
        vectors = configurations.get(name)
        if vectors is None:
            configurations[name] = (used,)
            return True
        guards = self._guards
        for vector in vectors:
            if ((used | guards) - vector) & guards == guards:
                return False
        kept = [v for v in vectors if ((v | guards) - used) & guards != guards]
        configurations[name] = (*kept, used)
        if len(kept) >= self.configurations_max:
            raise TooMany
        return True

    def _visible(self, state: int, taken: int) -> int:
        """Bits of the live observers that are legal in the state."""
        row, bits = self._table.rows[state], 0
        for other in self._live:
            if other.is_observer and not taken & other.bit and row[other.kind] >= 0:
                bits |= other.bit
        return bits

    def _present(self) -> int:
        """Classes at hand, as bits: live or crashed."""
        bits = 0
        for other in self._live:
            bits |= 1 << other.kind
        for field, kind in enumerate(self._crashed):
            if self._available >> (_FIELD_BITS * field) & _COUNT:
                bits |= 1 << kind
        return bits

    def _gain(self, state: int, kind: int, present: int) -> bool:
        """Whether a crashed operation makes a difference to any other that is at hand."""
        rows = self._table.rows
        after = rows[state][kind]
        if after < 0 or after == state:
            return False
        asked, gaining = self._gains.get((state, kind), (0, 0))
        if gaining & present:
            return True
        todo = present & ~asked
        if todo:
            here, there = rows[state], rows[after]
            while todo:
                bit = todo & -todo
                todo ^= bit
                other = bit.bit_length() - 1
                if there[other] >= 0 and there[other] != here[other]:
                    gaining |= bit
            self._gains[state, kind] = asked | present, gaining
        return bool(gaining & present)

    def _may_gain(self, state: int, kind: int) -> bool:
        """Whether crashed operations may lead to where a live one does something else than here."""
        known = self._gainers.get((state, kind))
        if known is None:
            rows = self._table.rows
            here = rows[state][kind]
            states = self._reachable(state)
            known = len(states) > _REACH_MAX or any(
                rows[there][kind] >= 0 and rows[there][kind] != here for there in states
            )
            self._gainers[state, kind] = known
        return known

    def _reachable(self, state: int) -> list[int]:
        """The states to which crashed operations alone may lead, however many there are of each.

        Cut off where there are more than it pays to look at: a crashed append leads on for ever.
        """
        found = self._reach.get(state)
        if found is None:
            found, seen, todo = [], {state}, [state]
            while todo and len(found) <= _REACH_MAX:
                row = self._table.rows[todo.pop()]
                for kind in self._crashed:
                    after = row[kind]
                    if after >= 0 and after not in seen:
                        seen.add(after)
                        found.append(after)
                        todo.append(after)
            self._reach[state] = found
        return found

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
        old, live, crashed = self._table, self._live, self._crashed
        fields = self._shares()
        self._table, self._kinds = Table(self._model, [], []), {}
        self._gains, self._gainers, self._reach = {}, {}, {}
        self._live = [
            Slot(slot.rank, slot.bit, self._kind(old.actions[slot.kind]), slot.is_observer)
            for slot in live
        ]
        self._crashed, self._available, self._guards = [], 0, 0
        for field, count, _ in fields:
            self._guards |= _ONE_GUARD << (_FIELD_BITS * len(self._crashed))
            self._available |= count << (_FIELD_BITS * len(self._crashed))
            self._crashed.append(self._kind(old.actions[crashed[field]]))
        self._configurations = {
            (self._table.number(old.states[state]), taken): tuple(
                _packed(vector, fields) for vector in vectors
            )
            for (state, taken), vectors in self._configurations.items()
        }

    def _shares(self) -> list[tuple[int, int, int]]:
        """Of each crashed class some configuration may still use: field, count left, used by all."""
        found = []
        vectors = [used for vectors in self._configurations.values() for used in vectors]
        for field in range(len(self._crashed)):
            shift = _FIELD_BITS * field
            spent = min(used >> shift & _COUNT for used in vectors)
            left = (self._available >> shift & _COUNT) - spent
            if left:
                found.append((field, left, spent))
        return found


def _packed(vector: int, fields: list[tuple[int, int, int]]) -> int:
    """A vector of counts with only these fields, without what all have used."""
    packed = 0
    for place, (field, _, spent) in enumerate(fields):
        count = (vector >> (_FIELD_BITS * field) & _COUNT) - spent
        packed |= count << (_FIELD_BITS * place)
    return packed
