"""Sound deletions: a smaller history that is legal whenever the larger one is.

So an illegal core proves that the whole is illegal. Deleting just any operation would not do:
`write 1; cas from 1 to 2; read returned 2` is fine, and looks guilty without the write.

In each argument L is a linearization of the larger history, of which one of the smaller is made. An
operation is *optional* when L may lack it: its outcome is unknown, or a cut (`UNTIL`, `AFTER`) made
it so. A cut-off operation keeps its result, which is a fact: if it is in L, it had that result.

- KEY. Objects are independent, and real time is local to them (Herlihy & Wing 1990, theorem 1).
- UNTIL o. Take L up to the last operation that returned by then. What was called after o returned
  stands behind all of those in L, so it is not among them.
- AFTER o. L is A o B. Right after o the state is certain, and B is a linearization from it. What
  returned before o was called is in A; what was called after o returned is in B; what overlaps o is
  in either, and so is optional. An operation that was optional before stays.
- OBSERVERS. They change no state, so L without them is legal. (A peek at a priority queue may narrow
  which contents are possible; without it more is.)
- VALUES D, of a register. The state of L is in D during some runs of operations. A run begins with a
  write or cas that makes a value of D, and all of those go, or at the start. It ends with a blind
  write, which does not care for what was before, or not at all: nothing that stays may lead from
  D to elsewhere. Of the operations in the run nothing else stays but optional ones that change
  nothing, which can be left out of L. So the run can be cut out of L. A cas that found another value
  fits any state but one; it can stay if D holds not the initial value, and that one is in D or
  appears nowhere: what was in a run then finds itself in a state outside of D. No text goes
  while there is an append, which leads from any text to another.
- VALUES D, of a queue, stack, priority queue or set. Strike the values of D out of every state of L: what
  was at the head, on top or greatest still is, and what was empty still is. A removal of
  unknown result that took a value of D is left out of L. The initial state must hold nothing of D;
  in a set it may, where a read of all elements says for each value of D what it was initially.
- VALUES D, of an append-list. No completed read saw them, so in L all of those reads come before any append
  of D, and after it only appends follow, which fit anywhere.
- VALUES D, of a lock: everything that the sessions D did, when all operations have a session, and the lock is
  not held at first by one of D, or by somebody unknown. What the others did in L while one of D held
  it can be left out, as an attempt in vain of unknown outcome, or does not care who holds it but
  for the session itself: no acquire that must have been refused may stay. So the lock can be free in these times.
- UNOBSERVED m. Where m has an effect, the value after it is v. Let S be what follows m in L up to
  the next blind write. Nothing that stays can be in S except what can be left out of L: by its
  result it does not fit v; or it changes nothing and is optional; or it returned before m was
  called; or some x that cannot be in S, being blind or not fitting v, was called after m
  had returned and returned before it was called. So S can be emptied, and m left out.
- COUNTED, SETTLED: `checker.evidence.counting`; SETTLED of texts and lists, and UNOBSERVED of
  texts that are appended to: `checker.evidence.texts`.
- IDLE. As many completed operations took each value out as ever put it in (initially or later,
  optional ones included). L has all of the former, so it has all of the latter, and no further
  removal in L took anything: such ones can be left out.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Set as AbstractSet
from typing import Final

from checker.evidence import counting, knowledge, texts
from checker.evidence.knowledge import HEAPS, REGISTERS, Unsure
from checker.evidence.steps import Rule, Step
from checker.evidence.work import Facts, Tally, Work, cut, is_optional
from checker.model import ILLEGAL, UNKNOWN, Action, State
from checker.values import token
from history import Operation


def apply(step: Step, work: Work, facts: Facts) -> Work:
    """What a step leaves of `work`; the same when it may delete nothing."""
    match step.rule:
        case Rule.KEY:
            return work
        case Rule.UNTIL:
            return _until(work, step)
        case Rule.AFTER:
            return _after(work, step, facts)
        case Rule.COUNTED:
            return counting.counted(work, facts, step)
        case Rule.SETTLED:
            gone, initial = _settled(work, facts, {o.index for o in _chosen(work, step)})
            return Work([o for o in work.operations if o.index not in gone], initial)
        case rule:
            chosen = _chosen(work, step)
            gone = _DELETIONS[rule](work, facts, chosen)
            left = [operation for operation in work.operations if operation.index not in gone]
            return Work(left, work.initial)


def _chosen(work: Work, step: Step) -> list[Operation]:
    """What a step would delete, in its order."""
    if step.operations is not None:
        left = {operation.index: operation for operation in work.operations}
        return [left[index] for index in step.operations if index in left]
    keep = set(step.keep or ())
    return [operation for operation in work.operations if operation.index not in keep]


def _until(work: Work, step: Step) -> Work:
    end = next(o.return_ for o in work.operations if o.index == step.operation)
    assert end is not None
    return Work(
        [
            operation if operation.return_ is None or operation.return_ <= end else cut(operation)
            for operation in work.operations
            if operation.call < end
        ],
        work.initial,
    )


def _after(work: Work, step: Step, facts: Facts) -> Work:
    last = next(o for o in work.operations if o.index == step.operation)
    state = state_after(work, last, facts)
    if isinstance(state, Unsure):
        return work
    end = last.return_
    assert end is not None
    left = []
    for operation in work.operations:
        if operation is last:
            continue
        if is_optional(operation) or operation.call > end:
            left.append(operation)
        elif operation.return_ is None or operation.return_ > last.call:
            left.append(cut(operation))
    return Work(left, state)


def state_after(work: Work, operation: Operation, facts: Facts) -> State | Unsure:
    """The state right after a completed operation, when it is certain."""
    if is_optional(operation) or isinstance(work.initial, Tally):
        return knowledge.UNSURE
    action = facts.action(operation)
    state = knowledge.told_state(facts.model, action)
    if isinstance(state, Unsure):
        return _set_after(work, action, facts) if facts.name == "set" else knowledge.UNSURE
    if state is ILLEGAL:
        return knowledge.UNSURE
    if facts.model.is_observer(action) and facts.model.step(state, action) != state:
        return knowledge.UNSURE
    return state


def _set_after(work: Work, action: Action, facts: Facts) -> State | Unsure:
    """While all that is left is about one value, only that value matters to what follows."""
    value = knowledge.element(action)
    if not value or any(
        knowledge.element(facts.action(other)) != value for other in work.operations
    ):
        return knowledge.UNSURE
    holds = action.output is not False if action.f != "remove" else False
    if action.f == "add":
        holds = True
    initial = frozenset(work.initial)
    return initial.union(value) if holds else initial.difference(value)


def _observers(work: Work, facts: Facts, chosen: list[Operation]) -> AbstractSet[int]:
    del work
    return {operation.index for operation in chosen if facts.is_observer(operation)}


def _values(work: Work, facts: Facts, chosen: list[Operation]) -> AbstractSet[int]:
    """All operations on the largest set of values that may go, none of them on a chosen one's rest."""
    names = {operation.index for operation in chosen}
    kept = [operation for operation in work.operations if operation.index not in names]
    if facts.name in REGISTERS:
        return _register_values(work, facts, chosen, kept)
    if facts.name in HEAPS or facts.name in {"set", "append-list"}:
        return (
            set() if isinstance(work.initial, Tally) else _element_values(work, facts, chosen, kept)
        )
    if facts.name == "mutex" and not isinstance(work.initial, Tally):
        return _sessions(work, facts, chosen, kept)
    return set()


