"""Lists and texts that grow by appends, each observed piece of which was appended once.

A read shows the whole of the state, hence in which order its pieces came: each piece was appended to
what ends in the piece before it. So a read is the reader of its last piece, an append whose piece
was seen is a link from the piece before, and `checker.engines.chains` decides. An append that
nobody saw can come after anything that no later read shows: it is a plain write of a value that
nobody reads. For keys of a `kv`, a `put` begins anew.

Texts have no marks between pieces. They are taken apart only where no piece is the beginning of
another one, for then there is at most one way to do so.

O(n log n) and the total length of all reads.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import Final

from checker.engines import chains
from checker.engines.chain_evidence import Accesses, Make
from checker.engines.interface import Accepted, Declined, Refuted
from checker.engines.wording import misfit, name, refuted
from checker.model import Model
from checker.patience import watched
from checker.values import Value, show, token
from history import Operation

_READS: Final = frozenset({"read", "get"})

_EMPTY: Final = ("nothing",)
"""The piece before the first, which no history holds."""


_Written = Sequence[tuple[Operation, Hashable]]
_Shown = Sequence[tuple[Operation, tuple[Hashable, ...]]]


class AppendedList:
    """For `append-list`."""

    name = "zones"

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide when no element that was read was appended twice."""
        declined = misfit(part, model)
        if declined is not None:
            return declined
        reads = [
            (operation, tuple(map(token, operation.output or ())))
            for operation in watched(part)
            if operation.f == "read" and operation.return_ is not None
        ]
        appends = [
            (operation, token(operation.value))
            for operation in watched(part)
            if operation.f == "append"
        ]
        return _decide(model, tuple(model.initial), [], appends, reads)


