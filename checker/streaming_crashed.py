"""The crashed operations of one object of a stream: how many of each class, and what they are for.

A crashed operation may take effect once, now or later, or never; those of equal effect count as
one class. A configuration says how many of each it has used, as a vector of counts packed into one
integer. It is the better the less it has used, and a better one can do all that a worse one can.

Which of them are worth a try? One gains something only if another operation at hand was impossible
before it, or led elsewhere. And of two ways to the same state, a configuration takes the one that
leaves it more: an operation that matters in the state `x` only, where it leads to `y`, can always
be replaced by a run of others that leads from `x` to `y`, if they are still there. So while a
single one of that kind will do, nothing else is spent on that way (a spare `cas 1 2` goes before
`write 2`, and before `cas 1 3` and `cas 3 2`). Likewise an overwriting operation before a run that
begins with one. (An observer that took effect on the way has seen more; there the run counts from
that state on.)
"""

from collections.abc import Iterable
from typing import Final

from checker.errors import ModelError
from checker.model import ANYWHERE
from checker.table import IMPOSSIBLE, Table

FIELD_BITS: Final = 32
"""Of one class in a packed vector of counts; the highest is kept free as a guard."""

_ONE_GUARD: Final = 1 << (FIELD_BITS - 1)
COUNT: Final = _ONE_GUARD - 1
_FIELD: Final = (1 << FIELD_BITS) - 1

_REACH_MAX: Final = 64
"""States that crashed operations may lead to before it is not asked what for."""

EVERY: Final = -1
"""In place of a state: the effect is the same in every one, or (after it) it depends."""

Effect = tuple[int, int]
"""The only state in which an action is legal and matters, or EVERY; the state after it."""

DEPENDS: Final = (EVERY, EVERY)


def _effect_of(table: Table, kind: int) -> Effect:
    """What the model declares beforehand; `DEPENDS` when it does not."""
    model, action = table.model, table.actions[kind]
    if model.nondeterministic:
        return DEPENDS
    if not table.observers[kind] and model.overwrites(action):
        after = table.step(0, kind)
        if after == IMPOSSIBLE or table.step(after, kind) != after:
            raise ModelError(f"the model says that {action} overwrites any state, but it does not")
        return EVERY, after
    only = model.only_in(action)
    if only is ANYWHERE:
        return DEPENDS
    state = table.number(only)
    after = table.step(state, kind)
    return (state, after) if after != IMPOSSIBLE else DEPENDS


class Effects(dict[int, Effect]):
    """Effects by action; asks the model on the first look, as without crashes nobody looks."""

    __slots__ = ("_table",)

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, kind: int) -> Effect:
        self[kind] = effect = _effect_of(self._table, kind)
        return effect


