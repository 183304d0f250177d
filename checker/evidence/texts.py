"""Deletions where things are only added, one behind the other: lists and texts that are appended to.

- SETTLED, of what is only appended to and read. Every state begins with the initial one, I, and so
  does all that was read in L; the rest of it is the pieces that were appended before, in order. A
  piece that is in no rest was appended after all reads, and can be left out. If every rest begins
  with a piece, and there is one append only of a piece with which a rest begins, then that one came
  first of all that were in L before a read: it is as well a part of I. Then the next, in the same way. (Where L
  has no read, anything can be left out.)
- UNOBSERVED m, of a text. Let S be what follows m in L up to the next blind write. Where m
  appended a piece, every state in S has the piece in it; where it wrote a text, begins with that.
  Nothing that stays can be in S but appends, and what can be left out of L: it read, or found,
  another text; or returned before m was called; or came after something that cannot
  be in S, and came after m. So nobody sees which texts the appends in S lead to, and m can be left
  out, if they lead from one text to another then too: when m wrote, nothing that is no text is
  ever written, or there at first.
"""

from collections.abc import Collection, Hashable, Iterable
from typing import Any

from checker.evidence import knowledge
from checker.evidence.work import Facts, Work, is_optional
from checker.model import UNKNOWN, Action, State
from checker.values import token
from history import Operation

_READS = frozenset({"read", "get"})


def settled(work: Work, facts: Facts, chosen: set[int]) -> tuple[set[int], State]:
    """Of a list or text: which of the chosen appends go, and what it begins with then."""
    actions = {o.index: facts.action(o) for o in work.operations}
    if any(a.f != "append" and a.f not in _READS for a in actions.values()):
        return set(), work.initial
    is_text = facts.name == "kv"
    if is_text and not is_text_value(work.initial):
        return set(), work.initial
    begin: Any = (work.initial or "") if is_text else work.initial
    pieces: dict[int, Any] = {
        index: action.value if is_text else (token(action.value),)
        for index, action in actions.items()
        if action.f == "append"
    }
    rests = []
    for action in actions.values():
        if action.f in _READS and action.output is not UNKNOWN:
            seen = _seen(action, is_text=is_text)
            if seen is not None and seen[: len(begin)] == begin:
                rests.append(seen[len(begin) :])
    if not rests:
        return set(), work.initial
    gone = {i for i in chosen & pieces.keys() if not any(_is_in(pieces[i], r) for r in rests)}
    state: State = work.initial
    while all(rests):
        first = [
            i for i, p in pieces.items() if i not in gone and any(r[: len(p)] == p for r in rests)
        ]
        if len(first) != 1 or first[0] not in chosen:
            break
        piece = pieces[first[0]]
        if not piece or any(rest[: len(piece)] != piece for rest in rests):
            break
        gone.add(first[0])
        rests = [rest[len(piece) :] for rest in rests]
        begin = state = begin + piece
    return gone, state


def is_text_value(value: Hashable) -> bool:
    """True for what may be appended to, the absent value included."""
    return value is None or isinstance(value, str)


def _seen(action: Action, *, is_text: bool) -> Any:  # noqa: ANN401 - a text or a tuple
    if not is_text:
        return tuple(map(token, action.output or ()))
    return (action.output or "") if is_text_value(action.output) else None


def _is_in(piece: Any, rest: Any) -> bool:  # noqa: ANN401 - two texts or two tuples
    return piece in rest if isinstance(piece, str) else piece[0] in rest


def is_unobserved(
    operation: Operation,
    left: Collection[Operation],
    facts: Facts,
    initial: State,
    separated: float | None,
) -> bool:
    """Whether nobody in `left` could have noticed what it wrote or appended."""
    action = facts.action(operation)
    if action.f != "append" and not (
        is_text_value(initial) and all(_leaves_text(facts.action(o)) for o in left)
    ):
        return False
    for other in left:
        if other is operation or not _tells(other, action, facts):
            continue
        if other.return_ is not None and other.return_ < operation.call:
            continue
        if separated is None:
            separated = _first_end(operation, action, left, facts)
        if other.call < separated:
            return False
    return True


def _leaves_text(action: Action) -> bool:
    used = knowledge.use(action)
    return used is None or all(map(is_text_value, used.makes))


def _fits(value: Hashable, action: Action) -> bool:
    """Whether a state can be `value` between the action and the next write."""
    if not is_text_value(value):
        return False
    if action.f == "append":
        return isinstance(value, str) and action.value in value
    made = (knowledge.use(action) or knowledge.Use()).makes[0]
    return made is None or (isinstance(value, str) and value.startswith(str(made)))


def _tells(other: Operation, action: Action, facts: Facts) -> bool:
    """Whether it can take place while the effect lasts, and cannot be left out there."""
    its = facts.action(other)
    used = knowledge.use(its)
    if used is None:
        return its.f == "cas" and not is_optional(other)  # it saw what the text was not
    if used.is_blind or not used.needs:
        return False
    if is_optional(other) and used.needs == (used.makes or used.needs):
        return False
    return _fits(used.needs[0], action)


def _first_end(
    operation: Operation, action: Action, left: Iterable[Operation], facts: Facts
) -> float:
    """When the first operation returned that was called after this and ended its effect."""
    if operation.return_ is None:
        return float("inf")
    ends = []
    for other in left:
        if other.return_ is None or is_optional(other) or other.call < operation.return_:
            continue
        used = knowledge.use(facts.action(other))
        if used is not None and (
            used.is_blind or (used.needs and not _fits(used.needs[0], action))
        ):
            ends.append(other.return_)
    return min(ends, default=float("inf"))