class AppendedText:
    """For keys of a `kv` on which there are appends, puts of text, and gets."""

    name = "zones"

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide when no piece of text that was read was put or appended twice."""
        declined = misfit(part, model)
        if declined is not None:
            return declined
        if not any(operation.f == "append" for operation in part):
            return Declined("there are no appends")
        puts, appends, gets = [], [], []
        for operation in watched(part):
            if operation.f == "append":
                appends.append((operation, operation.value))
            elif operation.f in ("put", "write"):
                puts.append((operation, operation.value))
            elif operation.f not in _READS:
                return Declined(f"there are appends and a {operation.f}")
            elif operation.return_ is not None:
                gets.append((operation, operation.output))
        texts = {value for _, value in (*puts, *appends)}
        initial = [] if model.initial is None else [model.initial]
        texts.update(initial)
        if not all(isinstance(text, str) and text for text in texts):
            return Declined("something other than a text is put, or an empty one")
        if any(longer.startswith(text) for text, longer in pairwise(sorted(texts))):
            return Declined("a piece of text is the beginning of another")
        pieces = _Pieces(texts)
        reads: list[tuple[Operation, tuple[Hashable, ...]]] = []
        for get, value in watched(gets):
            taken = () if value is None else pieces.of(value)
            if taken is None:
                return refuted(
                    "value never written",
                    get,
                    [get],
                    f"{name(get, model)}, which is not made of what was put and appended.",
                )
            reads.append((get, taken))
        return _decide(model, tuple(initial), puts, appends, reads)


class _Pieces:
    """Takes texts apart."""

    def __init__(self, texts: set[str]) -> None:
        self._texts = texts
        self._lengths = sorted({len(text) for text in texts})
        self._done: dict[str, tuple[str, ...]] = {}

    def of(self, text: Value) -> tuple[str, ...] | None:
        """The pieces of a text in their order, or None when it has none."""
        if not isinstance(text, str) or not text:
            return None
        if text in self._done:
            return self._done[text]
        pieces: list[str] = []
        at = 0
        while at < len(text):
            for length in self._lengths:
                piece = text[at : at + length]
                if piece in self._texts:
                    break
            else:
                return None
            pieces.append(piece)
            at += len(piece)
        self._done[text] = tuple(pieces)
        return self._done[text]


class _Knowledge:
    """What the reads of one part tell about the order of its pieces."""

    def __init__(
        self,
        model: Model,
        initial: tuple[Hashable, ...],
        puts: _Written,
        appends: _Written,
    ) -> None:
        self.before: dict[Hashable, Hashable] = {}
        """What a piece was appended to: the piece before it, or `_EMPTY`."""
        self.shown_by: dict[Hashable, Operation] = {}
        self._model = model
        self._initial = initial
        self._put = Counter(value for _, value in puts)
        self._appended = Counter(value for _, value in watched(appends))

    def study(self, read: Operation, pieces: tuple[Hashable, ...]) -> Refuted | Declined | None:
        """Learn from one read what came before each piece."""
        wrong = self._twice_wrong(read, pieces)
        if wrong is not None:
            return wrong
        initial = self._initial
        start = len(initial) if pieces[: len(initial)] == initial else 0
        if start == 0 and initial and not (pieces and pieces[0] in self._put):
            return Declined("a read does not begin with the initial state")
        last: Hashable = initial[-1] if start else _EMPTY
        for position in range(start, len(pieces)):
            piece = pieces[position]
            wrong = self._put_wrong(read, position, piece) or self._append_wrong(read, last, piece)
            if wrong is not None:
                return wrong
            if piece not in self._put and piece not in self.before:
                self.before[piece] = last
                self.shown_by[piece] = read
            last = piece
        return None

    def _twice_wrong(
        self, read: Operation, pieces: tuple[Hashable, ...]
    ) -> Refuted | Declined | None:
        if len(set(pieces)) == len(pieces):
            return None
        twice = next(piece for piece in pieces if pieces.count(piece) > 1)
        if self._put[twice] + self._appended[twice] + (twice in self._initial) > 1:
            return Declined(f"{show(twice)} is written more than once")
        why = f"with {show(twice)} twice, but that was not written twice"
        return self._refute("appended twice", read, why)

    def _put_wrong(
        self, read: Operation, position: int, piece: Hashable
    ) -> Refuted | Declined | None:
        if piece not in self._put:
            return None
        if piece in self._appended or self._put[piece] > 1:
            return Declined(f"{show(piece)} is written more than once")
        if position == 0:
            return None
        why = f"with {show(piece)} behind something else, but a put replaces everything"
        return self._refute("put in the middle", read, why)

    def _append_wrong(
        self, read: Operation, last: Hashable, piece: Hashable
    ) -> Refuted | Declined | None:
        if piece in self._put:
            return None
        if self._appended[piece] > 1:
            return Declined(f"{show(piece)} is written more than once")
        if piece not in self._appended and piece not in self._initial:
            why = f"but nobody ever appended {show(piece)}"
            return self._refute("value never written", read, why)
        if self.before.get(piece, last) == last:
            return None
        other = self.shown_by[piece]
        one_place, other_place = (
            "at the beginning" if before == _EMPTY else f"right behind {show(before)}"
            for before in (last, self.before[piece])
        )
        return refuted(
            "order disagreement",
            max(read, other, key=lambda operation: operation.call),
            [read, other],
            f"{name(other, self._model)}, with {show(piece)} {other_place}, and "
            f"{name(read, self._model)}, with {show(piece)} {one_place}; but {show(piece)} was "
            f"appended only once.",
        )

    def _refute(self, rule: str, read: Operation, why: str) -> Refuted:
        return refuted(rule, read, [read], f"{name(read, self._model)}, {why}.")


def _decide(
    model: Model, initial: tuple[Hashable, ...], puts: _Written, appends: _Written, reads: _Shown
) -> Accepted | Refuted | Declined:
    """Turn operations, with their pieces, into makers and readers."""
    written = {value for _, value in watched((*puts, *appends))}
    if len(set(initial)) < len(initial) or not written.isdisjoint(initial):
        return Declined("a piece of the initial state is written again")
    knowledge = _Knowledge(model, initial, puts, appends)
    seen: set[tuple[Hashable, ...]] = set()
    for read, pieces in watched(reads):
        if pieces not in seen:
            seen.add(pieces)
            wrong = knowledge.study(read, pieces)
            if wrong is not None:
                return wrong
    before, shown_by = knowledge.before, knowledge.shown_by
    makes = [Make(operation, value) for operation, value in watched(puts)]
    for operation, value in watched(appends):
        if value in before:
            makes.append(Make(operation, value, True, before[value], shown_by[value]))
        else:
            makes.append(Make(operation, value))
    observed = [(read, pieces[-1] if pieces else _EMPTY) for read, pieces in watched(reads)]
    first = initial[-1] if initial else _EMPTY
    accesses = Accesses(first, makes, observed, _words_for(model))
    found = chains.judge(accesses, model)
    if isinstance(found, Refuted | Declined):
        return found
    return Accepted([operation.index for operation in watched(found.order())])


def _words_for(model: Model) -> Callable[[Hashable], str]:
    def words(piece: Hashable) -> str:
        if piece == _EMPTY:
            return f"the empty {model.state_noun}"
        return f"the {model.state_noun} that ends in {show(piece)}"

    return words
