"""Histories in which every observed value was written once: registers, cas, appends.

Values form chains. A plain write begins one; an operation that found value a and left value b (a
cas that succeeded, an append) links a to b. In a linearization the operations of a chain stand
together and in its order: the maker of the first value, its readers, the maker of the next value,
and so on. So a history is linearizable iff

1. every observed value has a maker, none is used up by two links, and every link hangs on a chain;
2. no operation returned before one was called that comes earlier in its chain;
3. the chains, as blocks, can be ordered (`checker.engines.blocks`).

Operations that never returned: one whose value somebody needs must have taken effect, and counts
as returning at the end of time. One whose value nobody needs is left out: without it every other
result stays possible, since the operation after it is a plain write, or there is none.
Values that nobody observes need not be distinct: each such write is a block of its own.

O(n log n). After Gibbons and Korach 1997 (see `blocks`); the chains of read-modify-writes are
theirs too (section 4.2). Compared with trying all orders in `tests/property/test_engines_*.py`.
"""

from collections.abc import Hashable

from msgspec import Struct

from checker.engines.blocks import Block, arrange, clash
from checker.engines.chain_evidence import Accesses, Chain, Evidence, Make, Node, walk
from checker.engines.interface import Declined, Refuted
from checker.engines.wording import FOREVER, end
from checker.model import Model
from checker.patience import watched
from history import Operation


class Arranged(Struct):
    """A linearization."""

    nodes: list[Node]
    """Values in the order in which they were current; readers in the order of their calls."""

    def order(self) -> list[Operation]:
        """The operations."""
        order: list[Operation] = []
        for node in watched(self.nodes):
            if node.make is not None:
                order.append(node.make.operation)
            order += node.reads
        return order


def judge(accesses: Accesses, model: Model) -> Arranged | Refuted | Declined:
    """Decide a history that consists of makers and readers."""
    return _Judgement(accesses, model).judge()


class _Judgement:
    def __init__(self, accesses: Accesses, model: Model) -> None:
        self._accesses = accesses
        self._evidence = Evidence(accesses, model)
        self._makes: dict[Hashable, list[Make]] = {}
        self._nodes: dict[Hashable, Node] = {}
        """Of observed values."""
        self._heads: list[Node] = []

    def judge(self) -> Arranged | Refuted | Declined:
        wrong = self._build_nodes() or self._build_chains()
        if wrong is not None:
            return wrong
        chains = [walk(head) for head in watched(self._heads)]
        bounded: list[Chain] = []
        for nodes in watched(chains):
            found = self._scan(nodes)
            if isinstance(found, Refuted):
                return found
            bounded.append(found)
        blocks = [chain.block for chain in watched(bounded)]
        pair = clash(blocks)
        if pair is not None:
            return self._evidence.of_clash(bounded[pair[0]], bounded[pair[1]])
        order = watched(arrange(blocks))
        return Arranged([node for position in order for node in chains[position]])

    def _build_nodes(self) -> Refuted | Declined | None:
        """Find the maker of every value that somebody observed."""
        accesses = self._accesses
        for make in watched(accesses.makes):
            self._makes.setdefault(make.value, []).append(make)
        todo: list[tuple[Operation, Hashable]] = []
        for operation, value in watched(accesses.reads):
            node = self._nodes.get(value)
            if node is None:
                node = self._nodes[value] = Node(None, value, [])
                todo.append((operation, value))
            node.reads.append(operation)
        todo += [
            (make.operation, make.source)
            for make in watched(accesses.makes)
            if make.is_link and make.operation.return_ is not None
        ]
        seen: set[Hashable] = set()
        for operation, value in watched(
            todo
        ):  # grows: an unfinished link that is needed observed too
            if value in seen:
                continue
            seen.add(value)
            makers = self._makes.get(value, [])
            is_initial = value == accesses.initial
            if len(makers) + is_initial > 1:
                return Declined(f"value {accesses.show(value)} is written more than once")
            node = self._nodes.setdefault(value, Node(None, value, []))
            if is_initial:
                continue
            if not makers:
                return self._evidence.of_unwritten(operation, value)
            node.make = makers[0]
            self._evidence.needed_by[makers[0].operation.index] = operation
            if makers[0].is_link:
                todo.append((makers[0].operation, makers[0].source))
        return None

    def _build_chains(self) -> Refuted | None:
        """Hang every link on the value that it found."""
        initial = self._accesses.initial
        first = self._nodes.get(initial) or Node(None, initial, [])
        self._heads.append(first)
        links: list[tuple[Make, Node]] = []
        for make in watched(self._accesses.makes):
            node = self._nodes.get(make.value)
            if node is None:
                if make.operation.return_ is None:
                    continue
                node = Node(make, make.value, [])
            if make.is_link:
                links.append((make, node))
            else:
                self._heads.append(node)
        for make, node in watched(links):
            source = self._nodes[make.source]
            if source.follower is not None:
                return self._evidence.of_used_twice(source, source.follower, node)
            source.follower = node
        reached = {id(node) for head in watched(self._heads) for node in walk(head)}
        for _, node in watched(links):
            if id(node) not in reached:
                return self._refute_cycle(node)
        return None

    def _refute_cycle(self, node: Node) -> Refuted:
        """A link that no chain reaches hangs on links that lead back to themselves."""
        seen: set[int] = set()
        while id(node) not in seen:
            seen.add(id(node))
            assert node.make is not None
            node = self._nodes[node.make.source]
        cycle = [node]
        while (following := cycle[-1].follower) is not None and following is not node:
            cycle.append(following)
        return self._evidence.of_cycle(cycle)

    def _scan(self, chain: list[Node]) -> Chain | Refuted:
        """Check the order inside a chain, and bound it."""
        latest: tuple[int, Operation, int] | None = None
        earliest: tuple[int, Operation | None] = (FOREVER, None)
        if chain[0].make is None:
            earliest = (-FOREVER, None)
        for position, node in enumerate(watched(chain)):
            if node.make is not None:
                operation = node.make.operation
                returned = end(operation)
                if latest is not None and returned < latest[0]:
                    return self._evidence.of_inversion(
                        chain[latest[2] : position + 1], latest[1], operation
                    )
                if returned < earliest[0]:
                    earliest = returned, operation
                if latest is None or operation.call > latest[0]:
                    latest = operation.call, operation, position
            if not node.reads:
                continue
            node.reads.sort(key=lambda read: read.call)
            for read in watched(node.reads):
                assert read.return_ is not None
                if latest is not None and read.return_ < latest[0]:
                    return self._evidence.of_inversion(
                        chain[latest[2] : position + 1], latest[1], read
                    )
                if read.return_ < earliest[0]:
                    earliest = read.return_, read
            last = node.reads[-1]
            if latest is None or last.call > latest[0]:
                latest = last.call, last, position
        last_call = -FOREVER if latest is None else latest[0]
        called_last = None if latest is None else latest[1]
        return Chain(chain, Block(earliest[0], last_call), earliest[1], called_last)
