"""What a history of makers and readers is made of, and what can be wrong with it, in words.

The operations of a counterexample are those that its sentence rests on. They are no linearizable
history by themselves either: where an operation that never returned is among them, so is one that
observed its value, and because of which it must have taken effect.
"""

from collections.abc import Callable, Hashable

from msgspec import Struct

from checker.engines.blocks import Block
from checker.engines.interface import Refuted
from checker.engines.wording import end, name, precedence, refuted
from checker.model import Model
from checker.values import show
from history import Operation


class Make(Struct, gc=False):
    """An operation that leaves `value` behind."""

    operation: Operation
    value: Hashable
    is_link: bool = False
    """It found `source`; a plain write finds anything."""
    source: Hashable = None
    shown_by: Operation | None = None
    """Who shows what it found, where it does not say so itself."""


class Accesses(Struct):
    """A history as makers and readers of values."""

    initial: Hashable
    makes: list[Make]
    reads: list[tuple[Operation, Hashable]]
    """Completed ones."""
    show: Callable[[Hashable], str] = show
    """A value in words."""


class Node(Struct, eq=False):
    """One value: who made it and who read it."""

    make: Make | None
    """None for the initial value."""
    value: Hashable
    reads: list[Operation]
    follower: "Node | None" = None


class Chain(Struct):
    """Values that come one right after the other, as a block, with the operations that bound it."""

    nodes: list[Node]
    block: Block
    returned_first: Operation | None
    """None when it begins with the initial value."""
    called_last: Operation | None
    """None when it has no operation."""


def walk(head: Node) -> list[Node]:
    """The nodes of the chain that begins with `head`."""
    nodes = [head]
    node = head.follower
    while node is not None:
        nodes.append(node)
        node = node.follower
    return nodes


