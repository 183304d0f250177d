"""The states of several objects as one number, so that they can be compared and remembered.

Objects that cannot be judged alone have one state together. Most steps change one object out of
many, so the states stand in a tree whose nodes are shared (hash-consing, as `checker.table` does
it for one object): equal stores have one number, and a step costs the height of the tree. Up to
16 objects the tree is a single tuple.
"""

from typing import Final

_ARITY: Final = 16
"""Children of a node: a tuple of 16 is copied in no time, and 4096 objects need three levels."""


class Store:
    """States of `parts` objects; an object's state is a number given by its own table."""

    def __init__(self, parts: int) -> None:
        self._height = 1
        while _ARITY**self._height < parts:
            self._height += 1
        self._numbers: list[dict[tuple[int, ...], int]] = [{} for _ in range(self._height)]
        self._nodes: list[list[tuple[int, ...]]] = [[] for _ in range(self._height)]
        node = 0  # every table calls its initial state 0
        for level in range(self._height):
            node = self._number(level, (node,) * _ARITY)
        self.initial: Final = node
        """All objects in their initial state."""

    def state(self, store: int, part: int) -> int:
        """The state of one object."""
        node = store
        for level in range(self._height - 1, -1, -1):
            node = self._nodes[level][node][part // _ARITY**level % _ARITY]
        return node

    def replace(self, store: int, part: int, state: int) -> int:
        """The store in which one object has another state."""
        path = [store]
        for level in range(self._height - 1, 0, -1):
            path.append(self._nodes[level][path[-1]][part // _ARITY**level % _ARITY])
        child = state
        for level in range(self._height):
            node = self._nodes[level][path[-1 - level]]
            place = part // _ARITY**level % _ARITY
            child = self._number(level, (*node[:place], child, *node[place + 1 :]))
        return child

    def _number(self, level: int, node: tuple[int, ...]) -> int:
        numbers = self._numbers[level]
        known = numbers.get(node)
        if known is None:
            numbers[node] = known = len(numbers)
            self._nodes[level].append(node)
        return known