class Crashed:
    """Counts of crashed operations by class, and the steps worth taking with them."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.kinds: list[int] = []
        """An action of each class; its place in the list is its field in the vectors, from 0."""
        self.available = 0
        """The vector of what was called.

        Its lowest field is for the sum over the classes of which the effect is not declared.
        """
        self.guards = _ONE_GUARD
        self._effects: list[Effect] = []
        self._ones: list[int] = []
        """By class: the vector of one operation."""
        self._fields: dict[Effect | int, int] = {}
        """By effect, or by action where that depends."""
        self._onward: dict[int, list[int]] = {}
        """By state: the fields of the classes that matter there only."""
        self._targets: set[int] = set()
        self._is_declared = True
        """The effects of all classes are."""
        self._gains: dict[tuple[int, int], tuple[int, int]] = {}
        """By state and class: actions that were asked about, and those that gain (bits)."""
        self._gainers: dict[tuple[int, int], bool] = {}
        self._reach: dict[int, list[int]] = {}
        """Both: what all classes can do; forgotten when there is a new one."""

    def add(self, kind: int, effect: Effect, count: int = 1) -> None:
        """So many more operations of a class."""
        name = kind if effect == DEPENDS else effect
        field = self._fields.get(name)
        if field is None:
            field = len(self.kinds)
            self._add_class(kind, effect)
        self.available += count * self._ones[field]

    def _add_class(self, kind: int, effect: Effect) -> None:
        # Nothing is changed in place, as copies share it.
        field = len(self.kinds)
        name = kind if effect == DEPENDS else effect
        self._fields = {**self._fields, name: field}
        self.kinds = [*self.kinds, kind]
        self._effects = [*self._effects, effect]
        one = 1 << (FIELD_BITS * (field + 1))
        self._ones = [*self._ones, one + 1 if effect == DEPENDS else one]
        self.guards |= _ONE_GUARD << (FIELD_BITS * (field + 1))
        self._gainers, self._reach = {}, {}
        only, after = effect
        if effect == DEPENDS:
            self._is_declared = False
        elif only != EVERY:
            self._onward = {**self._onward, only: [*self._onward.get(only, ()), field]}
        self._targets = self._targets | {after}

    def steps(
        self,
        path: tuple[int, ...],
        used: int,
        needs: dict[int, Effect],
    ) -> Iterable[tuple[int, int, tuple[int, ...]]]:
        """What a configuration may spend: the state after it, what is used then, and the path.

        `path` is where the run of crashed operations has led so far, without a live one between;
        EVERY in it stands for any state, when the run goes on with an overwriting operation.
        `needs` are the live operations that have not taken effect, with what they do.
        """
        state = path[-1]
        fields = self._worth(state, needs, is_start=len(path) == 1)
        left = self.available - used
        if not fields:
            return ()
        rows, found = self._table.rows, []
        for field in fields:
            effect = self._effects[field]
            if not left >> (FIELD_BITS * (field + 1)) & COUNT:
                continue
            if effect == DEPENDS and not left & COUNT:
                continue
            after = rows[state][self.kinds[field]]
            if after in path or self._is_waste(field, path, after, left):
                continue
            overwrites = effect[0] == EVERY and effect != DEPENDS
            onward = (*path, EVERY, after) if overwrites else (*path, after)
            found.append((after, used + self._ones[field], onward))
        return found

    def _is_waste(self, field: int, path: tuple[int, ...], after: int, left: int) -> bool:
        """Whether a single other operation could have done, and leave more."""
        for state in path:
            other = self._fields.get((state, after))
            if other is not None and other != field and left >> (FIELD_BITS * (other + 1)) & COUNT:
                return True
        return False

    def _worth(self, state: int, needs: dict[int, Effect], *, is_start: bool) -> list[int]:
        """The classes that gain something for another operation at hand."""
        wanted = {only for only, _ in needs.values() if only not in {EVERY, state}}
        is_declared = self._is_declared and DEPENDS not in needs.values()
        if not is_declared:
            if any(self._may_gain(state, kind) for kind in needs):
                return self._worth_asking(state, needs)
            return []
        if wanted.isdisjoint(self._targets):
            return []
        onward, effects = self._onward, self._effects
        worth = []
        for field in onward.get(state, ()):
            after = effects[field][1]
            if after in wanted or after in onward:
                worth.append(field)
        # An overwriting one makes those before it useless, so it is the first of a run.
        if is_start:
            for after in wanted.union(onward):
                writer = self._fields.get((EVERY, after))
                if writer is not None and after != state:
                    worth.append(writer)
        return worth

    def _worth_asking(self, state: int, needs: dict[int, Effect]) -> list[int]:
        """The same, from the table: what is not declared has to be asked."""
        present = 0
        for kind in needs:
            present |= 1 << kind
        for kind in self.kinds:
            present |= 1 << kind
        return [field for field, kind in enumerate(self.kinds) if self._gain(state, kind, present)]

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
                for kind in self.kinds:
                    after = row[kind]
                    if after >= 0 and after not in seen:
                        seen.add(after)
                        found.append(after)
                        todo.append(after)
            self._reach[state] = found
        return found

    def merged(self, one: int, other: int) -> int:
        """The least of each count: what both vectors can do, and more.

        The sum is merged as a count of its own, and so remembers that something was used even
        when nobody knows what. Without it, a counter could be moved for nothing, and so for ever.
        (A sum over all classes would tell more, and took two to four times as long.)
        """
        guards = self.guards
        greater = ((one | guards) - other) & guards
        mask = greater - (greater >> (FIELD_BITS - 1))  # all count bits where `one` has no less
        return other & mask | one & ~mask

    def nearest(self, vectors: tuple[int, ...], used: int) -> int:
        """The vector whose merger with `used` forgets the least."""
        return min(vectors, key=lambda v: (v + used - 2 * self.merged(v, used)) % _FIELD)

    def shares(self, vectors: list[int]) -> tuple[list[tuple[int, int]], int]:
        """What is left when all of these have used it: the class and the count; and what is not.

        The second is a vector.
        """
        found, spent_by_all = [], 0
        for field, one in enumerate(self._ones):
            shift = FIELD_BITS * (field + 1)
            spent = min(used >> shift & COUNT for used in vectors)
            spent_by_all += spent * one
            left = (self.available >> shift & COUNT) - spent
            if left:
                found.append((field, left))
        return found, spent_by_all


def packed(vector: int, fields: list[tuple[int, int]]) -> int:
    """A vector with only these fields, and the sum."""
    result = vector & COUNT
    for place, (field, _) in enumerate(fields, start=1):
        count = vector >> (FIELD_BITS * (field + 1)) & COUNT
        result |= count << (FIELD_BITS * place)
    return result