def _sessions(
    work: Work, facts: Facts, chosen: list[Operation], kept: list[Operation]
) -> AbstractSet[int]:
    free = type(facts.model).initial
    all_have_one = all(knowledge.element(facts.action(o)) for o in work.operations)
    if not all_have_one or (work.initial != free and not isinstance(work.initial, tuple)):
        return set()
    stay = {knowledge.element(facts.action(o)) for o in kept}
    if work.initial != free:
        stay.add((work.initial[1],))
    actions = {o.index: facts.action(o) for o in work.operations if not is_optional(o)}
    if any(
        action.f == "acquire" and action.output is False and knowledge.element(action) in stay
        for action in actions.values()
    ):
        return set()
    return {o.index for o in chosen if knowledge.element(facts.action(o)) not in stay}


def _element_values(
    work: Work, facts: Facts, chosen: list[Operation], kept: list[Operation]
) -> AbstractSet[int]:
    stay: set[Hashable] = set()
    for operation in kept:
        stay.update(knowledge.element(facts.action(operation)))
    initial = set(knowledge.contents(facts.name, work.initial))
    if facts.name != "set":
        stay |= initial
    candidates = {value for o in chosen for value in knowledge.element(facts.action(o))} - stay
    for operation in work.operations:
        action = facts.action(operation)
        if action.f != "read" or is_optional(operation):
            continue
        seen = {token(value) for value in action.output or ()}
        if facts.name == "set":
            candidates -= {value for value in candidates if (value in seen) != (value in initial)}
        else:
            candidates -= seen
    return {o.index for o in chosen if candidates.intersection(knowledge.element(facts.action(o)))}


def _register_values(
    work: Work, facts: Facts, chosen: list[Operation], kept: list[Operation]
) -> AbstractSet[int]:
    uses = {o.index: knowledge.use(facts.action(o)) for o in work.operations}
    stay: set[Hashable] = set()
    for operation in kept:
        used = uses[operation.index]
        if used is not None:
            stay.update(used.makes, used.needs)
    gone = {value for o in chosen for value in (uses[o.index] or knowledge.Use()).makes} - stay
    gone |= {value for o in chosen for value in (uses[o.index] or knowledge.Use()).needs} - stay
    appends, others = False, set()
    moves: list[tuple[Hashable, Hashable]] = []
    for operation in work.operations:
        used, action = uses[operation.index], facts.action(operation)
        if used is None and action.f == "cas":
            others.add(token(action.value[0]))
        elif used is None:
            appends = True
        elif used.makes and used.needs:
            moves.append((used.needs[0], used.makes[0]))
    if appends:
        # An append leads from any text to another, and makes values that nothing names.
        gone = {value for value in gone if not texts.is_text_value(value)}
        if any(texts.is_text_value(value) for value in others):
            return set()
    if others:
        gone.discard(work.initial)
    _drop_leaks(gone, moves)
    values = {value for used in uses.values() if used for value in (*used.makes, *used.needs)}
    if not others.isdisjoint({*values, work.initial} - gone):
        return set()
    return {
        o.index
        for o in chosen
        if (used := uses[o.index]) is not None
        and gone.issuperset(used.makes or used.needs)
        and (used.makes or used.needs)
    }


