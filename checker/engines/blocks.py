"""Blocks: groups of operations that a linearization keeps together, and the order among blocks.

In a register whose values are written once, the operations on one value stand together in every
linearization, and so do an acquire and its release in that of a lock. For such a block let
`first_return` be the earliest return in it and `last_call` the latest call. Block A must come
before block B iff an operation of A returned before one of B was called:

    A -> B   iff   A.first_return < B.last_call

An order of the blocks that respects this exists iff no two blocks must each precede the other:
were there a longer cycle, let A be its member with the least `first_return`, B one that is
followed by A. `B -> A` holds by the cycle, and `A -> C` for every C on it that some member
precedes, since A's return is the least: so `A -> B`, and A and B are a cycle of two.

The block is a *forward zone* when `first_return < last_call` and a *backward zone* otherwise. Two
blocks form a cycle iff both are forward and overlap, or one is forward and encloses the other,
backward one: a sort and a binary search find such a pair. O(n log n).

After P. Gibbons and E. Korach, "Testing shared memories", SIAM J. Comput. 26 (1997), section 4.
"""

from bisect import bisect_left
from heapq import heapify, heappop
from itertools import pairwise

from msgspec import Struct

from checker.patience import watched


class Block(Struct, gc=False):
    """What matters of one block."""

    first_return: int
    last_call: int


def clash(blocks: list[Block]) -> tuple[int, int] | None:
    """Positions of two blocks that must each come before the other, or None."""
    forward = sorted(
        (block.first_return, block.last_call, position)
        for position, block in enumerate(watched(blocks))
        if block.first_return < block.last_call
    )
    for (_, last, one), (first, _, other) in watched(pairwise(forward)):
        if first < last:
            return one, other
    firsts = [first for first, _, _ in watched(forward)]
    for position, block in enumerate(watched(blocks)):
        if block.first_return < block.last_call:
            continue
        # Forward zones are disjoint here, so only the last that begins before can enclose it.
        before = bisect_left(firsts, block.last_call) - 1
        if before >= 0 and block.first_return < forward[before][1]:
            return forward[before][2], position
    return None


def arrange(blocks: list[Block]) -> list[int]:
    """Positions in an order in which no block comes before one that must precede it.

    There is no clash. A block may come first iff it was called, all of it, before anything in
    another block returned; if the block of the least `last_call` may not, then only the one of
    the least `first_return` keeps it from that.
    """
    by_call = [(block.last_call, position) for position, block in enumerate(watched(blocks))]
    by_return = [(block.first_return, position) for position, block in enumerate(watched(blocks))]
    heapify(by_call)
    heapify(by_return)
    placed = [False] * len(blocks)
    order: list[int] = []
    for _ in watched(range(len(blocks))):
        while placed[by_call[0][1]]:
            heappop(by_call)
        while placed[by_return[0][1]]:
            heappop(by_return)
        last_call, position = by_call[0]
        first_return, other = by_return[0]
        chosen = position if last_call <= first_return else other
        placed[chosen] = True
        order.append(chosen)
    return order