class Evidence:
    """Makes counterexamples."""

    def __init__(self, accesses: Accesses, model: Model) -> None:
        self._show = accesses.show
        self._model = model
        self.needed_by: dict[int, Operation] = {}
        """By index of a maker: an operation that observed its value."""

    def of_unwritten(self, operation: Operation, value: Hashable) -> Refuted:
        """Somebody observed what nobody made."""
        forced = self._forced([operation])
        return refuted(
            "value never written",
            forced[-1],
            [operation, *forced],
            f"{self._name(operation)}, but nothing ever made the {self._model.state_noun} "
            f"{self._show(value)}{self._because(operation)}.",
        )

    def of_used_twice(self, source: Node, one: Node, other: Node) -> Refuted:
        """Two links found the same value."""
        links = _makers([one, other])
        forced = self._forced(links)
        words = self._show(source.value)
        made = "was there only at first" if source.make is None else "was made only once"
        return refuted(
            "value used up twice",
            max(forced, key=lambda operation: operation.call),
            [*_makers([source]), *links, *forced, *_showing([one]), *_showing([other])],
            f"{self._name(links[0])} and {self._name(links[1])} both found {words} and replaced "
            f"it, but {words} {made}{self._because(*links)}{_as_shown(one, other)}.",
        )

    def of_cycle(self, cycle: list[Node]) -> Refuted:
        """Links that lead back to themselves."""
        links = _makers(cycle)
        forced = self._forced(links)
        return refuted(
            "value cycle",
            max(forced, key=lambda operation: operation.call),
            [*links, *forced],
            "Each of these found what only the one before it made, and the first what the last "
            f"made: {'; '.join(map(self._name, links))}{self._because(*links)}.",
        )

    def of_inversion(self, nodes: list[Node], late: Operation, early: Operation) -> Refuted:
        """`late` comes first in its chain, but `early` had returned before it was called."""
        makers = _makers(nodes)
        culprit = early
        if late in nodes[0].reads and len(nodes) > 1:
            # `early` made or observed a later value, so this one was gone when it returned.
            culprit = late
            over = _makers(nodes[1:])[0]
            when = (
                ", which"
                if over.index == early.index
                else (f": that came before {self._name(early)}, which")
            )
            text = (
                f"{self._name(late)}, but {self._show(nodes[0].value)} had been "
                f"{_replaced_by(over)} {self._name(over)}{when} returned before this one was called."
            )
        elif len(nodes) == 1:
            text = (
                f"{self._name(early)}, but {self._show(nodes[0].value)} was made only by "
                f"{self._name(late)}, which was called after that had returned."
            )
        else:
            text = (
                f"By the values that were found and made, {self._name(late)} comes before "
                f"{self._name(early)}; but the latter returned before the former was called."
            )
        evidence = [*makers, late, early, *_showing(nodes)]
        return refuted("chain inversion", culprit, evidence, text)

    def of_clash(self, one: Chain, other: Chain) -> Refuted:
        """Each of two chains must come before the other."""
        evidence = [*self._outline(one), *self._outline(other)]
        for chain, rival in ((one, other), (other, one)):
            stale, node = chain.called_last, chain.nodes[0]
            if stale is None or stale in _makers(chain.nodes):
                continue
            for over in _makers(rival.nodes):
                if end(over) >= stale.call:
                    continue
                if node.make is None and over.f == "append":
                    words = (
                        f"{self._name(stale)}, but {self._name(over)} had returned before this one "
                        f"was called, and what it appended is not there."
                    )
                    return refuted("overlapping zones", stale, [*evidence, over], words)
                if len(chain.nodes) == 1 and chain.block.first_return < over.call:
                    words = self._words_of_stale(node, chain.returned_first, over, stale)
                    return refuted("overlapping zones", stale, [*evidence, over], words)
        facts = [
            precedence(early, late, self._model)
            for early, late in (
                (one.returned_first, other.called_last),
                (other.returned_first, one.called_last),
            )
            if early is not None and late is not None
        ]
        at_first = "" if len(facts) == 2 else ", and the other held the initial value"
        lasts = [o for o in (one.called_last, other.called_last) if o is not None]
        return refuted(
            "overlapping zones",
            max(lasts, key=lambda operation: operation.call),
            evidence,
            f"Each {self._model.state_noun} was made once, so {self._words_of(one)} and "
            f"{self._words_of(other)} were there one after the other; but each was there first: "
            f"{', and '.join(facts)}{at_first}.",
        )

    def _words_of_stale(
        self, node: Node, sure: Operation | None, over: Operation, stale: Operation
    ) -> str:
        value = self._show(node.value)
        if sure is None:
            what, after = f"{value}, the initial {self._model.state_noun},", ""
        else:
            what, after = value, f" was called after {self._name(sure)} had returned and"
        return (
            f"{self._name(stale)}, but {what} had been {_replaced_by(over)} {self._name(over)}, "
            f"which{after} returned before this one was called; {value} was never made again."
        )

    def _words_of(self, chain: Chain) -> str:
        first, last = (self._show(node.value) for node in (chain.nodes[0], chain.nodes[-1]))
        return first if len(chain.nodes) == 1 else f"{first} to {last}"

    def _outline(self, chain: Chain) -> list[Operation]:
        """The two operations that bound a chain, and the makers between them."""
        edges = [o for o in (chain.returned_first, chain.called_last) if o is not None]
        wanted = {operation.index for operation in edges}
        places = [
            position
            for position, node in enumerate(chain.nodes)
            if any(o.index in wanted for o in (*_makers([node]), *node.reads))
        ]
        if chain.nodes[0].make is None:
            places.insert(0, 0)
        nodes = chain.nodes[places[0] : places[-1] + 1] if places else []
        makers = _makers(nodes)
        return [*edges, *makers, *self._forced([*edges, *makers]), *_showing(nodes)]

    def _forced(self, operations: list[Operation]) -> list[Operation]:
        """Completed operations because of which these took effect, and the makers in between."""
        forced: list[Operation] = []
        for operation in operations:
            forcing = operation
            while forcing.return_ is None:
                forcing = self.needed_by[forcing.index]
                forced.append(forcing)
            forced.append(forcing)
        return forced

    def _because(self, *operations: Operation) -> str:
        """Why operations of unknown outcome did take effect, as the end of a sentence."""
        reasons = [
            f"{self._name(self.needed_by[operation.index])} shows that "
            f"{self._name(operation)} took effect"
            for operation in operations
            if operation.return_ is None
        ]
        return f" ({'; '.join(reasons)})" if reasons else ""

    def _name(self, operation: Operation) -> str:
        return name(operation, self._model)


def _makers(nodes: list[Node]) -> list[Operation]:
    return [node.make.operation for node in nodes if node.make is not None]


def _showing(nodes: list[Node]) -> list[Operation]:
    """Who shows how these values follow each other: whoever shows the last shows all."""
    shown = [node.make.shown_by for node in nodes if node.make is not None]
    return [operation for operation in shown if operation is not None][-1:]


def _as_shown(*nodes: Node) -> str:
    lines = [f"operation {operation.index}" for node in nodes for operation in _showing([node])]
    return f", as {' and '.join(lines)} show" if lines else ""


def _replaced_by(over: Operation) -> str:
    return "added to by" if over.f == "append" else "overwritten by"