def _drop_leaks(gone: set[Hashable], moves: list[tuple[Hashable, Hashable]]) -> None:
    """Take from `gone` every value from which a cas leads to one that stays."""
    sources: dict[Hashable, list[Hashable]] = {}
    for old, new in moves:
        sources.setdefault(new, []).append(old)
    leaking = [new for new in sources if new not in gone]
    while leaking:
        for old in sources.get(leaking.pop(), ()):
            if old in gone:
                gone.remove(old)
                leaking.append(old)


def _settled(work: Work, facts: Facts, chosen: set[int]) -> tuple[AbstractSet[int], State]:
    if isinstance(work.initial, Tally):
        return counting.settled_tally(work, facts) & chosen, work.initial
    if facts.name == "counter":
        return counting.settled_sum(work, facts, chosen)
    if facts.name in {"kv", "append-list"}:
        return texts.settled(work, facts, chosen)
    return set(), work.initial


def _unobserved(work: Work, facts: Facts, chosen: list[Operation]) -> AbstractSet[int]:
    if facts.name not in REGISTERS:
        return set()
    left = {operation.index: operation for operation in work.operations}
    gone = set()
    for operation in chosen:
        if is_unobserved(operation, Work(list(left.values()), work.initial), facts):
            del left[operation.index]
            gone.add(operation.index)
    return gone


def is_unobserved(
    operation: Operation, work: Work, facts: Facts, *, separated: float | None = None
) -> bool:
    """Whether nobody of `work` could have noticed its effect.

    `separated` is when the effect was over for certain, if the caller knows better.
    """
    action, left = facts.action(operation), work.operations
    used = knowledge.use(action)
    if action.f == "append" and facts.name == "kv":
        return texts.is_unobserved(operation, left, facts, work.initial, separated)
    if used is None or not used.makes:
        return False
    value = used.makes[0]
    if facts.name == "kv" and texts.is_text_value(value) and any(o.f == "append" for o in left):
        return texts.is_unobserved(operation, left, facts, work.initial, separated)
    for other in left:
        if other is operation or _is_outside(other, value, facts):
            continue
        if other.return_ is not None and other.return_ < operation.call:
            continue
        if separated is None:
            separated = _first_separator(operation, value, left, facts)
        if other.call < separated:
            return False
    return True


def _is_outside(other: Operation, value: Hashable, facts: Facts) -> bool:
    """True when it cannot take place while the state is `value`, or can be left out there."""
    action = facts.action(other)
    used = knowledge.use(action)
    if used is not None and used.is_blind:
        return True
    after = facts.model.step(value, action)
    return after is ILLEGAL or (is_optional(other) and bool(after == value))


def _first_separator(
    operation: Operation, value: Hashable, left: Iterable[Operation], facts: Facts
) -> float:
    """When the first operation returned that was called after this and ends the value for certain."""
    if operation.return_ is None:
        return float("inf")
    ends = [
        x.return_
        for x in left
        if x.return_ is not None
        and x.call > operation.return_
        and not is_optional(x)
        and _is_outside(x, value, facts)
    ]
    return min(ends, default=float("inf"))


def _idle(work: Work, facts: Facts, chosen: list[Operation]) -> AbstractSet[int]:
    if facts.name not in HEAPS:
        return set()
    inside = knowledge.contents(facts.name, work.initial)
    taken: Counter[Hashable] = Counter()
    for operation in work.operations:
        action = facts.action(operation)
        if knowledge.puts_in(action):
            inside.update(knowledge.element(action))
        elif knowledge.takes_out(action) and not is_optional(operation):
            taken.update(knowledge.element(action))
    unclaimed = {value for value, count in inside.items() if count > taken[value]}
    return {
        operation.index
        for operation in chosen
        if is_optional(operation)
        and knowledge.takes_out(action := facts.action(operation))
        and not (unclaimed if action.output is UNKNOWN else unclaimed & {token(action.output)})
    }


_DELETIONS: Final[dict[Rule, Callable[[Work, Facts, list[Operation]], AbstractSet[int]]]] = {
    Rule.OBSERVERS: _observers,
    Rule.VALUES: _values,
    Rule.UNOBSERVED: _unobserved,
    Rule.IDLE: _idle,
}
